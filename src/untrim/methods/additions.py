"""Losses that are one paper's idea, added to another method by a weight in its config.

A method can take an added loss if its network gives what the loss works on. These are refused before any training:

- a loss that the method already has of its own, with a weight of its own;
- a loss whose input the network does not have;
- a loss between videos, if batches hold no groups of videos with a class in common.

The loss of the supervised upper bound is added where a person said more than which actions happen (`add_known`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.errors import UntrimError
from untrim.methods import load_method
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.attention import guidance_loss, guidance_targets
from untrim.nn.losses import coactivity_loss, known_cross_entropy, metric_loss, projected_distances
from untrim.nn.pooling import masked_mean

Need = Literal["embedded features", "linear class scores", "attention"]

# WSAD clips class scores here, so that no single snippet decides for a class (Sec. 3.4).
_KAPPA = 4.0
# WSBM smooths its targets this much, in snippets.
_SIGMA = 1.0


class Addition(NamedTuple):
    """A loss that can be added.

    Args:
        owner: Name of the method that it comes from.
        needs: What it works on.
        between_videos: Whether it compares the videos of a group.
        loss: The loss itself, unweighted.
    """

    owner: str
    needs: tuple[Need, ...]
    between_videos: bool
    loss: Callable[[Method, Activations, Batch], Tensor]


def _coactivity(model: Method, found: Activations, batch: Batch) -> Tensor:
    assert found.embedded is not None
    return coactivity_loss(found.embedded, found.cas, found.mask, batch.labels, batch.groups)


def _metric(model: Method, found: Activations, batch: Batch) -> Tensor:
    assert found.embedded is not None
    weights = model.class_weights
    assert weights is not None

    def distances(a: Tensor, b: Tensor, classes: Tensor) -> Tensor:
        return projected_distances(a, b, weights[classes].unsqueeze(1))

    scores = found.cas.clamp(-_KAPPA, _KAPPA)
    return metric_loss(found.embedded, scores, found.mask, batch.labels, batch.groups, distances)


def _guidance(model: Method, found: Activations, batch: Batch) -> Tensor:
    assert found.attention is not None
    if found.background is not None:
        return guidance_loss(found.attention, found.cas, found.background, batch.labels, found.mask, _SIGMA)
    # Without background scores, the attention can only be guided by the classes of the video.
    never = torch.full_like(found.attention, -torch.inf)
    target, _ = guidance_targets(found.cas, never, batch.labels, found.mask, _SIGMA)
    return masked_mean((found.attention - target).abs(), found.mask).mean()


def _known(model: Method, found: Activations, batch: Batch) -> Tensor:
    logits = model.snippet_logits(found)
    if batch.snippet_labels is None or batch.known is None:
        return logits.new_zeros(())
    return known_cross_entropy(logits, batch.snippet_labels, batch.known, batch.labels)


ADDITIONS = {
    "add_coactivity": Addition("wtalc", ("embedded features",), True, _coactivity),
    "add_metric": Addition("wsad", ("embedded features", "linear class scores"), True, _metric),
    "add_guidance": Addition("wsbm", ("attention",), False, _guidance),
    "add_known": Addition("supervised", (), False, _known),
}
"""Config key of its weight -> the loss."""


def check_additions(model: Method, config: MethodConfig, labels: npt.NDArray[np.float32]) -> None:
    """Check that a method can take the losses that its config adds.

    Args:
        model: The method's network.
        config: Its config.
        labels: (V, C) labels of the training videos.

    Raises:
        UntrimError: It cannot; the error says why.
    """
    name = type(model).__name__
    for key, addition in ADDITIONS.items():
        if getattr(config, key) == 0:
            continue
        if isinstance(model, load_method(addition.owner)):
            raise UntrimError(f"'{key}': {name} has this loss of its own", fix="set that loss's own weight")
        if missing := [need for need in addition.needs if need not in _given(model)]:
            raise UntrimError(f"'{key}' needs {missing[0]}, which {name} does not have", fix=f"leave {key} at 0")
        if addition.between_videos and config.groups == 0:
            raise UntrimError(f"'{key}' compares videos with a class in common, but groups is 0", fix="set groups to 3")
        if addition.between_videos and labels.sum(axis=0).max() < 2:
            raise UntrimError(f"'{key}' compares videos with a class in common, but no class has two videos")


def _given(model: Method) -> set[Need]:
    """What the network gives that losses can work on, found by running it on one snippet."""
    with torch.no_grad():
        found = model(torch.zeros(1, 1, len(model.input.gain)), torch.ones(1, 1, dtype=torch.bool))
    parts: dict[Need, Tensor | None] = {
        "embedded features": found.embedded,
        "linear class scores": model.class_weights,
        "attention": found.attention,
    }
    return {need for need, part in parts.items() if part is not None}


def added_losses(model: Method, config: MethodConfig, found: Activations, batch: Batch) -> dict[str, Tensor]:
    """The losses that a config adds to the method's own, weighted, by config key."""
    weights = {key: getattr(config, key) for key in ADDITIONS}
    return {key: weight * ADDITIONS[key].loss(model, found, batch) for key, weight in weights.items() if weight > 0}
