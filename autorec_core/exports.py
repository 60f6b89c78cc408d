"""A visitor's ratings as files that other sites take in, and that come back here the same."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from autorec_core.catalogue import display_title
from autorec_core.imports import HALVES
from autorec_core.matching import on_scale
from autorec_core.ratings import FloatArray, Items, RatingScale
from autorec_core.spreadsheets import as_text

LAYOUTS = ("MovieLens", "Letterboxd")
"""What `as_file` can write."""


@dataclass(frozen=True)
class _Line:
    """One rating, ready to be written."""

    item_id: str
    index: int | None
    rating: str
    rated_at: float | None


def as_file(
    layout: str,
    ratings: Mapping[str, float],
    items: Items,
    scale: RatingScale,
    *,
    means: FloatArray | None = None,
    moments: Mapping[str, float] | None = None,
    links: Mapping[str, Mapping[int, str]] | None = None,
) -> str:
    """Ratings as CSV in the layout of another site, on that site's scale.

    Args:
        layout: one of `LAYOUTS`.
        ratings: item id as text -> rating on `scale`.
        items: the catalogue; Letterboxd's layout leaves out what has no title there.
        scale: the catalogue's rating scale.
        means: (num_items,) everybody's mean ratings, on `scale`.
        moments: item id -> seconds since 1970.
        links: `imdb` and `tmdb`: the site's number -> item id.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {LAYOUTS}, got {layout!r}.")
    lines = [
        _Line(item_id, items.find(item_id), f"{on_scale(rating, scale, HALVES):g}", (moments or {}).get(item_id))
        for item_id, rating in ratings.items()
    ]
    if layout == "Letterboxd":
        # Letterboxd passes over a column that it does not know; here it makes the way back exact.
        header = ("Date", "Name", "Year", "Letterboxd URI", "Rating", "movie_id")
        return _written(header, _letterboxd(lines, items))
    by_item = {site: {item_id: number for number, item_id in ids.items()} for site, ids in (links or {}).items()}
    header = ("movie_id", "imdb_id", "tmdb_id", "rating", "average_rating", "title")
    return _written(header, _movielens(lines, items, scale, means, by_item))


def _letterboxd(lines: Iterable[_Line], items: Items) -> Iterable[tuple[str, ...]]:
    for line in lines:
        if line.index is None:
            continue
        year = int(items.years[line.index])
        date = "" if line.rated_at is None else f"{datetime.fromtimestamp(line.rated_at, UTC):%Y-%m-%d}"
        yield date, _name(items, line.index), str(year or ""), "", line.rating, line.item_id


def _name(items: Items, index: int) -> str:
    """A title as people say it, without the other titles that MovieLens puts in brackets at its end."""
    title = items.titles[index].item()
    name = re.sub(r"(?<=.)(?:\s+\([^()]*\))+$", "", title)
    return name if " (" in name else display_title(name)


def _movielens(
    lines: Iterable[_Line],
    items: Items,
    scale: RatingScale,
    means: FloatArray | None,
    by_item: Mapping[str, Mapping[str, int]],
) -> Iterable[tuple[str, ...]]:
    for line in lines:
        title = mean = ""
        if line.index is not None:
            year = int(items.years[line.index])
            title = f"{items.titles[line.index]} ({year})" if year else items.titles[line.index].item()
            mean = "" if means is None else f"{on_scale(float(means[line.index]), scale, HALVES):.2f}"
        imdb, tmdb = (by_item.get(site, {}).get(line.item_id) for site in ("imdb", "tmdb"))
        yield line.item_id, f"{imdb:07d}" if imdb else "", str(tmdb or ""), line.rating, mean, title


def _written(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([as_text(cell) for cell in row] for row in rows)
    return text.getvalue()
