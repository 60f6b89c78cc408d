"""The data sets that have a name: one bundled, the others fetched from GroupLens when asked for, and kept.

A download goes to a `.part` file, is checked against the published checksum and unpacked; each file is then renamed
into its place, the ratings last, so that a data set is there whole or not at all. Files that a person put there by hand
are taken as they are.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import hashlib
import http.client
import os
import shutil
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import filelock

from autorec_core import storage
from autorec_core.errors import AutoRecError, DownloadError, NotFoundError, StorageError
from autorec_core.rating_files import RATINGS_FILES, read_ratings
from autorec_core.ratings import Ratings, RatingScale

BUNDLED = "ml-latest-small-2016"
"""The data set that comes with the package."""

Progress = Callable[[int, int], None]
"""Told the bytes that have come and the bytes to come in all (0 where unknown)."""

MEMBERS = ("links.csv", "movies.csv", "movies.dat", "u.item", "ratings.csv", "ratings.dat", "u.data")
"""The files of a release that are unpacked, the ratings last; the others are not read."""

_HOST = "https://files.grouplens.org/datasets/movielens"
_SECONDS_TO_ANSWER = 20
_FREE_TO_PASS_ON = (
    "For research; may be passed on under the same terms; acknowledge Harper & Konstan 2015; no commercial use without "
    "permission."
)
_NOT_TO_PASS_ON = (
    "For research; not to be passed on; acknowledge Harper & Konstan 2015; no commercial use without permission."
)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What is known of a data set before it is loaded."""

    name: str
    """What commands and links call it."""
    title: str
    """What people call it."""
    catalogue: str
    """Which item ids it has: a visitor's ratings hold for every data set of the same catalogue."""
    num_ratings: int
    """Number of ratings."""
    num_users: int
    """Number of users with a rating."""
    num_items: int
    """Number of movies with a rating."""
    scale: RatingScale
    """The rating scale."""
    licence: str
    """The terms in a sentence."""
    source: str
    """Address of the page that describes it."""
    download: str | None
    """Address of the zip file; None for what is bundled."""
    checksum: str | None
    """MD5 of the zip as GroupLens publishes it; None where a release may change."""
    size_mb: float
    """Size of the zip, in megabytes."""

    @property
    def bundled(self) -> bool:
        """Whether it comes with the package."""
        return self.download is None


_WHOLE, _HALVES = RatingScale(1, 5, 1), RatingScale(0.5, 5, 0.5)


def _movielens(
    size: str,
    counts: tuple[int, int, int],
    scale: RatingScale,
    licence: str,
    checksum: str | None,
    size_mb: float,
    *,
    name: str | None = None,
    page: str | None = None,
    catalogue: str = "movielens",
    bundled: bool = False,
) -> Dataset:
    name = name or f"ml-{size.lower()}"
    return Dataset(
        name=name,
        title=f"MovieLens {size}",
        catalogue=catalogue,
        num_ratings=counts[0],
        num_users=counts[1],
        num_items=counts[2],
        scale=scale,
        licence=licence,
        source=f"https://grouplens.org/datasets/movielens/{page or size.lower()}/",
        download=None if bundled else f"{_HOST}/{name}.zip",
        checksum=checksum,
        size_mb=size_mb,
    )


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _movielens(
            *("latest-small (2016)", (100_004, 671, 9_066), _HALVES, _FREE_TO_PASS_ON, None, 0.8),
            name=BUNDLED,
            page="latest",
            bundled=True,
        ),
        _movielens(
            *("100K", (100_000, 943, 1_682), _WHOLE, _NOT_TO_PASS_ON, "0e33842e24a9c977be4e0107933c0723", 4.9),
            catalogue="ml-100k",
        ),
        _movielens(
            *("latest-small (2018)", (100_836, 610, 9_724), _HALVES, _FREE_TO_PASS_ON, None, 1.0),
            name="ml-latest-small",
            page="latest",
        ),
        _movielens(
            *("1M", (1_000_209, 6_040, 3_706), _WHOLE, _NOT_TO_PASS_ON, "c4d9eecfca2ab87c1945afe126590906", 5.9),
        ),
        _movielens(
            *("10M", (10_000_054, 69_878, 10_677), _HALVES, _NOT_TO_PASS_ON, "ce571fd55effeba0271552578f2648bd", 65.6),
        ),
        _movielens(
            *("20M", (20_000_263, 138_493, 26_744), _HALVES, _NOT_TO_PASS_ON),
            *("cd245b17a1ae2cc31bb14903e1204af3", 198.7),
        ),
        _movielens(
            *("25M", (25_000_095, 162_541, 59_047), _HALVES, _NOT_TO_PASS_ON),
            *("6b51fb2759a8657d3bfcbfc42b592ada", 262.0),
        ),
        _movielens(
            *("32M", (32_000_204, 200_948, 84_432), _HALVES, _FREE_TO_PASS_ON),
            *("d472be332d4daa821edc399621853b57", 239.0),
        ),
    )
}
"""The named data sets: the bundled one, then by number of ratings."""


