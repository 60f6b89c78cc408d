"""Hyperparameters: one table that validates, explains and travels as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorec_core.errors import InvalidHyperparameterError
from autorec_core.hyperparameters import DEFAULT_PRESET, PRESETS, Choice, Hyperparameters, choice_of, names, preset

NUMBERS = [name for name in names() if choice_of(name).low is not None]
WORDS = [name for name in names() if choice_of(name).options]


def test_the_default_is_item_based_with_sigmoid_code_and_identity_output() -> None:
    default = Hyperparameters()
    assert (default.based_on, default.encoder_activation, default.decoder_activation) == (
        "items",
        "sigmoid",
        "identity",
    )
    assert default.loss_over == "observed"
    assert preset(DEFAULT_PRESET) == default


@pytest.mark.parametrize("name", names())
def test_each_field_says_what_it_is_in_one_sentence(name: str) -> None:
    choice = choice_of(name)
    assert choice.label
    assert choice.help.endswith(".")
    assert len(choice.help) <= 160
    assert choice.group in ("model", "training", "input")


@pytest.mark.parametrize("name", NUMBERS)
def test_both_ends_of_a_range_are_accepted_and_nothing_beyond(name: str) -> None:
    choice = choice_of(name)
    assert choice.low is not None
    assert choice.high is not None
    for end in (choice.low, choice.high):
        assert getattr(Hyperparameters(**{name: end}), name) == end
    for outside in (choice.low - 1, choice.high + 1, math.nan, math.inf, -math.inf):
        with pytest.raises(InvalidHyperparameterError, match=f"{name} must be"):
            Hyperparameters(**{name: outside})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["7", None, True, [1]], ids=str)
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidHyperparameterError, match=f"{name} must be"):
        Hyperparameters(**{name: value})


@pytest.mark.parametrize("name", WORDS)
def test_a_word_must_be_one_of_the_options_which_the_error_lists(name: str) -> None:
    for option in choice_of(name).options:
        assert getattr(Hyperparameters(**{name: option}), name) == option
    with pytest.raises(InvalidHyperparameterError) as caught:
        Hyperparameters(**{name: "nonsense"})
    assert str(caught.value) == f"{name} must be one of {', '.join(choice_of(name).options)}, got 'nonsense'."


def test_no_hidden_units_is_answered_with_name_range_and_what_was_given() -> None:
    with pytest.raises(InvalidHyperparameterError) as caught:
        Hyperparameters(hidden_units=0)
    assert str(caught.value) == "hidden_units must be between 1 and 1000, got 0."


def test_a_count_must_be_whole_but_may_be_written_as_a_float() -> None:
    with pytest.raises(InvalidHyperparameterError, match=r"a whole number between 1 and 1000, got 1\.5"):
        Hyperparameters(hidden_units=1.5)  # type: ignore[arg-type]
    units = Hyperparameters(hidden_units=64.0).hidden_units  # type: ignore[arg-type]
    assert (units, type(units)) == (64, int)


def test_numpy_numbers_become_plain_ones_that_json_takes() -> None:
    chosen = Hyperparameters(hidden_units=np.int64(32), learning_rate=np.float64(0.01), epochs=np.int32(5))
    assert [type(value) for value in (chosen.hidden_units, chosen.learning_rate, chosen.epochs)] == [int, float, int]
    assert json.loads(json.dumps(chosen.to_json()))["hidden_units"] == 32


def test_a_switch_is_true_or_false_and_not_a_number() -> None:
    with pytest.raises(InvalidHyperparameterError, match="centering must be true or false, got 1"):
        Hyperparameters(centering=1)  # type: ignore[arg-type]


def test_a_copy_with_changes_leaves_the_first_alone() -> None:
    first = Hyperparameters()
    second = first.with_changes(hidden_units=7, based_on="users")
    assert (second.hidden_units, second.based_on) == (7, "users")
    assert first == Hyperparameters()


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(InvalidHyperparameterError) as caught:
        Hyperparameters().with_changes(hiden_units=7)
    assert str(caught.value) == "No hyperparameter is called hiden_units. Did you mean hidden_units?"
    with pytest.raises(InvalidHyperparameterError, match=r"No hyperparameter is called qqqq\.$"):
        Hyperparameters().with_changes(qqqq=7)


def test_hyperparameters_are_frozen_and_only_take_names() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hyperparameters().epochs = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        Hyperparameters("items")  # type: ignore[misc]


def test_what_is_missing_in_json_is_as_it_was_before_it_could_be_chosen_else_its_default() -> None:
    assert Hyperparameters.from_json({"epochs": 3}) == Hyperparameters(epochs=3, input_presence=0.0)
    with pytest.raises(InvalidHyperparameterError, match="Did you mean epochs"):
        Hyperparameters.from_json({"epoch": 3})


@given(st.data())
def test_any_accepted_hyperparameters_survive_json(draw: st.DataObject) -> None:
    values: dict[str, Any] = {}
    for name in names():
        choice, default = choice_of(name), getattr(Hyperparameters(), name)
        if choice.options:
            values[name] = draw.draw(st.sampled_from(choice.options))
        elif isinstance(default, bool):
            values[name] = draw.draw(st.booleans())
        elif isinstance(default, int):
            values[name] = draw.draw(st.integers(int(choice.low or 0), int(choice.high or 0)))
        else:
            values[name] = draw.draw(st.floats(choice.low, choice.high))
    chosen = Hyperparameters(**values)
    assert Hyperparameters.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_labelled_and_explained(name: str) -> None:
    assert PRESETS[name].label
    assert PRESETS[name].help.endswith(".")
    assert preset(name) is PRESETS[name].hyperparameters


def test_presets_differ_from_each_other() -> None:
    assert len({json.dumps(each.hyperparameters.to_json()) for each in PRESETS.values()}) == len(PRESETS)


def test_the_notebook_preset_repeats_the_tutorial_with_its_mistakes() -> None:
    notebook = preset("notebook").to_json()
    assert (
        notebook
        | {
            "based_on": "items",
            "hidden_units": 10,
            "encoder_activation": "identity",
            "decoder_activation": "identity",
            "loss_over": "all",
            "optimizer": "adam",
            "learning_rate": 1e-5,
            "schedule": "constant",
            "batch_size": 8,
            "precision": "float64",
            "regularization": 0.0,
            "centering": False,
            "input_scaling": False,
            "input_dropout": 0.0,
            "code_dropout": 0.0,
        }
        == notebook
    )
    assert notebook["epochs"] * notebook["steps_per_epoch"] == 100
    assert "cautionary" in PRESETS["notebook"].label.lower()


def test_an_unknown_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidHyperparameterError, match=r"preset must be one of balanced.*got 'best'"):
        preset("best")


def test_a_number_without_a_range_is_the_programmers_mistake() -> None:
    with pytest.raises(TypeError, match="declares no range"):
        Choice("label", "Help.", "model").check("depth", 3, int)
