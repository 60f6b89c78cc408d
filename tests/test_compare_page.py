"""The Compare page: what it shows of whom, and what naming, pinning and deleting do."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import comparison, shelf, storage
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore
from pages.shared import compare_charts, compared, services, visit

ROOT = Path(__file__).parent.parent
SMALL = Hyperparameters(hidden_units=4, epochs=2, batch_size=1024, refit=False)


def trained(owner: str | None = "me", seed: int = 0, **changes: object) -> Run:
    kind = "starter" if owner is None else "visitor"
    config = RunConfig(hyperparameters=SMALL.with_changes(**changes), kind=kind, owner=owner, seed=seed)
    run = RunStore(storage.runs_folder()).create(config)
    record(run, lambda *_: True)
    return run


@pytest.fixture(autouse=True)
def starter(autorec_home, monkeypatch):
    """A small model stands in for the app's own, so that no worker is needed; the visitor is known."""
    st.cache_resource.clear()
    monkeypatch.setattr(visit.state, "owner", lambda: "me")
    yield trained(None)
    services.close_jobs()
    st.cache_resource.clear()


def opened() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app = app.switch_page("pages/compare.py").run()
    assert not app.exception
    return app


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["run"])


def test_without_a_run_of_ones_own_it_says_what_to_do_and_offers_it() -> None:
    app = opened()
    assert any("Nothing of yours to compare yet." in part.value for part in app.markdown)
    assert any(button.label == "Train a model" for button in app.button)
    assert shown(app) == ["Starter, I-AutoRec 4"]


def test_own_runs_and_the_starter_are_shown_and_those_of_others_are_not() -> None:
    trained(hidden_units=5)
    trained("somebody else", hidden_units=6)
    assert sorted(shown(opened())) == ["Custom, I-AutoRec 5", "Starter, I-AutoRec 4"]


def test_the_table_is_ranked_by_validation_and_has_what_differs() -> None:
    runs = [trained(hidden_units=5), trained(hidden_units=6, learning_rate=0.001)]
    table = opened().dataframe[0].value
    assert list(table["rank"]) == [1, 2, 3]
    assert list(table["valid"]) == sorted(table["valid"])
    assert {"hidden_units", "learning_rate"} <= set(table)
    assert "epochs_run" not in table
    assert "batch_size" not in table
    best = min(runs, key=lambda run: run.result["valid_rmse"])
    assert best.result["test_rmse"] in list(table["test"])


def test_what_a_run_under_way_has_no_figure_for_is_a_dash_and_the_page_says_why() -> None:
    assert not any("not ended" in part.value for part in opened().caption)
    config = RunConfig(hyperparameters=SMALL.with_changes(epochs=5), kind="visitor", owner="me")
    RunStore(storage.runs_folder()).create(config)
    app = opened()
    drawn = app.dataframe[0]
    assert drawn.value[["rank", "valid", "test", "seconds"]].iloc[1].isna().all()
    assert list(drawn.value["epochs_done"]) == [2, 0]  # and not as many as were asked for
    assert drawn.proto.placeholder == "–"
    assert any(part.value.startswith("1 run has not ended:") for part in app.caption)


def test_only_runs_on_the_chosen_split_are_in_the_table() -> None:
    trained(hidden_units=5)
    trained(hidden_units=6, seed=1)
    app = opened()
    assert sorted(shown(app)) == ["Custom, I-AutoRec 5", "Starter, I-AutoRec 4"]
    other = next(option for option in app.selectbox(key="compare_split").options if "seed 1" in option)
    app.selectbox(key="compare_split").set_value(other.rpartition(":")[0]).run()
    assert not app.exception
    assert shown(app) == ["Custom, I-AutoRec 6"]
    assert any("same split are ranked" in part.value for part in app.caption)


def test_a_name_is_kept_and_used() -> None:
    run = trained(hidden_units=5)
    app = opened()
    app.text_input(key=f"compare_name_{run.id}").set_value("The five").run()
    assert not app.exception
    assert "The five" in shown(app)
    assert shelf.note_of(run).name == "The five"
    assert "The five" in shown(opened())


