"""From snippets to videos: masked reductions over time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over time of (B, T, C) `scores`; masked snippets get 0. Shape (B, T, C)."""
    return scores.masked_fill(~mask.unsqueeze(-1), -torch.inf).softmax(dim=1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the snippets inside each video, (..., B), of (..., B, T) `values` with their (B, T) `mask`."""
    return values.masked_fill(~mask, 0.0).sum(dim=-1) / mask.sum(dim=-1)


def unpack(values: Tensor, mask: Tensor) -> Tensor:
    """Values of the N snippets inside videos, (N, ...), in their places, (B, T, ...); 0 in the padding."""
    places = values.new_zeros(*mask.shape, *values.shape[1:])
    places[mask] = values
    return places


def topk_mean(scores: Tensor, mask: Tensor, k: Tensor) -> Tensor:
    """Mean of the `k` largest scores over time, for each video and class.

    Args:
        scores: (B, T, C).
        mask: (B, T), True where there is a snippet.
        k: (B,) whole numbers, at least 1; if a video has fewer snippets, all of them are averaged.

    Returns:
        (B, C).
    """
    k = torch.minimum(k, mask.sum(dim=1)).clamp(min=1)  # (B,)
    top = scores.masked_fill(~mask.unsqueeze(-1), -torch.inf).topk(_most(k, scores.shape[1]), dim=1).values  # (B, K, C)
    taken = torch.arange(top.shape[1], device=top.device) < k.unsqueeze(-1)  # (B, K)
    return top.masked_fill(~taken.unsqueeze(-1), 0.0).sum(dim=1) / k.unsqueeze(-1)


def exceeded(values: Tensor, among: Tensor, share: Tensor) -> Tensor:
    """The largest value that at most a share of the values of its class exceed.

    Args:
        values: (..., N, C).
        among: Which values count, (N, C).
        share: In [0, 1), (C,).

    Returns:
        (..., C); minus infinity for a class of which no value counts.
    """
    number = (share * among.sum(dim=0)).long()  # (C,)
    top = values.masked_fill(~among, -torch.inf).topk(_most(number + 1, len(among)), dim=-2).values
    return top.take_along_dim(number.expand(*values.shape[:-2], 1, -1), dim=-2).squeeze(-2)


def class_features(embedded: Tensor, scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Unit-length features of where each class is and where it is not (W-TALC; WSAD, Sec. 3.4).

        pi = softmax of the scores over time
        z = sum_t pi_t u_t
        z_not = sum_t (1 - pi_t) / (n - 1) u_t

    Args:
        embedded: u, (B, T, E).
        scores: (B, T, C).
        mask: (B, T), True where there is a snippet.

    Returns:
        z and z_not, each (B, C, E); of a single snippet, z_not is 0.
    """
    pi = masked_softmax(scores, mask)  # (B, T, C)
    z = torch.einsum("btc,bte->bce", pi, embedded)
    total = (embedded * mask.unsqueeze(-1)).sum(dim=1, keepdim=True)  # (B, 1, E)
    others = (mask.sum(dim=1) - 1).clamp(min=1).view(-1, 1, 1)
    return F.normalize(z, dim=-1), F.normalize((total - z) / others, dim=-1)


def split_blocks(scores: Tensor, mask: Tensor, size: int, remainder_in_last: bool) -> tuple[Tensor, Tensor]:
    """Cut videos into ``max(1, floor(n / size))`` blocks of consecutive snippets (WSAD, Sec. 3.3).

    Args:
        scores: (B, T, C); the n snippets of a video come first.
        mask: (B, T).
        size: Snippets per block; a shorter video is one block.
        remainder_in_last: Whether the last block takes the ``n % size`` snippets left over; otherwise no block has
            them.

    Returns:
        Scores (B, N, L, C) and which of them are real, (B, N, L). Blocks that a video does not have are all False.
    """
    n = mask.sum(dim=1)  # (B,)
    blocks = (n // size).clamp(min=1)  # (B,)
    index = torch.arange(_most(blocks, scores.shape[1] // size + 2), device=n.device)  # (N,)
    start = index * size
    stop = (start + size).minimum(n.unsqueeze(-1))  # (B, N)
    if remainder_in_last:
        stop = torch.where(index == blocks.unsqueeze(-1) - 1, n.unsqueeze(-1), stop)
    stop = torch.where(index < blocks.unsqueeze(-1), stop, start)
    longest = _most(stop - start, 2 * size if remainder_in_last else size)
    position = start.unsqueeze(-1) + torch.arange(longest, device=n.device)  # (N, L)
    real = position < stop.unsqueeze(-1)  # (B, N, L)
    return scores[:, position.clamp(max=scores.shape[1] - 1)], real


def _most(counts: Tensor, bound: int) -> int:
    """The largest of some counts. While a network is exported no size may depend on data: then what bounds them."""
    return bound if torch.compiler.is_exporting() else int(counts.max())
