"""The videos in the order in which the studio leads a person through them, after a run trained on names alone.

The studio chooses anew after each round of training; this is the order of its first round, to the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from untrim.annotations import Annotations, Video
from untrim.annotations.reviews import Review, review_of
from untrim.evaluation.choosing import Reason, next_to_look_at, reason_to_look
from untrim.evaluation.levels import Level, level_of, shown
from untrim.timeline import Detection


def studio_order(whole: Annotations, found: Mapping[str, Sequence[Detection]], seed: int) -> list[str]:
    """The videos that the studio shows, one after the other, to a person who decides about all of each.

    The person has said the names of the actions of each video before. Videos in which nothing happens are decided by
    that, and are not shown.

    Args:
        whole: Videos with all their segments.
        found: What the run found in these videos, best first.
        seed: Of every fifth video, which is picked at random.

    Raises:
        UntrimError: A class or a video has a name that the studio does not take.
    """
    level = level_of(found, {video.name: video.labels for video in whole.values()})
    reasons = {}
    for video in whole.values():
        reason = _reason(_named(video, whole), found[video.name], level)
        if reason is not None:
            reasons[video.name] = reason
    order: list[str] = []
    decided = Counter[str]()
    while (chosen := next_to_look_at(reasons, decided, len(whole) - len(reasons), str(seed))) is not None:
        order.append(chosen[0])
        del reasons[chosen[0]]
        decided.update(instance.label for instance in whole[chosen[0]].instances)
    return order


def _named(video: Video, whole: Annotations) -> Review:
    """The review of a video of which a person has said the names of the actions."""
    values = {"video": video.name, "labels": video.labels, "exhaustive": () if video.labels else True}
    return review_of(values, whole.source)


def _reason(review: Review, found: Sequence[Detection], level: Level) -> Reason | None:
    left = [one for one, see in zip(found, shown(found, level, review.labels), strict=True) if see]
    return reason_to_look(review, found, left, level)
