"""What the parts of a network that no longer learn say of the training videos: computed once, not at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from untrim.data.dataset import Batch, TrainingVideos
from untrim.methods.base import Method
from untrim.nn.pooling import unpack

_MOST = 1 << 26  # values of all videos together, 256 MiB; where there are more, nothing is kept


class Settled:
    """Keeps what `Method.settled` gives of each training video.

    Args:
        model: The network, on `device`.
        videos: What it is trained on.
        device: Where this process computes.
    """

    def __init__(self, model: Method, videos: TrainingVideos, device: torch.device) -> None:
        self._model, self._videos, self._device = model, videos, device
        self._said: dict[int, Tensor] = {}
        self._few: bool | None = None

    def of(self, batch: Batch, rows: slice) -> Tensor | None:
        """What `forward` takes beside some videos of a batch, (B, T, K), 0 in the padding; or None."""
        if not self._model.has_settled:
            self._said.clear()  # A run to start from had settled; its parts learn once more.
            return None
        if not self._fits(batch.drawn[0][0]):
            return None
        said = [self._of(video)[snippets] for video, snippets in batch.drawn[rows]]
        return unpack(torch.cat(said), batch.mask[rows])

    def _fits(self, video: int) -> bool:
        """Whether what is said of all videos is little enough; known once a first one is."""
        if self._few is None:
            snippets = sum(len(self._videos.stored(index)) for index in range(len(self._videos)))
            images = 2 if self._model.config.mirrored else 1
            self._few = images * snippets * self._of(video).shape[1] <= _MOST
        return self._few

    def _of(self, video: int) -> Tensor:
        if video not in self._said:
            features = torch.from_numpy(self._videos.features(video)).to(self._device)
            self._said[video] = self._model.settled(features).float()
        return self._said[video]
