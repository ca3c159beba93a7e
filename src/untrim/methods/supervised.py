"""The supervised upper bound: a classifier of single snippets, trained on segments.

This is not a weakly-supervised method: it learns from the times of each action. It gives a table of weakly-supervised
methods an upper bound. Features and grid are those of the other methods.

    symbol      variable            shape
    x           features            (B, T, D)
    s           cas                 (B, T, C)
    y           snippet_labels      (B, T, C)

Equations:

    (1) s = convolution of x over `context` snippets, or of a hidden layer relu(V x + v)
    (2) L = 1/2 mean of log(1 + exp(-s)) where y = 1
          + 1/4 mean of log(1 + exp(s)) where y = 0 in a video with the class
          + 1/4 mean of log(1 + exp(s)) where y = 0 in a video without it

The means of Eq. 2 are over snippets and classes. Most snippets show nothing, so both halves weigh the same, as in
WSAD's Eq. 5-6. Most of what a class is absent from are other videos, while the background of its own ones says where
it starts and ends, so these weigh the same, too. Localization is that of `untrim.methods.snippet_classifier`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from untrim.data.dataset import Batch
from untrim.data.sampling import Crop
from untrim.data.summary import DataSummary
from untrim.methods.base import Activations
from untrim.methods.snippet_classifier import SnippetClassifier, SnippetClassifierConfig
from untrim.nn.convolution import TemporalConv
from untrim.nn.losses import known_cross_entropy


class SupervisedConfig(SnippetClassifierConfig):
    """Values of the supervised upper bound."""

    crop: Crop = "contiguous"
    """How videos are cropped: `random` snippets in order, a `contiguous` stretch, or `uniform`ly spread snippets."""
    hidden: int | None = Field(default=None, ge=1)
    """Width of a hidden layer; null: none, a linear classifier."""


class Supervised(SnippetClassifier[SupervisedConfig, Activations]):
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
        s = self.classifier(self.dropout(x), mask)  # Eq. 1
        return Activations(mask, s, video_scores=self.pooled(s, mask).sigmoid())

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """Balanced binary cross-entropy of every snippet and class."""
        assert batch.snippet_labels is not None
        s, mask = activations.cas, activations.mask
        known = mask.unsqueeze(-1).to(s)
        return {"snippets": known_cross_entropy(s, batch.snippet_labels, known, batch.labels)}  # Eq. 2
