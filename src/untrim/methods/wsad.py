"""WSAD: Weakly Supervised Temporal Action Localization Using Deep Metric Learning.

A. Islam, R. J. Radke. WACV 2020. Multiple-instance classification in blocks of snippets, plus a metric loss between
videos that have a class in common.

    symbol      variable        shape
    x           features        (B, T, D)
    u           embedded        (B, T, H)
    s           cas (unclipped) (B, T, C)
    W_f         classifier      (C, H)
    phi_kappa   clip            clamps to +-kappa
    pi          pi              (B, T, C)
    z, z-not    z, z_not        (B, C', H), C' = classes that a whole group has in common
    d+, d-      d_pos, d_neg    (G, C')

Equations:

    (1) s = phi_kappa(W_f u + b)
    (3) P(c|V) = 1 - prod_i (1 - P(c|B_i))
    (4) P(c|B_i) = sigmoid(mean of the k largest s in the block)
    (5-6) L_BBCE = mean of -log P(c|V) over present classes + mean of -log(1 - P(c|V)) over absent classes
    (10) D_c(u, v) = ||W_f^c (u - v)||
    (12) L = L_BBCE + lambda L_metric

L_metric is the triplet loss [d+ - d- + alpha]_+ or the contrastive loss d+ + [alpha - d-]_+. It is averaged over the
groups and the classes that all videos of a group have.

Deviations and typos: Eq. 1 writes W x, but W acts on the embedded u (Fig. 1; Eq. 10 needs it). Eq. 5-6 lack the minus
sign. The pairs' normaliser n_k (n_k - 1) is N (N - 1), N videos in the group. The authors' code (preset `official`)
halves both the BBCE and the total. It crops a contiguous stretch, the last block takes the remainder, and the threshold
of each class is the middle of its range. `classification="softmax"` is W-TALC's loss on the log-odds of P(c|V); for a
single block these are the mean of the k largest scores. The paper does not say whether Fig. 3's cosine distance, 1 -
cos, is squared as D_c is. Not squared (`cosine_unsquared`), it is half the squared Euclidean distance of the unit
vectors z, and the paper finds these two "quite similar".
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
from untrim.nn.levels import BackgroundLevel
from untrim.nn.losses import log_noisy_or, metric_loss, normalized_cross_entropy, projected_distances
from untrim.nn.pooling import split_blocks, topk_mean
from untrim.timeline import Detection, SnippetGrid

Classification = Literal["bbce", "bce", "softmax"]
MetricLoss = Literal["triplet", "contrastive", "none"]
Distance = Literal["classifier", "cosine", "cosine_unsquared", "euclidean", "learned"]


class WSADConfig(MethodConfig):
    """Values of WSAD; defaults are the paper's (Sec. 4.2)."""

    of_localization = frozenset({"threshold", "min_snippets", "score", "gamma"})

    groups: int = Field(default=4, ge=0)
    """Groups of videos with a class in common, per batch."""
    group_videos: int = Field(default=5, ge=2)
    """Videos per group."""
    max_snippets: int | None = Field(default=300, ge=1)
    """Longer videos are cropped to this many snippets in training; null: never."""
    crop: Crop = "random"
    """How videos are cropped: `random` snippets in order, a `contiguous` stretch, or `uniform`ly spread snippets."""
    hidden: int | None = Field(default=None, ge=1)
    """Width of the embedded features; null: that of the input."""
    dropout: float = Field(default=0.7, ge=0, lt=1)
    """Share of embedded features dropped in training."""
    kappa: float | None = Field(default=4.0, gt=0)
    """Clipping of the class scores, Eq. 1; null: none (Table 5)."""
    block_size: int | None = Field(default=60, ge=1)
    """Snippets per block, l_w; null: one block per video (Table 4)."""
    remainder_in_last: bool = False
    """Whether the last block takes the snippets that are left over; otherwise they are in no block."""
    k: int = Field(default=10, ge=1)
    """Largest scores averaged in each block, Eq. 4."""
    classification: Classification = "bbce"
    """Classification loss (Fig. 2): balanced (`bbce`) or plain (`bce`) binary cross-entropy, or W-TALC's `softmax`."""
    classification_weight: float = Field(default=1.0, ge=0)
    """Weight of the classification loss."""
    metric: MetricLoss = "triplet"
    """Metric loss (Table 3)."""
    metric_weight: float = Field(default=1.0, ge=0)
    """Weight of the metric loss, lambda in Eq. 12."""
    distance: Distance = "classifier"
    """Distance between aggregated features (Fig. 3), squared but for `cosine_unsquared`."""
    rank: int | None = Field(default=1, ge=1)
    """Rank of each class's matrix M^c for `distance: learned`; null: full, the width of the embedded features. Then M
    has a value for each class and pair of them."""
    alpha: float = Field(default=3.0, ge=0)
    """Margin of the metric loss."""
    threshold: Literal["probability", "midrange"] = "probability"
    """Snippets of an instance: `probability`: sigmoid(s) >= 0.5; `midrange`: s above the middle of its range."""
    min_snippets: int = Field(default=1, ge=1)
    """Shortest instance in snippets."""
    score: Literal["probability", "logit"] = "probability"
    """An instance's score: from sigmoid(s) and P(c|V), or from s and the best block's mean of the k largest s."""
    gamma: float = Field(default=0.7, ge=0)
    """Weight of the video-level score in an instance's score."""
    above_background: bool = False
    """Whether the snippets of an instance are also above the class score that one in twenty snippets exceeds in
    training videos in which nothing happens."""


