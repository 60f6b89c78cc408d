"""How weights move: the optimisers, the learning rate over a run, and an optimiser's state as plain arrays."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.model import AutoRec

Array = np.ndarray[Any, Any]

WARM_UP = 0.25
"""Share of a one-cycle run in which the learning rate rises."""
FLOOR = 0.01
"""Share of the learning rate that a run begins with (one-cycle) and ends at (one-cycle, cosine, linear)."""


def learning_rate_at(schedule: str, peak: float, progress: float) -> float:
    """The learning rate at a moment of the run.

    Args:
        schedule: "constant", "one-cycle", "cosine" or "linear".
        peak: the highest learning rate.
        progress: share of the run's steps that are done, 0 to 1.

    Source: Smith & Topin 2018 (one-cycle), with half a cosine for the fall.

    >>> [learning_rate_at("one-cycle", 1.0, p) for p in (0.0, 0.25, 1.0)]
    [0.01, 1.0, 0.01]
    """
    if schedule == "constant":
        return peak
    fall = progress
    if schedule == "one-cycle":
        if progress < WARM_UP:
            return peak * (FLOOR + (1 - FLOOR) * progress / WARM_UP)
        fall = (progress - WARM_UP) / (1 - WARM_UP)
    if schedule == "linear":
        return peak * (FLOOR + (1 - FLOOR) * (1 - fall))
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * fall)))


@dataclass(frozen=True, eq=False)
class Moved:
    """A parameter that Adam moves without torch: arrays in the memory of the parameter and of the optimiser's state.

    They are made once, as between two passes that fill the caches each call of torch's costs more than what it does.
    """

    weights: Array
    """The parameter's own, of its shape."""
    first: Array
    """First moment, of its shape."""
    second: Array
    """Second moment, of its shape."""
    steps: Array
    """One number, steps so far."""
    group: dict[str, Any]
    """What torch's Adam keeps of its learning rate, betas, epsilon and penalty."""

    def step(self) -> Array:
        """Counts one more step and says how.

        Returns:
            (7,) in the parameter's dtype: step size, 1 - beta1, beta2, 1 - beta2, 1 / sqrt(1 - beta2^t), epsilon,
            penalty.
        """
        self.steps[...] += 1
        group, t = self.group, self.steps.item()
        beta1, beta2 = group["betas"]
        of_first, of_second = 1 - beta1**t, 1 - beta2**t
        values = (group["lr"] / of_first, 1 - beta1, beta2, 1 - beta2, of_second**-0.5, group["eps"])
        return np.array([*values, group["weight_decay"]], dtype=self.weights.dtype)


