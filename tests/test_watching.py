"""Looking at a training: what is seen is what the network says, and it takes no more time than it may."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from autorec_core.events import EpochEnded, TrainingEnded
from autorec_core.glimpse import meet
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.recommender import Recommender
from autorec_core.snapshots import Album, from_bytes
from autorec_core.splits import Split, random_split
from autorec_core.training import Trainer
from autorec_core.watching import Allowance, Watcher, _units

SMALL = Hyperparameters(hidden_units=6, epochs=5, refit=False, batch_size=16)


class Clock:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=3)


def watched_training(
    split: Split, folder: Path, hyperparameters: Hyperparameters, seconds_an_epoch: float = 10.0
) -> tuple[Trainer, Album]:
    clock, trainer, album = Clock(), Trainer(split, hyperparameters), Album(folder)
    watcher = Watcher(album, split, trainer, trainer.checkpoint, clock)
    for event in trainer:
        clock.now += seconds_an_epoch
        watcher.see(event)
    return trainer, album


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_a_block_is_what_the_model_reconstructs(split: Split, tmp_path: Path, based_on: str) -> None:
    trainer, album = watched_training(split, tmp_path, SMALL.with_changes(based_on=based_on))
    model = trainer.trained_model()  # of the best epoch
    scene, look = album.scene(), album.look(trainer._best_epoch)
    assert scene is not None
    assert look is not None
    for block, seen in zip(scene.blocks, look.blocks, strict=True):
        users, items = (part.ravel() for part in np.meshgrid(block.users, block.items, indexing="ij"))
        expected = model.scale.clip(model.reconstruct_pairs(users, items)).reshape(seen.shape)
        assert np.abs(from_bytes(seen, scene.scale) - expected).max() < 0.01


@pytest.mark.parametrize("based_on", ["items", "users"])
def test_the_kept_model_meets_a_visitor_as_the_fold_in_does(split: Split, tmp_path: Path, based_on: str) -> None:
    _, album = watched_training(split, tmp_path, SMALL.with_changes(based_on=based_on))
    scene = album.scene()
    assert scene is not None
    model = album.model(5, scene)
    assert model is not None
    items, ratings = np.array([3, 40, 7]), np.array([5.0, 1.0, 4.0])
    glimpse, met = meet(model, items, ratings), Recommender(model).fold_in(items, ratings)
    assert np.allclose(glimpse.predicted_ratings, met.predicted_ratings, atol=1e-4)
    assert np.allclose(glimpse.left_out, met.left_out, atol=1e-4)
    assert not set(glimpse.top.tolist()) & {3, 40, 7}
    best = np.argsort(-np.where(np.isin(np.arange(80), items), -9, met.raw), kind="stable")[:3]
    assert glimpse.top[:3].tolist() == best.tolist()


def test_nobody_known_gets_what_most_people_would(split: Split, tmp_path: Path) -> None:
    _, album = watched_training(split, tmp_path, SMALL)
    scene = album.scene()
    assert scene is not None
    model = album.model(5, scene)
    assert model is not None
    nothing = np.zeros(0)
    glimpse = meet(model, nothing.astype(np.int64), nothing)
    assert len(glimpse.top) == 10
    assert np.allclose(glimpse.predicted_ratings, Recommender(model).fold_in([], []).predicted_ratings, atol=1e-4)


def test_every_epoch_is_looked_at_where_there_is_time(split: Split, tmp_path: Path) -> None:
    _, album = watched_training(split, tmp_path, SMALL)
    assert album.epochs("look") == [0, 1, 2, 3, 4, 5]
    assert album.epochs("checkpoint") == [0, 1, 2, 3, 4, 5]


def test_a_training_without_time_is_seen_at_its_end_all_the_same(split: Split, tmp_path: Path) -> None:
    _, album = watched_training(split, tmp_path, SMALL, seconds_an_epoch=0.0)
    assert album.epochs("look")[-1] == 5
    assert album.epochs("look") != [0, 1, 2, 3, 4, 5]


def test_watching_changes_no_figure(split: Split, tmp_path: Path, one_thread: None) -> None:
    def figures(events: list[object]) -> list[object]:
        return [
            (event.epoch, event.valid_rmse, event.objective) if isinstance(event, EpochEnded) else event.test_rmse
            for event in events
            if isinstance(event, (EpochEnded, TrainingEnded))
        ]

    trainer = Trainer(split, SMALL)
    watcher = Watcher(Album(tmp_path), split, trainer, trainer.checkpoint)
    seen = []
    for event in trainer:
        watcher.see(event)
        watcher.see_all()
        seen.append(event)
    assert figures(seen) == figures(list(Trainer(split, SMALL)))


def test_weights_that_move_are_told_and_so_is_the_gradient(split: Split, tmp_path: Path) -> None:
    _, album = watched_training(split, tmp_path, SMALL)
    first, last = album.look(0), album.look(5)
    assert first is not None
    assert last is not None
    assert first.movement is None
    assert last.movement is not None
    assert 0 < last.movement < 10
    assert last.gradient_norm is not None
    assert last.gradient_norm > 0
    for values in last.quantiles.values():
        assert list(values) == sorted(values)


def test_a_training_that_diverges_is_still_seen(split: Split, tmp_path: Path) -> None:
    wild = SMALL.with_changes(learning_rate=10.0, encoder_activation="relu", schedule="constant", epochs=40)
    _, album = watched_training(split, tmp_path, wild)
    look = album.look(album.epochs("look")[-1])
    assert look is not None
    assert look.movement is None or math.isfinite(look.movement)


class TestUnits:
    @pytest.mark.parametrize(
        ("activation", "codes", "dead", "saturated"),
        [
            ("sigmoid", [[0.5, 0.999, 0.1], [0.5, 0.001, 0.9]], 1, 1),
            ("tanh", [[1.0, -0.2], [-1.0, 0.6]], 0, 1),
            ("relu", [[0.0, 0.0, 5.0], [0.0, 3.0, 1.0]], 1, 0),
            ("identity", [[2.0], [2.0]], 1, 0),
        ],
    )
    def test_dead_and_saturated_ones_are_counted(
        self, activation: str, codes: list[list[float]], dead: int, saturated: int
    ) -> None:
        assert _units(torch.tensor(codes), activation)[2:] == (dead, saturated)


class TestAllowance:
    def test_in_the_long_run_its_share_is_kept(self) -> None:
        allowance, spent = Allowance(0.05, 0.03, 0.0), 0.0
        for step in range(1, 10_001):
            if allowance.allows(step * 0.01):
                allowance.spend(0.02)
                spent += 0.02
        assert spent <= 0.05 * 100 + 0.03 + 0.02
        assert spent >= 0.04 * 100

    def test_what_costs_more_than_can_be_saved_is_paid_for_afterwards(self) -> None:
        allowance = Allowance(0.1, 0.03, 0.0)
        assert allowance.allows(0.0)
        allowance.spend(1.0)
        assert not allowance.allows(9.0)
        assert allowance.allows(11.0)

    def test_time_that_the_training_waited_is_free(self) -> None:
        allowance = Allowance(0.01, 0.03, 0.0)
        allowance.spend(0.5)
        allowance.give(0.6)
        assert allowance.allows(0.0)
