"""A visitor's history meets a catalogue: found as other sites write titles, and never wrongly."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from autorec_core import datasets
from autorec_core.catalogue import Catalogue
from autorec_core.imports import HALVES, TENTHS, History, HistoryEntry
from autorec_core.matching import Links, TitleIndex, on_scale
from autorec_core.ratings import Items, RatingScale


@pytest.fixture(scope="module")
def bundled() -> TitleIndex:
    ratings = datasets.load(datasets.BUNDLED)
    return TitleIndex(ratings.items, ratings.by_item.counts)


def index_of(*titles: tuple[str, int], **more: object) -> TitleIndex:
    items = Items(
        ids=np.arange(1, len(titles) + 1),
        titles=np.array([title for title, _ in titles]),
        years=np.array([year for _, year in titles], dtype=np.int32),
        genres=((),) * len(titles),
    )
    return TitleIndex(items, np.arange(len(titles), 0, -1), **more)  # type: ignore[arg-type]


def entry(title: str, year: int = 0, rating: float = 4.0, **more: object) -> HistoryEntry:
    return HistoryEntry(row=1, title=title, year=year, rating=rating, **more)  # type: ignore[arg-type]


def test_of_titles_as_other_sites_write_them_over_98_percent_are_found_and_none_wrongly(bundled: TitleIndex) -> None:
    with (Path(__file__).parent / "titles_elsewhere.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 300
    outcome: Counter[str] = Counter()
    for row in rows:
        found, how = bundled.find(entry(row["title"], int(row["year"])))
        right = bundled.items.index(row["item_id"])
        assert right in found, row
        outcome["found" if how and len(found) == 1 else "asked"] += 1
        assert not how or found == (right,), row
    assert outcome["found"] > 0.98 * len(rows)


def test_every_title_of_the_catalogue_finds_itself_or_is_asked_for(bundled: TitleIndex) -> None:
    items = bundled.items
    for index, (title, year) in enumerate(zip(items.titles.tolist(), items.years.tolist(), strict=True)):
        found, how = bundled.find(entry(title, year))
        assert found == (index,) if how and len(found) == 1 else index in found


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Dune", 2021),
        ("Steve Jobs: The Man in the Machine", 2011),
        ("The Matrix", 1969),
        ("Alien Nation", 1979),
        ("Saw", 2003),
        ("", 1999),
        ("...", 1999),
        ("🎬", 0),
    ],
)
def test_what_is_not_in_the_catalogue_is_not_found(bundled: TitleIndex, title: str, year: int) -> None:
    assert bundled.find(entry(title, year))[1] == ""


def test_a_year_off_by_one_is_found_and_off_by_three_is_not() -> None:
    index = index_of(("Hurt Locker, The", 2008))
    assert index.find(entry("The Hurt Locker", 2009)) == ((0,), "year off by one")
    assert index.find(entry("The Hurt Locker", 2011)) == ((), "")


def test_the_exact_year_goes_before_a_neighbouring_one() -> None:
    index = index_of(("Deep Impact", 1998), ("Deep Impact", 1999))
    assert index.find(entry("Deep Impact", 1999)) == ((1,), "title and year")


def test_two_movies_of_one_title_and_year_are_asked_for_the_better_known_first() -> None:
    report = index_of(("Hamlet", 2000), ("Hamlet", 2000)).report(
        History("IMDb", TENTHS, (entry("Hamlet", 2000, 7),), ()), HALVES
    )
    assert report.matched == ()
    assert report.ambiguous[0].choices == (0, 1)
    assert report.ambiguous[0].rating == 3.5


def test_without_a_year_a_title_decides_only_if_one_movie_has_it() -> None:
    index = index_of(("Alien", 1979), ("Emma", 1996), ("Emma", 2009))
    assert index.find(entry("Alien")) == ((0,), "title and year")
    assert index.find(entry("Emma"))[1] == ""


def test_ids_go_before_titles_where_the_catalogue_has_them() -> None:
    index = index_of(
        ("Alien", 1979), ("Heat", 1995), ids_are_movielens=True, links=Links({78748: "2"}, {348: "2", 999: "77"})
    )
    assert index.find(entry("Alien", 1979, imdb_id=78748)) == ((1,), "id")
    assert index.find(entry("Alien", 1979, tmdb_id=348)) == ((1,), "id")
    assert index.find(entry("Alien", 1979, movielens_id="2")) == ((1,), "id")
    assert index.find(entry("Alien", 1979, tmdb_id=999)) == ((0,), "title and year")


def test_an_id_of_movielens_means_nothing_in_another_catalogue_unless_the_title_agrees() -> None:
    index = index_of(("Alien", 1979), ("Heat", 1995))
    assert index.find(entry("Alien", 1979, movielens_id="2")) == ((0,), "title and year")
    assert index.find(entry("Heat", 1995, movielens_id="2")) == ((1,), "id")


def test_the_original_title_is_tried_where_the_other_is_not_known() -> None:
    index = index_of(("Downfall (Untergang, Der)", 2004))
    assert index.find(entry("La caduta", 2004, other_title="Der Untergang")) == ((0,), "title and year")


def test_of_a_movie_that_was_rated_twice_the_later_rating_counts() -> None:
    entries = (entry("Alien", 1979, 8, rated_at=200.0), entry("Alien", 1979, 3, rated_at=100.0))
    report = index_of(("Alien", 1979)).report(History("IMDb", TENTHS, entries, ()), HALVES)
    assert [one.rating for one in report.matched] == [4.0]
    assert [one.rating for one in report.repeated] == [3]


def test_two_movies_of_a_site_never_become_one_without_being_asked_for() -> None:
    entries = (entry("Deep Impact", 1998), entry("Deep Impact", 1999))
    report = index_of(("Deep Impact", 1998)).report(History("Letterboxd", HALVES, entries, ()), HALVES)
    assert [one.entry.year for one in report.matched] == [1998]
    assert [one.entry.year for one in report.ambiguous] == [1999]


def test_each_entry_of_a_history_is_told_once(bundled: TitleIndex) -> None:
    entries = (entry("Alien", 1979), entry("Alien", 1979), entry("Hamlet", 2000), entry("No such movie", 2000))
    report = bundled.report(History("Letterboxd", HALVES, entries, ()), HALVES)
    parts = (report.matched, report.ambiguous, report.missing, report.repeated)
    assert [len(part) for part in parts] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("rating", "source", "target", "expected"),
    [
        (10, TENTHS, HALVES, 5.0),
        (1, TENTHS, HALVES, 0.5),
        (7, TENTHS, HALVES, 3.5),
        (1, TENTHS, RatingScale(1, 5, 1), 1.0),
        (4.5, HALVES, HALVES, 4.5),
        (4.5, HALVES, RatingScale(0, 100, 1), 90.0),
        (5, HALVES, RatingScale(-10, 10, 1), 10.0),
    ],
)
def test_a_rating_is_mapped_by_the_highest_of_both_scales(
    rating: float, source: RatingScale, target: RatingScale, expected: float
) -> None:
    assert on_scale(rating, source, target) == expected


def test_matching_takes_what_a_catalogue_has(bundled: TitleIndex) -> None:
    ratings = datasets.load(datasets.BUNDLED)
    catalogue = Catalogue(ratings.items, ratings.by_item.counts, np.zeros(ratings.num_items))
    found, _ = TitleIndex(catalogue.items, catalogue.counts).find(entry("The Matrix", 1999))
    assert catalogue.display_titles[found[0]] == "The Matrix"
