"""A search: it stays in its ranges, keeps to its budget, learns from validation alone, and can be taken up again."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autorec_core import memory, search, trials
from autorec_core.errors import InvalidHyperparameterError, NotEnoughMemoryError
from autorec_core.events import EpochEnded, TrainingEnded, TrainingStarted
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.runs import Run, RunConfig, RunStore, Source
from autorec_core.search_space import SearchSpace
from autorec_core.training import Trainer

BASE = Hyperparameters(hidden_units=3, epochs=6, batch_size=32)
SPACE = SearchSpace(
    ranges={"learning_rate": (1e-5, 0.1), "hidden_units": (1, 9), "input_dropout": (0.0, 0.9)},
    options={"centering": (True, False), "encoder_activation": ("tanh", "sigmoid")},
    num_trials=14,
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    generator = np.random.default_rng(0)
    tastes, kinds = generator.normal(size=(60, 2)), generator.normal(size=(40, 2))
    ratings = np.clip(np.round(3 + tastes @ kinds.T), 1, 5)
    lines = [f"{u},{i},{ratings[u, i]:g}" for u in range(60) for i in range(40) if generator.random() < 0.4]
    (tmp_path / "mine.csv").write_text("userId,movieId,rating\n" + "\n".join(lines))
    return Source(ratings=str(tmp_path / "mine.csv"))


def made(source: Source, folder: Path, space: SearchSpace = SPACE, seed: int = 0) -> Run:
    return RunStore(folder / "runs").create(
        RunConfig(source=source, hyperparameters=BASE, search=space, seed=seed, kind="search")
    )


def go_on(*_: Any) -> bool:
    return True


def test_what_would_not_fit_is_refused_whichever_option_it_is_of(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option that takes most is among those that are looked at, though the search may never try it."""

    def told(num_ratings: int, num_users: int, num_items: int, chosen: Hyperparameters) -> float:
        return {"adam": 1.0, "lbfgs": 1e18}[chosen.optimizer] * (chosen.hidden_units == 9)

    monkeypatch.setattr(memory, "predicted_bytes", told)
    run = made(
        source, tmp_path, replace(SPACE, options={"optimizer": ("lbfgs", "adam"), "loss_over": ("observed", "all")})
    )
    with pytest.raises(NotEnoughMemoryError):
        search.record_search(run, go_on)
    fits = made(source, tmp_path, replace(SPACE, num_trials=1))
    assert search.record_search(fits, go_on) is not None


def test_each_trial_stays_in_its_ranges_and_the_rest_as_it_was(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path)
    assert search.record_search(run, go_on) is not None
    found = trials.trials_of(run)
    assert [trial.number for trial in found] == list(range(1, 15))
    for trial in found:
        assert list(trial.values) == SPACE.searched or set(trial.values) == set(SPACE.searched)
        for name, (low, high) in SPACE.ranges.items():
            assert low <= trial.values[name] <= high
        for name, options in SPACE.options.items():
            assert trial.values[name] in options
        hyperparameters = trials.hyperparameters_of(run, trial)
        assert hyperparameters.with_changes(**{name: getattr(BASE, name) for name in SPACE.searched}) == BASE
        assert trial.outcome in ("complete", "pruned")
        assert (len(trial.curve) == BASE.epochs) == (trial.outcome == "complete") or trial.outcome == "pruned"
        assert trial.valid_rmse == min(trial.curve)


def test_what_lies_behind_is_given_up_and_the_best_went_its_whole_way(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path)
    search.record_search(run, go_on)
    found = trials.trials_of(run)
    pruned = [trial for trial in found if trial.outcome == "pruned"]
    assert pruned
    assert all(len(trial.curve) < BASE.epochs or trial.curve for trial in pruned)
    assert all(trial.outcome == "complete" for trial in found[: search.FIRST_TRIALS])
    best = trials.best_of(found)
    assert best is not None
    assert best.valid_rmse == min(trial.valid_rmse or 9 for trial in found if trial.outcome == "complete")


def test_the_winner_trained_as_usual_has_the_curve_of_its_trial(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path)
    search.record_search(run, go_on)
    best = trials.best_of(trials.trials_of(run))
    assert best is not None
    trainer = Trainer(run.config.split(), trials.hyperparameters_of(run, best), seed=run.config.seed)
    curve = [event.valid_rmse for event in trainer if isinstance(event, EpochEnded)]
    assert curve == pytest.approx(best.curve, abs=1e-6)


