"""Which model is in use: a finished training takes over where the pages say so, and the way back is one click."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import datasets, storage
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.visitors import new_visitor_id
from pages.shared import services, visit

ROOT = Path(__file__).parent.parent


def trained(owner: str | None, units: int) -> Run:
    config = RunConfig(
        source=Source(dataset=datasets.BUNDLED),
        hyperparameters=Hyperparameters(hidden_units=units, epochs=1, batch_size=4096, refit=False),
        kind="starter" if owner is None else "visitor",
        owner=owner,
    )
    run = RunStore(storage.runs_folder()).create(config)
    record(run, lambda *_: True)
    return run


@pytest.fixture(autouse=True)
def somebody(autorec_home, monkeypatch):
    """A visitor with a rating, the starter, and a model of the visitor's own that counts as better than averages."""
    st.cache_resource.clear()
    visitor = new_visitor_id()
    monkeypatch.setattr(visit.state, "visitor_id", lambda: visitor)
    monkeypatch.setattr(Run, "beats_averages", property(lambda run: run.has_model))
    trained(None, 3)
    trained(visit.state.owner(), 5)
    services.visitor_store().rate(visitor, visit.catalogue_name(), "2571", 5.0)
    yield
    services.close_jobs()
    st.cache_resource.clear()


def opened(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app = app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def in_use(app: AppTest) -> str:
    """What the sidebar calls the model in use."""
    return app.sidebar.markdown[0].value.split("**")[1]


def said(app: AppTest, words: str) -> bool:
    return any(words in str(part.value) for part in [*app.caption, *app.info])


def test_recommendations_say_that_a_model_took_over_and_lead_back_and_forth() -> None:
    app = opened("recommendations")
    assert in_use(app) == "I-AutoRec, 5 hidden units"
    assert said(app, "Your newest model is in use since its training ended: Custom · I-AutoRec 5")
    back = app.button(key="model_before")
    assert back.label == "Back to the starter model"
    back.click().run()
    assert in_use(app) == "I-AutoRec, 3 hidden units"
    assert said(app, "You chose Starter model")
    app.button(key="newest_model").click().run()
    assert in_use(app) == "I-AutoRec, 5 hidden units"
    assert not said(app, "Your newest model is in use")
    assert not said(app, "You chose")


def test_who_keeps_the_new_model_is_not_told_again() -> None:
    app = opened("recommendations")
    app.button(key="keep_model").click().run()
    assert in_use(app) == "I-AutoRec, 5 hidden units"
    assert not said(app, "Your newest model is in use")


def test_the_end_of_a_training_says_that_it_is_used_from_now_on_and_leads_back() -> None:
    app = opened("train")
    assert said(app, "All pages use this model now")
    assert app.button(key="use_model").disabled
    app.button(key="use_before").click().run()
    assert in_use(app) == "I-AutoRec, 3 hidden units"
    assert not said(app, "All pages use this model now")
    app.button(key="use_model").click().run()
    assert in_use(app) == "I-AutoRec, 5 hidden units"


def test_before_the_newest_of_two_own_models_comes_the_other() -> None:
    trained(visit.state.owner(), 6)
    app = opened("recommendations")
    own = {"I-AutoRec, 5 hidden units", "I-AutoRec, 6 hidden units"}  # which is newer is a matter of their second
    newest = in_use(app)
    assert newest in own
    assert app.button(key="model_before").label == "Back to the model before"
    app.button(key="model_before").click().run()
    assert {in_use(app)} == own - {newest}
