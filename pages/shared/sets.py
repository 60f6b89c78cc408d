"""What can be trained on, by the name that a control holds: the named data sets, and the visitor's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autorec_core import datasets, storage
from autorec_core.errors import NotFoundError
from autorec_core.ratings import RatingScale
from autorec_core.runs import RunConfig, Source
from autorec_core.uploads import Upload
from pages.shared import services, state
from pages.shared.words import _

OWN = "own:"
"""Before the id of a set of the visitor's own."""


@dataclass(frozen=True)
class Size:
    """How large a set is."""

    num_ratings: int
    """Ratings."""
    num_users: int
    """Users."""
    num_items: int
    """Items."""
    scale: RatingScale
    """The rating scale."""


def options() -> list[str]:
    """All names: the visitor's own first, then what is on this machine, then what needs a download."""
    own = [OWN + upload.id for upload in services.upload_store().of(state.owner())]
    ready = [name for name in datasets.DATASETS if datasets.is_ready(name)]
    return [*own, *ready, *(name for name in datasets.DATASETS if name not in ready)]


def own(name: str) -> Upload:
    """The visitor's set of a name.

    Raises:
        NotFoundError: it is not there, or not theirs.
    """
    return services.upload_store().get(state.owner(), name.removeprefix(OWN))


def label(name: str) -> str:
    """What people call it, with the size of the download where it needs one."""
    if name.startswith(OWN):
        try:
            return _("Yours: {name}", name=own(name).name)
        except NotFoundError:
            return _("Yours, deleted")
    known = datasets.find(name)
    if datasets.is_ready(name):
        return known.title
    return _("{title} – download, {size:,.0f} MB", title=known.title, size=known.size_mb)


def is_ready(name: str) -> bool:
    """Whether it is on this machine."""
    return name.startswith(OWN) or datasets.is_ready(name)


def size(name: str) -> Size:
    """How large it is, known before it is loaded.

    Raises:
        NotFoundError: it is not there, or not theirs.
    """
    known = own(name) if name.startswith(OWN) else datasets.find(name)
    return Size(known.num_ratings, known.num_users, known.num_items, known.scale)


def source(name: str) -> Source:
    """What a run on it is told to load.

    Raises:
        NotFoundError: it is not there, or not theirs.
    """
    if name.startswith(OWN):
        return services.upload_store().source(state.owner(), name.removeprefix(OWN))
    return Source(dataset=name)


def for_others(config: RunConfig) -> RunConfig:
    """The same training as it can be told: a kept set by the name that its owner downloads it by, not by its place."""
    ratings = config.source.ratings
    if ratings is None or not Path(ratings).is_relative_to(storage.uploads_folder().resolve()):
        return config
    return replace(config, source=replace(config.source, ratings=Path(ratings).name, items=None, name=None))
