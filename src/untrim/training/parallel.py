"""Several processes that train one network, started by ``torchrun``.

Each runs the network on its part of a batch. The outputs are exchanged, and each computes the losses of the whole
batch, whatever they average over. So losses between videos, or means over what only some videos have, are those of a
single process, and shares of the batch need not be equal. Part r of the gradient is that of the whole loss through
process r's own videos; these add up, while what a loss takes from the weights directly is the same in each. With own
parts n times as large, the mean over n processes is the gradient of the whole.

Dropout in the network draws from a generator of each process: the same in distribution as in a single process, not in
its values. A network must treat the videos of a batch apart from each other (no batch norm).
"""

from __future__ import annotations

import atexit
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from untrim.errors import Stopped, UntrimError, WorkFailed
from untrim.methods.base import Activations, Method

R = TypeVar("R")


@dataclass(frozen=True)
class World:
    """The processes that train together; a single one without ``torchrun``.

    Args:
        rank: Number of this process; only process 0 writes.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def counts(self, videos: int) -> list[int]:
        """How many of a batch's videos each process has: alike but for one."""
        return [(videos + self.size - 1 - rank) // self.size for rank in range(self.size)]

    def rows(self, videos: int) -> slice:
        """Rows of a batch that are this process's own."""
        counts = self.counts(videos)
        start = sum(counts[: self.rank])
        return slice(start, start + counts[self.rank])

    def check_batches(self, smallest: int) -> None:
        """Check that each process gets a video in each step.

        Raises:
            UntrimError: There are more processes than videos in the smallest batch.
        """
        if smallest < self.size:
            raise UntrimError(
                f"{self.size} processes share batches of {smallest} videos",
                fix="--set batch_size to at least the number of processes, or start fewer",
            )

    def gather(self, found: Activations, dims: Mapping[str, int], videos: int) -> Activations:
        """Activations of the whole batch of `videos`, of which `found` are this process's rows.

        Args:
            found: What the network says of the own rows.
            dims: Which dimension of each of its tensors is that of the videos.
            videos: Videos in the batch.
        """
        counts = self.counts(videos)
        whole: dict[str, Tensor] = {
            name: _Gather.apply(getattr(found, name), dim, counts, self.rank)  # type: ignore[no-untyped-call]
            for name, dim in dims.items()
        }
        return dataclasses.replace(found, **whole)

    def average(self, parameters: Sequence[nn.Parameter], stop: bool) -> bool:
        """Give each process the mean of all gradients; whether any process wants to stop.

        Raises:
            WorkFailed: Another process has ended.
        """
        if self.size == 1:
            return stop
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flag = gradients[0].new_tensor([float(stop)])
        flat = torch.cat([flag, *(gradient.flatten() for gradient in gradients)])
        with _partners():
            dist.all_reduce(flat)
        parts = torch.split(flat[1:] / self.size, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return flat[0].item() > 0

    def from_first(self, work: Callable[[], R]) -> R:
        """What `work` returns in process 0, the only one that does it. If it fails, all processes end.

        Raises:
            SystemExit: It failed in process 0, which says why.
        """
        if self.size == 1:
            return work()
        if self.first:
            try:
                message = [(work(), 0)]
            except (UntrimError, Stopped) as error:
                dist.broadcast_object_list([(None, error.exit_code)], device=torch.device("cpu"))
                raise
        else:
            message = [(None, 0)]  # type: ignore[list-item]
        with _partners():
            dist.broadcast_object_list(message, device=torch.device("cpu"))
        result, code = message[0]
        if code:
            raise SystemExit(code)
        return result


def join_world(device: torch.device) -> tuple[World, torch.device]:
    """The processes that ``torchrun`` started, and the device of this one; on CUDA each has a GPU of its own.

    They stay together until they end: a group cannot be formed twice. Its threads end with the last reference to it,
    and must do so before Python does: one that asks for Python later aborts the process. Now ``torch.distributed.nn``,
    which torch imports when it needs it, takes the group there is as a default argument: it is imported before.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        return World(), device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        import_module("torch.distributed.nn")
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return World(dist.get_rank(), dist.get_world_size()), device


def is_first() -> bool:
    """Whether this process is the only one or number 0 of those that ``torchrun`` started."""
    return os.environ.get("RANK", "0") == "0"


def video_dimensions(model: Method) -> dict[str, int]:
    """Which dimension of each tensor that a network says is that of the videos: the one that grows with them."""
    device, training = model.input.gain.device, model.training
    model.eval()
    with torch.no_grad():
        one, two = (
            model(
                torch.zeros(videos, 1, len(model.input.gain), device=device),
                torch.ones(videos, 1, dtype=torch.bool, device=device),
            )
            for videos in (1, 2)
        )
    model.train(training)
    dims = {}
    for field in dataclasses.fields(one):
        small, large = getattr(one, field.name), getattr(two, field.name)
        if isinstance(small, Tensor) and small.shape != large.shape:
            dims[field.name] = next(d for d, (a, b) in enumerate(zip(small.shape, large.shape, strict=True)) if a != b)
    return dims


@contextmanager
def _partners() -> Iterator[None]:
    """Where processes meet: one that has ended is failed work of the others."""
    try:
        yield
    except RuntimeError as error:
        raise WorkFailed("another process of this training has ended", fix="see what it said") from error


class _Gather(torch.autograd.Function):
    """Parts of all processes along `dim`; the gradient goes to the own part, as many times as there are processes."""

    @staticmethod
    def forward(ctx, own: Tensor, dim: int, counts: list[int], rank: int) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.dim, ctx.counts, ctx.rank = dim, counts, rank
        sent = own.new_zeros(*own.shape[:dim], max(counts), *own.shape[dim + 1 :])
        sent.narrow(dim, 0, counts[rank]).copy_(own)
        sent = sent.to(torch.uint8) if own.dtype == torch.bool else sent
        parts = [torch.empty_like(sent) for _ in counts]
        with _partners():
            dist.all_gather(parts, sent)
        kept = [part.narrow(dim, 0, count) for part, count in zip(parts, counts, strict=True)]
        return torch.cat(kept, dim).to(own.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[no-untyped-def]
        start = sum(ctx.counts[: ctx.rank])
        own = gradient.narrow(ctx.dim, start, ctx.counts[ctx.rank]) * len(ctx.counts)
        return own, None, None, None
