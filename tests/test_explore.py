"""The Data page: every panel follows the choice, the matrix is told to the browser whole, and downloads are watched."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import datasets, storage
from autorec_core.downloads import Standing
from autorec_core.overview import overview
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.statistics import NO_DECADE, NO_GENRE, Choice, Statistics
from autorec_core.visitors import new_visitor_id, owner_of
from pages.shared import explore, explore_charts, services
from pages.shared import overview as picture
from pages.shared.fetched import progress_text

ROOT = Path(__file__).parent.parent
SECONDS = 60


@pytest.fixture
def _fresh_services(autorec_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of its own, that trains nothing meanwhile."""
    st.cache_resource.clear()
    monkeypatch.setattr(services, "begin", lambda: "")
    yield
    services.close_jobs()
    st.cache_resource.clear()


def opened(page: str) -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS).run().switch_page(f"pages/{page}.py").run()


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def texts(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*app.markdown, *app.caption, *app.info, *app.warning])


def put_there(name: str, **files: str) -> None:
    folder = storage.datasets_folder() / name
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file.replace("_dot_", ".")).write_text(content)


@pytest.fixture(scope="module")
def known() -> Statistics:
    return Statistics(datasets.load(datasets.BUNDLED))


@pytest.mark.usefixtures("_fresh_services")
class TestPage:
    def test_a_choice_moves_every_figure_and_is_taken_back(self) -> None:
        app = opened("data")
        assert not app.exception
        assert figures(app)["Ratings"] == "100,004"
        assert figures(app)["Known"] == "1.64 %"
        app.selectbox(key="explore_genre").set_value("Film-Noir")
        app.selectbox(key="explore_decade").set_value(1940).run()
        expected = Statistics(datasets.load(datasets.BUNDLED)).of(Choice("Film-Noir", 1940))
        found = figures(app)
        assert found["Ratings"] == f"{expected.num_ratings:,}"
        assert found["Movies"] == f"{expected.num_items:,}"
        assert found["Mean rating"] == f"{expected.mean:.3f}"
        assert f"{100 * expected.num_ratings / 100_004:.1f} % of the set's 100,004 ratings." in texts(app)
        assert f"movies of {expected.num_items:,} have half of all ratings" in texts(app)
        app.button(key="explore_all").click().run()
        assert figures(app)["Ratings"] == "100,004"

    def test_a_choice_without_a_movie_says_what_to_do(self) -> None:
        app = opened("data")
        app.selectbox(key="explore_genre").set_value("IMAX")
        app.selectbox(key="explore_decade").set_value(1910).run()
        assert not app.exception
        assert "No rated movie is of this genre and this decade. Take one of the two away" in texts(app)
        assert not app.metric

    def test_another_set_begins_with_all_its_movies_and_without_times_it_says_so(self) -> None:
        rows = "".join(f"{user},{item},{1 + (user * item) % 5}\n" for user in range(1, 8) for item in range(1, 6))
        put_there("ml-1m", ratings_dot_csv="userId,movieId,rating\n" + rows)
        app = opened("data")
        app.selectbox(key="explore_genre").set_value("Comedy").run()
        app.selectbox(key="explore_set").set_value("ml-1m").run()
        assert not app.exception
        assert figures(app)["Ratings"] == "35"
        assert app.selectbox(key="explore_genre").value is None
        assert "does not say when its ratings were given" in texts(app)
        assert "Of 35 cells, 100.00 % are known" in texts(app)

    def test_a_set_too_small_to_split_is_drawn_without_parts(self) -> None:
        put_there("ml-1m", ratings_dot_csv="userId,movieId,rating\n1,1,5\n")
        app = opened("data")
        app.selectbox(key="explore_set").set_value("ml-1m").run()
        assert not app.exception
        assert "The split of so many, or so few, ratings is not drawn." in texts(app)

    def test_an_own_set_is_drawn_for_its_owner_alone(self) -> None:
        visitor = new_visitor_id()
        ratings = Ratings.from_triples(
            [user for user in range(6) for _ in range(4)], list(range(4)) * 6, [1, 2, 3, 4] * 6, name="mine"
        )
        upload = services.upload_store().keep(owner_of(visitor), "mine.csv", ratings)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS)
        app.session_state["_visitor_id"] = visitor
        app.run()
        app.session_state["explore_set"] = f"own:{upload.id}"
        app.switch_page("pages/data.py").run()
        assert not app.exception
        assert figures(app)["Ratings"] == "24"
        assert "Yours alone: no other visitor sees it." in texts(app)
        assert "Yours: mine.csv" in app.selectbox(key="explore_set").options
        assert "Yours: mine.csv" not in opened("data").selectbox(key="explore_set").options

    def test_every_set_is_offered_with_its_terms(self) -> None:
        app = opened("datasets")
        assert not app.exception
        said = texts(app)
        for known in datasets.DATASETS.values():
            assert f"**{known.title}**" in said
            assert known.licence in said
            assert known.bundled or known.checksum is None or known.checksum in said
        assert [button.label for button in app.button].count("Look at it") == 1
        app.button(key=f"look_{datasets.BUNDLED}").click().run()
        assert app.title[0].value == "Data"


