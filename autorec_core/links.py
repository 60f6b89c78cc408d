"""What a link says of a training: the names and values of a query, and back. Only what differs from the default.

A link comes from anywhere. What it has that can't be taken becomes a sentence, and the default stands.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from autorec_core import datasets
from autorec_core.defaults import name_of
from autorec_core.errors import AutoRecError
from autorec_core.hyperparameters import DEFAULT_PRESET, PRESETS, Hyperparameters, names
from autorec_core.runs import RunConfig, Source
from autorec_core.scripts import closest_preset

HIGHEST_SEED = 2**31 - 1
LONGEST = 30
"""Characters of a refused value that are repeated."""
_STRANGE = re.compile(r"[^\w.+-]")  # what could be read as markup


def to_query(config: RunConfig) -> dict[str, str]:
    """Parameter -> value, of what is not as by default. A run on own files has no data set to name.

    >>> to_query(RunConfig(hyperparameters=Hyperparameters(hidden_units=77, refit=False), seed=3))
    {'hidden_units': '77', 'refit': 'false', 'seed': '3'}
    """
    preset, changes = closest_preset(config.hyperparameters)
    query = {}
    if config.source.dataset not in (None, datasets.BUNDLED):
        query["dataset"] = str(config.source.dataset)
    if preset != DEFAULT_PRESET:
        query["preset"] = preset
    for name, value in changes.items():
        query[name] = str(value).lower() if isinstance(value, bool) else str(value)
    if config.seed:
        query["seed"] = str(config.seed)
    return query


def from_query(query: Mapping[str, str]) -> tuple[RunConfig, list[str]]:
    """The training that a link asks for, and a sentence for each thing in it that could not be taken.

    Args:
        query: parameter -> value, as the browser sent them.

    >>> config, faults = from_query({"hidden_units": "0", "epochs": "5", "colour": "blue"})
    >>> config.hyperparameters == Hyperparameters(epochs=5), len(faults)
    (True, 2)
    """
    config, changes = RunConfig(), {}
    faults: list[str] = []
    hyperparameters = config.hyperparameters
    for name, given in query.items():
        text = _STRANGE.sub("?", given)[:LONGEST]
        try:
            if name == "dataset":
                config = replace(config, source=Source(dataset=datasets.find(text).name))
            elif name == "preset":
                if text not in PRESETS:
                    raise AutoRecError(
                        "No preset is called {name}. There are {names}.", name=text, names=", ".join(PRESETS)
                    )
                hyperparameters = PRESETS[text].hyperparameters
            elif name == "seed":
                config = replace(config, seed=_seed(text))
            elif name in names():
                changes[name] = getattr(Hyperparameters().with_changes(**{name: _value(name, text)}), name)
            else:
                raise _unknown(_STRANGE.sub("?", name)[:LONGEST])
        except AutoRecError as error:
            faults.append(error.sentence)
    hyperparameters = hyperparameters.with_changes(**changes)
    named = name_of(hyperparameters, datasets.find(config.source.dataset or datasets.BUNDLED).num_ratings)
    return replace(config, hyperparameters=hyperparameters, preset=named), faults


def _value(name: str, text: str) -> Any:
    """A text as the type of its hyperparameter; as it is where it is none, which is then refused by name."""
    kind = type(getattr(Hyperparameters(), name))
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind is str:
        return text
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return number(text)
    return text


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > HIGHEST_SEED:
        raise AutoRecError(
            "seed must be a whole number between 0 and {high}, got {given}.", high=HIGHEST_SEED, given=text
        )
    return int(text)


def _unknown(name: str) -> AutoRecError:
    near = difflib.get_close_matches(name, [*names(), "dataset", "preset", "seed"], 1)
    if near:
        return AutoRecError("There is no setting called {name}. Did you mean {near}?", name=name, near=near[0])
    return AutoRecError("There is no setting called {name}.", name=name)
