"""Videos with features and labels, and the batches that training steps see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from untrim.annotations import Annotations, Video
from untrim.annotations.checks import UNLABELLED
from untrim.annotations.counts import LabelCounts, count_labels
from untrim.data.sampling import Crop, crop_snippets
from untrim.data.snippet_labels import check_times, marked_snippets, snippet_labels, tells_times
from untrim.errors import UntrimError, listing
from untrim.features.backbones import mirrored_columns
from untrim.features.store import FeatureFolder
from untrim.support.array_types import Float32, Int64
from untrim.timeline import SnippetGrid


@dataclass(frozen=True)
class Batch:
    """What one training step sees.

    Args:
        features: (B, T, D), zero where there is no snippet.
        mask: (B, T), True where there is a snippet; the snippets of a video come first.
        labels: (B, C) in {0, 1}.
        groups: (B,) group of each video, -1 for none; the videos of a group have a class in common.
        progress: How far training has come, in [0, 1].
        snippet_labels: Which classes happen in each snippet, (B, T, C) in {0, 1}; None if it is known of no training
            video, or is not learned from.
        known: Where that is known, (B, T, C) in {0, 1}, 0 where there is no snippet; None likewise.
        drawn: The index of each video among the training videos, and those of the snippets that its crop took. The
            mirror image of video `i` of V has the index V + i.
    """

    features: Tensor
    mask: Tensor
    labels: Tensor
    groups: Tensor
    progress: float = 1.0
    snippet_labels: Tensor | None = None
    known: Tensor | None = None
    drawn: Sequence[tuple[int, Int64]] = ()

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return replace(
            self,
            features=self.features.to(device),
            mask=self.mask.to(device),
            labels=self.labels.to(device),
            groups=self.groups.to(device),
            snippet_labels=None if self.snippet_labels is None else self.snippet_labels.to(device),
            known=None if self.known is None else self.known.to(device),
        )


def pad(arrays: Sequence[npt.NDArray[np.floating]]) -> tuple[Tensor, Tensor]:
    """Videos of different lengths as one float32 (B, T, D) tensor and its (B, T) mask."""
    lengths = torch.tensor([len(array) for array in arrays])
    features = torch.zeros(len(arrays), int(lengths.max()), arrays[0].shape[1])
    for row, array in zip(features, arrays, strict=True):
        # torch makes float32 of float16 several times as fast as numpy does.
        native = array.dtype.isnative and array.dtype.itemsize <= 8
        row[: len(array)] = torch.from_numpy(array if native else array.astype(np.float32))
    return features, torch.arange(features.shape[1]) < lengths.unsqueeze(-1)


class TrainingVideos:
    """Videos with features and labels, from one or several sources.

    Features stay on disk, memory-mapped. A batch reads only the snippets that it takes. The operating system keeps in
    memory what fits. Where features know their mirror image, so do the videos: that of video `i` of V has the index
    V + i in `features`.

    Args:
        sources: Feature folders, each with the annotations of the videos to take from it.
        segments: Whether every class must have its segments, which are then all that there are. Batches then say what
            happens in each snippet.
        class_names: The classes, in order; None for all that the videos have, sorted by name.

    Raises:
        UntrimError: Folders disagree, there are no labels at all, a video has no labels although something may happen
            in it, features are missing or end before a time, or a label has no segment although `segments` asks for
            it.
    """

    def __init__(
        self,
        sources: Sequence[tuple[FeatureFolder, Annotations]],
        *,
        segments: bool = False,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.segments = segments
        self.info = sources[0][0].info
        for folder, labelled in sources:
            if difference := self.info.disagreement(folder.info):
                raise UntrimError(f"disagrees with {sources[0][0].path} in {difference}", where=folder.path)
            folder.require(list(labelled))
            if bare := [name for name, video in labelled.items() if not video.labels and not video.nothing_happens]:
                what = f"{len(bare)} training videos without labels: {listing(bare)}"
                raise UntrimError(what, where=labelled.source, fix=UNLABELLED)
            without = [name for name, video in labelled.items() if {*video.labels} - {i.label for i in video.instances}]
            if segments and without:
                raise UntrimError(
                    f"{len(without)} training videos have labels without segments: {listing(without)}",
                    where=labelled.source,
                    fix="train this method on annotations with segments",
                )
        every = sorted({label for _, labelled in sources for label in labelled.labels})
        self.class_names = tuple(every if class_names is None else class_names)
        if not self.class_names:
            what = "no training video has a label: there is nothing to learn"
            raise UntrimError(what, where=sources[0][1].source, fix="add videos in which something happens")
        self.counts = {str(folder.path): 0 for folder, _ in sources}
        for folder, labelled in sources:
            self.counts[str(folder.path)] += len(labelled)
        self._videos = [(folder, video) for folder, labelled in sources for video in labelled.values()]
        self.labels = np.array(
            [[label in video.labels for label in self.class_names] for _, video in self._videos], dtype=np.float32
        )  # (V, C)
        self._stored: dict[int, npt.NDArray[np.floating]] = {}
        self.times_known = segments or any(tells_times(video) for _, video in self._videos)
        origins = [labelled.source for _, labelled in sources for _ in labelled]
        for index, ((_, video), where) in enumerate(zip(self._videos, origins, strict=True)):
            if tells_times(video):
                check_times(video, self.grid(index), len(self.stored(index)), where)

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def names(self) -> list[str]:
        """Names of the videos, in order."""
        return [video.name for _, video in self._videos]

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """All features of one video, or of a mirror image, (T, D), checked."""
        folder, video = self._videos[index % len(self)]
        features = folder.load(video.name)
        return features if index < len(self) else self._in_mirror(features)

    @cached_property
    def mirrored(self) -> npt.NDArray[np.intp] | None:
        """The column that each column is in the mirror image of a video, (D,); None if the features do not know it."""
        return mirrored_columns(self.info)

    def _in_mirror(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.take(features, self.mirrored, axis=1)  # type: ignore[arg-type]

    def known(self, index: int) -> Video:
        """What the annotations say of one video."""
        return self._videos[index][1]

    def digest(self, index: int) -> str:
        """What changes with the features of one video (`FeatureFolder.digest`)."""
        folder, video = self._videos[index]
        return folder.digest(video.name)

    def grid(self, index: int) -> SnippetGrid:
        """When the snippets of one video are."""
        folder, video = self._videos[index]
        return folder.info.grid(video.name)

    def stored(self, index: int) -> npt.NDArray[np.floating]:
        """Features of one video as stored on disk, (T, D), memory-mapped."""
        if index not in self._stored:
            folder, video = self._videos[index]
            self._stored[index] = _without_its_file(folder.stored(video.name))
        return self._stored[index]

    def batch(
        self,
        videos: npt.NDArray[np.int64],
        groups: npt.NDArray[np.int64],
        most: int | None,
        crop: Crop,
        rng: np.random.Generator,
        *,
        times: bool = False,
        mirrored: bool = False,
    ) -> Batch:
        """The batch of `videos`, each cropped to at most `most` snippets.

        With `times`, it says what is known of each snippet, if anything is, and crops keep that in sight. With
        `mirrored`, each is, as likely as not, its mirror image.
        """
        times = times and self.times_known and not self.segments  # Of segments, any crop shows enough.
        indices = [int(video) for video in videos]
        arrays = [self.stored(index) for index in indices]
        kept = [
            crop_snippets(len(array), most, crop, rng, *([self._marked(index)] if times else []))
            for index, array in zip(indices, arrays, strict=True)
        ]
        turned = rng.random(len(indices)) < 0.5 if mirrored else np.zeros(len(indices), bool)
        seen = [array[snippets] for array, snippets in zip(arrays, kept, strict=True)]
        features, mask = pad([self._in_mirror(own) if turn else own for own, turn in zip(seen, turned, strict=True)])
        labels = torch.from_numpy(self.labels[videos])
        drawn = list(zip((videos + len(self) * turned).tolist(), kept, strict=True))
        batch = Batch(features, mask, labels, torch.from_numpy(groups), drawn=drawn)
        if not (times or self.segments):
            return batch
        happens, known = zip(*(self.snippet_labels(index) for index in indices), strict=True)
        happening, _ = pad([own[snippets] for own, snippets in zip(happens, kept, strict=True)])
        sure, _ = pad([own[snippets] for own, snippets in zip(known, kept, strict=True)])
        return replace(batch, snippet_labels=happening, known=sure)

    def snippet_labels(self, index: int) -> tuple[Float32, Float32]:
        """Which classes happen in each snippet of one video, and where that is known, each (T, C) in {0, 1}."""
        count = len(self.stored(index))
        return snippet_labels(self.known(index), self.grid(index), count, self.class_names, all_marked=self.segments)

    @property
    def label_counts(self) -> LabelCounts:
        """How many labels of each kind the videos have."""
        return count_labels(video for _, video in self._videos)

    def known_snippets(self) -> tuple[int, int, int]:
        """Of how many pairs of a snippet and a class it is known that the class happens; that it does not; and all."""
        totals = [0, 0, 0]
        for index in range(len(self) if self.times_known else 0):
            happens, known = self.snippet_labels(index)
            parts = int(happens.sum()), int(known.sum() - happens.sum()), happens.size
            totals = [total + part for total, part in zip(totals, parts, strict=True)]
        return totals[0], totals[1], totals[2]

    def _marked(self, index: int) -> Int64:
        """Snippets that a crop of one video should keep in sight."""
        return marked_snippets(self.known(index), self.grid(index), len(self.stored(index)))


def _without_its_file(array: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """A memory-mapped array, still mapped, that keeps no file open: a process may have only so many open."""
    assert isinstance(array, np.memmap), "what a feature folder stores is memory-mapped"
    whole = torch.from_file(str(array.filename), size=array.offset + array.nbytes, dtype=torch.uint8).numpy()
    mapped: npt.NDArray[np.floating] = np.ndarray(array.shape, array.dtype, whole, array.offset, array.strides)
    mapped.flags.writeable = False
    return mapped
