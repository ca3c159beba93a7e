"""LPAT: Learning to Predict Adaptive Threshold for Weakly-supervised Temporal Action Localization.

X. Lin, Z. Shou, S.-F. Chang. 2019. Each snippet has a background score. It is the threshold that an action's score must
pass, in training and at test time.

    symbol      variable        shape
    x           features        (B, T, D)
    u           embedded        (B, T, H)
    s           s, cas          (B, T, C)
    b           b, background   (B, T)
    g           log_gate        (B, T, C), its logarithm
    s-hat       s_hat           (B, C)
    b-hat       b_hat           (B, 1)
    p           log_p           (B, C + 1), its logarithm; the background last
    s-tilde     s_tilde         (B, T)

Equations:

    (1) g = sigmoid(s - b)
    (2) s-hat = sum_t g s / sum_t g
    (3) b-hat = mean_t b
    (4) p = softmax over s-hat and b-hat
    (5) L_clas = -mean_b (sum_c y_c log p_c + w_b log p_{C+1}), y L1-normalised
    (6) s-tilde = max of s over the classes that are present
    (7) L_conf = mean_b sum_t [s-tilde b + 0.5]_+ / (|s-tilde| |b| + eps)
    (8) L = lambda L_clas + (1 - lambda) L_conf

Inference takes the classes whose p is at least the mean over the C classes, and the snippets with s > b.

Deviations and typos: Eq. 4's numerator has index c, not j. Eq. 5 lacks its minus sign. The paper has the background
term of Eq. 5 inside the sum over classes, where its weight would be C / C = 1, not the small one that is meant; here it
is outside. The norms of Eq. 7 are over time; with norms of single snippets, the loss would be 1e3 to 1e5 at the start.
The eps is not in the paper. L_cont of Eq. 7 is L_conf of Eq. 8. lambda is 0.2 for the headline on THUMOS14, 0.4 on
ActivityNet (with TemConv), and 0.5 "when not specified"; the default is 0.2. The paper does not give an instance's
score; here it is W-TALC's, the largest s plus 0.7 s-hat. The paper does not give the number of iterations. Classes
exactly at the mean of p are taken too, so that a single class can be found. A video in which nothing happens puts all
weight of Eq. 5 on the background. +CASL (Table 6) is `add_coactivity`; the
paper does not give its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from untrim.data.dataset import Batch
from untrim.data.sampling import Crop
from untrim.data.summary import DataSummary
from untrim.localization.grouping import above_midrange, connected_components, likely_classes
from untrim.localization.scoring import run_max
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.convolution import TemporalConv
from untrim.timeline import Detection, SnippetGrid


class LPATConfig(MethodConfig):
    """Values of LPAT; defaults are the paper's (Sec. 4.2)."""

    of_localization = frozenset({"class_threshold", "threshold", "min_snippets", "gamma"})

    batch_size: int = Field(default=10, ge=1)
    """Videos per training step."""
    max_snippets: int | None = Field(default=320, ge=1)
    """Longer videos are cropped to this many snippets in training; null: never."""
    crop: Crop = "contiguous"
    """How videos are cropped: `random` snippets in order, a `contiguous` stretch, or `uniform`ly spread snippets."""
    hidden: int = Field(default=2048, ge=1)
    """Width of the embedded features."""
    temconv: bool = False
    """Whether a residual convolution over 3 snippets follows the embedding (+TemConv)."""
    dropout: float = Field(default=0.7, ge=0, lt=1)
    """Share of embedded features dropped in training."""
    lambda_clas: float = Field(default=0.2, ge=0, le=1)
    """Weight of the classification loss, lambda in Eq. 8; the confidence loss has 1 - lambda."""
    background_weight: float | None = Field(default=None, ge=0)
    """Weight of the background in the classification loss, w_b in Eq. 5; null: 1 / C."""
    margin: float = Field(default=0.5, ge=0)
    """Margin between action and background scores in the confidence loss, Eq. 7."""
    eps: float = Field(default=1e-6, gt=0)
    """Added to the product of norms in Eq. 7."""
    class_threshold: float | None = Field(default=None, ge=0, le=1)
    """Classes with at least this p are localized; if there is none, the best one is. null: the mean of p."""
    threshold: Literal["predicted", "midrange"] = "predicted"
    """Snippets of an instance (Table 3): `predicted`: s > b; `midrange`: s above the middle of its range."""
    min_snippets: int = Field(default=1, ge=1)
    """Shortest instance in snippets."""
    gamma: float = Field(default=0.7, ge=0)
    """Weight of the pooled class score in an instance's score."""