def find(name: str) -> Dataset:
    """A data set by its name.

    Raises:
        NotFoundError: there is none; the nearest name is offered.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(name.lower(), DATASETS, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise NotFoundError(f"No data set is called {name!r}.{hint} There are {', '.join(DATASETS)}.")
    return DATASETS[name]


def is_ready(name: str) -> bool:
    """Whether loading it needs no network.

    Raises:
        NotFoundError: no data set has this name.
    """
    return _place_of(find(name)) is not None


def load(name: str, progress: Progress | None = None) -> Ratings:
    """The ratings of a named data set, fetched first where they are not here.

    Args:
        name: one of `DATASETS`.
        progress: told how far a download is.

    Raises:
        NotFoundError: no data set has this name.
        DownloadError: it could not be fetched.
        StorageError: what was fetched could not be kept.
        InvalidRatingsError: files put there by hand are not what they should be.
    """
    dataset = find(name)
    place = _place_of(dataset) or _fetch_once(dataset, progress)
    return read_ratings(place, scale=dataset.scale, name=name, catalogue=dataset.catalogue)


def links(catalogue: str) -> dict[str, dict[int, str]]:
    """The other sites' ids of a catalogue's movies, from every data set of it that is here; empty where none has any.

    Args:
        catalogue: of `Dataset.catalogue`.

    Returns:
        `imdb` and `tmdb`: the site's number -> item id as text.
    """
    found: dict[str, dict[int, str]] = {"imdb": {}, "tmdb": {}}
    for dataset in DATASETS.values():
        place = _place_of(dataset) if dataset.catalogue == catalogue else None
        if place is None or not (place / "links.csv").is_file():
            continue
        # A file that a person put there may be anything; matching then goes by titles.
        with (
            contextlib.suppress(OSError, ValueError, csv.Error),
            (place / "links.csv").open(encoding="utf-8-sig") as file,
        ):
            for row in csv.DictReader(file):
                for site in found:
                    number = (row.get(f"{site}Id") or "").strip()
                    if number.isdecimal() and (row.get("movieId") or "").strip():
                        found[site][int(number)] = row["movieId"].strip()
    return found


def _place_of(dataset: Dataset) -> Path | None:
    """The folder or zip with its files; None where it is still to be fetched."""
    if dataset.bundled:
        return Path(__file__).parent / "bundled" / f"{dataset.name}.zip"
    cache = storage.datasets_folder()
    folder = cache / dataset.name
    # Whoever unpacks a zip by hand gets one more folder inside, by GroupLens's own name.
    for place in (folder, folder / dataset.name, folder / "ml-10M100K"):
        if any((place / member).is_file() for member in RATINGS_FILES):
            return place
    by_hand = cache / f"{dataset.name}.zip"
    return by_hand if by_hand.is_file() else None


def _fetch_once(dataset: Dataset, progress: Progress | None) -> Path:
    """Fetches a data set; of several processes that want it, one does, and the others wait and find it there."""
    cache = storage.make_folder(storage.datasets_folder())
    part = cache / f"{dataset.name}.zip.part"
    try:
        with filelock.FileLock(cache / f".{dataset.name}.lock"):
            try:
                return _place_of(dataset) or _fetch(dataset, part, progress)
            finally:
                with contextlib.suppress(OSError):
                    part.unlink()
    except OSError as error:
        if isinstance(error, AutoRecError):
            raise
        raise StorageError(
            f"Can't keep {dataset.title} in {cache}: {error.strerror or error}. Make room or choose another folder "
            "with AUTOREC_HOME."
        ) from error


def _fetch(dataset: Dataset, part: Path, progress: Progress | None) -> Path:
    folder = part.parent / dataset.name
    digest = _copy(dataset, part, progress)
    if dataset.checksum is not None and digest != dataset.checksum:
        raise DownloadError(
            f"What came from {dataset.download} is not {dataset.title} as published: its MD5 is {digest}, not "
            f"{dataset.checksum}. Try again later, or put the right files into {folder}."
        )
    beside = part.parent / f".{dataset.name}.unpacking"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        unpacked = _unpack(dataset, part, beside)
        folder.mkdir(exist_ok=True)
        for name in unpacked:
            os.replace(beside / name, folder / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _copy(dataset: Dataset, part: Path, progress: Progress | None) -> str:
    """Copies the zip into a file; returns its MD5."""
    most_bytes = int(2e6 * dataset.size_mb) + 10_000_000
    digest = hashlib.md5(usedforsecurity=False)
    come = total = 0
    with contextlib.closing(_chunks(dataset, part.parent)) as chunks, part.open("wb") as file:
        for chunk, total in chunks:
            come += len(chunk)
            if come > most_bytes:
                raise DownloadError(
                    f"{dataset.download} sends more than {most_bytes / 1e6:,.0f} MB, but {dataset.title} has "
                    f"{dataset.size_mb:g} MB. It was not kept."
                )
            file.write(chunk)
            digest.update(chunk)
            if progress is not None:
                progress(come, total)
    if come < total:
        raise DownloadError(
            f"The connection to {dataset.download} broke after {come:,} of {total:,} bytes. Try again, or use "
            f"{BUNDLED}, which needs no network."
        )
    return digest.hexdigest()


def _chunks(dataset: Dataset, cache: Path) -> Generator[tuple[bytes, int]]:
    """The zip piece by piece, each with the bytes to come in all. Whatever the network does is a DownloadError."""
    try:
        with urllib.request.urlopen(dataset.download or "", timeout=_SECONDS_TO_ANSWER) as answer:
            length = answer.headers.get("Content-Length") or ""
            total = int(length) if length.isdecimal() else 0
            while chunk := answer.read(1 << 16):
                yield chunk, total
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        reason = getattr(reason, "strerror", None) or reason
        raise DownloadError(
            f"Can't fetch {dataset.title} from {dataset.download}: {reason}. Use {BUNDLED}, which needs no network, or "
            f"put its files into {cache / dataset.name}."
        ) from error


def _unpack(dataset: Dataset, part: Path, beside: Path) -> list[str]:
    """Unpacks the known members by their bare names; returns these, the ratings last."""
    bad = f"What came from {dataset.download} is not a sound zip file"
    most_bytes = 60 * dataset.num_ratings + 100_000_000
    try:
        with zipfile.ZipFile(part) as archive:
            members = {}
            for member in archive.infolist():
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or ":" in member.filename:
                    raise DownloadError(
                        f"{bad}: it reaches outside its folder with {member.filename!r}. It was not kept."
                    )
                if path.name in MEMBERS and not member.is_dir():
                    members[path.name] = member
            if sum(member.file_size for member in members.values()) > most_bytes:
                raise DownloadError(f"{bad}: it unpacks to more than {most_bytes / 1e6:,.0f} MB. It was not kept.")
            if not members.keys() & set(RATINGS_FILES):
                raise DownloadError(f"{bad}: it holds no ratings. Try again later.")
            for name, member in members.items():
                with archive.open(member) as source, (beside / name).open("wb") as target:
                    shutil.copyfileobj(source, target)  # never more than the size that the archive declares
                    target.flush()
                    os.fsync(target.fileno())  # before it gets its name: a power cut leaves it whole or not there
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted or exotic
        raise DownloadError(f"{bad}: {error}. Try again later.") from error
    return [name for name in MEMBERS if name in members]
