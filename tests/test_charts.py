"""Charts: what they draw, that their frame stays still while a training runs, and colours that everybody can tell."""

from __future__ import annotations

import itertools
import json
import math
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from altair.utils import schemapi

from autorec_core.events import EpochEnded, HyperparametersChanged, RefitEpochEnded
from autorec_core.ratings import RatingScale
from pages.shared import charts, curve_charts, figures, palette

BASELINES = {"global_mean": 1.05, "item_mean": 0.97, "user_item_bias": 0.88}
SCALE = RatingScale(0.5, 5.0, 0.5)
ROOT = Path(__file__).parent.parent


def epoch(number: int, valid_rmse: float = 0.9, *, train_rmse: float = 0.8, is_best: bool = False) -> EpochEnded:
    return EpochEnded(
        epoch=number,
        objective=1.0,
        train_rmse=train_rmse,
        valid_rmse=valid_rmse,
        learning_rate=0.01,
        seconds=0.1,
        ratings_per_second=1e6,
        is_best=is_best,
    )


def refit(number: int, train_rmse: float) -> RefitEpochEnded:
    return RefitEpochEnded(epoch=number, epochs=3, seconds=0.2, train_rmse=train_rmse)


def with_frames(specification: dict[str, Any]) -> dict[str, Any]:
    """The same picture, its data as frames, which are easy to ask."""
    return {**specification, "datasets": {name: pd.DataFrame(of) for name, of in specification["datasets"].items()}}


def loss_curve(*args: Any, **more: Any) -> dict[str, Any]:
    return with_frames(curve_charts.loss_curve(*args, **more))


def objective_curve(*args: Any, **more: Any) -> dict[str, Any]:
    return with_frames(curve_charts.objective_curve(*args, **more))


def curve_of(epochs: list[EpochEnded], num_epochs: int = 30, span: tuple[float, float] = (0.6, 1.1)) -> dict[str, Any]:
    return loss_curve(epochs, BASELINES, num_epochs, span)


def test_a_test_draws_no_picture_that_vega_lite_would_refuse_and_a_visitor_does_not_wait_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = alt.Chart(alt.NamedData("rows")).mark_bar(size="wide")
    with pytest.raises(schemapi.SchemaValidationError):
        figures.specification(wrong)
    monkeypatch.setattr(figures, "IS_CHECKING", False)
    assert figures.specification(wrong)["mark"] == {"type": "bar", "size": "wide"}


def test_every_picture_is_drawn_in_the_way_that_tests_check() -> None:
    elsewhere = [path for path in (ROOT / "pages").rglob("*.py") if "altair_chart(" in path.read_text("utf-8")]
    assert {path.name for path in elsewhere} == {"figures.py"}


def without_data(specification: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in specification.items() if name != "datasets"}, sort_keys=True)


def encodings(specification: Any) -> list[dict[str, Any]]:
    """All channels, however deep; those that are lists, as tooltips are, one by one."""
    if isinstance(specification, dict):
        channels = specification.get("encoding", {}).values()
        here = [part for channel in channels for part in (channel if isinstance(channel, list) else [channel])]
        return here + [found for value in specification.values() for found in encodings(value)]
    if isinstance(specification, list):
        return [found for value in specification for found in encodings(value)]
    return []