@dataclass(frozen=True)
class WSADActivations(Activations):
    """Activations of WSAD.

    Args:
        steady: s without dropout, (B, T, C), where a level is learned from it.
    """

    steady: Tensor | None = None


class WSAD(Method[WSADConfig, Activations]):
    """Block-wise multiple-instance classification plus deep metric learning."""

    Config = WSADConfig
    presets = {
        "paper": {},
        "official": {
            "learning_rate": 2e-4,
            "iterations": 4401,
            "groups": 5,
            "group_videos": 4,
            "crop": "contiguous",
            "remainder_in_last": True,
            "classification_weight": 0.25,
            "metric_weight": 0.5,
            "threshold": "midrange",
            "min_snippets": 2,
            "score": "logit",
        },
    }

    def __init__(self, config: WSADConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        hidden = config.hidden or dim
        self.embedding = nn.Linear(dim, hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(hidden, len(self.labels))
        for layer in (self.embedding, self.classifier):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        if config.distance == "learned":
            self.metric_factor = nn.Parameter(torch.empty(len(self.labels), config.rank or hidden, hidden))
            nn.init.xavier_uniform_(self.metric_factor)
        self.background = BackgroundLevel(len(self.labels)) if config.above_background else None

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The official localization, with a step size and a length of training that fit the data.

        The metric loss has a fiftieth of the paper's weight. With a larger weight it dominates the training once the
        classification loss is small. It then shrinks what the few videos of a class have in common to a few snippets.
        Groups fill its batches: videos in which nothing happens come on top, and do not make the training longer.
        Scores have no lower bound, so the middle of their range is low, and instances too long. Where there are videos
        in which nothing happens, their scores tell what is background.
        """
        return {
            **data.training_defaults(all_alike=False),
            "remainder_in_last": True,
            "metric_weight": 0.02,
            "threshold": "midrange",
            "min_snippets": 2,
            "score": "logit",
            "above_background": data.nothing_happens > 0,
        }

    @property
    def class_weights(self) -> Tensor:
        """W_f, (C, H)."""
        return self.classifier.weight

    def forward(self, features: Tensor, mask: Tensor) -> Activations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        x = self.input(features)
        u, s = self.snippets(x)
        log_present, _ = self.video_log_probabilities(s, mask)
        steady = None
        if self.background is not None:
            with torch.no_grad():
                steady = self.classifier(F.relu(self.embedding(x))) if self.training else s
        return WSADActivations(mask, cas=s, video_scores=log_present.exp(), embedded=u, steady=steady)

    def snippets(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u, (B, T, H), and s, (B, T, C), of scaled features, (B, T, D)."""
        u = self.dropout(F.relu(self.embedding(x)))
        return u, self.classifier(u)

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """Classification and metric loss, weighted (Eq. 12)."""
        config = self.config
        ramp = config.ramp(batch.progress)
        if self.training and self.background is not None and isinstance(activations, WSADActivations):
            assert activations.steady is not None
            self.background.move(activations.steady, activations.mask, batch.labels)
        classification = self.classification_loss(activations, batch.labels, spread=1.0 - ramp)
        terms = {"classification": config.classification_weight * classification}
        if config.metric != "none":
            terms["metric"] = ramp * config.metric_weight * self.metric_loss(activations, batch.labels, batch.groups)
        return terms

    def clip(self, s: Tensor) -> Tensor:
        """phi_kappa of Eq. 1."""
        return s if self.config.kappa is None else s.clamp(-self.config.kappa, self.config.kappa)

    def block_logits(self, s: Tensor, mask: Tensor, spread: float = 0.0) -> tuple[Tensor, Tensor]:
        """Mean of the k largest scores of each block, (B, N, C), and which blocks a video has, (B, N).

        `spread` moves k from its value (0) to all snippets of the block (1).
        """
        size = self.config.block_size or s.shape[1]
        scores, real = split_blocks(s, mask, size, self.config.remainder_in_last)  # (B, N, L, C)
        exists = real.any(dim=-1)
        more = (real.flatten(0, 1).sum(dim=1) - self.config.k).clamp(min=0)
        k = self.config.k + (spread * more).long()
        means = topk_mean(scores.flatten(0, 1), real.flatten(0, 1), k)  # Eq. 4
        return means.view(*exists.shape, means.shape[-1]), exists

    def video_log_probabilities(self, s: Tensor, mask: Tensor, spread: float = 0.0) -> tuple[Tensor, Tensor]:
        """log P(c|V) and log(1 - P(c|V)), each (B, C)."""
        logits, exists = self.block_logits(self.clip(s), mask, spread)
        return log_noisy_or(logits, exists.unsqueeze(-1).expand_as(logits), dim=1)  # Eq. 3

    def classification_loss(self, activations: Activations, labels: Tensor, spread: float = 0.0) -> Tensor:
        """Eq. 5-6 with their minus sign, or one of the other two losses of Fig. 2; mean over videos."""
        log_present, log_absent = self.video_log_probabilities(activations.cas, activations.mask, spread)
        if self.config.classification == "softmax":
            return normalized_cross_entropy(log_present - log_absent, labels)
        present, absent = -labels * log_present, -(1 - labels) * log_absent  # (B, C)
        if self.config.classification == "bce":
            return (present + absent).mean()
        counts = labels.sum(dim=1).clamp(min=1), (1 - labels).sum(dim=1).clamp(min=1)
        return (present.sum(dim=1) / counts[0] + absent.sum(dim=1) / counts[1]).mean()  # Eq. 5-6

    def metric_loss(self, activations: Activations, labels: Tensor, groups: Tensor) -> Tensor:
        """Triplet or contrastive loss, mean over groups and the classes that all videos of a group have (Sec. 3.4)."""
        assert activations.embedded is not None
        assert self.config.metric != "none"
        return metric_loss(
            activations.embedded,
            self.clip(activations.cas),
            activations.mask,
            labels,
            groups,
            self.squared_distances,
            self.config.metric,
            self.config.alpha,
        )

    def squared_distances(self, a: Tensor, b: Tensor, classes: Tensor) -> Tensor:
        """D_c^2, or D_c for `cosine_unsquared`, between all pairs of (B, C', H) aggregated features, (B, B, C').

        `classes` are the indices of the C' classes.
        """
        if self.config.distance == "classifier":
            return projected_distances(a, b, self.classifier.weight[classes].unsqueeze(1))  # Eq. 10
        if self.config.distance == "learned":
            return projected_distances(a, b, self.metric_factor[classes])
        if self.config.distance in ("cosine", "cosine_unsquared"):
            distances = 1 - torch.einsum("ich,jch->ijc", a, b)
            return distances if self.config.distance == "cosine_unsquared" else distances**2
        return (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(dim=-1)

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets above the threshold, for each class (Sec. 3.5)."""
        config = self.config
        s = activations.cas[0].double().cpu().numpy().T  # (C, T)
        above = s >= 0 if config.threshold == "probability" else above_midrange(s)  # Sec. 3.5 discards what is less
        if self.background is not None:
            above &= s > self.background.level.double().cpu().numpy()[:, None]
        runs = connected_components(above, config.min_snippets)
        if config.score == "probability":
            inner = self.clip(activations.cas[0]).double().sigmoid().cpu().numpy().T
            video = activations.video_scores[0]
        else:
            blocks, exists = self.block_logits(activations.cas, activations.mask)
            inner, video = s, blocks.masked_fill(~exists.unsqueeze(-1), -torch.inf).amax(dim=1)[0]
        return self.detections(runs, run_max(inner, runs) + config.gamma * video.double().cpu().numpy()[runs.row], grid)
