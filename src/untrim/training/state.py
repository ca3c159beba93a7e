"""``state/training.pt``: what a training resumes from. Only this module writes and reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from untrim.errors import UntrimError
from untrim.methods.base import Method
from untrim.support.schema import check_schema
from untrim.support.tensors import lay_over, read_torch, refuse_infinite, write_torch

_SCHEMA = 1
_FIX = "delete it: the training then starts anew"
_LIKE_THE_PARAMETER = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "mean")
"""What the optimizers of PyTorch, and `AveragingAdam`, keep in the shape of the parameter that it is of."""


def write_state(path: Path, step: int, sums: Mapping[str, float], model: Method, optimizer: Optimizer) -> None:
    """Write what is needed to resume after `step` iterations; `sums` are the losses since the last line of metrics."""
    state = {
        "schema": _SCHEMA,
        "step": step,
        "sums": dict(sums),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    write_torch(path, state)


def read_state(path: Path, model: Method, optimizer: Optimizer, device: torch.device) -> tuple[int, dict[str, float]]:
    """Lay a saved state over a network and its optimizer, both on `device`.

    Returns:
        How many iterations are done, and the losses since the last line of metrics.

    Raises:
        UntrimError: Damaged, not such a file, of another network, or it holds what no training leaves.
    """
    try:
        return _laid_over(read_torch(path, device), path, model, optimizer)
    except UntrimError as error:
        if isinstance(error.__cause__, OSError):
            raise
        raise UntrimError(error.what, where=path, fix=_FIX) from error
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UntrimError(f"cannot be resumed from: {error!s:.120}", where=path, fix=_FIX) from error


def _laid_over(state: Any, path: Path, model: Method, optimizer: Optimizer) -> tuple[int, dict[str, float]]:
    if not isinstance(state, dict):
        raise UntrimError("should be a dict of tensors")
    check_schema(state, path, _SCHEMA)
    step, sums = state["step"], {str(name): float(value) for name, value in state["sums"].items()}
    if type(step) is not int or not 0 <= step <= model.config.iterations:
        raise UntrimError(f"'step' is {step!r:.40}, wanted a whole number from 0 to {model.config.iterations}")
    if bad := [name for name, value in sums.items() if not math.isfinite(value)]:
        raise UntrimError(f"the sum of the loss '{bad[0]}' is not finite")
    lay_over(model, state["model"], path, "the run's config")
    fresh = optimizer.state_dict()
    optimizer.load_state_dict(state["optimizer"])
    _check_groups(optimizer.state_dict()["param_groups"], fresh["param_groups"])
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if name in _LIKE_THE_PARAMETER and not isinstance(value, Tensor | None):
                raise UntrimError(f"'{name}' of the optimizer is no tensor")
            if isinstance(value, Tensor):
                if name in _LIKE_THE_PARAMETER and value.shape != parameter.shape:
                    raise UntrimError(f"'{name}' of the optimizer has shape {tuple(value.shape)}")
                refuse_infinite(f"{name} of the optimizer", value, path)
    return step, sums


def _check_groups(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """Refuse values of the optimizer, such as its step size, that are not of the kinds that it has."""
    for mine, theirs in zip(wanted, found, strict=True):
        for key, value in mine.items():
            other = theirs.get(key)
            if _kind(other) is not _kind(value) or (isinstance(other, float) and not math.isfinite(other)):
                raise UntrimError(f"'{key}' of the optimizer is {other!r:.40}, wanted something like {value!r:.40}")


def _kind(value: object) -> type:
    """The type of a value; all numbers, and all sequences, are of one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float if number else list if isinstance(value, tuple | list) else type(value)
