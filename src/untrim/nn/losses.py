"""Pure loss functions that several methods share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Below this logit, softplus(z) equals exp(z) to float64 precision and would soon underflow.
_SMALL_LOGIT = -36.0


def log_softplus(z: Tensor) -> Tensor:
    """log(log(1 + exp(z))), finite for every finite `z`."""
    small = z < _SMALL_LOGIT
    return torch.where(small, z, F.softplus(z.masked_fill(small, 0.0)).log())


def log_noisy_or(z: Tensor, mask: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """log P and log(1 - P) of ``P = 1 - prod_i (1 - sigmoid(z_i))`` (WSAD, Eq. 3), without log(0).

    Args:
        z: Logits of the parts.
        mask: Which parts count, of the same shape; at least one along `dim`.
        dim: The dimension of the parts.
    """
    log_absent = -F.softplus(z).masked_fill(~mask, 0.0).sum(dim=dim)  # log(1 - P) <= 0
    # 1 - exp(x) = -x (1 + x/2 + ...): near 0 the logarithm of -x is taken from the logits themselves.
    near = log_absent > -1e-3
    log_minus = log_softplus(z).masked_fill(~mask, -torch.inf).logsumexp(dim=dim)
    small = log_absent.masked_fill(~near, 0.0)
    series = log_minus + torch.log1p(small / 2 + small**2 / 6)
    direct = torch.log1p(-log_absent.masked_fill(near, -1.0).exp())
    return torch.where(near, series, direct), log_absent


def normalized_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy against L1-normalised multi-hot labels, mean over videos.

    ``-1/B sum_b sum_c y_bc / |y_b|_1 log softmax(logits_b)_c`` (W-TALC's multiple-instance loss; ECM; WSBM).

    Args:
        logits: (B, C).
        labels: (B, C) in {0, 1}, each row with at least one 1.
    """
    targets = labels / labels.sum(dim=1, keepdim=True)
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
