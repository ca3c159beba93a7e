"""Convolution over the snippets of a video."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class TemporalConv(nn.Conv1d):
    """A temporal convolution that leaves the number of snippets as it is, with zeros beyond both ends.

    The neighbourhood of each snippet becomes a row, and all rows are one matrix product. On a processor this is faster
    than `torch.nn.Conv1d`, on short sequences several times. The weights are those of `torch.nn.Conv1d`.

    Args:
        dim: Width of the features.
        width: Width of the result.
        kernel: Number of snippets that each snippet sees, odd.
    """

    def __init__(self, dim: int, width: int, kernel: int) -> None:
        super().__init__(dim, width, kernel, padding=kernel // 2)

    def forward(self, features: Tensor) -> Tensor:
        """(N, T, H) of (N, T, D) features."""
        kernel = self.weight.shape[2]
        rows = F.pad(features, (0, 0, kernel // 2, kernel // 2)).unfold(1, kernel, 1).flatten(2)  # (N, T, D kernel)
        return F.linear(rows, self.weight.flatten(1), self.bias)
