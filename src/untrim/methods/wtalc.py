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

Not in the paper, and the project's default, is another level for the snippets (`level`). Labels tell where a class is
not: in all snippets of the training videos without it. The level l is the score that one in twenty of these exceeds. It
is learned, step by step, from A without dropout:

    (7) l <- l + 0.2 (q - 1 / 20), q the share of snippets with A > l in the batch's videos without the class

No loss depends on l.

Deviations and typos: T / 8 is rounded down. The authors' code (preset `official`) rounds it up for the loss and for the
classes of a video, and down to localize. As in that code, Eq. 5 is averaged over all pairs of videos and the classes
that they share. The paper averages over classes, then over pairs. Pairs come from the batch's groups. A video is never
paired with itself; in that code it may be. The paper does not give the number of iterations; the authors' published log
ends at 23,000. The factor 0.7 and the middle of the range are from the code; the paper says only that there is a
threshold. The code's second hidden layer is never used: it is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
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
_SHARE_ABOVE = 0.05
"""Of the snippets of videos without a class, how many have a score above its level, Eq. 7."""
_LEVEL_STEP = 0.2
"""How far the level moves per step for a share that is 1 off, Eq. 7; in units of A."""


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
    level: Literal["midrange", "absent"] = "midrange"
    """What the scores of an instance's snippets are above: the `midrange` of the class's scores in the video; or
    `absent`, the score that one in twenty snippets of the training videos without the class exceeds (Eq. 7)."""
    min_snippets: int = Field(default=1, ge=1)
    """Shortest instance in snippets."""
    gamma: float = Field(default=0.7, ge=0)
    """Weight of the pooled score in an instance's score."""


@dataclass(frozen=True)
class WTALCActivations(Activations):
    """Activations of W-TALC.

    Args:
        steady: A without dropout, (B, T, C), if a level is learned from it.
    """

    steady: Tensor | None = None


class WTALC(Method[WTALCConfig, Activations]):
    """Multiple-instance learning plus co-activity similarity."""

    levels: Tensor
    """l of Eq. 7, (C,); 0 for a class that all training videos have. Only with ``level=absent``."""

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
        if config.level == "absent":
            self.register_buffer("levels", torch.zeros(len(self.labels)))

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The paper's values, with what training needs on this data.

        The weights decay ten times as fast as in the authors' code. Otherwise the classification, once learnt, narrows
        the instances to a few telling snippets. lambda is the paper's 0.5 for one label per video and rises with the
        number of labels: Eq. 3 shares one unit of loss among them, Eq. 5 does not. The level of the snippets is that
        of videos without the class. The middle of the range depends on a video's highest scores, and a state that
        lasts has most of its snippets far below these. Where times are known, single snippets are learned from, and the
        middle of the range stays.
        """
        return {
            **data.training_defaults(),
            "weight_decay": 5e-3,
            "lambda_mil": data.classification_share,
            "level": "midrange" if data.times_known > 0 else "absent",
        }

    @property
    def class_weights(self) -> Tensor:
        """W of ``A = W u + b``, (C, H)."""
        return self.classifier.weight

    def forward(self, features: Tensor, mask: Tensor) -> WTALCActivations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        whole = F.relu(self.embedding(self.input(features)))  # (B, T, H)
        u = self.dropout(whole)
        cas = self.classifier(u)  # (B, T, C)
        steady = None
        if self.config.level == "absent":
            steady = self.classifier(whole.detach()).detach() if self.training else cas
        p = self.pooled(cas, mask).softmax(dim=1)  # Eq. 2
        return WTALCActivations(mask, cas, video_scores=p, embedded=u, steady=steady)

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
        if self.training and isinstance(activations, WTALCActivations) and activations.steady is not None:
            self._move_levels(activations.steady, activations.mask, batch.labels)
        weight, mask, ramp = self.config.lambda_mil, activations.mask, self.config.ramp(batch.progress)
        mil = normalized_cross_entropy(self.pooled(activations.cas, mask, ramp), batch.labels)  # Eq. 3
        coactivity = coactivity_loss(
            activations.embedded, activations.cas, mask, batch.labels, batch.groups, self.config.margin
        )  # Eq. 5
        return {"mil": weight * mil, "coactivity": ramp * (1 - weight) * coactivity}

    def _move_levels(self, scores: Tensor, mask: Tensor, labels: Tensor) -> None:
        """Move the levels towards what one snippet in twenty of videos without the class exceeds (Eq. 7)."""
        absent = mask.unsqueeze(-1) & (labels == 0).unsqueeze(1)  # (B, T, C)
        number = absent.sum(dim=(0, 1))  # (C,)
        above = (absent & (scores > self.levels)).sum(dim=(0, 1)) / number.clamp(min=1)
        self.levels += _LEVEL_STEP * torch.where(number > 0, above - _SHARE_ABOVE, 0.0)

    def snippet_logits(self, activations: Activations) -> Tensor:
        """A - l, how far the class's score is above its level; with ``level=midrange`` the scores themselves.

        In training these in any case: the level follows them. Learned in relation to it, both would run away.
        """
        learned = self.config.level == "absent" and not self.training
        return activations.cas - self.levels if learned else activations.cas

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets above the level, of each class that is likely in the video."""
        pooled = self.pooled(activations.cas, activations.mask, rounding="down")[0].double().cpu().numpy()  # (C,)
        cas = activations.cas[0].double().cpu().numpy().T  # (C, T)
        likely = pooled > self.config.class_threshold
        if self.config.level == "absent":
            above = cas > self.levels.double().cpu().numpy()[:, None]
        else:
            above = above_midrange(cas)
        runs = connected_components(above & likely[:, None], self.config.min_snippets)
        return self.detections(runs, run_max(cas, runs) + self.config.gamma * pooled[runs.row], grid)
