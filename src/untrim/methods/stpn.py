"""STPN: Weakly Supervised Action Localization by Sparse Temporal Pooling Network.

P. Nguyen, T. Liu, G. Prasad, B. Han. CVPR 2018. Features are pooled with a sparse attention, and the pooled features
are classified. Class activations weighted by the attention say where an action is. `untrim.methods.wsbm` builds on STPN
and has the table of symbols. STPN is that network with the sparsity loss, and without the background, guidance and
clustering losses. What both share is in `untrim.methods.streams`.

Equations:

    x_fg = 1/T sum_t lambda_t x_t
    p_fg = sigmoid(w_c x_fg + b_c)
    L = L_class + beta L_sparse
    L_class = binary cross-entropy of p_fg, mean over classes
    L_sparse = L1 norm of lambda
    psi_t = lambda_t sigmoid(w_c x_t), the weighted T-CAM of each stream

Proposals are the runs of psi > 0.05, of both streams. An instance's score is Eq. 12 of WSBM.

Deviations and typos: what the paper leaves open is taken from the reproduction whose detections score as the paper
says. Its beta is 1e-4 with 400 snippets. Here the mean of lambda is minimised, so that the loss does not depend on a
video's length; beta is thus 0.04. Batches have 6 videos. Training takes 23,100 iterations; that reproduction chose the
checkpoint by hand, since longer training makes localization worse. All snippets of a video are taken, not 400, and psi
is not interpolated between them. That reproduction weighs the class scores of both streams by the attention of the
proposal's own stream.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.methods.streams import StreamActivations, StreamsConfig, StreamsMethod
from untrim.nn.pooling import masked_mean
from untrim.support.array_types import Float64

_LEAST = 1e-3  # In the place of a threshold of 0, which has no logit.


class STPNConfig(StreamsConfig):
    """Values of STPN; defaults are the paper's."""

    batch_size: int = Field(default=6, ge=1)
    """Videos per training step."""
    iterations: int = Field(default=23100, ge=0)
    """Training steps; 0 leaves the network untrained, a baseline."""
    sparsity_weight: float = Field(default=0.04, ge=0)
    """Weight of the mean of the attention over the video."""
    lowest_threshold: float = Field(default=0.05, ge=0, lt=1)
    """First threshold."""
    highest_threshold: float = Field(default=0.05, ge=0, lt=1, validate_default=True)
    """Last threshold."""


class STPN(StreamsMethod[STPNConfig]):
    """Sparse temporal pooling: sparse attention and no model of the background."""

    Config = STPNConfig
    has_bias = True

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """Length and speed of training by the rules for every method, centred features, sparsity weight per label.

        Each label of a video draws attention with a cross-entropy of its own. One sparsity loss stands against all of
        them, so its weight is the paper's times the mean number of labels per video.
        """
        sparsity_weight = round(STPNConfig().sparsity_weight * data.labels_per_video, 4)
        return {**data.training_defaults(), "input_scaling": "standard", "sparsity_weight": sparsity_weight}

    def forward(self, features: Tensor, mask: Tensor) -> StreamActivations:
        """Activations of (B, T, D) features with their (B, T) mask; no background, which nothing trains."""
        return replace(super().forward(features, mask), background=None)

    def class_probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the C classes, of (..., 1 + C) logits."""
        return logits[..., 1:].sigmoid()

    def losses(self, activations: StreamActivations, batch: Batch) -> dict[str, Tensor]:
        """Classification and sparsity loss, weighted; each a mean over videos and a sum over streams."""
        config, mask, ramp = self.config, activations.mask, self.config.ramp(batch.progress)
        logits = self.classify_pooled(ramp * activations.attention_logits, mask, activations.scores)[0][..., 1:]
        terms = {"foreground": F.binary_cross_entropy_with_logits(logits, batch.labels.expand_as(logits))}
        if config.sparsity_weight > 0:
            attention = activations.attention_logits.sigmoid()
            terms["sparsity"] = ramp * config.sparsity_weight * masked_mean(attention, mask).mean()
        return {name: len(self.columns) * term for name, term in terms.items()}

    def snippet_logits(self, activations: StreamActivations) -> Tensor:
        """How far psi is above the first threshold, as logits, mean over streams."""
        attention = activations.attention_logits.unsqueeze(-1)
        log_w, log_not_w = F.logsigmoid(activations.scores[..., 1:]), F.logsigmoid(-activations.scores[..., 1:])
        log_psi = F.logsigmoid(attention) + log_w
        log_not_psi = torch.logaddexp(F.logsigmoid(-attention), F.logsigmoid(attention) + log_not_w)
        threshold = max(self.config.lowest_threshold, _LEAST)
        return (log_psi - log_not_psi).mean(dim=0) - math.log(threshold / (1 - threshold))

    def sequences(self, activations: StreamActivations, classes: npt.NDArray[np.intp]) -> tuple[Float64, Float64]:
        """psi of each stream, (S N, T), and lambda w_c x of both, (N, T), of N `classes`."""
        attention, w = self.class_activations(activations, classes)
        psi = (attention * w.sigmoid()).flatten(0, 1)
        return psi.cpu().numpy(), self.tcam(attention, w).cpu().numpy()
