"""The paper's protocol as one piece of work: several variants of AutoRec, each trained on several splits.

Validation chooses the epoch, and the test ratings score each model once. Every figure is written as soon as it is
there, under a name made of all that it depends on: the ratings, the split, the hyperparameters, the seeds and the
source code. Whoever asks for the same again finds it, after an interruption or a year; whoever changes any of it
measures anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from autorec_core import datasets, hyperparameters, memory, report, storage
from autorec_core.choosing import PAPERS_STAGES, Choosing, Stage
from autorec_core.defaults import hyperparameters_for
from autorec_core.errors import InvalidHyperparameterError
from autorec_core.events import EpochEnded, RefitEpochEnded, TrainingEnded, TrainingEvent
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.metrics import mae, rmse
from autorec_core.published import PAPERS_ACTIVATIONS
from autorec_core.ratings import FloatArray, Ratings
from autorec_core.recording import use_worthwhile_threads
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer

HOLDOUT_USERS = 0.15
"""Share of the users held out whole for a report."""
NETWORK_STEP = 1_000
"""Between the seeds of two networks of one split; more than there are splits."""
SHORTHANDS = {"activations": PAPERS_ACTIVATIONS}
"""Words for several variants."""
_MADE_BY = (
    *(
        "averages",
        "baselines",
        "engine",
        "fit",
        "hyperparameters",
        "kernels",
        "metrics",
        "model",
        "optimizers",
        "ranks",
        "ratings",
    ),
    *("splits", "steps"),
    *(
        "trained_model",
        "training",
        "evaluation",
        "fold_in",
        "item_noise",
        "new_rows",
        "population",
        "ranking",
        "reach",
        "recommender",
        "rehearsal",
        "report",
    ),
)
"""The modules whose source a figure depends on."""


@dataclass(frozen=True)
class Variant:
    """A model with its hyperparameters, under a name."""

    name: str
    """What the command line calls it."""
    title: str
    """What a table calls it."""
    hyperparameters: Hyperparameters
    """The model and how it is trained."""
    published_as: str
    """What `published` calls the model that it is held against."""
    stages: tuple[Stage, ...] = ()
    """What is chosen on validation, on the split of the first seed, before anything is trained for the table."""


@dataclass(frozen=True)
class Protocol:
    """How ratings are shared out, and how often."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Each draws a split, and the first weights of a network."""
    networks: int = 1
    """Networks trained on each split, with other first weights; those after the first serve ensembles alone."""
    test_fraction: float = 0.1
    """Share of the ratings to test on, where no test set is given."""
    valid_fraction: float = 0.1
    """Share of the others to validate on."""
    by_time: bool = False
    """Whether the newest ratings are tested on; then a seed decides the first weights alone."""

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InvalidHyperparameterError("seeds must be 1 or more.")
        if not 1 <= self.networks <= 100:
            raise InvalidHyperparameterError(f"networks must be between 1 and 100, got {self.networks}.")


@dataclass(frozen=True)
class Outcome:
    """What one training came to. `figures` is what its file holds."""

    figures: dict[str, Any]
    """Plain values, as JSON has them."""
    predicted: FloatArray
    """(num_test,) float32 predicted ratings of the test ratings, clipped, in the order of the split."""

    @property
    def test_rmse(self) -> float | None:
        """Of the one score; None where the training gave no model."""
        score: float | None = self.figures["test_rmse"]
        return score


@dataclass(frozen=True)
class Step:
    """How far the work is, after something happened."""

    variant: Variant
    """Which is being trained."""
    seed: int
    """Of the split."""
    network: int
    """Which network of the split, from 0."""
    done: int
    """Trainings that have ended."""
    trainings: int
    """Trainings in all."""
    share: float
    """Of the present training that is done, 0 to 1."""
    outcome: Outcome | None
    """Set where a training has just ended, or was found."""
    was_found: bool
    """Whether the outcome was there from before."""
    elapsed: float
    """Seconds since the work began."""
    remaining: float | None
    """Expected seconds to its end; None where nothing tells."""
    choosing: tuple[int, int] | None = None
    """While hyperparameters are chosen: how many have been tried, of at most how many; nothing else has begun then."""


