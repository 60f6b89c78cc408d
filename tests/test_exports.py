"""What goes out in another site's layout comes back the same."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from autorec_core import datasets, exports
from autorec_core.imports import read_history
from autorec_core.matching import TitleIndex
from autorec_core.ratings import Ratings, RatingScale


@pytest.fixture(scope="module")
def bundled() -> Ratings:
    return datasets.load(datasets.BUNDLED)


@pytest.mark.parametrize("layout", exports.LAYOUTS)
@pytest.mark.parametrize("is_movielens", [True, False])
@pytest.mark.parametrize("scale", [RatingScale(0.5, 5, 0.5), RatingScale(1, 5, 1), RatingScale(1, 10, 1)], ids=str)
def test_every_movie_of_the_catalogue_comes_back_with_its_rating(
    bundled: Ratings, layout: str, is_movielens: bool, scale: RatingScale
) -> None:
    generator = np.random.default_rng(1)
    steps = generator.integers(0, round(scale.span / scale.step) + 1, bundled.num_items)
    given = {
        str(item_id): float(scale.low + step * scale.step)
        for item_id, step in zip(bundled.items.ids.tolist(), steps.tolist(), strict=True)
    }
    text = exports.as_file(layout, given, bundled.items, scale)
    history = read_history("ratings.csv", text.encode())
    assert history.site == layout
    index = TitleIndex(bundled.items, bundled.by_item.counts, ids_are_movielens=is_movielens)
    report = index.report(history, scale)
    back = {str(bundled.items.ids[one.item_index]): one.rating for one in report.matched}
    assert back == given


def test_the_day_goes_out_and_comes_back(bundled: Ratings) -> None:
    text = exports.as_file("Letterboxd", {"1": 4.5}, bundled.items, bundled.scale, moments={"1": 1614816000.0})
    assert text.splitlines()[1] == "2021-03-04,Toy Story,1995,,4.5,1"
    assert read_history("ratings.csv", text.encode()).entries[0].rated_at == 1614816000.0


def test_movielens_layout_names_the_other_sites_ids_and_the_average(bundled: Ratings) -> None:
    means = np.full(bundled.num_items, 3.25)
    links = {"imdb": {114709: "1"}, "tmdb": {862: "1"}}
    text = exports.as_file("MovieLens", {"1": 4.5}, bundled.items, bundled.scale, means=means, links=links)
    assert next(csv.DictReader(io.StringIO(text))) == {
        "movie_id": "1",
        "imdb_id": "0114709",
        "tmdb_id": "862",
        "rating": "4.5",
        "average_rating": "3.25",
        "title": "Toy Story (1995)",
    }


def test_a_movie_that_the_catalogue_no_longer_knows_keeps_its_id(bundled: Ratings) -> None:
    text = exports.as_file("MovieLens", {"99999999": 2.0}, bundled.items, bundled.scale)
    assert read_history("ratings.csv", text.encode()).entries[0].movielens_id == "99999999"
    assert len(exports.as_file("Letterboxd", {"99999999": 2.0}, bundled.items, bundled.scale).splitlines()) == 1
