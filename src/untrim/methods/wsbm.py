"""WSBM: Weakly-supervised Action Localization with Background Modeling.

P. X. Nguyen, D. Ramanan, C. C. Fowlkes. ICCV 2019. Attention splits a video into foreground and background; one
classifier, which knows the background as a class, must recognise both, and in turn guides the attention.

    symbol              variable                    shape
    x                   features                    (B, T, D), D_s columns of them for each of S streams
    lambda              sigmoid(attention_logits)   (S, B, T)
    w_c x               scores, background first    (S, B, T, 1 + C)
    w_c x_fg, w_c x_bg  foreground, complement      (S, B, 1 + C)
    u_fg x, u_bg x      clusters                    (S, B, T, 2)
    y                   labels                      (B, C)

Equations: (1) x_fg = 1/T sum_t lambda_t x_t. (2) p_fg = softmax_c(w_c x_fg). (3) L_fg = -log p_fg[y]. (4) x_bg = 1/T
sum_t (1 - lambda_t) x_t. (5) p_bg = softmax_c(w_c x_bg); L_bg = -log p_bg[0]. (6) target_fg = G(sigma) * softmax(w
x_t)[y]. (7) target_bg = G(sigma) * (1 - softmax(w x_t)[0]); L_guide = 1/T sum_t |lambda_t - target_fg| + |lambda_t -
target_bg|. (8-9) z_fg = softmax(u x_fg)[fg], z_bg = softmax(u x_bg)[bg]. (10) L_cluster = -log z_fg - log z_bg.
(11) L = L_fg + alpha L_bg + beta L_guide + gamma L_cluster. (12) An instance's score is the mean of theta lambda_t w_c
x_t in one stream plus (1 - theta) lambda_t w_c x_t in the other. Each stream has a network and losses of its own; their
sum is minimised, which trains each as if it were alone. Footnote 1: of several classes, the largest target_fg counts.

Table 1's rows: L_fg alone; with the sparsity loss of STPN (`sparsity_weight`); and the six with `background_weight`,
`guide_weight` and `cluster_weight` 0.1 or 0.

Deviations and typos: the score of an instance is (1) in the text, after (11). With several labels L_fg is the
cross-entropy against L1-normalised ones. Targets are constants for the gradient. sigma is not given; the Gaussian's
weights are normalised over the snippets that there are. Eq. 1 and 4 divide by T, so that what they give shrinks with
the share of the video that is foreground (background), and more attention is always more evidence; `pooling:
normalized` divides by the sum of the weights. p_fg of both streams is averaged. How many iterations is not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.errors import UntrimError, nearest
from untrim.features.store import FeatureInfo
from untrim.localization.grouping import Runs, likely_classes, sweep
from untrim.localization.nms import nms
from untrim.localization.scoring import outer_inner_contrast, run_mean
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.attention import AttentionModule, attention_pooling, guidance_loss
from untrim.nn.losses import normalized_cross_entropy
from untrim.nn.pooling import masked_mean
from untrim.support.array_types import Float64
from untrim.timeline import Detection, SnippetGrid


class WSBMConfig(MethodConfig):
    """Values of WSBM; defaults are the paper's (Sec. 4.2)."""

    batch_size: int = Field(default=1, ge=1)
    """Videos a step."""
    stream: str | None = None
    """The only stream to look at, by its name in features.json; null: all of them."""
    hidden: int = Field(default=256, ge=1)
    """Width of the attention module's layer between."""
    bias: bool = False
    """Whether class scores have a bias; Eq. 2 has none."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of each snippet's features dropped in training."""
    pooling: Literal["mean", "normalized"] = "mean"
    """Eq. 1 and 4: divide by the number of snippets, or (`normalized`) by the sum of the weights."""
    classification: Literal["softmax", "sigmoid"] = "softmax"
    """Foreground loss: softmax cross-entropy (Eq. 2-3), or STPN's binary cross-entropy of each class."""
    background_weight: float = Field(default=0.1, ge=0)
    """Weight of the background-aware loss, alpha in Eq. 11."""
    guide_weight: float = Field(default=0.1, ge=0)
    """Weight of the self-guided attention loss, beta in Eq. 11."""
    cluster_weight: float = Field(default=0.1, ge=0)
    """Weight of the foreground-background clustering loss, gamma in Eq. 11."""
    sparsity_weight: float = Field(default=0.0, ge=0)
    """Weight of STPN's sparsity loss: the mean of the attention over the video."""
    sigma: float = Field(default=1.0, ge=0, le=1000)
    """Standard deviation of the Gaussian that smooths the attention's targets, in snippets; 0: none."""
    class_threshold: float = Field(default=0.1, ge=0, le=1)
    """Classes with at least this p_fg are localized; if there is none, the best one."""
    proposals: Literal["attention", "tcam", "combined"] = "attention"
    """What is above a threshold in a proposal: `attention`: lambda, averaged over streams; `tcam`: STPN's lambda
    sigmoid(w_c x) of each stream; `combined`: the mean of lambda and softmax(w x)[c], averaged over streams."""
    lowest_threshold: float = Field(default=0.0, ge=0, lt=1)
    """First threshold."""
    highest_threshold: float = Field(default=0.5, ge=0, lt=1)
    """Last threshold."""
    threshold_step: float = Field(default=0.025, gt=0, le=1)
    """From one threshold to the next."""
    score: Literal["mean", "contrast"] = "mean"
    """An instance's score: `mean`: Eq. 12; `contrast`: mean of lambda and softmax(w x)[c], averaged over streams,
    inside less outside, so that neither a part of an instance nor an instance and more scores best."""
    theta: float = Field(default=0.5, ge=0, le=1)
    """Weight of the first of two streams in Eq. 12; one stream or more than two weigh the same."""
    outer: float = Field(default=0.25, gt=0)
    """For `score: contrast`: width of each side of the surroundings, as a share of an instance's length."""
    nms_threshold: float = Field(default=0.5, gt=0, le=1)
    """tIoU from which on two detections of a class are one."""


