"""Takes the pictures of a training that `snapshots` keeps, and sees to it that they cost it little.

Each kind of picture has a share of the training's time that it may take; what it has not used it may use later, up to
a bound. A quick epoch is then left out now and then, and a network that is too large for a picture goes without.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autorec_core import baselines, snapshots
from autorec_core.engine import Batch
from autorec_core.events import EpochEnded, TrainingEnded, TrainingEvent, TrainingStarted
from autorec_core.fit import Fit
from autorec_core.ratings import FloatArray, IntArray
from autorec_core.snapshots import Album, Look, Scene
from autorec_core.splits import Split
from autorec_core.trained_model import Link
from autorec_core.training import Trainer

SHARES = {"look": 0.02, "model": 0.02, "checkpoint": 0.01}
"""Share of a training's time that each kind of picture may take."""
CREDIT = 0.01
"""Seconds that each kind may take before it has earned them, and the most that is saved."""
LEAST_SECONDS = {"look": 0.05, "model": 0.5, "checkpoint": 0.5}
"""Between two pictures of a kind."""
MOST_BYTES = {"model": 24e6, "checkpoint": 128e6}
"""A larger picture is not taken."""
ROWS_READ, WEIGHTS_READ = 256, 8_000
"""Sizes of the samples that say what units and weights do."""
DEAD = 0.02
"""A unit is dead whose codes vary by less than this share of its range, or, without a range, of the liveliest unit."""
SATURATED = 0.9
"""A unit is saturated that lies at an end of its range for at least this share of the rows."""
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Of the activations that have ends."""
AT_AN_END = 0.02
"""Share of the range that counts as its end."""


class Allowance:
    """Seconds that may be spent: a share of those that pass, saved up to a bound.

    What is spent may be more than there was; then nothing may be spent until that has been earned.

    Args:
        share: of the time that passes.
        credit: seconds at first, and the most that is saved.
        now: seconds on a clock.
    """

    def __init__(self, share: float, credit: float, now: float) -> None:
        self._share, self._most, self._left, self._seen = share, credit, credit, now

    def allows(self, now: float) -> bool:
        """Whether anything may be spent now."""
        self._left = min(self._most, self._left + self._share * (now - self._seen))
        self._seen = now
        return self._left > 0

    def spend(self, seconds: float) -> None:
        """Takes off what was spent."""
        self._left -= seconds

    def give(self, seconds: float) -> None:
        """Adds seconds in which the training waited in any case."""
        self._left = min(self._most, self._left + seconds)


class Watcher:
    """Looks at a training between its events.

    Args:
        album: where the pictures go.
        split: what is trained on.
        trainer: whose network is looked at.
        checkpoint: gives all that is needed to go on, as arrays and JSON-able values.
        clock: seconds; passes while the training runs.
    """

    def __init__(
        self,
        album: Album,
        split: Split,
        trainer: Trainer,
        checkpoint: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._album, self._trainer, self._checkpoint, self._clock = album, trainer, checkpoint, clock
        self._split = split
        fit = trainer.current_fit
        album.cut_back(trainer.epoch)
        self._scene = _scene(split, fit)
        album.save_scene(self._scene)
        self._view = _View(self._scene, fit, split.seed)
        self._before: tuple[int, Tensor] | None = None
        self._valid_rmse = math.nan
        now = clock()
        self._allowances = {kind: Allowance(SHARES[kind], CREDIT, now) for kind in SHARES}
        weights = 4 * sum(parameter.numel() for parameter in fit.model.parameters())
        codes = 2 * len(fit.offsets) * fit.hyperparameters.hidden_units
        self._bytes = {"look": 2e5, "model": codes if fit.hyperparameters.based_on == "items" else weights / 2}
        self._bytes["checkpoint"] = 4 * weights
        self._taken_at = dict.fromkeys(SHARES, -math.inf)
        self._taken = dict.fromkeys(SHARES, -1)

    def see(self, event: TrainingEvent) -> None:
        """Takes the pictures that there is time for; the first and the last epoch are looked at in any case.

        Raises:
            StorageError: the disk does not take them.
        """
        if isinstance(event, EpochEnded):
            self._valid_rmse = event.valid_rmse
        if isinstance(event, (EpochEnded, TrainingStarted)):
            for kind in SHARES:
                self._take_if_cheap(kind)
        elif isinstance(event, TrainingEnded):
            self._take("look")
            if self._bytes["model"] <= MOST_BYTES["model"]:
                self._take("model")

    def wait(self, seconds: float) -> None:
        """Tells that the training was held for a while: pictures may take as long without anybody waiting for them."""
        for allowance in self._allowances.values():
            allowance.give(seconds / len(self._allowances))

    def see_all(self) -> None:
        """Takes every picture, as when the training is held. Raises StorageError as `see` does."""
        for kind in SHARES:
            if self._bytes[kind] <= MOST_BYTES.get(kind, math.inf):
                self._take(kind)

    def _take_if_cheap(self, kind: str) -> None:
        now = self._clock()
        if self._bytes[kind] > MOST_BYTES.get(kind, math.inf) or now - self._taken_at[kind] < LEAST_SECONDS[kind]:
            return
        if self._allowances[kind].allows(now):
            self._take(kind)
            self._allowances[kind].spend(self._clock() - now)

    def _take(self, kind: str) -> None:
        epoch = self._trainer.epoch
        if self._taken[kind] == epoch:
            return
        self._taken[kind], self._taken_at[kind] = epoch, self._clock()
        if kind == "look":
            self._album.save_look(self._look(epoch))
        elif kind == "model":
            arrays, meta = self._model()
            self._album.save("model", epoch, arrays, meta)
        elif not self._trainer.has_diverged:
            arrays, meta = self._checkpoint()
            self._album.save("checkpoint", epoch, arrays, meta)

    def _look(self, epoch: int) -> Look:
        fit = self._trainer.current_fit
        blocks, codes = self._view.of(fit)
        sample = _sampled_weights(fit)
        quantiles = {name: _quantiles(values) for name, values in sample.items()}
        every_code = codes.flatten()
        quantiles["codes"] = _quantiles(every_code[:: max(1, len(every_code) // WEIGHTS_READ)])
        flat = torch.cat(list(sample.values()))
        movement = None
        if self._before is not None and epoch > self._before[0]:
            length = float(flat.norm())
            way = float((flat - self._before[1]).norm()) / (epoch - self._before[0])
            movement = way / length if length and math.isfinite(way) else None
        self._before = (epoch, flat)
        norm = self._trainer.gradient_norm
        means, spreads, num_dead, num_saturated = _units(codes, fit.hyperparameters.encoder_activation)
        return Look(
            epoch=epoch,
            blocks=blocks,
            quantiles=quantiles,
            unit_means=means,
            unit_spreads=spreads,
            num_dead=num_dead,
            num_saturated=num_saturated,
            movement=movement,
            gradient_norm=norm if norm is not None and math.isfinite(norm) else None,
        )

    def _model(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
        """What folding a visitor in needs. The population is the decoder's rows as they stand: its maximum-likelihood
        estimate, which the finished model has, would take longer than many an epoch."""
        fit = self._trainer.current_fit
        hyperparameters, nothing = fit.hyperparameters, np.zeros((0, fit.hyperparameters.hidden_units), np.float32)
        empty = np.zeros(0, np.float32)
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        weights = {name: value.detach() for name, value in fit.model.named_parameters()}
        if hyperparameters.based_on == "items":
            rows = torch.cat([weights["decoder_weights"], weights["decoder_bias"][:, None]], 1)
            rated = torch.from_numpy(np.flatnonzero(fit.train.by_user.counts > 0)).to(rows.device)
            rows = rows.index_select(0, rated)
            mean = rows.mean(0)
            deviations = rows - mean
            covariance = deviations.T @ deviations / max(1, len(rows))
            arrays = {
                "codes": _half(fit.codes()),
                "population_mean": mean.cpu().numpy().astype(np.float32),
                "population_covariance": covariance.cpu().numpy().astype(np.float32),
                "encoder_weights": nothing,
                "encoder_bias": empty,
                "decoder_weights": nothing,
                "decoder_bias": empty,
            }
        else:
            arrays = {name: _half(value) for name, value in weights.items()}
            arrays |= {"codes": nothing, "population_mean": empty, "population_covariance": empty}
        error = self._valid_rmse if math.isfinite(self._valid_rmse) else fit.train.scale.span / 4
        least = 0.001 * fit.train.scale.span
        return arrays, {"residual_variance": max(error, least) ** 2}


class _View:
    """What the looks of a training have in common: the rows that they encode, and where each block finds its own."""

    def __init__(self, scene: Scene, fit: Fit, seed: int) -> None:
        self._by_items = fit.hyperparameters.based_on == "items"
        own = [(block.items, block.users) if self._by_items else (block.users, block.items) for block in scene.blocks]
        drawn_rows = np.unique(np.concatenate([rows for rows, _ in own]))
        columns = np.unique(np.concatenate([columns for _, columns in own]))
        counts = fit.matrix(fit.train).counts
        sample = np.flatnonzero(counts > 0)
        if len(sample) > ROWS_READ:
            sample = np.random.default_rng([seed, 5]).choice(sample, ROWS_READ, replace=False)
        rows: IntArray = np.union1d(drawn_rows, sample)
        self._scale, self._link = scene.scale, Link.of(fit.hyperparameters.decoder_activation, scene.scale)
        self._batch: Batch = fit.batch_of(rows)
        self._drawn_rows = torch.from_numpy(np.searchsorted(rows, drawn_rows))
        self._sample = torch.from_numpy(np.searchsorted(rows, sample))
        self._columns = torch.from_numpy(columns)
        self._offsets = fit.offsets[drawn_rows, None].astype(np.float32)
        self._places = [np.ix_(np.searchsorted(drawn_rows, r), np.searchsorted(columns, c)) for r, c in own]

    @torch.no_grad()
    def of(self, fit: Fit) -> tuple[tuple[snapshots.ByteArray, ...], Tensor]:
        """The blocks as the network writes them, and the codes (at most `ROWS_READ`, hidden_units) of the sample."""
        codes = fit.codes_of(self._batch)
        weights, bias = fit.model.decoder_weights.detach(), fit.model.decoder_bias.detach()
        z = codes[self._drawn_rows] @ weights[self._columns].T + bias[self._columns]
        written = snapshots.to_bytes(self._link(z.cpu().float().numpy() + self._offsets), self._scale)
        blocks = tuple(written[places].T if self._by_items else written[places] for places in self._places)
        return blocks, codes[self._sample].cpu().float()


def _scene(split: Split, fit: Fit) -> Scene:
    train = split.train
    bias = fit.averages or baselines.fit_all(train)["user_item_bias"]
    return Scene(
        scale=train.scale,
        hyperparameters=fit.hyperparameters,
        items=train.items,
        user_ids=train.user_ids,
        offsets=fit.offsets.astype(np.float32),
        item_means=(bias.global_mean + bias.item_biases).astype(np.float32),
        item_counts=train.by_item.counts,
        global_mean=bias.global_mean,
        blocks=snapshots.blocks_of(split),
    )


def _half(values: Tensor) -> np.ndarray[Any, Any]:
    """Half precision: to three digits, in half the bytes."""
    return np.asarray(values.detach().to(torch.float16).cpu().numpy())


def _sampled_weights(fit: Fit) -> dict[str, Tensor]:
    found = {}
    for name in ("encoder_weights", "decoder_weights"):
        flat = getattr(fit.model, name).detach().flatten()
        stride = max(1, len(flat) // WEIGHTS_READ) | 1  # odd, so that it does not come back to the same few units
        found[name.replace("_", " ")] = flat[::stride].clone()
    return found


def _quantiles(values: Tensor) -> tuple[float, ...]:
    if not len(values) or not bool(values.isfinite().all()):
        return ()
    ordered = values.float().sort().values
    places = torch.tensor(snapshots.QUANTILES) * (len(ordered) - 1)
    return tuple(round(float(value), 6) for value in ordered[places.round().long()])


def _units(codes: Tensor, activation: str) -> tuple[FloatArray, FloatArray, int, int]:
    """Mean and standard deviation of each unit over some rows' codes, and how many are dead and saturated.

    >>> codes = torch.tensor([[0.5, 0.999, 0.1], [0.5, 0.001, 0.9]])
    >>> _units(codes, "sigmoid")[2:]
    (1, 1)
    """
    means, spreads = codes.mean(0), codes.std(0, correction=0)
    saturated = torch.zeros(codes.shape[1], dtype=torch.bool)
    whole = float(spreads.nan_to_num().max()) if codes.numel() else 0.0
    if activation in RANGES:
        low, high = RANGES[activation]
        whole = high - low
        at_an_end = (codes < low + AT_AN_END * whole) | (codes > high - AT_AN_END * whole)
        saturated = at_an_end.float().mean(0) >= SATURATED
    dead = spreads <= DEAD * whole
    return means.numpy(), spreads.numpy(), int((dead & ~saturated).sum()), int(saturated.sum())