def test_a_change_is_seen_though_the_clock_was_set_back_before_it() -> None:
    run = trained(hidden_units=5)
    assert [one.note.name for one in compared.summaries([run])] == [""]
    shelf.name(run, "The five")
    os.utime(run.folder / "note.json", (1.0, 1.0))
    assert [one.note.name for one in compared.summaries([run])] == ["The five"]


def test_a_pin_is_kept() -> None:
    run = trained(hidden_units=5)
    app = opened()
    app.toggle(key=f"compare_pin_{run.id}").set_value(True).run()
    assert shelf.note_of(run).is_pinned
    table = app.dataframe[0].value
    assert list(table["run"][table["pinned"]]) == ["Custom, I-AutoRec 5"]


def test_a_deletion_hides_the_run_everywhere_and_undo_brings_it_back() -> None:
    run = trained(hidden_units=5)
    app = opened()
    app.button(key="compare_delete").click().run()
    assert not app.exception
    assert shown(app) == ["Starter, I-AutoRec 4"]
    assert run.folder.exists()
    assert all(one.id != run.id for one in visit.own_runs())
    train = app.switch_page("pages/train.py").run()
    assert not train.exception
    assert all("I-AutoRec 5" not in option for option in train.selectbox(key="shown_run_0").options)
    app = opened()
    app.button(key=f"undo_{run.id}").click().run()
    assert sorted(shown(app)) == ["Custom, I-AutoRec 5", "Starter, I-AutoRec 4"]


def test_what_is_taken_back_is_in_the_pictures_at_once() -> None:
    kept, run = trained(hidden_units=6), trained(hidden_units=5)
    app = opened()
    app.selectbox(key="compare_run").set_value(run.id).run()
    app.button(key="compare_delete").click().run()
    (drawn,) = app.multiselect
    assert run.id not in drawn.value
    assert kept.id in drawn.value
    app.button(key=f"undo_{run.id}").click().run()
    (drawn,) = app.multiselect
    assert {run.id, kept.id} <= set(drawn.value)


def test_the_browser_is_told_again_what_is_chosen_where_a_name_changed_or_a_run_went() -> None:
    """Else its boxes go on showing the old names: that of a run just deleted, beside a button that deletes another."""
    trained(hidden_units=6)
    run = trained(hidden_units=5)
    app = opened()

    def told(key: str) -> str:
        box = app.selectbox(key=key).proto
        assert box.set_value
        return str(box.raw_value)

    app.selectbox(key="compare_run").set_value(run.id).run()
    app.text_input(key=f"compare_name_{run.id}").set_value("The five").run()
    assert told("compare_run") == "The five"
    assert told("compare_split").endswith("3 runs")
    app.button(key="compare_delete").click().run()
    assert shelf.is_deleted(run)
    assert told("compare_run") == "Custom, I-AutoRec 6"
    assert told("compare_split").endswith("2 runs")


def test_a_deletion_of_ones_only_run_can_be_taken_back_from_the_empty_page() -> None:
    run = trained(hidden_units=5)
    shelf.delete(run)
    app = opened()
    assert any("Nothing of yours" in part.value for part in app.markdown)
    app.button(key=f"undo_{run.id}").click().run()
    assert "Custom, I-AutoRec 5" in shown(app)


def test_what_the_disk_refuses_is_told(monkeypatch) -> None:
    run = trained(hidden_units=5)
    app = opened()
    monkeypatch.setattr(storage, "replace_file", _refuse)
    app.text_input(key=f"compare_name_{run.id}").set_value("The five").run()
    assert not app.exception
    assert "The disk is full." in app.warning[0].value


def _refuse(path, content):
    raise storage.StorageError("The disk is full.")


def test_a_damaged_run_leaves_the_others_on_the_page() -> None:
    run = trained(hidden_units=5)
    (run.folder / "events.jsonl").unlink()
    (run.folder / "events.jsonl").mkdir()
    assert shown(opened()) == ["Starter, I-AutoRec 4"]


