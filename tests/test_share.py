"""The Train page's address and its panel to share: a link moves the controls, the controls move the address."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from autorec_core import scripts, storage
from autorec_core.hyperparameters import PRESETS, Hyperparameters
from autorec_core.recording import record
from autorec_core.runs import Run, RunConfig, RunStore
from pages.shared import services, share

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def starter(autorec_home):
    """A small model stands in for the app's own, so that no worker is needed."""
    st.cache_resource.clear()
    config = RunConfig(hyperparameters=Hyperparameters(hidden_units=4, epochs=2, batch_size=1024), kind="starter")
    run = RunStore(storage.runs_folder()).create(config)
    record(run, lambda *_: True)
    yield run
    services.close_jobs()
    st.cache_resource.clear()


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app.query_params.update(query)
    app = app.switch_page("pages/train.py").run()
    assert not app.exception
    return app


def query_of(app: AppTest) -> dict[str, str]:
    return {name: values if isinstance(values, str) else values[-1] for name, values in app.query_params.items()}


def codes(app: AppTest) -> list[str]:
    return [block.value for block in app.code]


def test_the_default_has_an_address_without_a_word() -> None:
    app = opened()
    assert query_of(app) == {}
    assert not app.warning


def test_a_link_moves_the_controls_and_stays_the_address() -> None:
    app = opened(preset="users", hidden_units="77", seed="5", refit="false")
    assert app.select_slider(key="hyperparameter_hidden_units").value == 77
    assert app.segmented_control(key="hyperparameter_based_on").value == "users"
    assert app.number_input(key="seed").value == 5
    assert app.toggle(key="hyperparameter_refit").value is False
    assert app.selectbox(key="preset").value == "custom"
    assert query_of(app) == {"preset": "users", "hidden_units": "77", "seed": "5", "refit": "false"}


def test_moving_a_control_moves_the_address() -> None:
    app = opened(hidden_units="77")
    app.select_slider(key="hyperparameter_epochs").set_value(50).run()
    assert query_of(app) == {"hidden_units": "77", "epochs": "50"}
    app.selectbox(key="preset").set_value("paper").run()
    assert query_of(app) == {"preset": "paper"}


def test_a_value_off_the_stops_of_its_slider_is_kept() -> None:
    app = opened(learning_rate="0.00123", input_dropout="0.333")
    assert app.select_slider(key="hyperparameter_learning_rate").value == 0.00123
    assert app.slider(key="hyperparameter_input_dropout").value == 0.333


def test_what_a_link_asks_in_vain_is_told_until_something_is_changed() -> None:
    app = opened(hidden_units="5000", epochs="7", wings="2")
    (told,) = app.warning
    assert "hidden_units must be between 1 and 1000, got 5000." in told.value
    assert "There is no setting called wings." in told.value
    assert app.select_slider(key="hyperparameter_hidden_units").value == Hyperparameters().hidden_units
    assert app.select_slider(key="hyperparameter_epochs").value == 7
    assert query_of(app) == {"epochs": "7"}
    app.select_slider(key="hyperparameter_epochs").set_value(10).run()
    assert not app.warning


def test_another_link_in_the_same_session_is_followed() -> None:
    app = opened(epochs="7")
    app.query_params.clear()
    app.query_params["hidden_units"] = "32"
    app.run()
    assert app.select_slider(key="hyperparameter_hidden_units").value == 32
    assert app.select_slider(key="hyperparameter_epochs").value == Hyperparameters().epochs


def test_a_click_that_still_has_the_address_before_undoes_no_change_and_the_back_button_does(monkeypatch) -> None:
    app = opened(epochs="7")
    app.select_slider(key="hyperparameter_epochs").set_value(100).run()
    app.query_params["epochs"] = "7"  # sent by a browser that has not heard of the new address yet
    app.run()
    assert app.select_slider(key="hyperparameter_epochs").value == 100
    assert query_of(app) == {"epochs": "100"}
    monkeypatch.setattr(share, "SECONDS_TO_ARRIVE", 0.0)
    app.query_params["epochs"] = "7"
    app.run()
    assert app.select_slider(key="hyperparameter_epochs").value == 7


def test_a_control_that_is_moved_counts_against_an_address_that_no_whole_drawing_has_told() -> None:
    # A drawing that the next click cut short has told the browser its address, and the session nothing of it.
    app = opened(hidden_units="77")
    app.query_params["hidden_units"] = "100"
    app.select_slider(key="hyperparameter_epochs").set_value(50).run()
    assert query_of(app) == {"hidden_units": "77", "epochs": "50"}


def test_the_stops_of_a_slider_stay_when_it_leaves_a_value_between_them() -> None:
    app = opened(hidden_units="77")
    stops = app.select_slider(key="hyperparameter_hidden_units").options
    assert "77" in stops
    app.select_slider(key="hyperparameter_hidden_units").set_value(100).run()
    assert app.select_slider(key="hyperparameter_hidden_units").options == stops


def test_the_menu_leaves_the_controls_as_they_are() -> None:
    app = opened(epochs="7")
    app.query_params.clear()
    app.run()
    assert app.select_slider(key="hyperparameter_epochs").value == 7
    assert query_of(app) == {"epochs": "7"}


def test_the_panel_has_link_script_and_command_of_the_controls() -> None:
    app = opened(preset="quick", seed="3")
    config = RunConfig(hyperparameters=PRESETS["quick"].hyperparameters, seed=3)
    link, script, command = codes(app)
    assert link.endswith("?preset=quick&seed=3")
    assert script == scripts.python_script(config).strip()
    assert command == scripts.command(config)


def test_the_panel_has_them_of_the_run_that_is_shown(starter: Run) -> None:
    app = opened(preset="quick", seed="3")
    app.segmented_control(key="share_what").set_value("The run shown").run()
    assert not app.exception
    link, script, command = codes(app)
    assert "hidden_units=4" in link
    assert script == scripts.python_script(starter.config).strip()
    assert command == scripts.command(starter.config)
