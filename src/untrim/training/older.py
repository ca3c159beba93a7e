"""What older versions wrote, in the words of today. Their files carry no schema number."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from untrim.methods import load_method
from untrim.methods.base import Method

RENAMED = {"oracle": "supervised"}
"""Methods by the names that they had."""

_ANY = object()
_DROPPED: Mapping[str, Mapping[str, object]] = {
    # STPN listed WSBM's options. Only these values made it STPN; the last two changed nothing then.
    "stpn": {
        "bias": True,
        "classification": "sigmoid",
        "background_weight": 0.0,
        "guide_weight": 0.0,
        "cluster_weight": 0.0,
        "proposals": "tcam",
        "score": "mean",
        "sigma": _ANY,
        "outer": _ANY,
    },
}
"""Options that a method no longer has, with the value that is today's behaviour."""
_ADDED: Mapping[str, tuple[str, ...]] = {"consensus": ("variances", "filled", "levels")}
"""Tensors that a method had not; they are 0 while nothing is measured."""


def sections(values: Mapping[str, object], origin: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The two parts of a ``config.yaml`` that holds all values side by side.

    Args:
        values: Contents of the file.
        origin: Keys that belong to the run; all others are of its method.
    """
    run = {key: value for key, value in values.items() if key in origin}
    if isinstance(name := run.get("method"), str):
        run["method"] = RENAMED.get(name, name)
    return {"run": run, "config": {key: value for key, value in values.items() if key not in origin}}


def without_dropped(method: type[Method], values: Mapping[str, object]) -> dict[str, object]:
    """`values` without options that the method no longer has, where they had the value that is today's behaviour."""
    gone = next((options for name, options in _DROPPED.items() if load_method(name) is method), {})
    return {key: value for key, value in values.items() if key not in gone or gone[key] not in (_ANY, value)}


def with_added(model: Method, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a run, with what they lack if they are of an older version."""
    added = next((own for name, own in _ADDED.items() if load_method(name) is type(model)), ())
    return {**{name: torch.zeros_like(model.get_buffer(name)) for name in added}, **tensors}