class LPAT(Method[LPATConfig, Activations]):
    """Background scores as the threshold of action scores."""

    Config = LPATConfig
    presets = {
        "paper": {},
        "paper_temconv": {"temconv": True},
        "paper_casl": {"add_coactivity": 1.0, "groups": 3},
        "paper_activitynet": {"temconv": True, "lambda_clas": 0.4, "max_snippets": 750},
    }

    def __init__(self, config: LPATConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        self.embedding = nn.Linear(dim, config.hidden)
        self.temconv = TemporalConv(config.hidden, config.hidden, 3) if config.temconv else None
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden, len(self.labels) + 1)

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The paper's values for other data than its own, with what training needs on this data.

        The weights decay. Otherwise the classification, once learnt, narrows the instances to a few telling snippets.
        Features are centred: action and background scores should have opposite signs, and what non-negative features
        have in common would push both the same way. The embedding is as wide as the features, as in the paper, but no
        wider than its 2,048. lambda is the paper's 0.5 for one label per video and rises with the number of labels:
        Eq. 5 shares one unit of loss among them, Eq. 7 does not. With several labels the mean of p is above some of
        them. So the threshold for classes is WSBM's.
        """
        return {
            **data.training_defaults(),
            "input_scaling": "standard",
            "weight_decay": 5e-3,
            "hidden": min(data.dim, 2048),
            "lambda_clas": data.classification_share,
            "class_threshold": data.class_threshold,
        }

    @property
    def class_weights(self) -> Tensor:
        """W of ``s = W u + b``, (C, H)."""
        return self.classifier.weight[:-1]

    def forward(self, features: Tensor, mask: Tensor) -> Activations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        u, s, b = self.snippets(self.input(features), mask)
        p = self.video_log_probabilities(s, b, mask).exp()
        return Activations(mask, cas=s, video_scores=p[:, :-1], embedded=u, background=b)

    def snippets(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u, (B, T, H), s, (B, T, C), and b, (B, T), of scaled features, (B, T, D), with their (B, T) mask."""
        u = F.relu(self.embedding(x))
        if self.temconv is not None:
            u = u + F.relu(self.temconv(u, mask))
        u = self.dropout(u)
        scores = self.classifier(u)  # (B, T, C + 1)
        return u, scores[..., :-1], scores[..., -1]

    def pooled(self, s: Tensor, b: Tensor, mask: Tensor, ramp: float = 1.0) -> Tensor:
        """Gated temporal average pooling, s-hat of (B, C); the gates are raised to the power `ramp`."""
        log_gate = ramp * F.logsigmoid(s - b.unsqueeze(-1))  # Eq. 1
        # sum g s / sum g with the gates' logarithms: where all gates underflow it is still their weighted mean.
        weights = log_gate.masked_fill(~mask.unsqueeze(-1), -torch.inf).softmax(dim=1)
        return (weights * s).sum(dim=1)  # Eq. 2

    def video_log_probabilities(self, s: Tensor, b: Tensor, mask: Tensor, ramp: float = 1.0) -> Tensor:
        """log p of the C classes and the background, (B, C + 1)."""
        b_hat = (b * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)  # Eq. 3
        return torch.cat([self.pooled(s, b, mask, ramp), b_hat], dim=1).log_softmax(dim=1)  # Eq. 4

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """Classification and proposal confidence loss, weighted (Eq. 8)."""
        s, b, mask = activations.cas, activations.background, activations.mask
        assert b is not None
        weight, ramp = self.config.lambda_clas, self.config.ramp(batch.progress)
        return {
            "classification": weight * self.classification_loss(s, b, mask, batch.labels, ramp),
            "confidence": ramp * (1 - weight) * self.confidence_loss(s, b, mask, batch.labels),
        }

    def classification_loss(self, s: Tensor, b: Tensor, mask: Tensor, labels: Tensor, ramp: float = 1.0) -> Tensor:
        """Cross-entropy of the present classes and, weighted by w_b, of the background; mean over videos."""
        log_p = self.video_log_probabilities(s, b, mask, ramp)
        share = self.config.background_weight
        share = 1 / labels.shape[1] if share is None else share
        y = labels / labels.sum(dim=1, keepdim=True).clamp(min=1)
        nothing = labels.sum(dim=1) == 0  # nothing but the background
        w_b = torch.where(nothing, log_p.new_tensor(1.0), log_p.new_tensor(share))  # (B,)
        return -((y * log_p[:, :-1]).sum(dim=1) + w_b * log_p[:, -1]).mean()  # Eq. 5

    def confidence_loss(self, s: Tensor, b: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """How far the present classes' scores are from having the background's opposite sign; mean over videos.

        A video without a class has no such scores, and a loss of 0.
        """
        mask = mask & (labels.sum(dim=1) > 0).unsqueeze(1)
        s_tilde = s.masked_fill(labels.unsqueeze(1) == 0, -torch.inf).amax(dim=2)  # Eq. 6
        s_tilde, b = s_tilde.masked_fill(~mask, 0.0), b.masked_fill(~mask, 0.0)  # (B, T)
        same_sign = F.relu(s_tilde * b + self.config.margin).masked_fill(~mask, 0.0).sum(dim=1)
        norms: Tensor = torch.linalg.vector_norm(s_tilde, dim=1) * torch.linalg.vector_norm(b, dim=1)
        return (same_sign / (norms + self.config.eps)).mean()  # Eq. 7

    def snippet_logits(self, activations: Activations) -> Tensor:
        """s - b: how far the class's score is above the threshold, the background's score."""
        assert activations.background is not None
        return activations.cas - activations.background.unsqueeze(-1)

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets whose score passes the threshold, for each class that is likely in the video (Sec. 3.3)."""
        assert activations.background is not None
        pooled = self.pooled(activations.cas, activations.background, activations.mask)[0].double().cpu().numpy()
        s, b, p = (
            values[0].double().cpu().numpy().T
            for values in (activations.cas, activations.background, activations.video_scores)
        )  # (C, T), (T,), (C,)
        above = s > b if self.config.threshold == "predicted" else above_midrange(s)
        threshold = p.mean() if self.config.class_threshold is None else self.config.class_threshold
        runs = connected_components(above & likely_classes(p, threshold)[:, None], self.config.min_snippets)
        return self.detections(runs, run_max(s, runs) + self.config.gamma * pooled[runs.row], grid)
