"""The pages as scripts: each one warm and cold, with and without a model, drawn without an exception."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import datasets, storage
from autorec_core.errors import StorageError
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import RunConfig, RunStore, Source
from pages.shared import frame, services, visit

ROOT = Path(__file__).parent.parent
SECONDS = 60


@pytest.fixture(autouse=True)
def _fresh_services(autorec_home):
    """Each test has a home folder of its own, and so services of its own."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    services.close_jobs()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def trained():
    """A small model, as the app's starter would leave one."""
    config = RunConfig(
        source=Source(dataset=datasets.BUNDLED),
        hyperparameters=Hyperparameters(hidden_units=8, epochs=2, batch_size=1024),
        kind="starter",
    )
    run = RunStore(storage.runs_folder()).create(config)
    record(run, lambda trainer, event, save: True)
    return run


def opened(page: str) -> AppTest:
    """The app with a page open."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=SECONDS).run()
    return app if page == "home" else app.switch_page(f"pages/{page}.py").run()


def texts(app: AppTest) -> str:
    """All that a page says."""
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.title, *app.subheader]
    return "\n".join(str(part.value) for part in parts)


@pytest.mark.parametrize("page", frame.PAGES)
def test_each_page_draws_with_a_model(trained, page):
    app = opened(page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value


@pytest.mark.parametrize("page", frame.PAGES)
def test_each_page_draws_before_there_is_a_model(page):
    app = opened(page)
    assert not app.exception
    assert not app.error
    assert visit.current_run() is None or visit.current_run().config.kind == "starter"


@pytest.mark.parametrize("page", frame.PAGES)
def test_each_page_opens_by_itself_as_after_a_restart(trained, page):
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=SECONDS).run()
    assert not app.exception
    assert not app.error
    assert app.title[0].value


@pytest.mark.parametrize("page", frame.PAGES)
def test_a_model_cut_short_on_disk_breaks_no_page_and_is_trained_anew(trained, page):
    path = trained.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    app = opened(page)
    assert not app.exception
    assert not app.error
    assert visit.current_run() is None
    kinds = [run.config.kind for run in services.run_store().all()]
    assert kinds == ["starter", "starter"]


def test_what_stands_in_the_starters_way_is_told_and_starts_no_second_worker(trained, monkeypatch):
    (trained.folder / "model.json").unlink()
    monkeypatch.setattr(RunStore, "create", _refuse)
    for _ in range(3):
        app = opened("home")
        assert not app.exception
        assert "The disk is full." in texts(app)
    assert len(services._runner_of_process) == 1


def _refuse(self, config):
    raise StorageError("The disk is full.")


def test_ratings_that_cannot_be_read_are_told_and_training_goes_on(trained, monkeypatch, tmp_path):
    (tmp_path / "a_file").write_text("not a database, " * 100)
    monkeypatch.setenv("AUTOREC_DATABASE_URL", f"sqlite:///{tmp_path}/a_file")
    app = opened("rate")
    assert not app.exception
    assert "can't be opened" in texts(app)
    app = opened("train")
    assert not app.exception
    assert any(button.label == "Start training" for button in app.button)


def test_the_first_start_trains_a_starter_model():
    opened("home")
    assert [run.config.kind for run in services.run_store().all()] == ["starter"]


def test_a_search_narrows_the_list(trained):
    app = opened("rate")
    app.text_input(key="rate_query").set_value("the matrix").run()
    assert not app.exception
    shown = next(caption.value for caption in app.caption if "movie" in caption.value and caption.value[0].isdigit())
    assert int(shown.split()[0].replace(",", "")) < 20


def test_a_search_without_a_hit_says_what_to_do(trained):
    app = opened("rate")
    app.text_input(key="rate_query").set_value("no such movie at all").run()
    assert "No movie matches" in texts(app)


def test_without_ratings_the_recommendations_page_points_to_rating(trained):
    app = opened("recommendations")
    assert any("Rate" in button.label for button in app.button)


def test_an_own_model_is_taken_into_use_by_itself_only_if_it_beats_the_averages(trained, monkeypatch):
    monkeypatch.setattr(visit.state, "owner", lambda: "me")
    chosen: list[str] = []
    monkeypatch.setattr(visit.state, "chosen_run_id", lambda: chosen[0] if chosen else None)

    def train(**changes):
        config = RunConfig(
            source=Source(dataset=datasets.BUNDLED),
            hyperparameters=Hyperparameters(hidden_units=8, **changes),
            owner="me",
        )
        run = RunStore(storage.runs_folder()).create(config)
        record(run, lambda trainer, event, save: True)
        return run

    bad = train(epochs=1, learning_rate=1e-6, centering=False)
    assert bad.has_model
    assert not bad.beats_averages
    assert visit.current_run().id == trained.id
    assert "On validation, averages alone do as well as this model or better" in texts(opened("train"))
    good = train(epochs=12)
    assert good.beats_averages
    assert visit.current_run().id == good.id
    assert "on validation it predicts better than averages alone" in texts(opened("train"))  # the test may not agree
    train(epochs=1, learning_rate=1e-6, centering=False)
    assert visit.current_run().id == good.id
    chosen.append(bad.id)
    assert visit.current_run().id == bad.id, "whoever asks for it gets it"


def test_ask_me_proposes_a_movie(trained):
    app = opened("rate")
    app.segmented_control(key="rate_show").set_value("Ask me").run()
    assert not app.exception
    assert "Have you seen this one?" in texts(app)
    assert "What the model knows about you: 0.0" in texts(app)
