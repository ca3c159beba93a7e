"""The level of background: what class scores reach in videos in which nothing happens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from untrim.nn.pooling import exceeded

_SHARE_ABOVE = 0.05  # as W-TALC's levels, which were settled on other videos (`untrim.methods.wtalc`)
_KEPT = 0.01  # share of a step in the running mean


class BackgroundLevel(nn.Module):
    """The score of each class that one in twenty snippets exceeds where nothing happens, a running mean over the steps.

    In a video in which nothing happens, every snippet is background. No loss depends on the level.

    Args:
        classes: Number of classes, C.
    """

    level: Tensor
    """(C,); 0 until `move` has seen such a video."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("level", torch.zeros(classes))

    @torch.no_grad()
    def move(self, scores: Tensor, mask: Tensor, labels: Tensor) -> None:
        """Move the level towards that of a batch.

        Args:
            scores: Class scores without dropout, (B, T, C).
            mask: (B, T), True where there is a snippet.
            labels: (B, C) in {0, 1}.
        """
        among = scores[mask & ~labels.any(dim=1, keepdim=True)]  # (N, C)
        if len(among):
            share = torch.full_like(self.level, _SHARE_ABOVE)
            found = exceeded(among, torch.ones_like(among, dtype=torch.bool), share).to(self.level)
            self.level.lerp_(found, _KEPT if self.level.any() else 1.0)
