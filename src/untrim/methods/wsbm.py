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

Equations:

    (1) x_fg = 1/T sum_t lambda_t x_t
    (2) p_fg = softmax_c(w_c x_fg)
    (3) L_fg = -log p_fg[y]
    (4) x_bg = 1/T sum_t (1 - lambda_t) x_t
    (5) p_bg = softmax_c(w_c x_bg)
        L_bg = -log p_bg[0]
    (6) target_fg = G(sigma) * softmax(w x_t)[y]; of several classes, the largest counts (footnote 1)
    (7) target_bg = G(sigma) * (1 - softmax(w x_t)[0])
        L_guide = 1/T sum_t |lambda_t - target_fg| + |lambda_t - target_bg|
    (8) z_fg = softmax(u x_fg)[fg]
    (9) z_bg = softmax(u x_bg)[bg]
    (10) L_cluster = -log z_fg - log z_bg
    (11) L = L_fg + alpha L_bg + beta L_guide + gamma L_cluster
    (12) score of an instance = mean of theta lambda_t w_c x_t in one stream + (1 - theta) lambda_t w_c x_t in the other

Each stream has a network and losses of its own. Their sum is minimised, which trains each stream as if it were alone.

Table 1's rows: L_fg alone; L_fg with the sparsity loss of STPN (`sparsity_weight`); six rows with `background_weight`,
`guide_weight` and `cluster_weight` 0.1 or 0.

Deviations and typos: the score of an instance has the number (1) in the text, after (11). With several labels L_fg is
the cross-entropy against L1-normalised labels; with none, against the background. Targets are constants for the
gradient. The paper does not give sigma. The weights of the Gaussian are normalised over the snippets inside the video.
Eq. 1 and 4 divide by T: their values shrink with the share of the video that is foreground (background), so that more
attention is always more evidence. `pooling: normalized` divides by the sum of the weights instead. p_fg of both streams
is averaged. The paper does not give the number of iterations.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.localization.grouping import Runs
from untrim.localization.scoring import outer_inner_contrast
from untrim.methods.streams import StreamActivations, StreamsConfig, StreamsMethod
from untrim.nn.attention import guidance_loss
from untrim.nn.losses import normalized_cross_entropy
from untrim.nn.pooling import masked_mean
from untrim.support.array_types import Float64


class WSBMConfig(StreamsConfig):
    """Values of WSBM; defaults are the paper's (Sec. 4.2)."""

    of_localization = StreamsConfig.of_localization | {"lowest_threshold", "proposals", "score", "outer"}

    batch_size: int = Field(default=1, ge=1)
    """Videos per training step."""
    bias: bool = False
    """Whether class scores have a bias; Eq. 2 has none."""
    classification: Literal["softmax", "sigmoid"] = "softmax"
    """Foreground loss: softmax cross-entropy (Eq. 2-3), or STPN's binary cross-entropy of each class."""
    background_weight: float = Field(default=0.1, ge=0)
    """Weight of the background-aware loss, alpha in Eq. 11."""
    guide_weight: float = Field(default=0.1, ge=0)
    """Weight of the self-guided attention loss, beta in Eq. 11."""
    cluster_weight: float = Field(default=0.1, ge=0)
    """Weight of the foreground-background clustering loss, gamma in Eq. 11."""
    sigma: float = Field(default=1.0, ge=0, le=1000)
    """Standard deviation of the Gaussian that smooths the attention's targets, in snippets; 0: none."""
    proposals: Literal["attention", "tcam", "combined"] = "attention"
    """The sequence whose runs above a threshold are proposals: `attention`: lambda, averaged over streams; `tcam`:
    STPN's lambda sigmoid(w_c x) of each stream; `combined`: the mean of lambda and softmax(w x)[c], averaged over
    streams."""
    score: Literal["mean", "contrast"] = "mean"
    """An instance's score: `mean`: Eq. 12; `contrast`: mean of lambda and softmax(w x)[c], averaged over streams,
    inside the instance less outside of it. With `contrast`, the whole instance scores better than a part or a longer
    stretch."""
    outer: float = Field(default=0.25, gt=0)
    """For `score: contrast`: width of each side of the surroundings, as a share of an instance's length."""


class WSBM(StreamsMethod[WSBMConfig]):
    """Foreground and background pooling with guided attention."""

    Config = WSBMConfig

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """Normalised pooling, regularised; proposals and scores from attention and class scores together.

        The network learns pooled features by heart within one or two epochs. The attention then shrinks to what tells
        the training videos apart. Two things prevent that. Dropout of each snippet's features makes an average over
        many snippets worth more than the best few. Weight decay keeps the classifier from becoming sure of single
        snippets. Both slow the training down, so its least number of steps is twice that of the other methods. The
        paper's class threshold is for one label per video.
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

    @property
    def has_bias(self) -> bool:
        """Whether pooled class scores have a bias."""
        return self.config.bias

    def class_probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the C classes, of (..., 1 + C) logits (Eq. 2)."""
        return logits.softmax(dim=-1)[..., 1:] if self.config.classification == "softmax" else logits[..., 1:].sigmoid()

    def losses(self, activations: StreamActivations, batch: Batch) -> dict[str, Tensor]:
        """The terms of Eq. 11 and STPN's sparsity, weighted; each a mean over videos and a sum over streams."""
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
        nothing = (labels.sum(dim=1, keepdim=True) == 0).to(labels.dtype)  # of such a video, all is background
        targets = torch.cat([nothing, labels], dim=1).expand_as(logits)
        return normalized_cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1))

    def snippet_logits(self, activations: StreamActivations) -> Tensor:
        """Logit of the mean of lambda and p_c, over streams too: above 0 where `combined` passes the last threshold."""
        lambda_, p = activations.attention_logits.sigmoid(), self.class_probabilities(activations.scores)
        return ((lambda_.unsqueeze(-1) + p) / 2).mean(dim=0).logit(1e-6)

    def sequences(self, activations: StreamActivations, classes: npt.NDArray[np.intp]) -> tuple[Float64, Float64]:
        """Sequences to compare with the thresholds, (R N, T), and sequences to score, (N, T), of N `classes`."""
        attention, w = self.class_activations(activations, classes)
        chosen = torch.from_numpy(classes).to(w.device)
        p = self.class_probabilities(activations.scores[:, 0].double())[..., chosen].transpose(1, 2)  # (S, N, T)
        combined = ((attention + p) / 2).mean(dim=0)  # (N, T)
        proposed = {
            "attention": attention.mean(dim=0).expand_as(combined),
            "tcam": (attention * w.sigmoid()).flatten(0, 1),
            "combined": combined,
        }[self.config.proposals]
        scored = combined if self.config.score == "contrast" else self.tcam(attention, w)
        return proposed.cpu().numpy(), scored.cpu().numpy()

    def instance_scores(self, scored: Float64, runs: Runs) -> Float64:
        """Mean over each run (Eq. 12), or inside less outside."""
        if self.config.score == "contrast":
            return outer_inner_contrast(scored, runs, self.config.outer)
        return super().instance_scores(scored, runs)
