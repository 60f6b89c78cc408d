"""What is each part of the default preset worth? The default, and the default without each of them, on the same splits.

    python -m benchmarks.ablation [--preset balanced] [--seeds 5] [--validation] [--into FILE] [--keep DIR]
           [RATINGS ...]

RATINGS are names of data sets, files or folders; without any, the bundled set. Each row differs from the preset in what
it says and in nothing else: nothing is tuned again, so a part that others have come to lean on shows more than it would
have given by itself. The loss is paired: of the same split and first weights, the row's RMSE less the preset's.
Each training is kept, and the same command goes on where it was broken off. `--validation` trains without a refit,
which is half the time, and shows validation alone.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autorec_core import datasets, hyperparameters, storage
from autorec_core.confidence import LEVEL, Mean
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings
from autorec_core.reproduce import Protocol, Reproduction, Variant

PLAIN = Hyperparameters(
    regularization=0.001,
    schedule="constant",
    centering=False,
    input_presence=0.0,
    input_scaling=False,
    input_dropout=0.0,
    code_dropout=0.0,
    encoder_regularization_factor=1.0,
    initial_scale=0.03,
    refit=False,
)
"""What each part is when it is off."""
ALONE = (
    *("centering", "input_presence", "input_scaling", "input_dropout", "code_dropout"),
    *("encoder_regularization_factor", "refit"),
)
"""Parts that are turned off one at a time, where the preset has them on."""
CHANGES: dict[str, dict[str, Any]] = {
    "raw ratings: no centering, no presence": {"centering": False, "input_presence": 0.0},
    "no dropout at all": {"input_dropout": 0.0, "code_dropout": 0.0},
    "schedule constant": {"schedule": "constant"},
    "schedule constant, a third of the learning rate": {"schedule": "constant", "learning_rate": 1 / 3},
    "schedule cosine": {"schedule": "cosine"},
    "schedule linear": {"schedule": "linear"},
    "initial scale five times": {"initial_scale": 5.0},
    "initial scale a fifth": {"initial_scale": 0.2},
    "regularization doubled": {"regularization": 2.0},
    "regularization halved": {"regularization": 0.5},
    "half the hidden units": {"hidden_units": 0.5},
}
"""Parts that are changed otherwise."""
FACTORS = frozenset(("learning_rate", "initial_scale", "regularization", "hidden_units"))
"""What `CHANGES` multiplies and does not set."""


def variants_of(preset: str) -> tuple[Variant, ...]:
    """The preset, then the preset without each part."""
    whole = hyperparameters.preset(preset)
    found = {"the preset": whole}
    for name in ALONE:
        off = getattr(PLAIN, name)
        if getattr(whole, name) != off:
            shown = {True: "on", False: "off"}[off] if isinstance(off, bool) else f"{off:g}"
            found[f"{name.replace('_', ' ')} {shown}"] = whole.with_changes(**{name: off})
    for name in hyperparameters.names():  # whatever averages weights over steps, where there is such a thing
        if "averag" in name and getattr(whole, name):
            found[f"{name.replace('_', ' ')} off"] = whole.with_changes(**{name: type(getattr(whole, name))(0)})
    for title, changes in CHANGES.items():
        values = {
            name: type(getattr(whole, name))(getattr(whole, name) * value) if name in FACTORS else value
            for name, value in changes.items()
        }
        changed = whole.with_changes(**values)
        if changed not in found.values():
            found[title] = changed
    off_together = {name: getattr(PLAIN, name) for name in (*ALONE, "schedule")}
    found["all of these off, constant schedule"] = whole.with_changes(**off_together)
    return tuple(
        Variant(f"{preset}-{number}", title, chosen, "") for number, (title, chosen) in enumerate(found.items())
    )


def without_refit(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """The same without a refit, which validation knows nothing of; what differs in that alone falls away."""
    found: dict[Hyperparameters, Variant] = {}
    for variant in variants:
        chosen = variant.hyperparameters.with_changes(refit=False)
        found.setdefault(chosen, replace(variant, hyperparameters=chosen))
    return tuple(found.values())


def rows_of(work: Reproduction, sort_by: str = "loss") -> list[dict[str, Any]]:
    """A row a variant: `validation` and `test`, and `loss`, paired with the first variant; each a `Mean`."""
    rows: list[dict[str, Any]] = []
    first = work.variants[0]
    for variant in work.variants:
        pairs = [
            (work.outcomes[variant.name, seed, 0], work.outcomes[first.name, seed, 0]) for seed in work.protocol.seeds
        ]
        scored = [(one.figures, base.figures) for one, base in pairs if one.test_rmse is not None]
        rows.append(
            {
                "title": variant.title,
                "validation": Mean.of([one["valid_rmse"] for one, _ in scored]),
                "test": Mean.of([one["test_rmse"] for one, _ in scored]),
                "loss": Mean.of([one["test_rmse"] - base["test_rmse"] for one, base in scored]),
                "valid_loss": Mean.of([one["valid_rmse"] - base["valid_rmse"] for one, base in scored]),
                "epochs": Mean.of([float(one["best_epoch"]) for one, _ in scored]),
            }
        )
    return [rows[0], *sorted(rows[1:], key=lambda row: -row[sort_by].mean)]


def markdown_of(work: Reproduction, preset: str, *, validation_alone: bool = False) -> str:
    """The table of one set of ratings."""
    ratings, seeds = work.ratings, len(work.protocol.seeds)
    shown = {"validation": "valid_loss"} if validation_alone else {"validation": "valid_loss", "test": "loss"}
    lines = [
        f"## {ratings.name}",
        "",
        f"{ratings.num_ratings:,} ratings, preset `{preset}`, {seeds} seeds; ± is half of a {LEVEL:.0%} interval.",
        "",
        f"| | {''.join(f'{name} RMSE | loss ± | ' for name in shown)}best epoch |",
        "|---|" + "---|---|" * len(shown) + "---|",
    ]
    for row in rows_of(work, "valid_loss" if validation_alone else "loss"):
        is_first = row["title"] == work.variants[0].title
        cells = [row["title"]]
        for name, loss in shown.items():
            cells += [f"{row[name].mean:.4f}", "" if is_first else _signed(row[loss])]
        cells.append(f"{row['epochs'].mean:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _signed(loss: Mean) -> str:
    if not loss.count:
        return "diverged"
    return f"{loss.mean:+.4f}" + ("" if loss.half_width is None else f" ± {loss.half_width:.4f}")


def measure(ratings: Ratings, variants: tuple[Variant, ...], seeds: int, keep: Path) -> Reproduction:
    """Trains everything, or finds it."""
    work = Reproduction(ratings, variants, Protocol(seeds=tuple(range(seeds))), keep)
    for step in work:
        if step.outcome is not None and not step.was_found:
            to_go = f"about {(step.remaining or 0) / 60:.1f} min to go"
            print(f"[{step.done}/{step.trainings}] {step.variant.title}, seed {step.seed}; {to_go}", file=sys.stderr)
    return work


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--preset", default=hyperparameters.DEFAULT_PRESET)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--validation", action="store_true", help="train without a refit and show validation alone")
    parser.add_argument("--into", metavar="FILE", help="write the tables into a Markdown file, too")
    parser.add_argument("--keep", metavar="DIR", help="where trainings are kept (default: in AUTOREC_HOME)")
    asked = parser.parse_args(arguments)
    keep = Path(asked.keep) if asked.keep else storage.home() / "ablation"
    names = asked.ratings or [datasets.BUNDLED]
    tables, called = [], []
    for name in names:
        named = name in datasets.DATASETS
        ratings = datasets.load(name) if named else read_ratings(name)
        ratings = ratings if named else replace(ratings, name=Path(name).resolve().stem)
        called.append(ratings.name)
        variants = variants_of(asked.preset)
        work = measure(ratings, without_refit(variants) if asked.validation else variants, asked.seeds, keep)
        tables.append(markdown_of(work, asked.preset, validation_alone=asked.validation))
        print(tables[-1])
    if asked.into:
        seeds = f" --seeds {asked.seeds}" if asked.seeds != 5 else ""
        seeds += " --validation" if asked.validation else ""
        preset = f" --preset {asked.preset}" if asked.preset != hyperparameters.DEFAULT_PRESET else ""
        opening = [
            "# What each part is worth",
            "",
            *__doc__.split("\n\n")[2].strip().split("\n"),
            "",
            f"    python -m benchmarks.ablation{preset}{seeds} {' '.join(called)}",
            "",
            f"Made on {platform.machine()}, {platform.system()}, Python {platform.python_version()}.",
            "",
        ]
        Path(asked.into).write_text("\n".join(opening) + "\n" + "\n".join(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
