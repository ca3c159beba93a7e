"""STPN: Weakly Supervised Action Localization by Sparse Temporal Pooling Network.

P. Nguyen, T. Liu, G. Prasad, B. Han. CVPR 2018. Features pooled with sparse attention are classified; where they are is
read off the attention-weighted class activations. Symbols and parts are those of `untrim.methods.wsbm`, which builds on
it: this is that network without the background, guidance and clustering losses, with the sparsity loss in their place.

Equations: x_fg = 1/T sum_t lambda_t x_t. p_fg = sigmoid(w_c x_fg + b_c). L = L_class + beta L_sparse, L_class the
binary cross-entropy, mean over classes, L_sparse the L1 norm of lambda. Weighted T-CAM, in each stream: psi_t =
lambda_t sigmoid(w_c x_t). Proposals: runs of psi > 0.05, of both streams. An instance's score is Eq. 12 of WSBM.

Deviations and typos: what the paper leaves open is taken from the reproduction whose detections score as the paper
says: beta is 1e-4 with 400 snippets, 0.04 for the mean of lambda that is minimised here, so that it does not depend
on a video's length; batches of 6; 23,100 iterations, a checkpoint chosen by hand (localization gets worse when
training goes on). All snippets of a video are taken, not 400, and psi is not interpolated between them. That
reproduction weighs the class scores of both streams by the attention of the proposal's own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from untrim.data.summary import DataSummary
from untrim.methods.wsbm import WSBM, WSBMConfig


class STPNConfig(WSBMConfig):
    """Values of STPN; those of WSBM that the method has nothing of are 0."""

    batch_size: int = Field(default=6, ge=1)
    """Videos a step."""
    iterations: int = Field(default=23100, ge=0)
    """Training steps; 0 leaves the network untrained, a baseline."""
    bias: bool = True
    """Whether class scores have a bias."""
    classification: Literal["softmax", "sigmoid"] = "sigmoid"
    """Foreground loss: WSBM's softmax cross-entropy, or binary cross-entropy of each class."""
    background_weight: float = Field(default=0.0, ge=0)
    """Weight of WSBM's background-aware loss."""
    guide_weight: float = Field(default=0.0, ge=0)
    """Weight of WSBM's self-guided attention loss."""
    cluster_weight: float = Field(default=0.0, ge=0)
    """Weight of WSBM's foreground-background clustering loss."""
    sparsity_weight: float = Field(default=0.04, ge=0)
    """Weight of the mean of the attention over the video."""
    proposals: Literal["attention", "tcam", "combined"] = "tcam"
    """What is above a threshold in a proposal, as for WSBM."""
    lowest_threshold: float = Field(default=0.05, ge=0, lt=1)
    """First threshold."""
    highest_threshold: float = Field(default=0.05, ge=0, lt=1)
    """Last threshold."""


class STPN(WSBM):
    """Sparse temporal pooling: WSBM with sparse attention and no model of the background."""

    Config = STPNConfig

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """How long and how fast to train by the rules for every method; features centred; the paper's sparsity a label.

        Each of a video's labels draws attention with a cross-entropy of its own, and sparsity weighs against them all.
        """
        sparsity_weight = round(STPNConfig().sparsity_weight * data.labels_per_video, 4)
        return {**data.training_defaults(), "input_scaling": "standard", "sparsity_weight": sparsity_weight}