def variants_of(names: Sequence[str], num_ratings: int, based_on: str | None = None) -> tuple[Variant, ...]:
    """Variants by their names.

    Args:
        names: `items` (I-AutoRec) and `users` (U-AutoRec) with the preset that is best for so many ratings, `paper` (as
            published, with what the paper chose on validation chosen there), `paper-preset` (as the preset has it), the
            four of `PAPERS_ACTIVATIONS` or `activations` for all of those (each with its regularization chosen so), or
            any preset.
        num_ratings: of the data.
        based_on: makes each of them item- or user-based; None leaves them as they are.

    Raises:
        InvalidHyperparameterError: a name is unknown.
    """
    every = [single for name in names for single in SHORTHANDS.get(name, (name,))]
    return tuple(_variant(name, num_ratings, based_on) for name in dict.fromkeys(every))


def _variant(name: str, num_ratings: int, based_on: str | None) -> Variant:
    activations: dict[str, str] = {}
    preset, how, published_as = name, "", ""
    stages: tuple[Stage, ...] = PAPERS_STAGES if name == "paper" else ()
    if name in ("items", "users"):
        how = "fitted to the number of ratings"
    elif name == "paper-preset":
        preset = "paper"
    elif name in PAPERS_ACTIVATIONS:
        _, code, output = name.split("-")
        preset, activations = "paper", {"encoder_activation": code, "decoder_activation": output}
        stages = PAPERS_STAGES[:1]  # one penalty would not do all four justice
        published_as = f"I-AutoRec, {code} code, {output} output"
    elif name not in hyperparameters.PRESETS:
        known = ("items", "users", *hyperparameters.PRESETS, "paper-preset", *PAPERS_ACTIVATIONS, *SHORTHANDS)
        raise InvalidHyperparameterError(f"variants must be of {', '.join(dict.fromkeys(known))}, got {name!r}.")
    if name in ("items", "users"):
        values = hyperparameters_for(num_ratings, name)
    else:
        values = hyperparameters.preset(preset).with_changes(**activations)
    if based_on is not None and based_on != values.based_on:
        values = values.with_changes(based_on=based_on)
        name, published_as = f"{name}-by-{based_on}", ""
    model = "I-AutoRec" if values.based_on == "items" else "U-AutoRec"
    title = f"{model}, {how or f'preset {preset}'}" + (f", {published_as.partition(', ')[2]}" if published_as else "")
    return Variant(name, title, values, published_as or model, stages)


def known_dataset(ratings: Ratings, test: Ratings | None = None) -> str | None:
    """What the ratings are by all appearance: a named data set of this name or size, or "ml-100k u1"; else None."""
    if test is not None:
        is_u1 = ratings.name == test.name == "u1" and (ratings.num_ratings, test.num_ratings) == (80_000, 20_000)
        return "ml-100k u1" if is_u1 else None
    if ratings.name in datasets.DATASETS:
        return ratings.name
    sizes = (ratings.num_ratings, ratings.num_users, ratings.num_items)
    alike = (one for one in datasets.DATASETS.values() if (one.num_ratings, one.num_users, one.num_items) == sizes)
    return next((one.name for one in alike), None)


