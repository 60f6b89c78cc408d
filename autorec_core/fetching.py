"""Fetching a large file over a network that may break: it goes on where it stopped, and is checked before it counts.

What has come is kept beside a note of which version of the file it is a part of. The next attempt asks for the rest of
that version; a server that has another one by now sends it whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from autorec_core import storage
from autorec_core.errors import DownloadCancelledError, DownloadError, Sentence, StorageError

Progress = Callable[[int, int], None]
"""Told the bytes that have come and the bytes to come in all (0 where unknown)."""
IsCancelled = Callable[[], bool]
"""Asked often whether to stop."""

SECONDS_TO_ANSWER = 20
"""How long a server may be silent."""
ATTEMPTS = 5
"""Connections that may break one after the other without a byte in between."""
_SECONDS_BETWEEN = 1.0
_PIECE = 1 << 16
_MD5 = re.compile(r"\b([0-9a-fA-F]{32})\b")


class _Broken(Exception):
    """The connection ended before the file did; args: what is the matter."""


class _Useless(Exception):
    """What has come is not what was asked for; args: what is the matter."""


def fetch(
    url: str,
    part: Path,
    *,
    what: str,
    most_bytes: int,
    progress: Progress | None = None,
    is_cancelled: IsCancelled = lambda: False,
) -> None:
    """Copies a file from a server, from where an earlier attempt stopped.

    Args:
        url: the file's address.
        part: where it is copied to. What has come stays there when this raises, for the next attempt to go on from.
        what: what people call it, for errors.
        most_bytes: what is longer is not what was asked for.
        progress: told how far it is.
        is_cancelled: whether to stop.

    Raises:
        DownloadCancelledError: it was to stop.
        DownloadError: the network or the server did not give the whole file.
        OSError: the disk did not take it.
    """
    left = ATTEMPTS
    while True:
        before = _come(part)
        try:
            for come, total in _stretch(url, part, what, most_bytes):
                if is_cancelled():
                    raise DownloadCancelledError(
                        "The download of {what} was stopped after {come:,.1f} MB.", what=what, come=come / 1e6
                    )
                if progress is not None:
                    progress(come, total)
            return
        except _Useless as useless:
            forget(part)
            raise DownloadError(useless.args[0]) from useless
        except _Broken as broken:
            left = ATTEMPTS if _come(part) > before else left - 1
            if left == 0 or not _come(part):
                raise DownloadError(broken.args[0]) from broken
            # A server that is overloaded is not helped by whoever comes back at once.
            until = time.monotonic() + _SECONDS_BETWEEN * (ATTEMPTS - left + 1)
            while time.monotonic() < until and not is_cancelled():
                time.sleep(0.05)


def forget(part: Path) -> None:
    """Deletes what has come of a file."""
    for path in (part, _note_of(part)):
        path.unlink(missing_ok=True)


def come_so_far(part: Path) -> int:
    """Bytes that an earlier attempt left and a next one can go on from; 0 where there are none."""
    return _come(part) if _note(part) else 0


def md5_of(path: Path) -> str:
    """The MD5 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def published_md5(url: str) -> str | None:
    """The MD5 that stands beside a file on its server; None where there is none to be had."""
    try:
        with urllib.request.urlopen(f"{url}.md5", timeout=SECONDS_TO_ANSWER) as answer:
            found = _MD5.search(answer.read(1000).decode("ascii", errors="replace"))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return found[1].lower() if found else None