def test_the_test_ratings_change_nothing_and_are_not_scored(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(self: Any, split: Any, *arguments: Any, **options: Any) -> None:
        seen.append(split.test.num_ratings)
        original(self, split, *arguments, **options)

    original = Trainer.__init__
    monkeypatch.setattr(Trainer, "__init__", watched)
    run = made(source, tmp_path)
    search.record_search(run, go_on)
    assert set(seen) == {0}
    ended = run.ended
    assert ended is not None
    assert ended.test_rmse is None
    assert not run.has_model


def test_its_end_is_told_in_its_events(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path)
    assert run.state == "waiting"
    search.record_search(run, go_on)
    assert run.state == "ended"
    kinds = [type(event) for event in run.events()]
    assert kinds == [TrainingStarted, TrainingEnded]
    assert run.ended is not None
    assert run.ended.message.startswith("14 trials are done. Trial ")


def test_an_interrupted_search_goes_on_after_its_last_trial(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path)

    def until_four(*_: Any) -> bool:
        return len(trials.trials_of(run)) < 4

    assert search.record_search(run, until_four) is None
    assert run.state == "interrupted"
    before = trials.trials_of(run)
    assert len(before) == 4
    search.record_search(run, go_on)
    after = trials.trials_of(run)
    assert after[:4] == before
    assert len(after) == 14
    values = [tuple(trial.values.items()) for trial in after]
    assert len(set(values)) == len(values), "nothing is tried twice"


def test_stopping_ends_the_search_with_the_trial_under_way(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path)

    def stop_in_the_third(trainer: Any, event: Any, save: Any) -> bool:
        if len(trials.trials_of(run)) == 2 and isinstance(event, EpochEnded):
            trainer.stop()
        return True

    search.record_search(run, stop_in_the_third)
    assert [trial.outcome for trial in trials.trials_of(run)] == ["complete", "complete", "stopped"]
    assert run.ended is not None
    assert run.ended.reason == "stopped"
    best = trials.best_of(trials.trials_of(run))
    assert best is not None
    assert best.number < 3


def test_minutes_are_a_budget_too(source: Source, tmp_path: Path) -> None:
    space = SearchSpace(ranges={"learning_rate": (1e-4, 0.1)}, num_trials=None, minutes=0.002)
    run = made(source, tmp_path, space)
    search.record_search(run, go_on)
    found = trials.trials_of(run)
    assert found
    assert sum(trial.seconds for trial in found) >= 0.12
    assert sum(trial.seconds for trial in found[:-1]) < 0.12


def test_the_importance_of_what_matters_is_the_larger(source: Source, tmp_path: Path) -> None:
    space = SearchSpace(ranges={"learning_rate": (1e-6, 0.05)}, options={"precision": ("float32", "float64")})
    run = made(source, tmp_path, space)
    assert trials.importance_of(run) == {}
    search.record_search(run, go_on)
    importance = trials.importance_of(run)
    assert set(importance) == {"learning_rate", "precision"}
    assert importance["learning_rate"] > importance["precision"]
    assert sum(importance.values()) == pytest.approx(1.0)


def test_the_same_seed_tries_the_same(source: Source, tmp_path: Path) -> None:
    space = SearchSpace(ranges=SPACE.ranges, num_trials=4)
    found = []
    for place in ("one", "two"):
        run = made(source, tmp_path / place, space, seed=3)
        search.record_search(run, go_on)
        found.append([trial.values for trial in trials.trials_of(run)])
    assert found[0] == found[1]


def test_a_search_survives_its_journey_through_json() -> None:
    config = RunConfig(search=SPACE)
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert RunConfig.from_json({**asdict(RunConfig()), "search": None}).search is None


def test_a_torn_line_is_no_trial(source: Source, tmp_path: Path) -> None:
    run = made(source, tmp_path, SearchSpace(ranges=SPACE.ranges, num_trials=2))
    search.record_search(run, go_on)
    with (run.folder / "trials.jsonl").open("a") as file:
        file.write('{"number": 3}\n{"number": 4, "outc')
    first, second = trials.trials_of(run)
    assert [first.number, second.number] == [1, 2]
    trials.append(run, replace(second, number=3))  # half a line takes none after it along
    assert [trial.number for trial in trials.trials_of(run)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ranges": {}}, "at least one hyperparameter"),
        ({"ranges": {"hidden_units": (0, 5)}}, "hidden_units must be between 1 and 1000, got 0."),
        ({"ranges": {"hidden_units": (5, 5)}}, "low end under its high end"),
        ({"ranges": {"hiden_units": (1, 5)}}, "Did you mean hidden_units?"),
        ({"options": {"optimizer": ("adam",)}}, "needs two values to try"),
        ({"num_trials": 0}, "num_trials must be between 1 and 1000, got 0."),
        ({"minutes": 1.0}, "either num_trials or minutes"),
        ({"num_trials": None, "minutes": -1.0}, "minutes must be more than 0"),
    ],
)
def test_what_cannot_be_searched_is_told(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidHyperparameterError, match=sentence.replace("?", r"\?")):
        SearchSpace(**{"ranges": {"learning_rate": (0.001, 0.1)}, **changes})
