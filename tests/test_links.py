"""A link says what differs from the default, and whatever else it says becomes a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autorec_core import datasets, links
from autorec_core.hyperparameters import PRESETS, Hyperparameters, choice_of, names
from autorec_core.runs import RunConfig, Source


@st.composite
def choices(draw: st.DrawFn) -> Hyperparameters:
    """Any hyperparameters, near a preset or far from all."""
    values = PRESETS[draw(st.sampled_from(sorted(PRESETS)))].hyperparameters
    changes: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(names()))):
        choice, kind = choice_of(name), type(getattr(values, name))
        if choice.options:
            changes[name] = draw(st.sampled_from(choice.options))
        elif kind is bool:
            changes[name] = draw(st.booleans())
        elif kind is int:
            changes[name] = draw(st.integers(int(choice.low or 0), int(choice.high or 0)))
        else:
            changes[name] = draw(st.floats(choice.low, choice.high))
    return values.with_changes(**changes)


@given(choices(), st.integers(0, links.HIGHEST_SEED), st.sampled_from(sorted(datasets.DATASETS)))
@settings(max_examples=60)
def test_a_link_leads_back_to_what_it_was_made_of(hyperparameters: Hyperparameters, seed: int, dataset: str) -> None:
    config = RunConfig(source=Source(dataset=dataset), hyperparameters=hyperparameters, seed=seed)
    found, faults = links.from_query(links.to_query(config))
    assert faults == []
    assert (found.source, found.hyperparameters, found.seed) == (config.source, hyperparameters, seed)


def test_the_default_needs_no_word() -> None:
    assert links.to_query(RunConfig()) == {}
    found, faults = links.from_query({})
    assert (found.hyperparameters, found.seed, faults) == (Hyperparameters(), 0, [])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_one_word(preset: str) -> None:
    query = links.to_query(RunConfig(hyperparameters=PRESETS[preset].hyperparameters))
    assert query == ({} if preset == "balanced" else {"preset": preset})
    assert links.from_query(query)[0].preset == preset


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"hidden_units": "0"}, "hidden_units must be between 1 and 1000, got 0."),
        ({"hidden_units": "many"}, "hidden_units must be between 1 and 1000, got many."),
        ({"hidden_units": "7.5"}, "hidden_units must be a whole number between 1 and 1000, got 7.5."),
        ({"learning_rate": "nan"}, "learning_rate must be between 1e-06 and 10, got nan."),
        ({"epochs": "1e999"}, "epochs must be a whole number between 1 and 2000, got inf."),
        ({"refit": "maybe"}, "refit must be true or false, got 'maybe'."),
        ({"optimizer": "sgd"}, "optimizer must be one of adam, rprop, lbfgs, got 'sgd'."),
        ({"dataset": "ml-10"}, "No data set is called 'ml-10'."),
        ({"preset": "best"}, "No preset is called best."),
        ({"seed": "-1"}, "seed must be a whole number between 0 and 2147483647, got -1."),
        ({"seed": "99999999999"}, "seed must be a whole number"),
        ({"hiden_units": "5"}, "There is no setting called hiden_units. Did you mean hidden_units?"),
        ({"": ""}, "There is no setting called"),
    ],
)
def test_what_cannot_be_taken_is_told_and_the_default_stands(query: dict[str, str], sentence: str) -> None:
    found, faults = links.from_query({**query, "epochs": query.get("epochs", "5")})
    assert len(faults) == 1
    assert faults[0].startswith(sentence)
    assert found.hyperparameters.with_changes(epochs=20) == Hyperparameters()
    assert found.seed == 0
    assert found.hyperparameters.epochs == (20 if "epochs" in query else 5), "the rest of the link is taken"


def test_a_hostile_link_puts_no_markup_into_a_sentence() -> None:
    hostile = "![x](http://outside.example/a.png)<b>`$x$" + "long" * 99
    for name in ("hidden_units", "optimizer", "preset", "dataset", "seed", "refit", hostile):
        (fault,) = links.from_query({name: hostile})[1]
        assert not set("![]()<>`$") & set(fault.replace("(s)", ""))
        assert len(fault) < 400


@given(st.dictionaries(st.text() | st.sampled_from([*names(), "seed", "dataset", "preset"]), st.text(), max_size=5))
@settings(max_examples=200)
def test_no_link_breaks_anything(query: dict[str, str]) -> None:
    found, faults = links.from_query(query)
    assert len(faults) <= len(query)
    assert links.from_query(links.to_query(found))[1] == []
