"""Convolution over the snippets of a video."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TemporalConv(nn.Conv1d):
    """A temporal convolution that leaves the number of snippets as it is, with zeros beyond both ends.

    It is one matrix product of all snippets, each with its neighbours in a row. Where the result is narrow, each
    snippet is multiplied alone, by what it is for each of its neighbours, and these products are added up: nothing as
    wide as the features is copied. On a processor this is faster than `torch.nn.Conv1d`, on short sequences several
    times. The weights are those of `torch.nn.Conv1d`.

    Args:
        dim: Width of the features.
        width: Width of the result.
        kernel: Number of snippets that each snippet sees, odd.
    """

    bias: Tensor

    def __init__(self, dim: int, width: int, kernel: int) -> None:
        super().__init__(dim, width, kernel, padding=kernel // 2)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """(N, T, H) of (N, T, D) features. What is not in the (N, T) mask is as what is beyond the ends of a video."""
        width, dim, kernel = self.weight.shape
        inside, beyond = mask.unsqueeze(-1), (0, 0, kernel // 2, kernel // 2)
        if width * kernel < dim:
            products = F.linear(features, self.weight.permute(2, 0, 1).flatten(0, 1)) * inside
            products = F.pad(products, beyond)  # (N, kernel - 1 + T, kernel H)
            snippets = features.shape[1]
            parts = [products[:, k : k + snippets, k * width : (k + 1) * width] for k in range(kernel)]
            return torch.stack(parts).sum(dim=0) + self.bias
        rows = F.pad(features * inside, beyond).unfold(1, kernel, 1).flatten(2)  # (N, T, D kernel)
        return F.linear(rows, self.weight.flatten(1), self.bias)