@dataclass
class Reproduction:
    """The work: iterate it to do it, as far as it is not done, and read `outcomes` afterwards.

    Raises:
        StorageError: the disk does not take a result.
        AutoRecError: the ratings can't be split, or a training would need more memory than there is.
    """

    ratings: Ratings
    """All ratings; with `test` given, all that are not for testing."""
    variants: tuple[Variant, ...]
    """What is trained."""
    protocol: Protocol
    """On what."""
    folder: Path
    """Where each result is kept."""
    test: Ratings | None = None
    """A test set of one's own."""
    with_report: bool = False
    """Whether the first network of each split is measured in every way, once more with some users held out."""
    outcomes: dict[tuple[str, int, int], Outcome] = field(default_factory=dict)
    """By variant's name, seed and network."""
    _given: dict[int, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def __iter__(self) -> Iterator[Step]:
        results = storage.make_folder(self.folder / "results")
        yield from self._choose(results)
        jobs = [
            (variant, seed, network)
            for seed in self.protocol.seeds  # first one seed of everything: the table can be looked at early
            for variant in self.variants
            for network in range(self.protocol.networks)
        ]
        paces = _Paces([variant.name for variant, _, _ in jobs])
        found = {}
        for place, (variant, seed, network) in enumerate(jobs):
            outcome = _read(results / self._key(variant, seed, network))
            is_reported = self.with_report and network == 0
            if outcome is not None and (not is_reported or "report" in outcome.figures or outcome.test_rmse is None):
                found[place] = outcome
                paces.ended(place, outcome.figures["seconds_in_all"])
        began, split = time.monotonic(), None

        def step(place: int, share: float, outcome: Outcome | None = None) -> Step:
            elapsed = time.monotonic() - began
            done = place + (outcome is not None)
            return Step(*jobs[place], done, len(jobs), share, outcome, place in found, elapsed, paces.remaining())

        for place, (variant, seed, network) in enumerate(jobs):
            if place in found:
                self.outcomes[variant.name, seed, network] = found[place]
                yield step(place, 1.0, found[place])
                continue
            if split is None or split.seed != seed:
                split = self.split(seed)
            job_began = time.monotonic()
            training = self._train(variant, split, network)
            for share, outcome in training:
                seconds = time.monotonic() - job_began
                if outcome is None:
                    paces.went_on(place, share, seconds)
                else:
                    outcome.figures["seconds_in_all"] = seconds
                    paces.ended(place, seconds)
                    self.outcomes[variant.name, seed, network] = outcome
                    _write(results / self._key(variant, seed, network), outcome)
                yield step(place, share, outcome)

    def _choose(self, results: Path) -> Iterator[Step]:
        """Settles the hyperparameters of each variant that leaves some open."""
        began, seed = time.monotonic(), self.protocol.seeds[0]
        for place, variant in enumerate(self.variants):
            if not variant.stages:
                continue

            def kept_at(asked: Hyperparameters, variant: Variant = variant) -> Path:
                name = self._key(replace(variant, name=f"{variant.name}-tried", hyperparameters=asked), seed, 0)
                return results / f"{name}.json"

            work = Choosing(variant.hyperparameters, variant.stages, partial(self.split, seed), kept_at)
            for tried in work:
                elapsed = time.monotonic() - began
                trainings = len(self.variants) * len(self.protocol.seeds) * self.protocol.networks
                yield Step(variant, seed, 0, 0, trainings, 0.0, None, False, elapsed, None, tried)
            if work.chosen is not None:
                names = ", ".join(f"{stage.name} {getattr(work.chosen, stage.name):g}" for stage in variant.stages)
                settled = replace(
                    variant,
                    hyperparameters=work.chosen,
                    title=f"{variant.title}, {names.replace('_', ' ')} chosen on validation",
                    stages=(),
                )
                self.variants = (*self.variants[:place], settled, *self.variants[place + 1 :])

    def split(self, seed: int, *, holdout_users: float = 0.0) -> Split:
        """The parts that a seed draws, the same at every call.

        Args:
            seed: one of the protocol's.
            holdout_users: share of the users held out whole.

        Raises:
            AutoRecError: the ratings can't be split.
        """
        asked = self.protocol
        return random_split(
            self.ratings,
            seed=seed,
            test_fraction=0.0 if self.test is not None else asked.test_fraction,
            valid_fraction=asked.valid_fraction,
            holdout_users=holdout_users,
            test=self.test,
            by_time=asked.by_time,
        )

    def _train(self, variant: Variant, split: Split, network: int) -> Iterator[tuple[float, Outcome | None]]:
        """Trains one; gives how far it is, and at the end what it came to."""
        train = split.train
        whole = train.num_ratings + split.valid.num_ratings + split.test.num_ratings
        memory.check(memory.predicted_bytes(whole, train.num_users, train.num_items, variant.hyperparameters))
        trainer = Trainer(split, variant.hyperparameters, seed=split.seed + NETWORK_STEP * network)
        use_worthwhile_threads(trainer)
        is_reported = self.with_report and network == 0
        outcome: Outcome | None = None
        for event in trainer:
            if isinstance(event, TrainingEnded):
                outcome = self._outcome(variant, split, network, trainer, event)
            else:
                yield _share_done(event, variant.hyperparameters) / (2 if is_reported else 1), None
        if is_reported and outcome is not None and outcome.test_rmse is not None:
            outcome.figures["report"] = report.report(trainer.trained_model(), split)
            del trainer
            for share in self._report_on_people(variant, split.seed, outcome.figures["report"]):
                yield (1 + share) / 2, None
        yield 1.0, outcome

    def _report_on_people(self, variant: Variant, seed: int, found: dict[str, Any]) -> Iterator[float]:
        """Trains once more with users held out whole, and adds how well these are met."""
        split = self.split(seed, holdout_users=HOLDOUT_USERS)
        trainer = Trainer(split, variant.hyperparameters, seed=seed)
        for event in trainer:
            if not isinstance(event, TrainingEnded):
                yield _share_done(event, variant.hyperparameters)
            elif event.best_epoch:
                found |= report.held_out_report(trainer.trained_model(), split)

    def _outcome(self, variant: Variant, split: Split, network: int, trainer: Trainer, ended: TrainingEnded) -> Outcome:
        users, items = split.test.by_user.rows, split.test.by_user.indices
        figures: dict[str, Any] = {
            "variant": variant.name,
            "seed": split.seed,
            "network": network,
            "hyperparameters": variant.hyperparameters.to_json(),
            "ended": ended.reason,
            "best_epoch": ended.best_epoch,
            "is_refitted": ended.is_refitted,
            "valid_rmse": ended.valid_rmse,
            "test_rmse": ended.test_rmse,
            "test_mae": ended.test_mae,
            "num_train": split.train.num_ratings,
            "num_valid": split.valid.num_ratings,
            "num_test": split.test.num_ratings,
            "num_test_fallback": ended.num_test_fallback,
            "baselines": ended.baselines,
            "training_seconds": ended.seconds,
        }
        if not ended.best_epoch:
            return Outcome(figures, np.zeros(0, dtype=np.float32))
        model = trainer.trained_model()
        figures["num_test_unseen_users"] = int((model.user_counts[users] == 0).sum())
        figures["num_test_unseen_items"] = int((model.item_counts[items] == 0).sum())
        predicted = model.predict_pairs(users, items)
        given, is_known = split.test.by_user.values, ~model.needs_fallback(users, items)
        bias = model.scale.clip(trainer.final_baselines()["user_item_bias"].predict_pairs(users, items))
        figures["known"] = {
            "test_rmse": rmse(predicted[is_known], given[is_known]),
            "user_item_bias": rmse(bias[is_known], given[is_known]),
        }
        return Outcome(figures, predicted.astype(np.float32))

    def _key(self, variant: Variant, seed: int, network: int) -> str:
        depends_on = {
            "ratings": _identity(self.ratings, with_times=self.protocol.by_time),
            "test": None if self.test is None else _identity(self.test),
            "fractions": [self.protocol.test_fraction, self.protocol.valid_fraction, self.protocol.by_time],
            "hyperparameters": variant.hyperparameters.to_json(),
            "source": source_fingerprint(),
        }
        digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:12]
        return f"{variant.name}-seed-{seed}-network-{network}-{digest}"

    # -- several predictions as one -----------------------------------------------------------------------------------

    def ensembles(self) -> dict[str, tuple[tuple[Variant, int], ...]]:
        """The ensembles that the trainings allow: title -> the variants and networks whose predictions are averaged."""
        networks = range(self.protocol.networks)
        found: dict[str, tuple[tuple[Variant, int], ...]] = {}
        if len(networks) > 1:
            for variant in self.variants:
                title = f"ensemble of {len(networks)} networks: {variant.title}"
                found[title] = tuple((variant, network) for network in networks)
        firsts = [
            next((variant for variant in self.variants if variant.hyperparameters.based_on == base), None)
            for base in ("items", "users")
        ]
        both = [variant for variant in firsts if variant is not None]
        if len(both) == 2:
            title = " + ".join(f"{variant.title} ({variant.name})" for variant in both)
            each = f", {len(networks)} networks of each" if len(networks) > 1 else ""
            found[f"ensemble of two{each}: {title}"] = tuple((v, network) for v in both for network in networks)
        return found

    def ensemble_scores(self, members: Sequence[tuple[Variant, int]]) -> list[dict[str, float]]:
        """Test RMSE and MAE of the plain average of the members' clipped predictions, for each seed that has them all.

        Nothing is chosen or weighted, so no validation is needed.
        """
        scores = []
        for seed in self.protocol.seeds:
            parts = [self.outcomes.get((variant.name, seed, network)) for variant, network in members]
            predicted = [part.predicted for part in parts if part is not None and part.test_rmse is not None]
            if len(predicted) == len(members):
                given = self._test_values(seed)
                average: FloatArray = np.asarray(np.mean(predicted, axis=0, dtype=np.float64))
                scores.append({"seed": seed, "test_rmse": rmse(average, given), "test_mae": mae(average, given)})
        return scores

    def _test_values(self, seed: int) -> FloatArray:
        """(num_test,) the test ratings of a seed, drawn once: a table is made anew after each training."""
        if seed not in self._given:
            self._given[seed] = self.split(seed).test.by_user.values
        return self._given[seed]


