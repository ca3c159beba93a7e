"""A classifier of snippets with their neighbours, and its localization by contrast.

What `untrim.methods.supervised` and `untrim.methods.consensus` share: they differ in what they are told of a snippet.

    symbol      variable        shape
    x           features        (B, T, D)
    s           cas             (B, T, C)

Equations:

    (1) s = the convolution of x over `context` snippets.
    (2) Candidates: runs of snippets above each of several levels of s, whose highest s is above -1/2.
    (3) A run's score: its outer-inner contrast (AutoLoc), plus `peak` times its highest s, plus gamma times the mean
        of the eighth of the class's scores that is largest.
    (4) A run loses `second_choice` if it overlaps a better one of its class: it is a part of that one, or several in
        one. Then non-maximum suppression.

Eq. 2 takes runs that fall a little short of 0, too: what that is worth is in docs/methods/consensus.md. In Eq. 3 only
snippets below the run's own level are outside: the next instance, which may follow at once, is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field, field_validator
from torch import Tensor
from typing_extensions import TypeVar

from untrim.localization.grouping import Runs, connected_components
from untrim.localization.nms import nms
from untrim.localization.scoring import Scores, outer_inner_contrast, run_max
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.pooling import topk_mean
from untrim.timeline import Detection, SnippetGrid

_LEVELS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_LEAST_PEAK = -0.5  # a logit
_ANY_OVERLAP = 1e-9  # a tIoU


class SnippetClassifierConfig(MethodConfig):
    """Values of a classifier of snippets."""

    of_localization = frozenset({"min_snippets", "outer", "peak", "gamma", "second_choice", "nms_threshold"})

    batch_size: int = Field(default=10, ge=1)
    """Videos per training step."""
    max_snippets: int | None = Field(default=320, ge=1)
    """Longer videos are cropped to this many snippets in training; null: never."""
    context: int = Field(default=3, ge=1)
    """Number of snippets that a snippet's scores depend on, with itself in the middle; odd."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the classifier's input dropped in training."""
    min_snippets: int = Field(default=1, ge=1)
    """Shortest instance in snippets."""
    outer: float = Field(default=1.25, ge=0)
    """Width of the surroundings in the outer-inner contrast, as a share of an instance's length."""
    peak: float = Field(default=0.5, ge=0)
    """Weight of the highest score of an instance in its score."""
    gamma: float = Field(default=0.7, ge=0)
    """Weight of the video's score in an instance's score."""
    second_choice: float = Field(default=4.0, ge=0)
    """What an instance that overlaps a better one of its class loses of its score."""
    nms_threshold: float = Field(default=0.4, gt=0, le=1)
    """tIoU from which on two detections of a class are one."""

    @field_validator("context")
    @classmethod
    def _odd(cls, context: int) -> int:
        if context % 2 == 0:
            raise ValueError("should be odd")
        return context


C = TypeVar("C", bound=SnippetClassifierConfig, default=Any)
A = TypeVar("A", bound=Activations, default=Any)


class SnippetClassifier(Method[C, A]):
    """A method whose `cas` are the logits of single snippets."""

    def pooled(self, s: Tensor, mask: Tensor) -> Tensor:
        """Mean of the largest eighth of each class's scores, (B, C)."""
        return topk_mean(s, mask, mask.sum(dim=1) // 8)

    def outline(self, activations: A) -> Tensor:
        """The sequence whose levels say where an instance starts and ends, (B, T, C): s itself."""
        return activations.cas

    @property
    def level_unit(self) -> float:
        """What the levels of the outline count in: logits."""
        return 1.0

    def localize(self, activations: A, grid: SnippetGrid) -> list[Detection]:
        """Runs above each of several levels, each class on its own (Eq. 2-4)."""
        config = self.config
        pooled = self.pooled(activations.cas, activations.mask)[0].double().cpu().numpy()  # (C,)
        s, outline = (part[0].double().cpu().numpy().T for part in (activations.cas, self.outline(activations)))
        runs, contrast = self._candidates(outline)
        peaks = run_max(s, runs)
        scores = contrast + config.peak * peaks + config.gamma * pooled[runs.row]
        likely = peaks > _LEAST_PEAK
        runs, scores = _chosen(runs, likely), scores[likely]
        spans = np.stack([runs.first, runs.stop], axis=1)
        lowered = scores - config.second_choice
        best = nms(spans, scores, _ANY_OVERLAP, runs.row)
        lowered[best] = scores[best]
        kept = nms(spans, lowered, config.nms_threshold, runs.row)
        return self.detections(_chosen(runs, kept), lowered[kept], grid)

    def _candidates(self, outline: Scores) -> tuple[Runs, Scores]:
        """Runs of (C, T) `outline` above each level, and their contrast with what lies below that level around them."""
        found, contrasts = [], []
        for level in _LEVELS:
            above = outline > level * self.level_unit
            runs = connected_components(above, self.config.min_snippets)
            found.append(runs)
            contrasts.append(outer_inner_contrast(outline, runs, self.config.outer, between=~above))
        return Runs(*map(np.concatenate, zip(*found, strict=True))), np.concatenate(contrasts)


def _chosen(runs: Runs, which: np.ndarray) -> Runs:
    return Runs(*(column[which] for column in runs))
