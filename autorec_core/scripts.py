"""A run told again in words that can be run: as Python and as a command. Pure functions of what was asked for."""

from __future__ import annotations

import shlex
from typing import Any

from autorec_core.hyperparameters import (
    DEFAULT_PRESET,
    DEFAULT_PRESETS,
    PRESETS,
    Hyperparameters,
    names,
)
from autorec_core.runs import RunConfig, Source

_SCRIPT = '''\
"""AutoRec on {title}. Run it where `autorec_core` can be imported."""

from autorec_core import environment

environment.prepare()  # before torch is loaded

import torch

{imports}

{ratings}
split = random_split({split})
hyperparameters = Hyperparameters({hyperparameters})
trainer = Trainer(split, hyperparameters, seed={seed})
torch.set_num_threads(min(torch.get_num_threads(), trainer.threads_worthwhile))
for event in trainer:
    if isinstance(event, EpochEnded):
        print(f"epoch {{event.epoch}}: train RMSE {{event.train_rmse:.7f}}, validation RMSE {{event.valid_rmse:.7f}}")
{stop}    elif isinstance(event, TrainingEnded):
        print(event.message)
        print("test RMSE", event.test_rmse)
        if event.best_epoch:
            model = trainer.trained_model()  # Recommender(model) of autorec_core.recommender meets people with it
'''
_STOP = """\
        if event.epoch == {epoch}:
            trainer.stop()
"""


def closest_preset(hyperparameters: Hyperparameters) -> tuple[str, dict[str, Any]]:
    """The preset from which the fewest values differ, the default where several do, and these values by name.

    >>> closest_preset(Hyperparameters(hidden_units=77))
    ('balanced', {'hidden_units': 77})
    """
    values = hyperparameters.to_json()
    best, fewest = DEFAULT_PRESET, _differences(values, DEFAULT_PRESET)
    for name in PRESETS:
        differing = _differences(values, name)
        if len(differing) < len(fewest):
            best, fewest = name, differing
    return best, fewest


def _differences(values: dict[str, Any], preset: str) -> dict[str, Any]:
    known = PRESETS[preset].hyperparameters
    return {name: values[name] for name in names() if values[name] != getattr(known, name)}


def python_script(config: RunConfig, *, stop_after: int | None = None) -> str:
    """A script that trains the same network on the same parts and prints the same curve and test RMSE.

    Args:
        config: what was asked for.
        stop_after: the epoch after which somebody ended the training; None where nobody did.
    """
    source, default = config.source, Hyperparameters()
    modules = {
        "autorec_core.events": "EpochEnded, TrainingEnded",
        "autorec_core.hyperparameters": "Hyperparameters",
        "autorec_core.splits": "random_split",
        "autorec_core.training": "Trainer",
    }
    imports = [] if source.dataset is None else ["from autorec_core import datasets"]
    if source.dataset is None:
        modules["autorec_core.rating_files"] = "read_ratings"
    if source.scale is not None:
        modules["autorec_core.ratings"] = "RatingScale"
    imports += [f"from {module} import {wanted}" for module, wanted in sorted(modules.items())]
    values = config.hyperparameters.to_json().items()
    changes = {name: value for name, value in values if value != getattr(default, name)}
    return _SCRIPT.format(
        title=source.title.replace("\\", "/").replace('"', "'"),
        imports="\n".join(imports),
        ratings=_ratings(source),
        split=_arguments(
            "ratings",
            seed=config.seed,
            **_unlike_default(config),
            **({} if source.test_ratings is None else {"test": _Code("test")}),
        ),
        hyperparameters=_arguments(**changes),
        seed=config.seed,
        stop="" if stop_after is None else _STOP.format(epoch=stop_after),
    )


def command(config: RunConfig, *, stop_after: int | None = None) -> str:
    """The call of the command line that trains the same; arguments as `python_script`."""
    source = config.source
    words = ["python", "-m", "autorec_core", "train"]
    if source.dataset is not None:
        words += ["--dataset", source.dataset]
    for flag, path in (("ratings", source.ratings), ("items", source.items), ("test-ratings", source.test_ratings)):
        words += [] if path is None else [f"--{flag}", path]
    if source.scale is not None:
        words += ["--rating-scale", *(f"{end!r}" for end in source.scale[:2])]
    for name, value in _unlike_default(config).items():
        words += [_flag(name), repr(value)]
    if config.seed:
        words += ["--seed", str(config.seed)]
    preset, changes = closest_preset(config.hyperparameters)
    if preset != DEFAULT_PRESETS.get(changes.get("based_on", "items"), DEFAULT_PRESET):
        words += ["--preset", preset]
    for name, value in changes.items():
        if isinstance(value, bool):
            words.append(_flag(name) if value else _flag(name).replace("--", "--no-", 1))
        else:
            words += [_flag(name), value if isinstance(value, str) else repr(value)]
    if stop_after is not None:
        words += ["--stop-after", str(stop_after)]
    return shlex.join(words)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _unlike_default(config: RunConfig) -> dict[str, float]:
    """The shares of the split that are not as usual."""
    usual = RunConfig()
    fractions = ["test_fraction", "valid_fraction", "holdout_users"]
    if config.source.test_ratings is not None:  # its share is what it is
        fractions.remove("test_fraction")
    return {name: getattr(config, name) for name in fractions if getattr(config, name) != getattr(usual, name)}


class _Code(str):
    """Text that stands in a script as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _ratings(source: Source) -> str:
    """The lines that load the ratings, and the own test set where there is one."""
    if source.dataset is not None:
        lines = [f"ratings = datasets.load({_quoted(source.dataset)})"]
    else:
        options: dict[str, Any] = {} if source.items is None else {"items": source.items}
        if source.scale is not None:
            options["scale"] = _Code(f"RatingScale{source.scale!r}")
        lines = [f"ratings = read_ratings({_arguments(_quoted(source.ratings), **options)})"]
    if source.test_ratings is not None:
        lines.append(f"test = read_ratings({_quoted(source.test_ratings)}, scale=ratings.scale)")
    return "\n".join(lines)


def _arguments(*code: str, **named: Any) -> str:
    """Arguments of a call, code and then values by name, on lines of their own where one line would be long."""
    parts = [*code, *(f"{name}={_quoted(value)}" for name, value in named.items())]
    line = ", ".join(parts)
    return line if len(line) <= 80 else "\n    " + ",\n    ".join(parts) + ",\n"


def _quoted(value: Any) -> str:
    """A value as a formatter would write it."""
    text = repr(value)
    return f'"{text[1:-1]}"' if type(value) is str and text[0] == "'" and '"' not in value else text
