"""Which videos make a batch, and which snippets of a long video are used."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from untrim.support.array_types import Int64

Crop = Literal["random", "contiguous", "uniform", "resample"]


_NONE = np.empty(0, dtype=np.int64)


def crop_snippets(count: int, most: int | None, crop: Crop, rng: np.random.Generator, marked: Int64 = _NONE) -> Int64:
    """Indices of at most `most` of `count` snippets, ascending.

    - ``random``: without replacement (WSAD, Sec. 4.2).
    - ``contiguous``: one stretch (LPAT, Sec. 4.2).
    - ``uniform``: evenly spread over the video, each from the middle of its part.
    - ``resample``: as ``uniform``, but always `most` of them; a shorter video repeats snippets (ECM, Sec. 4.1).

    What is known of the time stays in sight: the snippets `marked` are among those of a crop, as far as there is room;
    a ``contiguous`` stretch has one of them, another one each time.
    """
    if most is None or (count <= most and crop != "resample"):
        return np.arange(count)
    if crop == "random":
        kept = rng.permutation(marked)[:most]
        others = np.setdiff1d(np.arange(count), kept) if len(kept) else count
        return np.sort(np.concatenate([kept, rng.choice(others, most - len(kept), replace=False)]))
    if crop == "contiguous":
        low, high = 0, count - most
        if len(marked):
            seen = int(rng.choice(marked))
            low, high = max(low, seen - most + 1), min(high, seen)
        return int(rng.integers(low, high + 1)) + np.arange(most)
    spread = ((np.arange(most) + 0.5) * count / most).astype(np.int64)
    if count > most:
        kept = rng.permutation(marked)
        spread[kept * most // count] = kept  # In the place of the one from the same part of the video.
    return spread


class Sampler:
    """Chooses the videos of each batch: groups that have a class in common, then others from a shuffled deck.

    The batch of a step depends only on the number of the step and the seed, so that training can resume from any step.
    A class with a single video forms no group. A group is smaller if its class has fewer videos. No group holds a video
    twice.

    Videos without a class that another video has, too, are in no group. Where groups fill the batch, such videos come
    on top: as many for each of the others as there are among all videos, but at most one.

    Args:
        labels: (V, C) in {0, 1}.
        batch_size: Videos per batch in all, but for those on top; the groups alone may make more.
        groups: Groups per batch, each of another class if there are enough classes.
        group_videos: Videos per group.
        seed: Seed of the choice.
    """

    def __init__(
        self, labels: npt.NDArray[np.float32], batch_size: int, groups: int, group_videos: int, seed: int
    ) -> None:
        shared = labels[:, labels.sum(axis=0) >= 2]
        self.members = [np.flatnonzero(column) for column in shared.T]
        self.groups = groups if self.members else 0
        self.group_videos, self.seed = group_videos, seed
        self.singles = max(batch_size - self.groups * group_videos, 0)
        self.deck, self.shuffle, alone = np.arange(len(labels)), 1, np.flatnonzero(~shared.any(axis=1))
        if self.singles == 0 and len(alone):
            share = min(len(alone) / (len(labels) - len(alone)), 1.0)
            self.deck, self.shuffle, self.singles = alone, 3, math.ceil(share * self.groups * group_videos)
        fewest = min((len(members) for members in self.members), default=0)
        self.smallest = self.groups * min(group_videos, fewest) + self.singles
        """Videos of the smallest batch that a step may get."""

    def draw(self, step: int) -> tuple[Int64, Int64]:
        """Videos (B,) of one step and the group of each, (B,); -1 for videos in no group."""
        rng = np.random.default_rng((self.seed, step, 0))
        chosen = [self._group(self.members[index], rng) for index in self._classes(rng)]
        membership = [np.full(len(group), index) for index, group in enumerate(chosen)]
        position = np.arange(step * self.singles, (step + 1) * self.singles)
        singles = [
            self._shuffled(int(epoch))[position[position // len(self.deck) == epoch] % len(self.deck)]
            for epoch in np.unique(position // len(self.deck))
        ]
        return np.concatenate([*chosen, *singles]), np.concatenate([*membership, np.full(self.singles, -1)])

    def _classes(self, rng: np.random.Generator) -> list[int]:
        rounds = -(-self.groups // len(self.members)) if self.groups else 0
        return [int(index) for _ in range(rounds) for index in rng.permutation(len(self.members))][: self.groups]

    def _group(self, members: Int64, rng: np.random.Generator) -> Int64:
        return rng.choice(members, min(self.group_videos, len(members)), replace=False)

    def _shuffled(self, epoch: int) -> Int64:
        return np.random.default_rng((self.seed, epoch, self.shuffle)).permutation(self.deck)