class TestSpan:
    def test_holds_every_curve_and_baseline(self) -> None:
        low, high = curve_charts.rmse_span([epoch(1, 1.31, train_rmse=0.42)], BASELINES)
        assert low <= 0.42
        assert high >= 1.31
        assert curve_charts.rmse_span([epoch(1)], BASELINES, None, [refit(1, 0.31)])[0] <= 0.31

    def test_never_shrinks_while_a_training_runs(self) -> None:
        span = None
        for number, (train, valid) in enumerate([(3.0, 3.2), (1.2, 1.4), (0.5, 0.9), (0.7, 0.95)], start=1):
            wider = curve_charts.rmse_span([epoch(number, valid, train_rmse=train)], BASELINES, span)
            if span is not None:
                assert wider[0] <= span[0]
                assert wider[1] >= span[1]
            span = wider

    def test_stays_as_it_is_while_all_is_inside(self) -> None:
        span = curve_charts.rmse_span([], BASELINES)
        assert curve_charts.rmse_span([epoch(1, 0.95), epoch(2, 0.87)], BASELINES, span) == span

    def test_moves_seldom_when_a_curve_creeps_out_of_it(self) -> None:
        span, moves = curve_charts.rmse_span([], BASELINES), 0
        for number in range(100):
            wider = curve_charts.rmse_span([epoch(1, 0.9, train_rmse=0.62 - 0.004 * number)], BASELINES, span)
            moves += wider != span
            span = wider
        assert moves <= 6

    def test_passes_over_what_is_not_finite(self) -> None:
        low, high = curve_charts.rmse_span([epoch(1, math.nan, train_rmse=math.inf)], BASELINES)
        assert 0 <= low < high < 2

    def test_has_a_height_with_nothing_known(self) -> None:
        low, high = curve_charts.rmse_span([], {})
        assert low < high


class TestLossCurve:
    def test_its_frame_is_the_same_at_every_tick(self) -> None:
        """A frame that changes makes the browser draw another picture, which flickers and forgets where one points."""
        empty = curve_of([])
        full = curve_of([epoch(number, is_best=number == 3) for number in range(1, 31)])
        assert without_data(empty) == without_data(full)
        assert set(empty["datasets"]) == set(full["datasets"])
        for name in full["datasets"]:
            assert list(empty["datasets"][name].columns) == list(full["datasets"][name].columns)

    def test_two_pictures_share_nothing_that_can_be_changed(self) -> None:
        first = curve_of([])
        untouched = without_data(first)
        first["layer"].clear()
        first["width"] = 3
        assert without_data(curve_of([])) == untouched

    def test_the_horizontal_axis_reaches_to_the_last_epoch_from_the_start(self) -> None:
        domains = [
            channel["scale"]["domain"]
            for channel in encodings(curve_of([epoch(1)], num_epochs=70))
            if channel.get("field") == "x" and "scale" in channel
        ]
        assert domains
        assert all(domain == [0, 70] for domain in domains)

    def test_the_vertical_axis_is_the_given_span(self) -> None:
        domains = [
            channel["scale"]["domain"]
            for channel in encodings(curve_of([epoch(1)], span=(0.4, 1.7)))
            if channel.get("field") == "rmse" and "scale" in channel
        ]
        assert domains
        assert all(domain == [0.4, 1.7] for domain in domains)

    def test_marks_the_best_epoch_with_its_figure(self) -> None:
        epochs = [epoch(1, 0.95, is_best=True), epoch(2, 0.8765432, is_best=True), epoch(3, 0.9)]
        (best,) = curve_of(epochs)["datasets"]["best"].to_dict("records")
        assert best["x"] == 2
        assert best["label"] == "best 0.8765"

    def test_a_tooltip_reads_all_figures_of_an_epoch(self) -> None:
        read = {channel.get("field") for channel in encodings(curve_of([]))}
        assert {"epoch", "train", "validation", "objective", "learning rate"} <= read

    def test_draws_and_names_every_baseline(self) -> None:
        rows = curve_of([])["datasets"]["baselines"]
        assert rows["rmse"].tolist() == [0.88, 0.97, 1.05]
        assert all(f"{value:.4f}" in label for value, label in zip(rows["rmse"], rows["label"], strict=True))

    def test_names_of_baselines_close_together_do_not_lie_on_each_other_nor_on_a_line(self) -> None:
        rows = loss_curve([], {"global_mean": 1.0, "item_mean": 0.99, "user_item_bias": 0.98}, 30, (0.0, 4.0))
        places = rows["datasets"]["baselines"]["place"].to_numpy()
        assert np.diff(places).min() > 0.15
        assert places.min() >= 1.0

    def test_a_long_curve_is_thinned_but_keeps_its_first_best_and_last_epoch(self) -> None:
        epochs = [epoch(number, is_best=number == 777) for number in range(1, 2001)]
        drawn = curve_of(epochs, 2000)["datasets"]["curve"]["epoch"].tolist()
        assert len(drawn) <= curve_charts.MOST_POINTS + 1
        assert {1, 777, 2000} <= set(drawn)

    @pytest.mark.parametrize("by_seconds", [False, True])
    def test_the_refit_is_drawn_by_its_own_epochs_and_read_beside_the_others(self, by_seconds: bool) -> None:
        epochs, refits = [epoch(1), epoch(2), epoch(3)], [refit(1, 1.2), refit(2, 0.9)]
        before = loss_curve(epochs, BASELINES, 3, (0.6, 1.1), by_seconds=by_seconds)
        made = loss_curve(epochs, BASELINES, 3, (0.6, 1.1), refits=refits, by_seconds=by_seconds)
        drawn = made["datasets"]["refits"]
        assert drawn["rmse"].tolist() == [1.2, 0.9]
        assert drawn["x"].tolist() == pytest.approx([0.2, 0.4] if by_seconds else [1, 2])
        assert made["datasets"]["refit_name"]["label"].tolist() == ["fitted once more"]
        assert made["datasets"]["curve"]["refit"].tolist()[:2] == [1.2, 0.9]
        assert math.isnan(made["datasets"]["curve"]["refit"].iloc[2])
        assert without_data(before) == without_data(made)  # the picture stays; only its numbers change

    @pytest.mark.parametrize("is_log", [False, True])
    def test_the_objective_is_drawn_beside_that_of_others_and_reads_the_epoch(self, is_log: bool) -> None:
        epochs = [epoch(1), epoch(2), epoch(3)]
        empty = objective_curve([], 30, is_log=is_log, others={"before": []})
        made = objective_curve(epochs, 30, is_log=is_log, others={"before": epochs[:2]})
        assert made["datasets"]["curve"]["objective"].tolist() == [event.objective for event in epochs]
        assert made["datasets"]["others"]["objective"].tolist() == [event.objective for event in epochs[:2]]
        assert {"epoch", "objective", "learning rate", "seconds"} <= {c.get("field") for c in encodings(made)}
        assert without_data(empty) == without_data(made)  # the picture stays; only its numbers change

    def test_an_objective_without_a_number_leaves_its_epoch_out(self) -> None:
        epochs = [epoch(1), replace(epoch(2), objective=math.inf), replace(epoch(3), objective=math.nan)]
        drawn = objective_curve(epochs, 3, others={"before": epochs}, is_log=True)["datasets"]
        assert drawn["curve"]["epoch"].tolist() == [1]
        assert len(drawn["others"]) == 1

    def test_a_curve_that_diverged_can_still_be_drawn(self) -> None:
        specification = curve_of([epoch(1), epoch(2, math.nan, train_rmse=math.inf)])
        assert len(specification["datasets"]["curve"]) == 2


