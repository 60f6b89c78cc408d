"""The form of the Train page: every hyperparameter has a control, presets fill them, a change makes them custom."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from autorec_core import datasets
from autorec_core.defaults import hyperparameters_for
from autorec_core.hyperparameters import PRESETS, Hyperparameters, choice_of, names
from pages.shared import controls, sets

SECONDS = 30


def script() -> None:
    import streamlit as st

    from pages.shared import controls

    controls.begin()
    controls.preset_control()
    controls.based_on_control()
    controls.hyperparameters_form()
    st.json(controls.chosen().to_json())
    st.text(controls.name_of(controls.chosen()) or "none")


@pytest.fixture
def form() -> AppTest:
    return AppTest.from_function(script, default_timeout=SECONDS).run()


def key_of(name: str) -> str:
    return f"hyperparameter_{name}"


def chosen(form: AppTest) -> Hyperparameters:
    return Hyperparameters.from_json(json.loads(form.json[0].value))


class TestValues:
    @pytest.mark.parametrize("name", [name for name in names() if choice_of(name).log])
    def test_stops_lie_inside_what_is_accepted_and_hold_both_ends_of_it_nearly(self, name: str) -> None:
        choice, stops = choice_of(name), controls.nice_values(name)
        assert stops == sorted(set(stops))
        for stop in stops:
            Hyperparameters(**{name: stop})
        assert choice.low is not None
        assert choice.high is not None
        assert stops[0] <= max(choice.low * 2, 0)
        assert stops[-1] >= choice.high / 2.5

    @pytest.mark.parametrize("name", [name for name in names() if choice_of(name).log])
    def test_stops_go_up_in_even_factors(self, name: str) -> None:
        positive = [stop for stop in controls.nice_values(name) if stop > 0]
        whole = isinstance(getattr(Hyperparameters(), name), int)
        assert (np.diff(np.log10(positive)) < 0.45).all() or (whole and positive[0] == 1)

    @pytest.mark.parametrize("preset", PRESETS)
    def test_every_preset_can_be_set_on_the_sliders(self, preset: str) -> None:
        values = PRESETS[preset].hyperparameters
        for name in names():
            if choice_of(name).log:
                assert getattr(values, name) in controls.nice_values(name)

    def test_every_option_has_a_word(self) -> None:
        for name in names():
            for option in choice_of(name).options:
                assert controls.word_of(name, option)
        assert all(option in choice_of(name).options for name, option in controls.WORDS)

    def test_a_data_set_that_needs_a_download_says_so_and_the_bundled_one_does_not(self) -> None:
        assert "download" not in sets.label(datasets.BUNDLED)
        assert "download, 6 MB" in sets.label("ml-1m")

    def test_a_data_set_is_described_by_its_size(self) -> None:
        note = controls.dataset_note(datasets.BUNDLED)
        assert "100,004 ratings" in note
        assert "671 people" in note


class TestForm:
    def test_every_hyperparameter_has_a_control_with_label_and_help(self, form: AppTest) -> None:
        assert not form.exception
        for name in names():
            control = find(form, key_of(name))
            assert control.label == choice_of(name).label
            assert control.help == choice_of(name).help

    def test_it_begins_with_the_default_preset(self, form: AppTest) -> None:
        assert chosen(form) == Hyperparameters()
        assert form.text[0].value == "balanced"

    @pytest.mark.parametrize("preset", PRESETS)
    def test_choosing_a_preset_moves_all_controls(self, form: AppTest, preset: str) -> None:
        form.selectbox(key="preset").set_value(preset).run()
        assert not form.exception
        assert chosen(form) == PRESETS[preset].hyperparameters
        assert form.text[0].value == preset

    def test_moving_a_slider_makes_the_preset_custom_and_keeps_the_rest(self, form: AppTest) -> None:
        form.select_slider(key=key_of("hidden_units")).set_value(50).run()
        assert form.selectbox(key="preset").value == controls.CUSTOM
        assert chosen(form) == Hyperparameters(hidden_units=50)

    def test_moving_it_back_makes_it_the_preset_again(self, form: AppTest) -> None:
        form.select_slider(key=key_of("hidden_units")).set_value(50).run()
        form.select_slider(key=key_of("hidden_units")).set_value(Hyperparameters().hidden_units).run()
        assert form.selectbox(key="preset").value == "balanced"

    def test_what_a_late_browser_says_of_the_preset_is_no_choice(self, form: AppTest) -> None:
        """A slider moved twice in quick succession: the second move comes with the preset of before the first."""
        form.select_slider(key=key_of("hidden_units")).set_value(50).run()
        form.selectbox(key="preset").set_value("balanced")
        form.select_slider(key=key_of("hidden_units")).set_value(100).run()
        assert not form.exception
        assert form.selectbox(key="preset").value == controls.CUSTOM
        assert chosen(form) == Hyperparameters(hidden_units=100)

    def test_choosing_custom_moves_nothing(self, form: AppTest) -> None:
        form.select_slider(key=key_of("epochs")).set_value(10).run()
        form.selectbox(key="preset").set_value(controls.CUSTOM).run()
        assert chosen(form) == Hyperparameters(epochs=10)


def find(form: AppTest, key: str) -> Any:
    """A control by its key, whatever kind it is."""
    kinds = (form.select_slider, form.selectbox, form.toggle, form.slider, form.number_input, form.button_group)
    return next(control for kind in kinds for control in kind if control.key == key)


class TestBase:
    def switch(self, form: AppTest, base: str) -> AppTest:
        return form.segmented_control(key=key_of("based_on")).set_value(base).run()

    def test_the_other_base_brings_what_is_good_for_it_where_nothing_was_changed(self, form: AppTest) -> None:
        assert chosen(self.switch(form, "users")) == PRESETS["users"].hyperparameters
        assert chosen(self.switch(form, "items")) == Hyperparameters()

    def test_values_of_ones_own_stay_with_the_other_base(self, form: AppTest) -> None:
        form.slider(key=key_of("code_dropout")).set_value(0.4).run()
        assert chosen(self.switch(form, "users")) == Hyperparameters(based_on="users", code_dropout=0.4)


def elsewhere() -> None:
    """A page that chooses a data set, as Own ratings does, and what the Train page then begins with."""
    import streamlit as st

    from pages.shared import controls, state

    st.button("large", on_click=controls.choose_dataset, args=("ml-1m",))
    st.button("bundled", on_click=controls.choose_dataset, args=("ml-latest-small-2016",))
    st.button("mine", on_click=controls.put, args=(controls.chosen().with_changes(epochs=7),))
    st.json(controls.chosen().to_json())
    st.text(f"{state.get('dataset')}, {state.get('preset')}")


class TestChosenElsewhere:
    @pytest.fixture
    def page(self) -> AppTest:
        return AppTest.from_function(elsewhere, default_timeout=SECONDS).run()

    def press(self, page: AppTest, label: str) -> AppTest:
        next(button for button in page.button if button.label == label).click().run()
        assert not page.exception
        return page

    def test_a_data_set_that_another_page_chooses_brings_what_is_good_for_its_size(self, page: AppTest) -> None:
        assert chosen(self.press(page, "large")) == hyperparameters_for(1_000_209)
        assert page.text[0].value == "ml-1m, large"
        assert chosen(self.press(page, "bundled")) == Hyperparameters()
        assert page.text[0].value == f"{datasets.BUNDLED}, balanced"

    def test_what_was_chosen_by_hand_stays(self, page: AppTest) -> None:
        mine = chosen(self.press(page, "mine"))
        assert mine == Hyperparameters(epochs=7)
        assert chosen(self.press(page, "large")) == mine
        assert page.text[0].value == f"ml-1m, {controls.CUSTOM}"
