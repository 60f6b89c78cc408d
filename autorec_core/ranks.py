"""Several processes that train one network: who they are, and the little that travels between them.

The columns of the network (the rows of V and W) are shared out among ranks, each with the weights and the ratings of
its own. A step then sends two sums of the size of a batch's codes: of the encoder's products, and of the gradient by
the codes. Weights never travel but for a checkpoint and the finished model. What is small is the same on every rank.

Source: tensor parallelism, Shoeybi et al. 2019 (Megatron-LM), section 3: a row-parallel layer, then a column-parallel
one.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from autorec_core.ratings import IntArray


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    """0 to size - 1; 0 writes and speaks."""
    size: int = 1
    """How many there are."""

    @staticmethod
    def join() -> Ranks:
        """Meets the others, where `torchrun` has started several; alone otherwise."""
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return ALONE
        if not torch.distributed.is_initialized():
            # An optimizer's first step imports this, and its default arguments would then hold the group for good: a
            # thread of it that outlives the interpreter aborts the process. Imported before there is a group, they hold
            # none, and `leave` ends all threads.
            importlib.import_module("torch.distributed.nn")
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size())

    @staticmethod
    def leave() -> None:
        """Takes leave of the others; nothing where there are none."""
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")

    def columns(self, counts: IntArray) -> tuple[int, int]:
        """The columns of this rank, from the first to before the second: shares of as many ratings and columns.

        Args:
            counts: (num_columns,) ratings of each column.
        """
        work = (counts + counts.mean()).cumsum()
        bounds = [int(work.searchsorted(work[-1] * share / self.size)) for share in range(1, self.size)]
        bounds = [0, *bounds, len(counts)]
        return bounds[self.rank], bounds[self.rank + 1]

    def sum(self, tensor: Tensor) -> Tensor:
        """Adds the tensors of all ranks up, in place; the same on each."""
        if self.size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def sum_forward(self, tensor: Tensor) -> Tensor:
        """The sum over ranks of something that each has a term of; its gradient is the same on each already."""
        return _SumForward.apply(tensor, self) if self.size > 1 else tensor  # type: ignore[no-untyped-call]

    def sum_backward(self, tensor: Tensor) -> Tensor:
        """Something that all ranks have; its gradient is the sum of what each finds."""
        return _SumBackward.apply(tensor, self) if self.size > 1 else tensor  # type: ignore[no-untyped-call]

    def whole(self, tensor: Tensor) -> Tensor:
        """The parts of all ranks one below the other, on every rank.

        Args:
            tensor: (own columns, ...).

        Returns:
            (num_columns, ...).
        """
        if self.size == 1:
            return tensor
        lengths = torch.zeros(self.size, dtype=torch.int64, device=self.device)
        lengths[self.rank] = len(tensor)
        self.sum(lengths)
        longest = int(lengths.max())
        padded = tensor.new_zeros(longest, *tensor.shape[1:])
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        torch.distributed.all_gather(parts, padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths.tolist(), strict=True)])

    def any(self, flag: bool) -> bool:
        """Whether it is so on some rank; the same answer on each."""
        return (self.size > 1 and bool(self.sum(torch.tensor(int(flag), device=self.device)))) or flag

    def first_says(self, text: str) -> str:
        """What the first rank says, on every rank."""
        if self.size == 1:
            return text
        spoken = torch.tensor(list(text.encode()), dtype=torch.uint8, device=self.device)
        length = torch.tensor(len(spoken), device=self.device)
        torch.distributed.broadcast(length, 0)
        heard = spoken if self.is_first else torch.empty(int(length), dtype=torch.uint8, device=self.device)
        torch.distributed.broadcast(heard, 0)
        return bytes(heard.tolist()).decode()


ALONE = Ranks()
"""A process that trains by itself."""


class _SumForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, ranks: Ranks) -> Tensor:
        return ranks.sum(tensor.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _SumBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.sum(gradients[0].contiguous().clone()), None