@cache
def source_fingerprint() -> str:
    """12 hexadecimal digits that change when the code that makes the figures does."""
    digest = hashlib.sha256()
    for name in _MADE_BY:
        with contextlib.suppress(OSError):
            digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def _identity(ratings: Ratings, *, with_times: bool = False) -> str:
    times = ratings.timestamps if with_times else None
    return ratings.fingerprint + ("" if times is None else hashlib.sha256(times.tobytes()).hexdigest()[:16])


def _share_done(event: TrainingEvent, chosen: Hyperparameters) -> float:
    """About how much of a training is done: the refit takes as long as the epochs that it repeats."""
    if isinstance(event, EpochEnded):
        return event.epoch / (chosen.epochs * (2 if chosen.refit else 1))
    if isinstance(event, RefitEpochEnded):
        return (1 + event.epoch / event.epochs) / 2
    return 0.0


class _Paces:
    """How long trainings take, so that what is still to come can be told."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._seconds: dict[int, float] = {}
        self._present: tuple[int, float, float] | None = None  # place, share, seconds

    def went_on(self, place: int, share: float, seconds: float) -> None:
        self._present = (place, share, seconds)

    def ended(self, place: int, seconds: float) -> None:
        self._seconds[place] = seconds
        self._present = None

    def remaining(self) -> float | None:
        """A training is expected to take as long as others of its name, else as all others; None before any has."""
        by_name: dict[str, list[float]] = {}
        for place, seconds in self._seconds.items():
            by_name.setdefault(self._names[place], []).append(seconds)
        known = {name: sum(several) / len(several) for name, several in by_name.items()}
        so_far = 0.0
        if self._present is not None:
            place, share, so_far = self._present
            if share > 0:
                known.setdefault(self._names[place], so_far / share)
        waiting = [name for place, name in enumerate(self._names) if place not in self._seconds]
        if not waiting:
            return 0.0
        if not known:
            return None
        usual = sum(known.values()) / len(known)
        return max(0.0, math.fsum(known.get(name, usual) for name in waiting) - so_far)


def _write(path: Path, outcome: Outcome) -> None:
    """The predictions first: whoever sees the figures finds both."""
    numbers = io.BytesIO()
    np.save(numbers, outcome.predicted, allow_pickle=False)
    storage.replace_file(path.with_name(f"{path.name}.npy"), numbers.getvalue())
    figures = json.dumps(storage.without_nan(outcome.figures), indent=1, allow_nan=False)
    storage.replace_file(path.with_name(f"{path.name}.json"), figures.encode())


def _read(path: Path) -> Outcome | None:
    """What was written; None where there is nothing, or no whole."""
    try:
        figures = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
        predicted = np.load(path.with_name(f"{path.name}.npy"), allow_pickle=False)
        is_whole = figures["test_rmse"] is None or len(predicted) == figures["num_test"]
        float(figures["seconds_in_all"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return Outcome(figures, predicted) if is_whole else None
