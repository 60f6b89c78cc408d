"""The Learn page, and the whole test set on Reconstruction: every step and view draws, for both bases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import datasets, small_autorec, storage
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.small_autorec import Recipe
from pages.shared import astray, figures, fooled, lesson, services, stories, visit

ROOT = Path(__file__).parent.parent
SECONDS = 60


@pytest.fixture(scope="module", params=["items", "users"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppTest]:
    """The app with a small trained model of either base, in a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOREC_HOME", str(tmp_path_factory.mktemp(request.param)))
        st.cache_resource.clear()
        st.cache_data.clear()
        _train(based_on=request.param, hidden_units=8, epochs=2, batch_size=1024)
        yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS).run()
        services.close_jobs()
        st.cache_resource.clear()
        st.cache_data.clear()


def _train(**changes: object) -> Run:
    source = Source(dataset=datasets.BUNDLED)
    config = RunConfig(source=source, hyperparameters=Hyperparameters(**changes), kind="starter")  # type: ignore[arg-type]
    run = RunStore(storage.runs_folder()).create(config)
    record(run, lambda trainer, event, save: True)
    return run


@pytest.fixture(autouse=True)
def _same_home(autorec_home: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's home and not the test's own."""
    monkeypatch.setenv("AUTOREC_HOME", str(services.run_store().folder.parent))


def said(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*app.markdown, *app.caption, *app.info])


def test_each_step_draws_with_its_code_and_its_picture(app: AppTest) -> None:
    app.switch_page("pages/learn.py").run()
    for name, step in lesson.STEPS.items():
        app.session_state["learn_step"] = name
        app.run()
        assert not app.exception, name
        assert step.title() in app.subheader[0].value
        assert app.code, name
        assert "stands in as the example" in said(app)
    app.button(key="learn_on").click().run()
    assert not app.exception
    assert fooled.WAYS["zeros"].title() in app.subheader[0].value
    app.segmented_control(key="learn_part").set_value("method").run()
    assert step.title() in app.subheader[0].value


def test_the_ways_that_need_no_training_give_two_numbers(app: AppTest) -> None:
    app.switch_page("pages/learn.py").run()
    app.segmented_control(key="learn_part").set_value("fooled").run()
    for name in ("leak", "per_user"):
        app.session_state["fooled_way"] = name
        app.run()
        assert not app.exception, name
        honest, wrong = (float(metric.value) for metric in app.metric[:2])
        assert honest != wrong
        assert float(app.metric[2].value) == pytest.approx(honest - wrong, abs=2e-4)
    app.session_state["fooled_way"] = "zeros"
    app.run()
    assert not app.exception
    assert any(button.label == "Train it" for button in app.button)


@pytest.mark.parametrize(("way", "switch"), [("picks", "picks_on"), ("leak", "leak_on"), ("per_user", "per_user_on")])
def test_a_mistake_that_is_switched_off_leaves_the_honest_number(app: AppTest, way: str, switch: str) -> None:
    app.switch_page("pages/learn.py").run()
    app.segmented_control(key="learn_part").set_value("fooled").run()
    app.session_state["fooled_way"] = way
    app.run()
    honest, wrong, _gap = (metric.value for metric in app.metric)
    assert honest != wrong
    app.toggle(key=switch).set_value(False).run()
    assert [metric.value for metric in app.metric] == [honest, honest, "+0.0000"]


def test_lambda_counts_once_a_batch_or_once(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fooled, "STEPS", 8)
    drawn: list[pd.DataFrame] = []
    monkeypatch.setattr(fooled.lesson_charts, "curves", lambda table, *_others, **_more: drawn.append(table))
    monkeypatch.setattr(figures, "draw", lambda *_drawn, **_more: None)
    app.switch_page("pages/learn.py").run()
    app.segmented_control(key="learn_part").set_value("fooled").run()
    app.session_state["fooled_way"] = "penalty"
    app.run()
    assert not app.exception
    assert app.metric[2].value == "63 times"
    assert set(drawn[-1]["what"]) == {fooled.HONEST, fooled.FOOLED}
    app.toggle(key="penalty_on").set_value(False).run()
    assert [metric.value for metric in app.metric[1:]] == ["–", "once"]
    assert set(drawn[-1]["what"]) == {fooled.HONEST}


def test_each_filling_of_the_holes_is_a_training_of_its_own(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_autorec, "MOST_ITEMS", 60)
    stories._stories.clear()
    app.switch_page("pages/learn.py").run()
    app.segmented_control(key="learn_part").set_value("fooled").run()
    app.session_state["fooled_way"] = "filling"
    app.run()
    shown = {}
    for fill in ("3", "0", "none"):
        app.segmented_control(key="filling").set_value(fill).run()
        assert not app.exception
        shown[fill] = tuple(float(metric.value) for metric in app.metric)
    for fill, (honest, wrong, gap) in shown.items():
        recipe = Recipe(fill=None if fill == "none" else float(fill))
        (story,) = small_autorec.train(stories._bundled_split(), [recipe])
        assert (honest, wrong) == pytest.approx((story.valid_rmse[-1], story.reported[-1]), abs=5e-5)
        assert gap == pytest.approx(honest - wrong, abs=2e-4)
    assert len(set(shown.values())) == 3
    assert shown["3"][2] > shown["none"][2]
    stories._stories.clear()


def test_what_the_zeros_are_worth_is_told_only_when_asked(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Hyperparameters(hidden_units=4, epochs=2, batch_size=1024, refit=False)
    config = RunConfig(source=Source(dataset=datasets.BUNDLED), hyperparameters=small, kind=services.LESSON)
    monkeypatch.setattr(fooled, "_notebook", lambda: config)
    lesson_of_zeros = services.run_store().create(config)
    record(lesson_of_zeros, lambda trainer, event, save: True)

    app.switch_page("pages/learn.py").run()
    app.segmented_control(key="learn_part").set_value("fooled").run()
    app.session_state["fooled_way"] = "zeros"
    app.run()
    honest, wrong, gap = (metric.value for metric in app.metric)
    assert (honest, gap) == ("?", "?")
    app.toggle(key="zeros_honest").set_value(True).run()
    assert [metric.label for metric in app.metric] == ["Honest", "Fooled", "Too good by"]
    assert app.metric[1].value == wrong
    assert float(app.metric[2].value) == pytest.approx(float(app.metric[0].value) - float(wrong), abs=2e-4)
    services.run_store().delete(lesson_of_zeros.id)


def test_the_whole_test_set_is_shown_from_every_side(app: AppTest) -> None:
    app.switch_page("pages/reconstruction.py").run()
    app.segmented_control(key="whose").set_value("The whole test set").run()
    for by in astray.GROUPINGS:
        app.segmented_control(key="astray_by").set_value(by).run()
        assert not app.exception, by
    for view in astray.VIEWS[1:]:
        app.segmented_control(key="astray_view").set_value(view).run()
        assert not app.exception, view
    assert "620 users have one" in said(app)


def test_a_training_of_the_lesson_is_nobodys_model(app: AppTest) -> None:
    config = fooled._notebook()
    run = services.run_store().create(config)
    assert services.lesson_run(fooled._notebook()).id == run.id  # type: ignore[union-attr]
    assert run.id not in [one.id for one in visit.own_runs()]
    services.run_store().delete(run.id)


def test_numbers_are_downloaded_as_they_are_drawn() -> None:
    table = astray.pd.DataFrame({"group": ["1–3"], "rmse": [0.5]})
    assert figures.as_csv(table).decode() == "group,rmse\n1–3,0.5\n"


def test_the_list_that_caution_orders_is_drawn_with_the_scores_that_order_it(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, pd.DataFrame] = {}
    monkeypatch.setattr(figures, "draw", lambda chart, table, key, see: drawn.update({key: table}))
    app.switch_page("pages/learn.py").run()
    app.session_state["learn_part"], app.session_state["learn_step"] = "method", "ranking"
    for adventure in (-1.0, 1.0):
        app.session_state["learn_adventure"] = adventure
        app.run()
        assert not app.exception
        scores = drawn["learn_ranking"]["score"]
        assert len(scores) == 10
        assert scores.is_monotonic_decreasing