class TestCharts:
    @pytest.fixture
    def group(self):
        runs = [trained(hidden_units=5), trained(hidden_units=50, based_on="users"), trained(regularization=0.0)]
        return [comparison.summary_of(run) for run in runs]

    def rows(self, chart) -> list[dict]:
        return [row for found in chart.to_dict()["datasets"].values() for row in found]

    @pytest.mark.parametrize("over", ["epoch", "seconds"])
    def test_each_epoch_of_each_run_is_a_point(self, group, over) -> None:
        labels = comparison.labels(group)
        rows = self.rows(compare_charts.curves(group, labels, over))
        drawn = {(row["run"], row["epoch"], row["rmse"]) for row in rows}
        assert drawn == {(labels[one.run_id], p.epoch, p.valid_rmse) for one in group for p in one.curve}

    def test_time_stands_against_error(self, group) -> None:
        labels = comparison.labels(group)
        rows = self.rows(compare_charts.time_against_error(group, labels))
        found = {(row["run"], row["seconds"], row["rmse"]) for row in rows}
        assert found == {(labels[one.run_id], one.seconds, one.valid_rmse) for one in group}

    def test_a_line_goes_through_every_axis_and_the_ends_are_the_least_and_the_most(self, group) -> None:
        labels = comparison.labels(group)
        names = comparison.differing(group)
        assert names == ["based_on", "hidden_units", "regularization"]
        rows = [row for row in self.rows(compare_charts.parallel(group, labels, names)) if "run" in row]
        assert len(rows) == len(group) * (len(names) + 1)
        for axis in {row["axis"] for row in rows}:
            places = [row["place"] for row in rows if row["axis"] == axis]
            assert (min(places), max(places)) == (0.0, 1.0)
        units = {row["value"]: row["place"] for row in rows if row["axis"] == "Hidden units"}
        assert units["4"] == 0.0
        assert units["5"] == pytest.approx(math.log(5 / 4) / math.log(50 / 4))

    def test_a_run_without_an_epoch_breaks_no_picture(self, group) -> None:
        run = RunStore(storage.runs_folder()).create(RunConfig(hyperparameters=SMALL))
        all_of_them = [*group, comparison.summary_of(run)]
        labels = comparison.labels(all_of_them)
        assert self.rows(compare_charts.curves(all_of_them, labels, "epoch"))
        assert len(self.rows(compare_charts.time_against_error(all_of_them, labels))) == len(group)

    def test_names_of_near_points_make_room_for_each_other(self, group) -> None:
        near = [replace(group[0], run_id=str(number), valid_rmse=0.9 + number * 1e-6) for number in range(6)]
        far = replace(group[1], run_id="far", valid_rmse=0.95)
        labels = {one.run_id: one.run_id for one in [*near, far]}
        rows = self.rows(compare_charts.time_against_error([*near, far], labels))
        places = [row["beside"] for row in sorted(rows, key=lambda row: row["rmse"])]
        a_line = 15 / compare_charts.HEIGHT * 1.4 * (0.95 - 0.9)
        assert all(second - first > a_line for first, second in itertools.pairwise(places))
        assert next(row["beside"] for row in rows if row["run"] == "far") == pytest.approx(0.95)

    def test_of_values_that_would_touch_on_an_axis_the_ends_are_written(self, group) -> None:
        some = [
            replace(one, run_id=str(number), valid_rmse=rmse)
            for number, (one, rmse) in enumerate(zip([*group, group[0]], [0.9, 0.9001, 0.95, 1.0], strict=True))
        ]
        labels = {one.run_id: one.run_id for one in some}
        rows = [row for row in self.rows(compare_charts.parallel(some, labels, [])) if "least" in row]
        least = {row["value"]: row["least"] for row in rows}
        assert max(least["0.9000"], least["1.0000"]) < 200  # of any width that a screen has
        assert least["0.9500"] < 350
        assert least["0.9001"] > 10_000
