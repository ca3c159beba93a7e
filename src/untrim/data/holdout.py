"""Holds part of the training videos out of training, to judge a trained model by their video-level labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder

Sources = list[tuple[FeatureFolder, Annotations]]

_SHARE = 0.2
# Training needs two videos per class, to pair one with the other.
_LEFT = 2
_NOTHING = ""  # stands for the class of a video in which nothing happens


def hold_out(sources: Sequence[tuple[FeatureFolder, Annotations]], seed: int) -> tuple[Sources, Sources]:
    """Split training videos into a part to train on and a fifth that is held out.

    Classes take turns, the rarest first, and after them the videos in which nothing happens. A fifth of the videos of
    each is held out: rounded, at least one, chosen by the seed. A video counts for all of its classes. At least two
    videos per class remain in training, so a class with only two videos has none held out.

    Args:
        sources: Feature folders, each with the annotations of its training videos.
        seed: Seed of the choice.

    Returns:
        Sources of the videos to train on, and of those held out. A source without videos is left out.

    Raises:
        UntrimError: Too few videos to hold any out.
    """
    videos = [(index, video) for index, (_, labelled) in enumerate(sources) for video in labelled.values()]
    order = np.random.default_rng((seed, 3)).permutation(len(videos))
    of = [video.labels or (_NOTHING,) for _, video in videos]
    total = Counter(label for labels in of for label in labels)
    held, taken = Counter[str](), set[int]()
    for label in sorted(total, key=lambda label: (label == _NOTHING, total[label], label)):
        if label == _NOTHING and not taken:
            break
        for number in order:
            labels = of[number]
            if held[label] >= max(1, round(_SHARE * total[label])):
                break
            if label not in labels or number in taken or any(total[c] - held[c] <= _LEFT for c in labels):
                continue
            taken.add(int(number))
            held.update(labels)
    if not taken:
        raise UntrimError(
            "no class has three videos, so that none can be held out",
            where=sources[0][1].source,
            fix="label more videos; `untrim train --select last` holds none out",
        )

    def part(chosen: set[int]) -> Sources:
        parts = [
            (folder, Annotations([videos[n][1] for n in sorted(chosen) if videos[n][0] == index], labelled.source))
            for index, (folder, labelled) in enumerate(sources)
        ]
        return [(folder, labelled) for folder, labelled in parts if labelled]

    return part(set(range(len(videos))) - taken), part(taken)
