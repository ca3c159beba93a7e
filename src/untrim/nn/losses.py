"""Pure loss functions that several methods share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from untrim.nn.pooling import class_features

Metric = Literal["triplet", "contrastive"]

# Below this logit, softplus(z) equals exp(z) to float64 precision and would soon underflow.
_SMALL_LOGIT = -36.0


def log_softplus(z: Tensor) -> Tensor:
    """log(log(1 + exp(z))), finite for every finite `z`."""
    small = z < _SMALL_LOGIT
    return torch.where(small, z, F.softplus(z.masked_fill(small, 0.0)).log())


def log_noisy_or(z: Tensor, mask: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """log P and log(1 - P) of a noisy or (WSAD, Eq. 3), without log(0).

        P = 1 - prod_i (1 - sigmoid(z_i))

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
    """Softmax cross-entropy against L1-normalised multi-hot labels, mean over the videos that have any.

        L = -1/B sum_b sum_c y_bc / |y_b|_1 log softmax(logits_b)_c

    It is W-TALC's multiple-instance loss; ECM and WSBM use it too.

    Args:
        logits: (B, C).
        labels: (B, C) in {0, 1}. A row of zeros has no place in a softmax over classes, and is left out.
    """
    counts = labels.sum(dim=1, keepdim=True)
    targets = labels / counts.clamp(min=1)
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).sum() / (counts > 0).sum().clamp(min=1)


def coactivity_loss(
    embedded: Tensor, scores: Tensor, mask: Tensor, labels: Tensor, groups: Tensor, margin: float = 0.5
) -> Tensor:
    """W-TALC's co-activity similarity loss: where two videos do the same, they look alike.

        L = 1/2 [d(H_i, H_j) - d(H_i, L_j) + margin]_+ + 1/2 [d(H_i, H_j) - d(L_i, H_j) + margin]_+

    d is the cosine distance. H and L are the features of where a class is and where it is not. The loss is the mean
    over pairs of videos i, j of a group and the classes that both have.

    Args:
        embedded: (B, T, E).
        scores: (B, T, C).
        mask: (B, T), True where there is a snippet.
        labels: (B, C) in {0, 1}.
        groups: (B,) group of each video, -1 for none.
        margin: How much nearer the features of the same class should be.

    Returns:
        A scalar; 0 if no two videos have a class in common.
    """
    pairs = (groups.unsqueeze(1) == groups) & (groups >= 0)
    pairs = pairs & ~torch.eye(len(groups), dtype=torch.bool, device=groups.device)
    shared = pairs.unsqueeze(-1) * labels.unsqueeze(1) * labels  # (B, B, C)
    classes = shared.sum(dim=(0, 1)).nonzero().squeeze(1)  # (C',)
    shared = shared[..., classes]
    high, low = class_features(embedded, scores[..., classes], mask)  # (B, C', E)
    alike, unlike = (torch.einsum("ice,jce->ijc", high, other) for other in (high, low))  # cosines, (B, B, C')
    # Both halves of a pair are in the sum: as (i, j) and as (j, i).
    return (F.relu(unlike - alike + margin) * shared).sum() / shared.sum().clamp(min=1)


