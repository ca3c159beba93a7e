"""A part of the training videos kept out of training, to judge what was trained by video-level labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder

Sources = list[tuple[FeatureFolder, Annotations]]

_SHARE = 0.2
# Training needs two videos of a class, to pair one with another.
_LEFT = 2


def hold_out(sources: Sequence[tuple[FeatureFolder, Annotations]], seed: int) -> tuple[Sources, Sources]:
    """Split training videos into a part to train on and a fifth that is held out.

    From each class, the rarest first, a fifth of its videos (rounded, at least one) is taken, in an order that follows
    from the seed; a video that counts for a class counts for all of its classes. A class keeps two videos at least, so
    that one with only two is not among those held out.

    Args:
        sources: Feature folders, each with the annotations of its training videos.
        seed: Seed of the choice.

    Returns:
        Sources of the videos to train on, and of those held out; a source with none is left out.

    Raises:
        UntrimError: Too few videos to hold any out.
    """
    videos = [(index, video) for index, (_, labelled) in enumerate(sources) for video in labelled.values()]
    order = np.random.default_rng((seed, 3)).permutation(len(videos))
    total = Counter(label for _, video in videos for label in video.labels)
    held, taken = Counter[str](), set[int]()
    for label in sorted(total, key=lambda label: (total[label], label)):
        for number in order:
            labels = videos[number][1].labels
            if held[label] >= max(1, round(_SHARE * total[label])):
                break
            if label not in labels or number in taken or any(total[c] - held[c] <= _LEFT for c in labels):
                continue
            taken.add(int(number))
            held.update(labels)
    if not taken:
        raise UntrimError(
            "no class has three videos to hold one of them out",
            where=sources[0][1].source,
            fix="--select last trains on all of them",
        )

    def part(chosen: set[int]) -> Sources:
        parts = [
            (folder, Annotations([videos[n][1] for n in sorted(chosen) if videos[n][0] == index], labelled.source))
            for index, (folder, labelled) in enumerate(sources)
        ]
        return [(folder, labelled) for folder, labelled in parts if labelled]

    return part(set(range(len(videos))) - taken), part(taken)
