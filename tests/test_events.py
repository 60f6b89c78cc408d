"""Events: out to JSON and back, whatever the numbers are."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from autorec_core.errors import StorageError
from autorec_core.events import KINDS, EpochEnded, TrainingEvent, from_json, to_json

SAMPLES: dict[str, Any] = {
    "int": 3,
    "float": 0.25,
    "float | None": 0.5,
    "bool": True,
    "str": "finished",
    "dict[str, float]": {"global_mean": 1.125, "user_item_bias": 0.875},
}
"""A value for each type that an event's field may have."""


def sample(kind: type[TrainingEvent], **changes: Any) -> TrainingEvent:
    return kind(**{field.name: SAMPLES[str(field.type)] for field in dataclasses.fields(kind)} | changes)


def epoch(**changes: Any) -> EpochEnded:
    event = sample(EpochEnded, **changes)
    assert isinstance(event, EpochEnded)
    return event


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_event_comes_back_as_it_went(kind: type[TrainingEvent]) -> None:
    event = sample(kind)
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_json_names_the_kind_first(kind: type[TrainingEvent]) -> None:
    assert next(iter(to_json(sample(kind)).items())) == ("kind", kind.kind)


def test_every_event_has_a_kind_of_its_own() -> None:
    assert set(KINDS.values()) == set(TrainingEvent.__subclasses__())


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_in_json_and_nan_after(number: float) -> None:
    text = json.dumps(to_json(epoch(valid_rmse=number)), allow_nan=False)
    assert json.loads(text)["valid_rmse"] is None
    back = from_json(json.loads(text))
    assert isinstance(back, EpochEnded)
    assert math.isnan(back.valid_rmse)
    assert back.train_rmse == 0.25


def test_a_baseline_that_is_not_finite_is_valid_json_too() -> None:
    event = sample(KINDS["started"], baselines={"global_mean": math.nan, "item_mean": 1.5})
    text = json.dumps(to_json(event), allow_nan=False)
    back: Any = from_json(json.loads(text))
    assert math.isnan(back.baselines["global_mean"])
    assert back.baselines["item_mean"] == 1.5


def test_what_is_none_on_purpose_stays_none() -> None:
    back: Any = from_json(to_json(sample(KINDS["ended"], test_rmse=None)))
    assert back.test_rmse is None


@pytest.mark.parametrize(
    "values",
    [{}, {"kind": "party"}, {"kind": "epoch", "surprise": 1}, {"kind": "epoch"}, [], [1, 2], "epoch", 7, None],
    ids=str,
)
def test_what_is_no_event_is_a_storage_error(values: Any) -> None:
    with pytest.raises(StorageError, match="Not a training event"):
        from_json(values)


def test_events_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        epoch().epoch = 4  # type: ignore[misc]