def check_room(folder: Path, num_bytes: int, what: str) -> None:
    """Looks whether a disk has room.

    Args:
        folder: on that disk.
        num_bytes: that are needed.
        what: what for, for the error.

    Raises:
        StorageError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise StorageError(
            "{what} needs {needed:,.0f} MB in {folder}, and {free:,.0f} MB are free. Make room or choose another "
            "folder with AUTOREC_HOME.",
            what=what,
            needed=num_bytes / 1e6,
            folder=folder,
            free=free / 1e6,
        )


def unpack(
    archive_path: Path, beside: Path, members: Sequence[str], *, needed: Sequence[str], most_bytes: int, source: str
) -> list[str]:
    """Unpacks the known members of a zip by their bare names, so that nothing lands anywhere else.

    Args:
        archive_path: the zip.
        beside: the folder to unpack into.
        members: bare names of what is unpacked, if it is there.
        needed: names of which there must be one.
        most_bytes: that they may unpack to, together.
        source: where the zip is from, for errors.

    Returns:
        The names that were unpacked, in the order of `members`. The checksum of each is right.

    Raises:
        DownloadError: it is not a sound zip, reaches outside its folder, is too large, or holds nothing that is needed.
        StorageError: the disk has no room for it.
        OSError: the disk did not take it.
    """
    bad = Sentence("What came from {source} is not a sound zip file", source=source)
    try:
        with zipfile.ZipFile(archive_path) as archive:
            found = {}
            for member in archive.infolist():
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or ":" in member.filename:
                    raise DownloadError(
                        "{bad}: it reaches outside its folder with {name!r}. It was not kept.",
                        bad=bad,
                        name=member.filename,
                    )
                if path.name in members and not member.is_dir():
                    found[path.name] = member
            size = sum(member.file_size for member in found.values())
            if size > most_bytes:
                raise DownloadError(
                    "{bad}: it unpacks to more than {most:,.0f} MB. It was not kept.", bad=bad, most=most_bytes / 1e6
                )
            if not found.keys() & set(needed):
                raise DownloadError("{bad}: it holds no ratings. Try again later.", bad=bad)
            check_room(beside, size, Sentence("What is in the archive"))
            for name, member in found.items():
                with archive.open(member) as packed, (beside / name).open("wb") as target:
                    shutil.copyfileobj(packed, target, 1 << 20)  # never more than the size that the archive declares
                    target.flush()
                    os.fsync(target.fileno())  # before it gets its name: a power cut leaves it whole or not there
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted or exotic
        raise DownloadError("{bad}: {reason}. Try again later.", bad=bad, reason=str(error)) from error
    return [name for name in members if name in found]


def _note_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _come(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _note(part: Path) -> dict[str, Any]:
    """What is known of the version that a part is of; empty where it can't be gone on with."""
    try:
        note = json.loads(_note_of(part).read_text(encoding="utf-8"))
        return note if isinstance(note, dict) and isinstance(note.get("version"), str) else {}
    except (OSError, ValueError):
        return {}


def _stretch(url: str, part: Path, what: str, most_bytes: int) -> Generator[tuple[int, int]]:
    """One connection: yields the bytes that have come and are to come after each piece.

    Raises:
        DownloadError: what can't be mended by another connection.
        _Broken: what perhaps can.
        _Useless: it is something else.
    """
    note, come = _note(part), _come(part)
    request = urllib.request.Request(url)
    if note.get("url") == url and come:
        # The server compares the version, and sends the whole of a newer one.
        request.add_header("Range", f"bytes={come}-")
        request.add_header("If-Range", note["version"])
    else:
        come = 0
    try:
        answer = urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and come:  # there is nothing after what has come: whole, or another file
            if come == note.get("total"):
                yield come, come
                return
            forget(part)
            raise _Broken(Sentence("Can't go on with {what} from {url}.", what=what, url=url)) from error
        kind: type[Exception] = _Broken if error.code >= 500 else DownloadError
        text = Sentence(
            "Can't fetch {what} from {url}: the server answers {code} {reason}.",
            what=what,
            url=url,
            code=error.code,
            reason=error.reason,
        )
        raise kind(text) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Broken(
            Sentence("Can't fetch {what} from {url}: {reason}.", what=what, url=url, reason=_reason(error))
        ) from error
    with contextlib.closing(answer):
        length = answer.headers.get("Content-Length") or ""
        coming = int(length) if length.isdecimal() else 0
        begins = (answer.headers.get("Content-Range") or "").startswith(f"bytes {come}-")
        if answer.status != 206 or not come or not begins:
            come = 0
            part.unlink(missing_ok=True)
        total = come + coming if coming else 0
        # A weak ETag says that two versions mean the same, and not that their bytes fit each other.
        tag = answer.headers.get("ETag") or ""
        version = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified") or ""
        if come == 0:
            _note_of(part).unlink(missing_ok=True)
            kept = {"url": url, "version": version, "total": total}
            with contextlib.suppress(StorageError):  # without the note, another attempt begins anew
                if version:
                    storage.replace_file(_note_of(part), json.dumps(kept).encode())
        with part.open("ab") as file:
            yield come, total
            while True:
                try:
                    piece = answer.read(_PIECE)
                except (OSError, http.client.HTTPException, ValueError) as error:
                    raise _Broken(
                        Sentence("{what} {reason}.", what=_broke(url, come, total), reason=_reason(error))
                    ) from error
                if not piece:
                    break
                come += len(piece)
                if come > most_bytes:
                    raise _Useless(
                        Sentence(
                            "{url} sends more than {most:,.0f} MB, and {what} has less. It was not kept.",
                            url=url,
                            most=most_bytes / 1e6,
                            what=what,
                        )
                    )
                file.write(piece)
                yield come, total
    if come < total:
        raise _Broken(_broke(url, come, total))


def _broke(url: str, come: int, total: int) -> Sentence:
    if total:
        return Sentence(
            "The connection to {url} broke after {come:,} of {total:,} bytes.", url=url, come=come, total=total
        )
    return Sentence("The connection to {url} broke after {come:,} bytes.", url=url, come=come)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(getattr(reason, "strerror", None) or reason)
