"""W-TALC: Weakly-supervised Temporal Activity Localization and Classification.

S. Paul, S. Roy, A. K. Roy-Chowdhury. ECCV 2018. Multiple-instance learning on the mean of the k largest scores, plus a
loss that makes two videos of the same class look alike where the class is, and unlike elsewhere.

    symbol      variable        shape
    x           features        (B, T, D)
    u           embedded        (B, T, H)
    A           cas             (B, T, C)
    s           pooled          (B, C)
    H, L        high, low       (B, C', H), C' = classes that two videos of a group share

Equations:

    (1) s = mean of the k = max(1, T / 8) largest A of each class
    (2) p = softmax of s over classes
    (3) L_MIL = -mean_b sum_c y_bc log p_bc, y L1-normalised
    (4) H = sum_t softmax_t(A) u
        L = sum_t (1 - softmax_t(A)) / (T - 1) u
    (5) L_CAS = 1/2 [d(H_i, H_j) - d(H_i, L_j) + 0.5]_+ + 1/2 [d(H_i, H_j) - d(L_i, H_j) + 0.5]_+, d the cosine distance
    (6) L = lambda L_MIL + (1 - lambda) L_CAS

Localization takes the classes with s > 0 and the snippets above the middle of the class's range in the video. An
instance's score is max A + 0.7 s.

Deviations and typos: T / 8 is rounded down. The authors' code (preset `official`) rounds it up for the loss and for the
classes of a video, and down to localize. As in that code, Eq. 5 is averaged over all pairs of videos and the classes
that they share. The paper averages over classes, then over pairs. Pairs come from the batch's groups. A video is never
paired with itself; in that code it may be. The paper does not give the number of iterations; the authors' published log
ends at 23,000. The factor 0.7 and the middle of the range are from the code; the paper says only that there is a
threshold. The code's second hidden layer is never used: it is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from untrim.data.dataset import Batch
from untrim.data.sampling import Crop
from untrim.data.summary import DataSummary
from untrim.localization.grouping import above_midrange, connected_components
from untrim.localization.scoring import run_max
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.losses import coactivity_loss, normalized_cross_entropy
from untrim.nn.pooling import topk_mean
from untrim.timeline import Detection, SnippetGrid

Rounding = Literal["down", "up"]


class WTALCConfig(MethodConfig):
    """Values of W-TALC; defaults are the paper's."""

    of_localization = frozenset({"class_threshold", "min_snippets", "gamma"})

    batch_size: int = Field(default=10, ge=1)
    """Videos per training step."""
    groups: int = Field(default=3, ge=0)
    """Groups of videos with a class in common, per batch."""
    max_snippets: int | None = Field(default=320, ge=1)
    """Longer videos are cropped to this many snippets in training; null: never."""
    crop: Crop = "contiguous"
    """How videos are cropped: `random` snippets in order, a `contiguous` stretch, or `uniform`ly spread snippets."""
    hidden: int | None = Field(default=None, ge=1)
    """Width of the embedded features; null: that of the input."""
    dropout: float = Field(default=0.7, ge=0, lt=1)
    """Share of embedded features dropped in training."""
    k_share: float = Field(default=0.125, gt=0, le=1)
    """Largest scores averaged, as a share of the video's snippets, Eq. 1."""
    k_rounding: Rounding = "down"
    """How `k_share` of the snippets becomes a whole number, at least 1. The class scores that localization goes by are
    rounded down in any case."""
    lambda_mil: float = Field(default=0.5, ge=0, le=1)
    """Weight of L_MIL, lambda in Eq. 6; L_CAS has 1 - lambda."""
    margin: float = Field(default=0.5, ge=0)
    """Margin of L_CAS, Eq. 5."""
    class_threshold: float = 0.0
    """Classes with a pooled score above this are localized."""
    min_snippets: int = Field(default=1, ge=1)
    """Shortest instance in snippets."""
    gamma: float = Field(default=0.7, ge=0)
    """Weight of the pooled score in an instance's score."""


class WTALC(Method[WTALCConfig, Activations]):
    """Multiple-instance learning plus co-activity similarity."""

    Config = WTALCConfig
    learns_from_nothing = False
    presets = {
        "paper": {},
        "official": {
            "weight_decay": 5e-4,
            "iterations": 23000,
            "max_snippets": 750,
            "k_rounding": "up",
            "min_snippets": 2,
        },
    }

    def __init__(self, config: WTALCConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        hidden = config.hidden or dim
        self.embedding = nn.Linear(dim, hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(hidden, len(self.labels))
        for layer in (self.embedding, self.classifier):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The paper's values, with what training needs on this data.

        The weights decay ten times as fast as in the authors' code. Otherwise the classification, once learnt, narrows
        the instances to a few telling snippets. lambda is the paper's 0.5 for one label per video and rises with the
        number of labels: Eq. 3 shares one unit of loss among them, Eq. 5 does not.
        """
        return {**data.training_defaults(), "weight_decay": 5e-3, "lambda_mil": data.classification_share}

    @property
    def class_weights(self) -> Tensor:
        """W of ``A = W u + b``, (C, H)."""
        return self.classifier.weight

    def forward(self, features: Tensor, mask: Tensor) -> Activations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        u = self.dropout(F.relu(self.embedding(self.input(features))))  # (B, T, H)
        cas = self.classifier(u)  # (B, T, C)
        return Activations(mask, cas, video_scores=self.pooled(cas, mask).softmax(dim=1), embedded=u)  # Eq. 2

    def pooled(self, cas: Tensor, mask: Tensor, ramp: float = 1.0, rounding: Rounding | None = None) -> Tensor:
        """Mean of the k largest scores of each class, s of (B, C); as `ramp` falls to 0, k grows to all snippets.

        k is rounded as the config says, unless `rounding` says how.
        """
        share = (1 - ramp * (1 - self.config.k_share)) * mask.sum(dim=1)
        k = share.ceil() if (rounding or self.config.k_rounding) == "up" else share.floor()
        return topk_mean(cas, mask, k.long())  # Eq. 1

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """Multiple-instance and co-activity loss, weighted (Eq. 6)."""
        assert activations.embedded is not None
        weight, mask, ramp = self.config.lambda_mil, activations.mask, self.config.ramp(batch.progress)
        mil = normalized_cross_entropy(self.pooled(activations.cas, mask, ramp), batch.labels)  # Eq. 3
        coactivity = coactivity_loss(
            activations.embedded, activations.cas, mask, batch.labels, batch.groups, self.config.margin
        )  # Eq. 5
        return {"mil": weight * mil, "coactivity": ramp * (1 - weight) * coactivity}

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets above the middle of the range, of each class that is likely in the video."""
        pooled = self.pooled(activations.cas, activations.mask, rounding="down")[0].double().cpu().numpy()  # (C,)
        cas = activations.cas[0].double().cpu().numpy().T  # (C, T)
        likely = pooled > self.config.class_threshold
        runs = connected_components(above_midrange(cas) & likely[:, None], self.config.min_snippets)
        return self.detections(runs, run_max(cas, runs) + self.config.gamma * pooled[runs.row], grid)
