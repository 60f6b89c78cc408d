"""The data sets that have a name: one bundled, the others fetched from GroupLens when asked for, and kept.

A download goes to a `.part` file, is checked, unpacked beside its place and renamed into it, so that a data set is
there whole or not at all. Files that a person put there by hand are taken as they are.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import shutil
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autorec_core import storage
from autorec_core.errors import DownloadError, NotFoundError
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings, RatingScale

BUNDLED = "ml-latest-small-2016"
"""The data set that comes with the package."""

Progress = Callable[[int, int], None]
"""Told the bytes that have come and the bytes to come in all (0 where unknown)."""

MEMBERS = ("ratings.csv", "movies.csv", "ratings.dat", "movies.dat", "u.data", "u.item")
"""The files of a release that are unpacked; the others are not read."""

_HOST = "https://files.grouplens.org/datasets/movielens"
_SECONDS_TO_ANSWER = 20
_FREE_TO_PASS_ON = "May be passed on under the same terms; acknowledge Harper & Konstan 2015; no commercial use."
_NOT_TO_PASS_ON = "May be used for research, not passed on; acknowledge Harper & Konstan 2015; no commercial use."


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set before it is loaded."""

    name: str
    """What commands and links call it."""
    title: str
    """What people call it."""
    catalogue: str
    """Which item ids it has."""
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
    archive: str | None = None
    """Name of the zip file on GroupLens's server; None for what is bundled."""
    checksum: str | None = None
    """MD5 of the zip as GroupLens publishes it; None where a release changes."""
    size_mb: float = 0.0
    """Size of the zip, in megabytes."""

    @property
    def is_bundled(self) -> bool:
        """Whether it comes with the package."""
        return self.archive is None


_WHOLE, _HALF = RatingScale(1, 5, 1), RatingScale(0.5, 5, 0.5)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(BUNDLED, "MovieLens latest-small (2016)", "movielens", 100_004, 671, 9_066, _HALF, _FREE_TO_PASS_ON),
        Dataset(
            *("ml-latest-small", "MovieLens latest-small (2018)", "movielens", 100_836, 610, 9_724, _HALF),
            *(_FREE_TO_PASS_ON, "ml-latest-small.zip", None, 1.0),
        ),
        Dataset(
            *("ml-100k", "MovieLens 100K", "ml-100k", 100_000, 943, 1_682, _WHOLE),
            *(_NOT_TO_PASS_ON, "ml-100k.zip", "0e33842e24a9c977be4e0107933c0723", 4.9),
        ),
        Dataset(
            *("ml-1m", "MovieLens 1M", "movielens", 1_000_209, 6_040, 3_706, _WHOLE),
            *(_NOT_TO_PASS_ON, "ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906", 5.9),
        ),
        Dataset(
            *("ml-10m", "MovieLens 10M", "movielens", 10_000_054, 69_878, 10_677, _HALF),
            *(_NOT_TO_PASS_ON, "ml-10m.zip", "ce571fd55effeba0271552578f2648bd", 65.6),
        ),
        Dataset(
            *("ml-20m", "MovieLens 20M", "movielens", 20_000_263, 138_493, 26_744, _HALF),
            *(_NOT_TO_PASS_ON, "ml-20m.zip", "cd245b17a1ae2cc31bb14903e1204af3", 198.7),
        ),
        Dataset(
            *("ml-25m", "MovieLens 25M", "movielens", 25_000_095, 162_541, 59_047, _HALF),
            *(_NOT_TO_PASS_ON, "ml-25m.zip", "6b51fb2759a8657d3bfcbfc42b592ada", 261.9),
        ),
    )
}
"""The named data sets, smallest first."""


def find(name: str) -> Dataset:
    """A data set by its name.

    Raises:
        NotFoundError: there is none; the nearest name is offered.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise NotFoundError(f"No data set is called {name!r}.{hint} There are {', '.join(DATASETS)}.")
    return DATASETS[name]


def is_ready(name: str) -> bool:
    """Whether loading it needs no network.

    Raises:
        NotFoundError: no data set has this name.
    """
    return find(name).is_bundled or _folder_of(name) is not None


def load(name: str, progress: Progress | None = None) -> Ratings:
    """The ratings of a named data set, fetched first where they are not here.

    Args:
        name: one of `DATASETS`.
        progress: told how far a download is.

    Raises:
        NotFoundError: no data set has this name.
        DownloadError: it could not be fetched.
        InvalidRatingsError: files put there by hand are not what they should be.
    """
    dataset = find(name)
    if dataset.is_bundled:
        place: Path | None = Path(__file__).parent / "bundled" / f"{BUNDLED}.zip"
    else:
        place = _folder_of(name) or _download(dataset, progress)
    assert place is not None
    return read_ratings(place, scale=dataset.scale, name=name, catalogue=dataset.catalogue)


def _folder_of(name: str) -> Path | None:
    folder = storage.datasets_folder() / name
    has_ratings = any((folder / member).is_file() for member in MEMBERS if not member.startswith("movies"))
    return folder if has_ratings else None


def _download(dataset: Dataset, progress: Progress | None) -> Path:
    cache = storage.make_folder(storage.datasets_folder())
    part = cache / f"{dataset.name}.zip.part"
    url = f"{_HOST}/{dataset.archive}"
    try:
        digest = _fetch(url, part, progress)
        if dataset.checksum is not None and digest != dataset.checksum:
            raise DownloadError(f"What came from {url} is not what GroupLens published (checksum). Try again later.")
        return _unpack(part, cache / dataset.name, dataset.num_ratings)
    except OSError as error:
        if isinstance(error, DownloadError):
            raise
        reason = getattr(error, "reason", None) or error.strerror or error
        raise DownloadError(
            f"Can't fetch {dataset.title} from {url}: {reason}. Train on {BUNDLED}, which needs no network, or put its "
            f"files into {cache / dataset.name}."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _fetch(url: str, part: Path, progress: Progress | None) -> str:
    """Writes what a URL gives to a file; returns its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(url, timeout=_SECONDS_TO_ANSWER) as answer, part.open("wb") as file:
        total, come = int(answer.headers.get("Content-Length") or 0), 0
        while chunk := answer.read(1 << 16):
            file.write(chunk)
            digest.update(chunk)
            come += len(chunk)
            if progress is not None:
                progress(come, total)
    if total and come != total:
        raise DownloadError(f"The connection to {url} broke after {come:,} of {total:,} bytes. Try again.")
    return digest.hexdigest()


def _unpack(archive_path: Path, folder: Path, num_ratings: int) -> Path:
    """Unpacks the known members by their bare names, so that no path in the archive matters."""
    most_bytes = 100 * num_ratings + 50_000_000
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with zipfile.ZipFile(archive_path) as archive:
            for member in archive.infolist():
                name = Path(member.filename).name
                if name in MEMBERS and not member.is_dir():
                    if member.file_size > most_bytes:
                        raise DownloadError(f"{name} in the archive is too large to be what it says.")
                    with archive.open(member) as source, (beside / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
        if not any(beside.iterdir()):
            raise DownloadError("The archive holds no ratings.")
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        os.replace(beside, folder)
    except zipfile.BadZipFile as error:
        raise DownloadError("What came is not a zip file. Try again later.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
