"""Videos with features and labels, and the batches that training steps see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from untrim.annotations import Annotations
from untrim.data.sampling import Crop, crop_snippets
from untrim.errors import UntrimError, listing
from untrim.features.store import FeatureFolder

_MEMORY_BYTES = 2 << 30


@dataclass(frozen=True)
class Batch:
    """What one training step sees.

    Args:
        features: (B, T, D), zero where there is no snippet.
        mask: (B, T), True where there is a snippet; the snippets of a video stand first.
        labels: (B, C) in {0, 1}.
        groups: (B,) group of each video, -1 for none; the videos of a group have a class in common.
    """

    features: Tensor
    mask: Tensor
    labels: Tensor
    groups: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})


def pad(arrays: Sequence[npt.NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Videos of different lengths as one (B, T, D) tensor and its (B, T) mask."""
    lengths = torch.tensor([len(array) for array in arrays])
    features = torch.zeros(len(arrays), int(lengths.max()), arrays[0].shape[1])
    for row, array in zip(features, arrays, strict=True):
        row[: len(array)] = torch.from_numpy(array)
    return features, torch.arange(features.shape[1]) < lengths.unsqueeze(-1)


class TrainingVideos:
    """Videos with features (read once, and kept while all fit in memory) and labels, from one or several sources.

    Args:
        sources: Feature folders, each with the annotations of the videos to take from it.

    Raises:
        UntrimError: Folders that disagree, no labels at all, a video without labels, or features missing.
    """

    def __init__(self, sources: Sequence[tuple[FeatureFolder, Annotations]]) -> None:
        self.info = sources[0][0].info
        for folder, labelled in sources:
            if difference := self.info.disagreement(folder.info):
                raise UntrimError(f"disagrees with {sources[0][0].path} in {difference}", where=folder.path)
            folder.require(list(labelled))
            if unlabelled := [name for name, video in labelled.items() if not video.labels]:
                raise UntrimError(
                    f"{len(unlabelled)} training videos without labels: {listing(unlabelled)}",
                    where=labelled.source,
                    fix="give each at least one label, or take them out",
                )
        self.class_names = tuple(sorted({label for _, labelled in sources for label in labelled.labels}))
        self._videos = [(folder, video) for folder, labelled in sources for video in labelled.values()]
        self.labels = np.array(
            [[label in video.labels for label in self.class_names] for _, video in self._videos], dtype=np.float32
        )  # (V, C)
        size = sum(2 * folder.file(video.name).stat().st_size for folder, video in self._videos)
        self._kept: dict[int, npt.NDArray[np.float32]] | None = {} if size <= _MEMORY_BYTES else None

    def __len__(self) -> int:
        return len(self._videos)

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """Features of one video, (T, D)."""
        folder, video = self._videos[index]
        if self._kept is None:
            return folder.load(video.name)
        if index not in self._kept:
            self._kept[index] = folder.load(video.name)
        return self._kept[index]

    def batch(
        self,
        videos: npt.NDArray[np.int64],
        groups: npt.NDArray[np.int64],
        most: int | None,
        crop: Crop,
        rng: np.random.Generator,
    ) -> Batch:
        """The batch of `videos`, each cropped to at most `most` snippets."""
        arrays = [self.features(int(video)) for video in videos]
        features, mask = pad([array[crop_snippets(len(array), most, crop, rng)] for array in arrays])
        return Batch(features, mask, torch.from_numpy(self.labels[videos]), torch.from_numpy(groups))