FALLING = [epoch(number, 0.9 - number / 1000, is_best=True) for number in range(1, 21)]


class TestPartOfACurve:
    def part(self, window: tuple[int, int], **other: Any) -> dict[str, Any]:
        return loss_curve(FALLING, BASELINES, 40, (0.85, 0.95), window=window, **other)

    def test_has_its_epochs_and_one_on_either_side_and_an_axis_of_its_own(self) -> None:
        made = self.part((5, 9))
        assert made["datasets"]["curve"]["epoch"].tolist() == [4, 5, 6, 7, 8, 9, 10]
        domains = [c["scale"]["domain"] for c in encodings(made) if c.get("field") == "epoch" and "scale" in c]
        assert domains
        assert all(domain == [5, 9] for domain in domains)

    def test_shows_every_epoch_of_a_long_run_where_the_whole_is_thinned(self) -> None:
        epochs = [epoch(number) for number in range(1, 2001)]
        made = loss_curve(epochs, BASELINES, 2000, (0.6, 1.1), window=(700, 750))
        assert made["datasets"]["curve"]["epoch"].tolist() == list(range(699, 752))

    def test_by_seconds_it_begins_and_ends_when_its_epochs_did(self) -> None:
        assert curve_charts.extent_of(FALLING, 40, window=(5, 9), by_seconds=True) == pytest.approx((0.5, 0.9))
        low, high = curve_charts.extent_of(FALLING, 40, window=(19, 40), by_seconds=True)  # still to come
        assert low == pytest.approx(1.9)
        assert high == curve_charts.round_end(FALLING, 40)
        low, high = curve_charts.extent_of([], 40, window=(10, 20), by_seconds=True)
        assert 0 < low < high

    def test_what_is_marked_elsewhere_is_not_in_it(self) -> None:
        changes = [HyperparametersChanged(epoch=at, changes={"learning_rate": 0.1}) for at in (3, 7, 15)]
        made = self.part((5, 9), changes=changes, others={"before": FALLING[:12]})["datasets"]
        assert made["best"].empty
        assert made["changes"]["x"].tolist() == [7]
        assert made["baselines"]["rmse"].tolist() == [0.88]
        assert made["others"]["x"].tolist() == [4, 5, 6, 7, 8, 9, 10]
        assert made["others"].loc[made["others"]["label"] == "before", "x"].tolist() == [9]
        (best,) = self.part((15, 20))["datasets"]["best"].to_dict("records")
        assert best["x"] == 20
        assert 15 < best["place"] < 20

    def test_changes_too_close_to_be_read_have_one_name_that_says_what_they_came_to(self) -> None:
        wanted = [(100, "learning_rate", 0.5), (900, "learning_rate", 0.25), (910, "code_dropout", 0.2)]
        wanted += [(915, "learning_rate", 0.125), (1500, "code_dropout", 0.1)]
        changes = [HyperparametersChanged(epoch=at, changes={name: value}) for at, name, value in wanted]
        rows = loss_curve(FALLING, BASELINES, 2000, (0.6, 1.1), changes=changes)["datasets"]["changes"]
        assert rows["x"].tolist() == [100, 900, 910, 915, 1500]
        assert rows["label"].tolist() == ["rate 0.5", "rate 0.25", "code dropout 0.2", "rate 0.125", "code dropout 0.1"]
        assert rows["name"].tolist() == ["rate 0.5", "", "", "rate 0.125, code dropout 0.2", "code dropout 0.1"]
        near = loss_curve(FALLING, BASELINES, 2000, (0.6, 1.1), changes=changes, window=(890, 920))["datasets"][
            "changes"
        ]
        assert near["name"].tolist() == near["label"].tolist() == rows["label"].tolist()[1:4]

    def test_its_frame_stays_the_same_while_a_training_runs_through_it(self) -> None:
        frames = {
            without_data(loss_curve(FALLING[:done], BASELINES, 40, (0.85, 0.95), window=(5, 15))) for done in (0, 6, 20)
        }
        assert len(frames) == 1

    def test_the_objective_and_the_refit_have_parts_too(self) -> None:
        assert objective_curve(FALLING, 40, window=(5, 6))["datasets"]["curve"]["x"].tolist() == [
            4,
            5,
            6,
            7,
        ]
        refits = [refit(number, 0.9) for number in range(1, 13)]
        made = self.part((2, 3), refits=refits)["datasets"]
        assert made["refits"]["x"].tolist() == [1, 2, 3, 4]
        assert 2 < made["refit_name"]["place"].item() < 3

    def test_the_vertical_axis_comes_close_and_never_shrinks(self) -> None:
        span = curve_charts.span_within((5, 9), FALLING)
        assert span is not None
        assert span[0] <= 0.8
        assert span[1] < 0.95
        assert curve_charts.span_within((5, 9), [epoch(6)], span) == span
        assert curve_charts.span_within((5, 9), [epoch(4), epoch(10)]) is None


