"""A classifier that comes with the network of the features, and knows its classes without any training here.

A network that was trained to name short clips has a linear classifier of the very features that its backbone gives.
Applied to each snippet of an untrimmed video, it says what the snippet shows, and so when an action happens.
`untrim weights pull` makes such runs (`untrim.training.ready_runs`).

    symbol      variable            shape
    x           features            (B, T, D)
    s           cas                 (B, T, C)
    n           background          (B, T)
    lambda      attention           (B, T)
    p           probabilities       (B, T, C)
    q           video_scores        (B, C)

Equations:

    (1) s = W x + b, averaged over `window` snippets, with the snippet itself in the middle
    (2) n = mean of s + sqrt(2 log C) standard deviations of s, each over the classes
    (3) lambda = sigmoid(largest s - n)
    (4) p = softmax of s and n, without the last
    (5) q = mean of the largest eighth of p over time
    (6) an instance is a maximal run of p - `share` q (`untrim.localization.grouping.maximal_runs`)
    (7) its score is the square root of q times the mean of p within it

A softmax must name a class, whatever it sees. Eq. 2 is what the network says of anything: of C logits that are nothing
but noise, the largest reaches about sqrt(2 log C) standard deviations. A class has to stand out further. So n is the
logit of "none of these", and Eq. 4 may leave all classes unlikely.

All classes that the network knows share the probability in Eq. 4. If a person asks for some of them, those alone and
"none of these" share it. Localization looks for classes with q of at least `class_threshold`, for the likeliest class
in any case, and for every class that a person asks for.

The defaults of `window`, `share` and `class_threshold` were settled by looking at seven short clips of the web, for two
of which the times are known.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor, nn

from untrim.data.dataset import Batch
from untrim.errors import UntrimError
from untrim.localization.grouping import likely_classes, maximal_runs
from untrim.localization.scoring import run_mean
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.pooling import topk_mean
from untrim.timeline import Detection, SnippetGrid


class PretrainedConfig(MethodConfig):
    """Values of a ready run. Those of training, which every method has, have no effect."""

    iterations: int = Field(default=0, ge=0, le=0)
    """Training steps: none."""
    window: int = Field(default=5, ge=1)
    """Snippets that class scores are averaged over; odd."""
    class_threshold: float = Field(default=0.1, ge=0, le=1)
    """Smallest score of a class in the video with which it is localized."""
    share: float = Field(default=1 / 3, gt=0, lt=1)
    """Share of a class's score in the video that a snippet must have to count for an instance of it, not against it."""

    @field_validator("window")
    @classmethod
    def _odd(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError("should be odd")
        return window


class Pretrained(Method[PretrainedConfig, Activations]):
    """A classifier of snippets that comes trained: `untrim weights pull kinetics400` makes such a run."""

    Config = PretrainedConfig
    presets = {}
    supervision = "none"
    any_stride = True

    def __init__(self, config: PretrainedConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        self.classifier = nn.Linear(dim, len(self.labels))
        self._asked_for: list[int] = []

    def look_for(self, labels: Collection[str]) -> None:
        """Look for these classes, and no others, in every video."""
        self._asked_for = [index for index, label in enumerate(self.labels) if label in labels]

    def forward(self, features: Tensor, mask: Tensor) -> Activations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        s = _averaged(self.classifier(features), mask, self.config.window)  # Eq. 1, (B, T, C)
        n = s.mean(-1) + math.sqrt(2 * math.log(s.shape[-1])) * s.std(-1, correction=0)  # Eq. 2
        attention = (s.amax(-1) - n).sigmoid()  # Eq. 3
        q = self.pooled(_probabilities(s, n), mask)
        return Activations(mask, s, video_scores=q, attention=attention, background=n)

    def pooled(self, p: Tensor, mask: Tensor) -> Tensor:
        """Mean of the largest eighth of each class's probabilities, (B, C)."""
        return topk_mean(p, mask, mask.sum(dim=1) // 8)  # Eq. 5

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """There are none.

        Raises:
            UntrimError: Always.
        """
        raise UntrimError("there is nothing to train", fix="`untrim weights pull kinetics400` makes such a run")

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Maximal runs of the likely classes, or of those asked for; each class on its own."""
        assert activations.background is not None
        asked = self._asked_for or list(range(len(self.labels)))
        p = _probabilities(activations.cas[..., asked], activations.background)
        q = self.pooled(p, activations.mask)[0].double().cpu().numpy()  # (N,)
        looked_for = np.ones(len(q), bool) if self._asked_for else likely_classes(q, self.config.class_threshold)
        rows, q = np.array(asked)[looked_for], q[looked_for]
        values = p[0].double().cpu().numpy().T[looked_for]  # (N, T)
        runs = maximal_runs(values - self.config.share * q[:, None])  # Eq. 6
        scores = np.sqrt(q[runs.row] * run_mean(values, runs))  # Eq. 7
        return self.detections(runs._replace(row=rows[runs.row]), scores, grid)


def _probabilities(s: Tensor, n: Tensor) -> Tensor:
    """Probabilities (B, T, N) of N classes that share 1 with "none of these", of logits (B, T, N) and (B, T)."""
    return torch.cat([s, n.unsqueeze(-1)], dim=-1).softmax(dim=-1)[..., :-1]  # Eq. 4


def _averaged(s: Tensor, mask: Tensor, window: int) -> Tensor:
    """The mean of (B, T, C) `s` over the snippets around each one, of those that the video has."""
    real = mask.unsqueeze(1).to(s)  # (B, 1, T)
    total = F.avg_pool1d(s.transpose(1, 2) * real, window, stride=1, padding=window // 2)
    count = F.avg_pool1d(real, window, stride=1, padding=window // 2)
    return (total / count.clamp(min=1 / window)).transpose(1, 2)
