"""The data sets that have a name: one bundled, the others fetched from GroupLens when asked for, and kept.

A download goes to a `.part` file, which stays where the network breaks, for the next attempt to go on from. It is
checked against the published checksum and unpacked; each file is then renamed into its place, the ratings last, so that
a data set is there whole or not at all. Files that a person put there by hand are taken as they are. A large set is
kept as it stands in memory, too, so that it is read from its text only once.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import filelock

from autorec_core import fetching, kept_ratings, storage
from autorec_core.errors import (
    AutoRecError,
    DownloadCancelledError,
    DownloadError,
    NotFoundError,
    Sentence,
    StorageError,
    joined,
)
from autorec_core.fetching import IsCancelled
from autorec_core.fetching import Progress as Progress
from autorec_core.rating_files import RATINGS_FILES, read_ratings
from autorec_core.ratings import Ratings, RatingScale

BUNDLED = "ml-latest-small-2016"
"""The data set that comes with the package."""

WORTH_KEEPING = 500_000
"""Ratings from which on a set is kept as it stands in memory."""

MEMBERS = ("links.csv", "movies.csv", "movies.dat", "u.item", "ratings.csv", "ratings.dat", "u.data")
"""The files of a release that are unpacked, the ratings last; the others are not read."""

_HOST = "https://files.grouplens.org/datasets/movielens"
_BYTES_A_RATING = 50
"""Of its text and of what is kept beside it, about."""
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
        if near:
            raise NotFoundError(
                "No data set is called {name!r}. Did you mean {near}? There are {names}.",
                name=name,
                near=near[0],
                names=", ".join(DATASETS),
            )
        raise NotFoundError("No data set is called {name!r}. There are {names}.", name=name, names=", ".join(DATASETS))
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
    place = _place_of(dataset) or _fetch_once(dataset, progress, _never)
    made_from = _made_from(place)
    kept = storage.datasets_folder() / f"{name}.arrow"
    if not dataset.bundled and (ratings := kept_ratings.fetch(kept, made_from)) is not None:
        return ratings
    ratings = read_ratings(place, scale=dataset.scale, name=name, catalogue=dataset.catalogue)
    if not dataset.bundled and ratings.num_ratings >= WORTH_KEEPING:
        with contextlib.suppress(StorageError):  # it is read from its text again, then
            kept_ratings.keep(ratings, kept, made_from)
    return ratings


def fetch(name: str, progress: Progress | None = None, is_cancelled: IsCancelled | None = None) -> None:
    """Fetches a named data set where it is not here; loading it then needs no network.

    Args:
        name: one of `DATASETS`.
        progress: told how far a download is.
        is_cancelled: asked often whether to stop; what has come is kept.

    Raises:
        NotFoundError: no data set has this name.
        DownloadCancelledError: it was to stop.
        DownloadError: it could not be fetched.
        StorageError: what was fetched could not be kept.
    """
    dataset = find(name)
    if _place_of(dataset) is None:
        _fetch_once(dataset, progress, is_cancelled or _never)


def come_so_far(name: str) -> int:
    """Bytes of an earlier attempt at a download that the next one goes on from.

    Raises:
        NotFoundError: no data set has this name.
    """
    return fetching.come_so_far(_part_of(find(name)))


def bytes_needed(name: str) -> int:
    """What a data set takes on the disk while it is fetched and afterwards, about.

    Raises:
        NotFoundError: no data set has this name.
    """
    dataset = find(name)
    return int(1e6 * dataset.size_mb) + _BYTES_A_RATING * dataset.num_ratings + 10_000_000


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


def _never() -> bool:
    return False


def _made_from(place: Path) -> str:
    """Changes when any file of a set does."""
    files = [place] if place.is_file() else sorted(path for path in place.iterdir() if path.name in MEMBERS)
    stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return repr([str(place), *stamps])


def _part_of(dataset: Dataset) -> Path:
    return storage.datasets_folder() / f"{dataset.name}.zip.part"


def _fetch_once(dataset: Dataset, progress: Progress | None, is_cancelled: IsCancelled) -> Path:
    """Fetches a data set; of several processes that want it, one does, and the others wait and find it there."""
    cache = storage.make_folder(storage.datasets_folder())
    lock = filelock.FileLock(cache / f".{dataset.name}.lock")
    try:
        while True:
            with contextlib.suppress(filelock.Timeout), lock.acquire(timeout=0.2, poll_interval=0.02):
                return _place_of(dataset) or _fetch(dataset, progress, is_cancelled)
            if is_cancelled():
                raise DownloadCancelledError("The download of {title} is another process's.", title=dataset.title)
    except OSError as error:
        if isinstance(error, AutoRecError):
            raise
        raise StorageError(
            "Can't keep {title} in {folder}: {reason}. Make room or choose another folder with AUTOREC_HOME.",
            title=dataset.title,
            folder=cache,
            reason=error.strerror or str(error),
        ) from error


def _fetch(dataset: Dataset, progress: Progress | None, is_cancelled: IsCancelled) -> Path:
    part, url = _part_of(dataset), dataset.download or ""
    cache, folder = part.parent, part.parent / dataset.name
    fetching.check_room(cache, bytes_needed(dataset.name) - fetching.come_so_far(part), dataset.title)
    most_bytes = int(2e6 * dataset.size_mb) + 10_000_000
    try:
        fetching.fetch(
            url, part, what=dataset.title, most_bytes=most_bytes, progress=progress, is_cancelled=is_cancelled
        )
    except DownloadCancelledError:
        raise
    except DownloadError as error:
        kept = []
        if come := fetching.come_so_far(part):
            kept = [Sentence("The {come:,.1f} MB that came are kept.", come=come / 1e6)]
        remedy = Sentence(
            "Try again later, or use {name}, which needs no network, or put the files of {title} into {folder}.",
            name=BUNDLED,
            title=dataset.title,
            folder=folder,
        )
        raise DownloadError(joined([error.sentence, *kept, remedy])) from error
    digest, published = fetching.md5_of(part), dataset.checksum or fetching.published_md5(url)
    if published is not None and digest != published:
        fetching.forget(part)
        raise DownloadError(
            "What came from {url} is not {title} as published: its MD5 is {digest}, not {published}. Try again later, "
            "or put the right files into {folder}.",
            url=url,
            title=dataset.title,
            digest=digest,
            published=published,
            folder=folder,
        )
    beside = cache / f".{dataset.name}.unpacking"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        unpacked = fetching.unpack(
            part,
            beside,
            MEMBERS,
            needed=RATINGS_FILES,
            most_bytes=60 * dataset.num_ratings + 100_000_000,
            source=url,
        )
        folder.mkdir(exist_ok=True)
        for name in unpacked:
            os.replace(beside / name, folder / name)
        fetching.forget(part)
    except DownloadError:
        fetching.forget(part)  # another attempt must not go on from it
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