class _Adam(torch.optim.Adam):
    """torch's, without its compiler: these methods load that at their first call, to say that they are not for it.

    That would be a second of each start and 70 MB of each process, and nothing here is compiled by it.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)


class Penalised:
    """An optimiser of the objective per rating: mean squared error + `penalties[p] / 2 * ||p||^2` for each parameter.

    Args:
        hyperparameters: which optimiser and learning rate.
        model: whose parameters move.
        penalties: the penalty weight of each per rating, `lambda / num_ratings`, in the order of the parameters.
    """

    def __init__(self, hyperparameters: Hyperparameters, model: AutoRec, penalties: Iterable[float]) -> None:
        self.kind = hyperparameters.optimizer
        self.model = model
        self.penalties = list(zip(model.parameters(), penalties, strict=True))
        self._moved: dict[Tensor, Moved] = {}
        parameters = [parameter for parameter, _ in self.penalties]
        self.optimizer: torch.optim.Optimizer
        if self.kind == "adam":
            # Adam's weight_decay adds `penalty * p` to the gradient: the penalty's own. Fused is one pass over memory.
            groups = [{"params": [parameter], "weight_decay": penalty} for parameter, penalty in self.penalties]
            self.optimizer = _Adam(groups, lr=hyperparameters.learning_rate, fused=True)
        elif self.kind == "rprop":
            self.optimizer = torch.optim.Rprop(parameters, lr=hyperparameters.learning_rate)
        else:
            self.optimizer = torch.optim.LBFGS(
                parameters,
                lr=min(1.0, hyperparameters.learning_rate),
                max_iter=4,
                history_size=10,
                line_search_fn="strong_wolfe",
            )

    def set_learning_rate(self, learning_rate: float) -> None:
        """Takes effect at the next step; RProp adapts its own steps after the first, so it is left alone."""
        if self.kind == "adam":
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate

    def set_penalties(self, penalties: Iterable[float]) -> None:
        """Penalty weights per rating, in the order of the parameters."""
        self.penalties = [(parameter, new) for (parameter, _), new in zip(self.penalties, penalties, strict=True)]
        if self.kind == "adam":
            for group, (_, penalty) in zip(self.optimizer.param_groups, self.penalties, strict=True):
                group["weight_decay"] = penalty

    def step(self, mean_squared_error: Callable[[], Tensor]) -> Tensor:
        """One step down the objective.

        Args:
            mean_squared_error: computes the mean squared error of the batch, differentiable; called once or, by
                L-BFGS, several times, always with the same result for the same weights.

        Returns:
            Squared length of the objective's gradient before the step, a scalar.
        """
        squares: list[Tensor] = []

        def gradients() -> float:
            self.optimizer.zero_grad(set_to_none=True)
            loss = mean_squared_error()
            loss.backward()  # type: ignore[no-untyped-call]
            value = loss.detach()
            if not squares:
                squares.append(self._gradient_square())
            if self.kind != "adam":
                for parameter, penalty in self.penalties:
                    if penalty and parameter.grad is not None:
                        parameter.grad.add_(parameter.detach(), alpha=penalty)
                        value = value + 0.5 * penalty * parameter.detach().square().sum()
            return float(value) if self.kind == "lbfgs" else 0.0

        if self.kind == "lbfgs":
            self.optimizer.step(gradients)
        else:
            gradients()
            self.optimizer.step()
        return squares[0]

    def moved(self, parameter: Tensor) -> Moved:
        """Adam's arrays of a parameter that somebody else moves; the same object until a state is loaded."""
        if parameter not in self._moved:
            first, second = self.moments_of(parameter)
            group = next(group for group in self.optimizer.param_groups if group["params"][0] is parameter)
            steps = self.optimizer.state[parameter]["step"]
            self._moved[parameter] = Moved(
                parameter.detach().numpy(), first.numpy(), second.numpy(), steps.numpy(), group
            )
        return self._moved[parameter]

    def moments_of(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        """Adam's two moments of a parameter, each of its shape; 0 before the first step."""
        state = self.optimizer.state[parameter]
        if not state:  # as torch makes them at the first step
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state["exp_avg"], state["exp_avg_sq"]

    def _gradient_square(self) -> Tensor:
        """Of the objective, over the parameters that have a gradient; before a penalty is added to it."""
        with torch.no_grad():
            squares = [
                self._share_of(parameter)
                * (parameter.grad + penalty * parameter if penalty else parameter.grad).square().sum()
                for parameter, penalty in self.penalties
                if parameter.grad is not None
            ]
            return torch.stack(squares).sum()

    def _share_of(self, parameter: Tensor) -> float:
        """This rank's share of what is summed over ranks: of what they all have, each counts its part."""
        return 1.0 if self._is_shared_out(parameter) else 1.0 / self.model.ranks.size

    def _is_shared_out(self, parameter: Tensor) -> bool:
        return any(parameter is own for own in self.model.by_column)

    @torch.no_grad()
    def penalty(self) -> Tensor:
        """This rank's part of the objective's penalty, a float64 scalar."""
        terms = [
            self._share_of(parameter) * 0.5 * weight * torch.linalg.vector_norm(parameter).double().square()
            for parameter, weight in self.penalties
        ]
        return torch.stack(terms).sum()

    def state(self) -> tuple[dict[str, Array], Any]:
        """The optimiser's state, of all ranks, as (arrays by name, JSON-able structure that refers to them)."""
        arrays: dict[str, Array] = {}
        state = self._by_column(self.optimizer.state_dict(), self.model.ranks.whole)
        return arrays, _to_plain(state, arrays)

    def load_state(self, arrays: dict[str, Array], structure: Any) -> None:
        """The inverse of `state`."""
        state = _from_plain(structure, arrays)
        self.optimizer.load_state_dict(self._by_column(state, lambda whole: whole[slice(*self.model.columns)]))
        self._moved.clear()  # their arrays were those of the state before

    def _by_column(self, state: dict[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """A state dict with every tensor that has a row a column changed."""
        if self.model.ranks.size == 1:
            return state
        found = dict(state["state"])
        for index, (parameter, _) in enumerate(self.penalties):
            if self._is_shared_out(parameter) and index in found:
                found[index] = {
                    name: change(value) if isinstance(value, Tensor) and value.dim() else value
                    for name, value in found[index].items()
                }
        return {**state, "state": found}


def _to_plain(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, Tensor):
        name = f"optimizer.{len(arrays)}"
        arrays[name] = np.array(value.detach().cpu().numpy(), copy=True)
        return {"tensor": name}
    if isinstance(value, dict):
        return {"pairs": [[key, _to_plain(inner, arrays)] for key, inner in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [_to_plain(inner, arrays) for inner in value]}
    return {"value": value}


def _from_plain(structure: Any, arrays: dict[str, Array]) -> Any:
    ((kind, value),) = structure.items()
    if kind == "tensor":
        return torch.from_numpy(np.array(arrays[value], copy=True))
    if kind == "pairs":
        return {key: _from_plain(inner, arrays) for key, inner in value}
    if kind == "list":
        return [_from_plain(inner, arrays) for inner in value]
    return value