class TestCharts:
    def test_each_table_adds_up_to_all_ratings(self, known: Statistics) -> None:
        summary = known.of()
        assert explore_charts.histogram_table(summary)["ratings"].sum() == 100_004
        tail = explore_charts.tail_table(summary)
        assert tail.groupby("of")["ratings"].sum().to_dict() == {"movie": 100_004, "user": 100_004}
        for of, counts in (("users", summary.by_user), ("movies", summary.by_item)):
            table = explore_charts.each_table(counts, of)
            assert (table["ratings"] * table[of]).sum() == 100_004
            bars = explore_charts.binned(table, of)
            assert bars[of].sum() == len(counts)
            for bar in bars.itertuples():
                assert bar[-1] == ((counts >= bar[2]) & (counts <= bar[3])).sum()
        assert summary.times is not None
        assert explore_charts.times_table(summary.times)["ratings"].sum() == 100_004
        assert explore_charts.groups_table(summary.by_decade, "decade")["ratings"].sum() == 100_004

    def test_the_picture_of_the_tail_is_thin_and_keeps_its_ends(self, known: Statistics) -> None:
        chart = explore_charts.long_tail(explore_charts.tail_table(known.of())).to_dict()
        points = next(iter(chart["datasets"].values()))
        movies = [point for point in points if point["of"] == "movies"]
        assert len(movies) <= explore_charts.MOST_POINTS
        assert movies[0]["rank"] == 1
        assert movies[-1]["rank"] == 9_066

    def test_what_is_not_known_has_a_name(self) -> None:
        assert explore_charts.genre_name(NO_GENRE) == "no genre known"
        assert explore_charts.decade_name(NO_DECADE) == "year unknown"
        assert explore_charts.decade_name(1990) == "1990s"

    def test_movies_of_unknown_years_are_no_decade_that_is_liked_best(self) -> None:
        ours = pd.DataFrame({"decade": ["1990s", "year unknown"], "ratings": [600, 600], "mean rating": [3.0, 4.0]})
        assert "the 1990s have the highest mean, 3.00" in explore.of_decades(ours)
        assert explore.of_decades(ours.iloc[1:]) == "Click a bar to choose a decade."

    def test_the_chosen_bar_stands_out(self, known: Statistics) -> None:
        table = explore_charts.groups_table(known.of().by_genre, "genre")
        chart = explore_charts.groups(table, "genre", "Comedy", "#000000", by_size=True).to_dict()
        rows = next(iter(chart["datasets"].values()))
        assert {row["genre"] for row in rows if row["strength"] == 1.0} == {"Comedy"}

    def test_a_table_to_take_home_is_the_numbers_of_the_picture(self, known: Statistics) -> None:
        table = explore_charts.histogram_table(known.of())
        found = pd.read_csv(io.BytesIO(explore_charts.as_csv(table)))
        pd.testing.assert_frame_equal(found, table, check_dtype=False)


def test_a_click_chooses_and_a_click_on_the_chosen_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    put: dict[str, object] = {}
    clicked = {"selection": {"pick": [{"genre": "Comedy"}]}}
    monkeypatch.setattr(explore.state, "get", lambda key: clicked)
    monkeypatch.setattr(explore.state, "put", put.__setitem__)
    named: dict[str, object] = {"Comedy": "Comedy", "no genre known": NO_GENRE}
    explore._take_click("chart", "genre", None, named)()
    assert put == {"explore_genre": "Comedy"}
    explore._take_click("chart", "genre", "Comedy", named)()
    assert put == {"explore_genre": None}
    put.clear()
    clicked["selection"]["pick"] = []
    explore._take_click("chart", "genre", "Comedy", named)()
    assert put == {}, "a click beside the bars changes nothing"


def test_the_browser_is_told_the_matrix_whole() -> None:
    ratings = Ratings.from_triples(
        [7, 7, 9],
        [1, 2, 2],
        [5, 3, 1],
        name="toy",
        scale=RatingScale(1, 5, 1),
        titles={1: ("Matrix, The", 1999, ()), 2: ("Emma", 0, ())},
    )
    content = picture.packed(
        "a name", ratings, overview(ratings, order="id", parts=np.array([1, 2, 3], dtype=np.uint8))
    )
    size = int.from_bytes(content[:4], "little")
    about = json.loads(content[4 : 4 + size])
    assert about["name"] == "a name"
    assert about["titles"] == ["The Matrix (1999)", "Emma"]
    assert about["users"] == ["7", "9"]
    assert about["has_split"]
    arrays, at = {}, 4 + size
    for name, kind, count in about["arrays"]:
        dtype = np.dtype(f"<{kind}")
        arrays[name] = np.frombuffer(content, dtype, count, at).tolist()
        at += count * dtype.itemsize
    assert at == len(content)
    assert arrays == {"indptr": [0, 2, 3], "columns": [0, 1, 1], "levels": [254, 127, 0], "parts": [1, 2, 3]}


def test_progress_is_told_with_speed_and_what_remains() -> None:
    assert progress_text(Standing("x", "running", 0, 0), 5.9) == "0.0 of 5.9 MB"
    assert progress_text(Standing("x", "running", 2_000_000, 0, 1e6), 5.9) == "2.0 of 5.9 MB, 1.0 MB a second"
    running = Standing("x", "running", 2_000_000, 6_000_000, 2e6)
    assert progress_text(running, 5.9) == "2.0 of 6.0 MB, 2.0 MB a second, 2 seconds left"
    long = Standing("x", "running", 0, 240_000_000, 1e6)
    assert progress_text(long, 239) == "0.0 of 240.0 MB, 1.0 MB a second, 4 minutes left"
    checking = Standing("x", "checking", 6_000_000, 6_000_000)
    assert progress_text(Standing("x", "stopping", 2_000_000, 0, 1e6), 5.9) == "2.0 of 5.9 MB, stopping …"
    assert progress_text(checking, 5.9) == "All 6.0 MB are here: checking and unpacking …"