class TestOthers:
    def test_scores_are_ordered_best_first_with_four_decimals(self) -> None:
        chart = charts.scores(0.8676, BASELINES).to_dict()
        (channel,) = {json.dumps(found["sort"]) for found in encodings(chart) if "sort" in found}
        assert json.loads(channel) == ["this model", "user + movie bias", "movie mean", "global mean"]
        assert any(found.get("format") == ".4f" for found in encodings(chart))

    def test_a_baseline_without_a_figure_is_left_out_of_the_scores(self) -> None:
        chart = charts.scores(0.9, {"global_mean": math.nan, "user_item_bias": 0.95}).to_dict()
        (rows,) = chart["datasets"].values()
        assert [row["name"] for row in rows] == ["this model", "user + movie bias"]

    def test_held_out_points_are_drawn_over_the_others_and_near_their_rating(self) -> None:
        table = pd.DataFrame(
            {
                "name": list("abcdef"),
                "given": [3.0] * 6,
                "predicted": np.linspace(2, 4, 6),
                "part": ["test", "train", "validation", "train", "test", "train"],
            }
        )
        chart = charts.given_against_predicted(table, SCALE, ["train", "validation", "test"]).to_dict()
        rows = next(rows for rows in chart["datasets"].values() if "part" in rows[0])
        assert [row["part"] for row in rows] == ["train"] * 3 + ["validation"] + ["test"] * 2
        assert all(abs(row["place"] - row["given"]) < SCALE.step / 2 for row in rows)

    def test_only_the_parts_that_occur_are_in_the_legend(self) -> None:
        table = pd.DataFrame({"name": ["a"], "given": [3.0], "predicted": [2.5], "part": ["test"]})
        chart = charts.given_against_predicted(table, SCALE, ["test"]).to_dict()
        colours = [found["scale"] for found in encodings(chart) if found.get("field") == "part" and "scale" in found]
        assert {"domain": ["test"], "range": [palette.TEST]} in colours

    def test_dumbbells_keep_the_order_of_the_rows(self) -> None:
        table = pd.DataFrame(
            {"movie": ["Zulu", "Alien"], "given": [1.0, 5.0], "left_out": [4.0, 4.5], "given_back": [3.0, 4.8]}
        )
        chart = charts.dumbbells(table, SCALE).to_dict()
        assert all(found["sort"] == ["Zulu", "Alien"] for found in encodings(chart) if "sort" in found)
        points = next(rows for rows in chart["datasets"].values() if "what" in rows[0])
        assert {(row["movie"], row["what"], row["rating"]) for row in points} >= {
            ("Zulu", charts.GAVE, 1.0),
            ("Zulu", charts.LEFT_OUT, 4.0),
            ("Alien", charts.KNOWN, 4.8),
        }