@dataclass(frozen=True, kw_only=True)
class WSBMActivations(Activations):
    """What the networks of all streams say.

    Args:
        attention_logits: Logits of lambda, (S, B, T).
        scores: w_c x_t, background first, (S, B, T, 1 + C).
        clusters: u_fg x_t and u_bg x_t, (S, B, T, 2).
    """

    attention_logits: Tensor
    scores: Tensor
    clusters: Tensor


class Stream(nn.Module):
    """The network of one stream: attention, classes, clusters. A bias is added to pooled class scores alone."""

    def __init__(self, dim: int, classes: int, config: WSBMConfig) -> None:
        super().__init__()
        self.attention = AttentionModule(dim, config.hidden)
        self.classifier = nn.Linear(dim, 1 + classes, bias=False)
        self.clustering = nn.Linear(dim, 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(1 + classes)) if config.bias else None
        for layer in (self.classifier, self.clustering):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the attention (B, T), class scores (B, T, 1 + C), cluster scores (B, T, 2)."""
        return self.attention(features), self.classifier(features), self.clustering(features)


class WSBM(Method):
    """Foreground and background pooling with guided attention."""

    Config = WSBMConfig

    def __init__(
        self,
        config: WSBMConfig,
        dim: int,
        labels: Sequence[str],
        streams: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(config, dim, labels)
        self.config = config
        streams = streams or {"features": (0, dim)}
        if config.stream is not None and config.stream not in streams:
            raise UntrimError(f"the features have no stream '{config.stream}'", fix=nearest(config.stream, streams))
        self.columns = sorted(columns for name, columns in streams.items() if config.stream in (None, name))
        self.dropout = nn.Dropout(config.dropout)
        self.networks = nn.ModuleList(Stream(stop - first, len(labels), config) for first, stop in self.columns)

    @classmethod
    def for_features(cls, config: MethodConfig, features: FeatureInfo, labels: Sequence[str]) -> Self:
        """The untrained network, one for each stream of the features."""
        assert isinstance(config, WSBMConfig)
        return cls(config, features.dim, labels, features.streams)

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """Normalised pooling, regularised; proposals and scores from both what is attended to and what is recognised.

        Pooled features are learned by heart within an epoch or two, after which attention shrinks to what tells the
        training videos apart. Dropout of each snippet's features makes an average over many snippets worth more than
        the best few, and weights that decay keep the classifier from becoming sure of single snippets. Both slow it
        down: it takes twice the fewest steps of the others. The paper's class threshold is for one label a video.
        """
        return {
            **data.training_defaults(least_iterations=2000),
            "batch_size": 8,
            "weight_decay": 1e-2,
            "dropout": 0.5,
            "pooling": "normalized",
            "guide_weight": 0.5,
            "class_threshold": data.class_threshold,
            "proposals": "combined",
            "score": "contrast",
        }

    def forward(self, features: Tensor, mask: Tensor) -> WSBMActivations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        x = self.dropout(self.input(features))
        parts = [
            network(x[..., first:stop]) for (first, stop), network in zip(self.columns, self.networks, strict=True)
        ]
        attention_logits, scores, clusters = (torch.stack(part) for part in zip(*parts, strict=True))
        return self.assemble(mask, attention_logits, scores, clusters)

    def assemble(self, mask: Tensor, attention_logits: Tensor, scores: Tensor, clusters: Tensor) -> WSBMActivations:
        """All activations, from what the networks say of each snippet."""
        foreground, _ = self.classify_pooled(attention_logits, mask, scores)
        fused = torch.einsum("s,sbtc->btc", self.stream_weights(scores), scores)
        return WSBMActivations(
            mask,
            cas=fused[..., 1:],
            video_scores=self.class_probabilities(foreground).mean(dim=0),
            attention=attention_logits.sigmoid().mean(dim=0),
            background=fused[..., 0],
            attention_logits=attention_logits,
            scores=scores,
            clusters=clusters,
        )

    def pool(self, attention_logits: Tensor, mask: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Foreground and background of (S, B, T, K) values, each (S, B, K) (Eq. 1 and 4)."""
        return attention_pooling(attention_logits, mask, values, normalized=self.config.pooling == "normalized")

    def classify_pooled(self, attention_logits: Tensor, mask: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits of x_fg and x_bg, each (S, B, 1 + C)."""
        foreground, background = self.pool(attention_logits, mask, scores)
        if self.config.bias:
            bias = torch.stack([network.get_parameter("bias") for network in self.networks]).unsqueeze(1)
            return foreground + bias, background + bias
        return foreground, background

    def class_probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the C classes, of (..., 1 + C) logits (Eq. 2)."""
        return logits.softmax(dim=-1)[..., 1:] if self.config.classification == "softmax" else logits[..., 1:].sigmoid()

    def stream_weights(self, like: Tensor) -> Tensor:
        """Weight of each stream in Eq. 12, (S,)."""
        theta, count = self.config.theta, len(self.columns)
        return like.new_tensor([theta, 1 - theta] if count == 2 else [1 / count] * count)

    def losses(self, activations: Activations, batch: Batch) -> dict[str, Tensor]:
        """The terms of Eq. 11 and STPN's sparsity, weighted; each a mean over videos and a sum over streams."""
        assert isinstance(activations, WSBMActivations)
        config, found, mask = self.config, activations, activations.mask
        attention, ramp = found.attention_logits.sigmoid(), config.ramp(batch.progress)
        foreground, background = self.classify_pooled(ramp * found.attention_logits, mask, found.scores)
        terms = {"foreground": self.foreground_loss(foreground, batch.labels)}
        if config.background_weight > 0:
            log_p = background.log_softmax(dim=-1)[..., 0]  # Eq. 5
            terms["background"] = -ramp * config.background_weight * log_p.mean()
        if config.guide_weight > 0:
            w_bg, w_c = found.scores[..., 0], found.scores[..., 1:]
            guide = guidance_loss(attention, w_c, w_bg, batch.labels, mask, config.sigma)  # Eq. 6-7
            terms["guide"] = ramp * config.guide_weight * guide
        if config.cluster_weight > 0:
            u_fg, u_bg = self.pool(found.attention_logits, mask, found.clusters)
            log_z = u_fg.log_softmax(dim=-1)[..., 0] + u_bg.log_softmax(dim=-1)[..., 1]  # Eq. 8-9
            terms["cluster"] = -ramp * config.cluster_weight * log_z.mean()  # Eq. 10
        if config.sparsity_weight > 0:
            terms["sparsity"] = ramp * config.sparsity_weight * masked_mean(attention, mask).mean()
        return {name: len(self.columns) * term for name, term in terms.items()}  # Eq. 11

    def foreground_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """L_fg of (S, B, 1 + C) logits, mean over streams and videos (Eq. 2-3)."""
        if self.config.classification == "sigmoid":
            return F.binary_cross_entropy_with_logits(logits[..., 1:], labels.expand_as(logits[..., 1:]))
        targets = F.pad(labels, (1, 0)).expand_as(logits)  # no video is labelled with the background
        return normalized_cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1))

    def localize(self, activations: Activations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets above many thresholds, each class that is likely in the video on its own (Sec. 3.2)."""
        assert isinstance(activations, WSBMActivations)
        config = self.config
        p_fg = activations.video_scores[0].double().cpu().numpy()
        classes = np.flatnonzero(likely_classes(p_fg, config.class_threshold))
        proposed, scored = self.sequences(activations, classes)
        steps = round((config.highest_threshold - config.lowest_threshold) / config.threshold_step)
        runs = sweep(proposed, config.lowest_threshold + config.threshold_step * np.arange(steps + 1))
        runs = runs._replace(row=runs.row % len(classes))
        contrast = config.score == "contrast"
        scores = outer_inner_contrast(scored, runs, config.outer) if contrast else run_mean(scored, runs)
        kept = nms(np.stack([runs.first, runs.stop], axis=1), scores, config.nms_threshold, runs.row)
        found = Runs(classes[runs.row[kept]], runs.first[kept], runs.stop[kept])
        return self.detections(found, scores[kept], grid)

    def sequences(self, activations: WSBMActivations, classes: npt.NDArray[np.intp]) -> tuple[Float64, Float64]:
        """What is compared with the thresholds, (R N, T), and what is averaged in a run, (N, T), of N `classes`."""
        attention = activations.attention_logits[:, :1].double().sigmoid()  # (S, 1, T)
        scores = activations.scores[:, 0].double()  # (S, T, 1 + C)
        chosen = torch.from_numpy(classes).to(scores.device)
        w, p = (part[..., chosen].transpose(1, 2) for part in (scores[..., 1:], self.class_probabilities(scores)))
        combined = ((attention + p) / 2).mean(dim=0)  # (N, T)
        proposed = {
            "attention": attention.mean(dim=0).expand_as(combined),
            "tcam": (attention * w.sigmoid()).flatten(0, 1),
            "combined": combined,
        }[self.config.proposals]
        tcam = torch.einsum("s,snt->nt", self.stream_weights(w), attention * w)  # Eq. 12
        scored = combined if self.config.score == "contrast" else tcam
        return proposed.cpu().numpy(), scored.cpu().numpy()
