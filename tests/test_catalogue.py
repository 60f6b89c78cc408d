"""Finding movies as people write them."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from autorec_core import spelling
from autorec_core.catalogue import ORDERS, Catalogue, display_title, plain_title
from autorec_core.ratings import Items

MOVIES = [
    # title, year, genres, ratings, mean
    ("Matrix, The", 1999, ("Action", "Sci-Fi"), 90, 4.2),
    ("Matrix Reloaded, The", 2003, ("Action", "Sci-Fi"), 40, 3.1),
    ("Amélie (Fabuleux destin d'Amélie Poulain, Le)", 2001, ("Comedy", "Romance"), 60, 4.1),
    ("City of Lost Children, The (Cité des enfants perdus, La)", 1995, ("Drama", "Sci-Fi"), 20, 3.9),
    ("Toy Story", 1995, ("Animation", "Comedy"), 100, 3.9),
    ("Seven (a.k.a. Se7en)", 1995, ("Crime",), 80, 4.0),
    ("2001: A Space Odyssey", 1968, ("Sci-Fi",), 70, 3.8),
    ("Schindler's List", 1993, ("Drama",), 85, 4.3),
    ("A.I. Artificial Intelligence", 2001, ("Drama", "Sci-Fi"), 30, 3.0),
    ("Dematrixed", 0, (), 5, 2.0),
    ("American in Paris, An", 1951, ("Musical",), 15, 3.5),
]


@pytest.fixture
def catalogue() -> Catalogue:
    items = Items(
        ids=np.arange(len(MOVIES)),
        titles=np.array([movie[0] for movie in MOVIES]),
        years=np.array([movie[1] for movie in MOVIES], dtype=np.int32),
        genres=tuple(movie[2] for movie in MOVIES),
    )
    return Catalogue(items, np.array([movie[3] for movie in MOVIES]), np.array([movie[4] for movie in MOVIES]))


def found(catalogue: Catalogue, query: str = "", **filters: object) -> list[str]:
    return [catalogue.display_titles[index] for index in catalogue.search(query, **filters)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("the matrx", ["The Matrix", "The Matrix Reloaded"]),
        ("mtarix", ["The Matrix", "The Matrix Reloaded"]),
        ("teh matrix", ["The Matrix", "The Matrix Reloaded"]),
        ("matrix relaoded", ["The Matrix Reloaded"]),
        ("shindlers lits", ["Schindler's List"]),
        ("artificail inteligence", ["A.I. Artificial Intelligence"]),
        ("toystory", ["Toy Story"]),
        ("spce odyssey", ["2001: A Space Odyssey"]),
        ("sevn", ["Seven"]),
        ("sevenn", ["Seven"]),
        ("toy", ["Toy Story"]),  # as it is written wins over what is only near
        ("tay", []),  # in three letters a slip leaves nothing to go by
        ("matrix 2002", []),  # a year is a number, and another number is another year
        ("mmatrrixx", []),
    ],
)
def test_a_slip_or_two_in_a_longer_word_is_forgiven(query: str, titles: list[str], catalogue: Catalogue) -> None:
    assert found(catalogue, query) == titles


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("godfather 2", ["The Godfather: Part II"]),  # and not what is of 2003, whose year begins so
        ("godfater 2", ["The Godfather: Part II", "Tokyo Godfathers"]),
        ("godfather ii", ["The Godfather: Part II"]),
        ("godfathers 2", ["Tokyo Godfathers"]),  # a year that is begun counts where nothing else is meant
    ],
)
def test_the_number_of_a_sequel_is_roman_or_arabic(query: str, titles: list[str]) -> None:
    items = Items(
        ids=np.arange(4),
        titles=np.array(["Godfather, The", "Godfather: Part II, The", "Tokyo Godfathers", "Rocky"]),
        years=np.array([1972, 1974, 2003, 1976], dtype=np.int32),
        genres=((),) * 4,
    )
    assert found(Catalogue(items, np.arange(4, 0, -1), np.full(4, 3.0)), query) == titles


def test_fewer_slips_come_first_whatever_the_order(catalogue: Catalogue) -> None:
    for order in ORDERS:
        assert found(catalogue, "dematrixd", order=order) == ["Dematrixed"]
        assert found(catalogue, "reloadd", order=order) == ["The Matrix Reloaded"]


def test_movies_are_filtered_by_their_number_of_ratings(catalogue: Catalogue) -> None:
    assert found(catalogue, counts=(85, 90)) == ["The Matrix", "Schindler's List"]
    assert found(catalogue, "matrix", counts=(0, 50)) == ["The Matrix Reloaded"]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("the matrix", ["The Matrix", "The Matrix Reloaded"]),
        ("Matrix, The", ["The Matrix", "The Matrix Reloaded"]),
        ("MATRIX", ["The Matrix", "The Matrix Reloaded"]),
        ("  matrix  ", ["The Matrix", "The Matrix Reloaded"]),
        ("matr", ["The Matrix", "The Matrix Reloaded"]),
        ("reloaded matrix", ["The Matrix Reloaded"]),
        ("matrix 2003", ["The Matrix Reloaded"]),
        ("amelie", ["Amélie"]),
        ("Amélie", ["Amélie"]),
        ("Ame\u0301lie", ["Amélie"]),
        ("poulain", ["Amélie"]),
        ("le fabuleux destin", ["Amélie"]),
        ("la cité des enfants perdus", ["The City of Lost Children"]),
        ("se7en", ["Seven"]),
        ("schindlers list", ["Schindler's List"]),
        ("schindler’s", ["Schindler's List"]),
        ("ai artificial", ["A.I. Artificial Intelligence"]),
        ("2001 space odyssey", ["2001: A Space Odyssey"]),
        ("1995", ["Toy Story", "Seven", "The City of Lost Children"]),
        ("an american in paris", ["An American in Paris"]),
        ("trix", []),
        ("matrix nosuchword", []),
    ],
)
def test_a_movie_is_found_as_people_write_it(query: str, titles: list[str], catalogue: Catalogue) -> None:
    assert found(catalogue, query) == titles


def test_a_title_that_begins_with_the_query_comes_before_a_more_popular_one(catalogue: Catalogue) -> None:
    assert found(catalogue, "a")[0] == "Amélie"
    assert found(catalogue, "2001")[0] == "2001: A Space Odyssey"
    assert found(catalogue, "american")[0] == "An American in Paris"


def test_what_is_longer_than_any_word_is_nobodys_slip(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def compared(*_: object) -> None:
        pytest.fail("It was compared, which takes a millisecond a letter.")

    monkeypatch.setattr(spelling.Vocabulary, "slips", compared)
    assert len(catalogue.search("q" * 5000)) == 0


@pytest.mark.parametrize(
    "query", ["(", ")", "[a-z]+", ".*", "\\", "'", "%", "?", "!!!", "\x00", "💥", "a" * 5_000, "1" * 5_000]
)
def test_no_query_raises_anything(query: str, catalogue: Catalogue) -> None:
    for order in ORDERS:
        catalogue.search(query, order=order)


def test_nothing_asked_shows_all_by_popularity(catalogue: Catalogue) -> None:
    everything = catalogue.search()
    assert sorted(everything) == list(range(len(MOVIES)))
    counts = [MOVIES[index][3] for index in everything]
    assert counts == sorted(counts, reverse=True)


def test_every_order_orders_and_loses_nothing(catalogue: Catalogue) -> None:
    means = [MOVIES[index][4] for index in catalogue.search(order="mean rating")]
    assert means == sorted(means, reverse=True)
    years = [MOVIES[index][1] for index in catalogue.search(order="newest")]
    assert years == sorted(years, reverse=True)
    titles = [plain_title(MOVIES[index][0]) for index in catalogue.search(order="title")]
    assert titles == sorted(titles)
    for order in ORDERS:
        assert sorted(catalogue.search(order=order)) == list(range(len(MOVIES)))


def test_equal_means_and_years_go_to_the_better_known(catalogue: Catalogue) -> None:
    by_mean = found(catalogue, order="mean rating")
    assert by_mean.index("Toy Story") < by_mean.index("The City of Lost Children")
    newest = found(catalogue, order="newest")
    assert newest.index("Amélie") < newest.index("A.I. Artificial Intelligence")


def test_genres_are_any_of_those_chosen(catalogue: Catalogue) -> None:
    assert set(found(catalogue, genres=["Crime", "Musical"])) == {"Seven", "An American in Paris"}
    assert len(found(catalogue, genres=["Sci-Fi"])) == 5
    assert len(found(catalogue, genres=())) == len(MOVIES)


@pytest.mark.parametrize("genres", [["Western"], ["Western", "Opera"]])
def test_an_unknown_genre_finds_nothing_and_raises_nothing(genres: list[str], catalogue: Catalogue) -> None:
    assert found(catalogue, genres=genres) == []
    assert found(catalogue, genres=[*genres, "Crime"]) == ["Seven"]


def test_years_are_both_included_and_leave_unknown_ones_out(catalogue: Catalogue) -> None:
    assert set(found(catalogue, years=(1993, 1995))) == {
        "Schindler's List",
        "Toy Story",
        "Seven",
        "The City of Lost Children",
    }
    assert "Dematrixed" not in found(catalogue, years=catalogue.year_span)
    assert len(found(catalogue, years=catalogue.year_span)) == len(MOVIES) - 1
    assert catalogue.year_span == (1951, 2003)


def test_query_genre_and_years_hold_together(catalogue: Catalogue) -> None:
    assert found(catalogue, "a", genres=["Sci-Fi"], years=(2000, 2002)) == ["A.I. Artificial Intelligence"]


def test_without_any_year_the_span_is_empty() -> None:
    items = Items(np.array([1]), np.array(["1"]), np.zeros(1, dtype=np.int32), ((),))
    catalogue = Catalogue(items, np.array([1]), np.array([3.0]))
    assert catalogue.year_span == (0, 0)
    assert catalogue.search("1").tolist() == [0]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Matrix, The", "The Matrix"),
        ("Toy Story", "Toy Story"),
        ("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il)", "The Good, the Bad and the Ugly"),
        ("Avventura, L' (Adventure, The)", "L' Avventura"),
        ("Yes, Minister", "Yes, Minister"),
        ("(500) Days of Summer", "(500) Days of Summer"),
        ("", ""),
    ],
)
def test_a_title_is_shown_as_people_say_it(title: str, shown: str) -> None:
    assert display_title(title) == shown


def test_catalogues_of_the_same_movies_share_their_titles_and_nothing_else(catalogue: Catalogue) -> None:
    other = Catalogue(catalogue.items, catalogue.counts[::-1], catalogue.means)
    assert other.display_titles is catalogue.display_titles
    assert found(other)[0] == "2001: A Space Odyssey"
    assert found(catalogue)[0] == "Toy Story"


def test_titles_go_with_the_last_who_holds_the_movies(catalogue: Catalogue) -> None:
    items = Items(catalogue.items.ids, catalogue.items.titles, catalogue.items.years, catalogue.items.genres)
    gone = weakref.ref(Catalogue(items, catalogue.counts, catalogue.means)._titles)
    assert gone() is not None
    del items
    assert gone() is None