def light(colour: str) -> np.ndarray:
    """(3,) linear red, green and blue."""
    channels = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio."""
    bright, dark = sorted((float(light(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


# Machado, Oliveira and Fernandes 2009, full severity, on linear light.
SEEN_BY = {
    "all cones": np.eye(3),
    "no red cones": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green cones": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no blue cones": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def oklab(rgb: np.ndarray) -> np.ndarray:
    """(3,) lightness and two opponents in which distances are as people see them (Ottosson 2020)."""
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]) @ rgb.clip(0, 1)
    mix = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    return mix @ np.cbrt(cones)


class TestPalette:
    @pytest.fixture
    def theme(self) -> dict[str, Any]:
        return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]

    def test_the_theme_has_the_same_colours(self, theme: dict[str, Any]) -> None:
        assert theme["chartCategoricalColors"] == list(palette.MEANINGS.values())

    def test_the_stars_have_the_visitors_colour(self) -> None:
        colours = set(re.findall(r"#[0-9a-f]{6}", (ROOT / "pages" / "shared" / "stars.css").read_text()))
        assert palette.YOU in colours

    @pytest.mark.parametrize("name", ["light", "dark"])
    def test_marks_and_words_can_be_seen_on_either_background(self, theme: dict[str, Any], name: str) -> None:
        background = theme[name]["backgroundColor"]
        for meaning, colour in palette.MEANINGS.items():
            assert contrast(colour, background) >= 3, meaning
        for colour in palette.RUNS:
            assert contrast(colour, background) >= 3, colour
        assert contrast(palette.ink(name), background) >= 4.5

    @pytest.mark.parametrize("eyes", SEEN_BY)
    def test_no_two_meanings_look_alike(self, eyes: str) -> None:
        seen = {name: oklab(SEEN_BY[eyes] @ light(colour)) for name, colour in palette.MEANINGS.items()}
        for one, other in itertools.combinations(seen, 2):
            assert np.linalg.norm(seen[one] - seen[other]) > 0.05, (one, other)