def metric_loss(
    embedded: Tensor,
    scores: Tensor,
    mask: Tensor,
    labels: Tensor,
    groups: Tensor,
    squared_distances: Callable[[Tensor, Tensor, Tensor], Tensor],
    kind: Metric = "triplet",
    alpha: float = 3.0,
) -> Tensor:
    """WSAD's metric loss (Sec. 3.4), mean over groups and the classes that all videos of a group have.

        triplet = [d+ - d- + alpha]_+
        contrastive = d+ + [alpha - d-]_+

    Args:
        embedded: u, (B, T, E).
        scores: Clipped class scores, (B, T, C).
        mask: (B, T), True where there is a snippet.
        labels: (B, C) in {0, 1}.
        groups: (B,) group of each video, -1 for none.
        squared_distances: D_c^2 between all pairs of two (B, C', E) features, for `classes` (C',); (B, B, C').
        kind: ``triplet`` or ``contrastive``.
        alpha: Margin.

    Returns:
        A scalar; 0 if no group has a class in common.
    """
    member = F.one_hot(groups + 1)[:, 1:].T.to(labels.dtype)  # (G, B)
    size = member.sum(dim=1, keepdim=True)  # (G, 1)
    common = (member @ labels == size) & (size > 1)  # (G, C)
    classes = common.any(dim=0).nonzero().squeeze(1)  # (C',)
    z, z_not = class_features(embedded, scores[..., classes], mask)  # (B, C', E)
    pairs = (1 - torch.eye(len(labels), device=labels.device)) / (size * (size - 1)).clamp(min=1).unsqueeze(-1)
    pairs = pairs * member.unsqueeze(1) * member.unsqueeze(2)  # (G, B, B), the mean over pairs of a group
    d_pos = torch.einsum("gij,ijc->gc", pairs, squared_distances(z, z, classes))
    d_neg = torch.einsum("gij,ijc->gc", pairs, squared_distances(z, z_not, classes))
    loss = F.relu(d_pos - d_neg + alpha) if kind == "triplet" else d_pos + F.relu(alpha - d_neg)
    return (loss * common[:, classes]).sum() / common.sum().clamp(min=1)


def projected_distances(a: Tensor, b: Tensor, factor: Tensor) -> Tensor:
    """Squared Mahalanobis distances between all pairs (WSAD, Eq. 10-11).

        D_c^2 = (a - b)' F_c' F_c (a - b)

    Args:
        a: (B, C, E).
        b: (B, C, E).
        factor: F_c, (C, R, E).

    Returns:
        (B, B, C).
    """
    a, b = (torch.einsum("bce,cre->bcr", z, factor) for z in (a, b))
    return (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(dim=-1)


def balanced_cross_entropy(logits: Tensor, present: Tensor, absent: Tensor) -> Tensor:
    """Binary cross-entropy that weighs what is present as much as what is absent.

    Half the mean of log(1 + exp(-s)) where `present`, plus half the mean of log(1 + exp(s)) where `absent`.

    Args:
        logits: s, of any shape.
        present: Where the answer is yes, in {0, 1}, of the same shape.
        absent: Where it is no, or the weight of that. What is neither counts for nothing.

    Returns:
        A number; a half that has no entries is 0.
    """
    yes = (present * F.softplus(-logits)).sum() / present.sum().clamp(min=1)
    no = (absent * F.softplus(logits)).sum() / absent.sum().clamp(min=1)
    return (yes + no) / 2


def known_cross_entropy(logits: Tensor, happens: Tensor, known: Tensor, labels: Tensor) -> Tensor:
    """`balanced_cross_entropy` where it is known whether a class happens, with the absences of `even_absences`.

    Args:
        logits: s, (B, T, C).
        happens: Whether it does, in {0, 1}, (B, T, C).
        known: Whether that is known, in {0, 1}, (B, T, C) or (B, T, 1).
        labels: Labels of the videos, (B, C).
    """
    absent = (1 - happens) * known
    return balanced_cross_entropy(logits, happens * known, even_absences(absent, absent, labels))


def even_absences(absent: Tensor, sure: Tensor, labels: Tensor) -> Tensor:
    """Weights of absences: those in videos that show the class count together as much as those in all others.

    A snippet before or after an instance says where the class ends. Of a video without the class every snippet is an
    absence, of each of many classes, so that these few would hardly count. An absence that is not `sure` keeps the
    weight 1, since a wrong one does the most harm there.

    Args:
        absent: Where a class does not happen, in {0, 1}, (B, T, C).
        sure: Where that is certain, in {0, 1}, of the same shape.
        labels: Labels of the videos, (B, C).
    """
    inside = (labels > 0).to(absent).unsqueeze(1)
    within = (absent * inside).sum()
    more = ((absent.sum() - within) / within.clamp(min=1)).clamp(min=1)
    return absent * (1 + (more - 1) * sure * inside)
