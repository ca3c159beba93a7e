"""The supervised upper bound: a classifier of single snippets, trained on segments.

This is not a weakly-supervised method: it learns from the times of each action. It gives a table of weakly-supervised
methods an upper bound. Everything else is as in those methods: features, grid, runs of snippets above a threshold.

    symbol      variable            shape
    x           features            (B, T, D)
    s           cas                 (B, T, C)
    y           snippet_labels      (B, T, C)

Equations:

    (1) s = convolution of x over `context` snippets, or of a hidden layer relu(V x + v)
    (2) L = 1/2 (mean of log(1 + exp(-s)) where y = 1 + mean of log(1 + exp(s)) where y = 0)

The means of Eq. 2 are over snippets and classes. Most snippets show nothing, so both halves weigh the same, as in
WSAD's Eq. 5-6. Localization takes the snippets with s > 0. An instance's score is W-TALC's: max s + 0.7 times the mean
of the largest eighth of the class's scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor, nn

from untrim.data.dataset import Batch
from untrim.data.sampling import Crop
from untrim.data.summary import DataSummary
from untrim.localization.grouping import connected_components
from untrim.localization.scoring import run_max
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.convolution import TemporalConv
from untrim.nn.losses import balanced_cross_entropy
from untrim.nn.pooling import topk_mean
from untrim.timeline import Detection, SnippetGrid


class SupervisedConfig(MethodConfig):
    """Values of the supervised upper bound."""

    batch_size: int = Field(default=10, ge=1)
    """Videos per training step."""
    max_snippets: int | None = Field(default=320, ge=1)
    """Longer videos are cropped to this many snippets in training; null: never."""
    crop: Crop = "contiguous"
    """How videos are cropped: `random` snippets in order, a `contiguous` stretch, or `uniform`ly spread snippets."""
    hidden: int | None = Field(default=None, ge=1)
    """Width of a hidden layer; null: none, a linear classifier."""
    context: int = Field(default=3, ge=1)
    """Number of snippets that a snippet's scores depend on, with itself in the middle; odd."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the classifier's input dropped in training."""
    min_snippets: int = Field(default=1, ge=1)
    """Shortest instance in snippets."""
    gamma: float = Field(default=0.7, ge=0)
    """Weight of the video's score in an instance's score."""

    @field_validator("context")
    @classmethod
    def _odd(cls, context: int) -> int:
        if context % 2 == 0:
            raise ValueError("should be odd")
        return context


class Supervised(Method[SupervisedConfig, Activations]):
    """Per-snippet classification with the segments known."""

    Config = SupervisedConfig
    presets = {"linear": {"context": 1}}
    supervision = "segments"

    def __init__(self, config: SupervisedConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        self.hidden = nn.Linear(dim, config.hidden) if config.hidden else None
        self.dropout = nn.Dropout(config.dropout)
        width, context = config.hidden or dim, config.context
        self.classifier = TemporalConv(width, len(self.labels), context)

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """Step size and length of training that fit the data; centred features; contiguous crops."""
        return {**data.training_defaults(), "crop": "contiguous", "input_scaling": "standard"}

    def forward(self, features: Tensor, mask: Tensor) -> Activations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        x = self.input(features)
        if self.hidden is not None:
            x = F.relu(self.hidden(x))
        x = self.dropout(x) * mask.unsqueeze(-1)  # padding must look like the end of the video
        s = self.classifier(x)  # Eq. 1
        return Activations(mask, s, video_scores=self.pooled(s, mask).sigmoid())

    def pooled(self, s: Tensor, mask: Tensor) -> Tensor:
        """Mean of the largest eighth of each class's scores, (B, C)."""
        return topk_mean(s, mask, mask.sum(dim=1) // 8)

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """Balanced binary cross-entropy of every snippet and class."""
        assert batch.snippet_labels is not None
        s, y = activations.cas[activations.mask], batch.snippet_labels[activations.mask]  # (N, C)
        return {"snippets": balanced_cross_entropy(s, y, 1 - y)}  # Eq. 2

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets that are more likely than not, each class on its own."""
        pooled = self.pooled(activations.cas, activations.mask)[0].double().cpu().numpy()  # (C,)
        s = activations.cas[0].double().cpu().numpy().T  # (C, T)
        runs = connected_components(s > 0, self.config.min_snippets)
        return self.detections(runs, run_max(s, runs) + self.config.gamma * pooled[runs.row], grid)
