"""The figures of a set, each held against pandas, which counts them another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from autorec_core.datasets import BUNDLED, load
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.statistics import NO_DECADE, NO_GENRE, Choice, Statistics, Summary, held_by_most, how_many_have

CHOICES = [
    Choice(),
    Choice(genre="Comedy"),
    Choice(decade=1990),
    Choice(genre="Film-Noir", decade=1940),
    Choice(genre=NO_GENRE),
    Choice(genre="IMAX", decade=1910),  # no such movie
]


@pytest.fixture(scope="module")
def bundled() -> Statistics:
    return Statistics(load(BUNDLED))


@pytest.fixture(scope="module")
def table(bundled: Statistics) -> pd.DataFrame:
    return as_table(bundled.ratings)


def as_table(ratings: Ratings) -> pd.DataFrame:
    """A row a rating, as somebody with pandas would have it."""
    by_user, items = ratings.by_user, ratings.items
    return pd.DataFrame(
        {
            "user": ratings.user_ids[by_user.rows],
            "item": items.ids[by_user.indices],
            "rating": by_user.values.astype(float),
            "time": pd.to_datetime(ratings.timestamps, unit="s"),
            "genres": [items.genres[item] or (NO_GENRE,) for item in by_user.indices.tolist()],
            "decade": items.years[by_user.indices] // 10 * 10,
        }
    )


def chosen_rows(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    if choice.genre is not None:
        table = table[[choice.genre in genres for genres in table["genres"]]]
    return table if choice.decade is None else table[table["decade"] == choice.decade]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
class TestAgainstPandas:
    def test_the_numbers(self, bundled: Statistics, table: pd.DataFrame, choice: Choice) -> None:
        found, rows = bundled.of(choice), chosen_rows(table, choice)
        assert found.num_ratings == len(rows)
        assert found.num_users == rows["user"].nunique()
        assert found.num_items == rows["item"].nunique()
        cells = max(1, rows["user"].nunique() * rows["item"].nunique())
        assert found.density == pytest.approx(len(rows) / cells)
        np.testing.assert_allclose(found.mean, rows["rating"].mean() if len(rows) else np.nan, atol=1e-12)
        np.testing.assert_allclose(found.deviation, rows["rating"].std(ddof=0) if len(rows) else np.nan, atol=1e-9)

    def test_the_histogram(self, bundled: Statistics, table: pd.DataFrame, choice: Choice) -> None:
        found = bundled.of(choice)
        expected = chosen_rows(table, choice)["rating"].value_counts().reindex(found.levels, fill_value=0)
        assert found.levels.tolist() == [n / 2 for n in range(1, 11)]
        assert found.by_level.tolist() == expected.tolist()

    @pytest.mark.parametrize("of", ["user", "item"])
    def test_ratings_of_each(self, bundled: Statistics, table: pd.DataFrame, choice: Choice, of: str) -> None:
        found = bundled.of(choice)
        counts = found.by_user if of == "user" else found.by_item
        expected = chosen_rows(table, choice)[of].value_counts()  # most first
        assert counts.tolist() == expected.tolist()
        have, how_many = how_many_have(counts)
        assert dict(zip(have.tolist(), how_many.tolist(), strict=True)) == expected.value_counts().to_dict()

    def test_months(self, bundled: Statistics, table: pd.DataFrame, choice: Choice) -> None:
        times, rows = bundled.of(choice).times, chosen_rows(table, choice)
        assert times is not None
        assert times.unit == "month"
        months = pd.DatetimeIndex(times.starts)
        assert (months == pd.date_range(months[0], months[-1], freq="MS")).all()
        grouped = rows.groupby(rows["time"].dt.to_period("M").dt.to_timestamp())["rating"]
        assert times.num_ratings.tolist() == grouped.size().reindex(months, fill_value=0).tolist()
        np.testing.assert_allclose(times.means, grouped.mean().reindex(months), atol=1e-6)

    def test_genres_are_those_of_the_decade_and_decades_those_of_the_genre(
        self, bundled: Statistics, table: pd.DataFrame, choice: Choice
    ) -> None:
        found = bundled.of(choice)
        long = chosen_rows(table, Choice(decade=choice.decade)).explode("genres").groupby("genres")
        for groups, grouped in (
            (found.by_genre, long),
            (found.by_decade, chosen_rows(table, Choice(genre=choice.genre)).groupby("decade")),
        ):
            names = list(groups.names)
            assert groups.num_ratings.tolist() == grouped.size().reindex(names, fill_value=0).tolist()
            assert groups.num_items.tolist() == grouped["item"].nunique().reindex(names, fill_value=0).tolist()
            np.testing.assert_allclose(groups.means, grouped["rating"].mean().reindex(names), atol=1e-12)


def test_groups_come_in_their_order_and_the_unknown_last(bundled: Statistics) -> None:
    assert bundled.genres[-1] == NO_GENRE
    assert list(bundled.genres[:-1]) == sorted(bundled.genres[:-1])
    assert bundled.decades[0] == 1900
    assert bundled.decades[-1] == NO_DECADE
    assert bundled.decades[-2] == 2010


def test_without_times_and_titles_there_is_nothing_to_tell_of_them() -> None:
    found = Statistics(Ratings.from_triples([1, 2], [1, 1], [2, 4], name="few", scale=RatingScale(1, 5, 1))).of()
    assert found.times is None
    assert found.by_genre.names == (NO_GENRE,)
    assert found.by_decade.names == (NO_DECADE,)
    assert (found.mean, found.deviation, found.density) == (3.0, 1.0, 1.0)


@pytest.mark.parametrize("unit", [1e3, 1e6, 1e9], ids=["milliseconds", "microseconds", "nanoseconds"])
@pytest.mark.parametrize("first", [1.4e9, 0.0], ids=["all known", "one missing"])
def test_times_that_are_no_seconds_are_not_told(unit: float, first: float) -> None:
    """Month by month from 1970 on, they would be more months than any memory holds."""
    moments = (unit * np.array([first, 1.5e9])).astype(np.int64)
    found = Statistics(Ratings.from_triples([1, 2], [1, 1], [2, 4], name="few", timestamps=moments)).of()
    assert found.times is None


def test_a_few_days_are_told_day_by_day(toy: Ratings) -> None:
    times = Statistics(toy).of().times
    assert times is not None
    assert times.unit == "day"
    assert times.num_ratings.tolist() == [15]
    assert str(times.starts[0]) == "1970-01-01"


def test_a_scale_of_a_hundred_has_a_bar_a_step_and_a_finer_one_is_put_into_steps() -> None:
    def of(step: float) -> tuple[Statistics, Summary]:
        values = [0, 33, 33, 100]
        made = Statistics(
            Ratings.from_triples([1, 2, 3, 4], [1, 1, 1, 1], values, name="x", scale=RatingScale(0, 100, step))
        )
        return made, made.of()

    made, found = of(1)
    assert not made.is_stepped
    assert {level: n for level, n in zip(found.levels, found.by_level, strict=True) if n} == {0: 1, 33: 2, 100: 1}
    made, found = of(0.1)
    assert made.is_stepped
    assert len(found.levels) == 101
    assert found.by_level.sum() == 4
    assert found.by_level[[0, -1]].tolist() == [1, 1]


def test_the_most_rated_half_is_counted() -> None:
    assert held_by_most(np.array([5, 5])) == 1
    assert held_by_most(np.array([4, 3, 3])) == 2
    assert held_by_most(np.array([1, 1, 1, 1]), 0.75) == 3
    assert held_by_most(np.array([], dtype=np.int64)) == 0
