"""What a person says of the training videos in how many minutes, as far as it can be known from their segments.

Of every video, a person says which actions happen or that nothing does. Then:

- *tags*: no more.
- *points*: a key is pressed at a moment of each instance, while the videos play at twice their speed.
- *corrected*: in a share of the videos, what was found is corrected until all of it is right.
- *everything*: all instances of all videos are marked by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError
from untrim.timeline import Point

# Seconds of a person's time.
_TAGS = 5.0  # per video
_POINT = 2.0  # per instance, beside half of the video's length
_CORRECTION = 8.0  # per segment, beside the video's length
_SEGMENT = 20.0


class Told(BaseModel):
    """What a person says of the training videos."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: Literal["tags", "points", "corrected", "everything"]
    """What, see the module."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the videos that are corrected."""


def tell(whole: Annotations, told: Told, seed: int, order: Sequence[str] | None = None) -> tuple[Annotations, float]:
    """Annotations with what a person says, and the minutes that it takes.

    Args:
        whole: Videos with all their segments and their durations; the training videos alone.
        told: What the person says.
        seed: Of the choice of videos, and of the moments.
        order: Videos in the order in which they are corrected; None for an order at random.

    Raises:
        UntrimError: A video has no duration.
    """
    if unknown := [video.name for video in whole.values() if video.duration is None]:
        what = f"the duration of '{unknown[0]}' is not known, and with it a person's time"
        raise UntrimError(what, where=whole.source, fix="write durations into the labels")
    rng = np.random.default_rng((seed, 4))
    count = max(1, round(told.share * len(whole))) if told.kind == "corrected" else 0
    at_random = rng.permutation(list(whole)).tolist()
    chosen = frozenset((at_random if order is None else order)[:count])
    seconds = [_TAGS * len(whole), *_seconds(whole, told, chosen)]
    videos = [_said(video, told, video.name in chosen, rng) for video in whole.values()]
    return whole.changed(videos), sum(seconds) / 60


def _said(video: Video, told: Told, corrected: bool, rng: np.random.Generator) -> Video:
    if not video.labels or corrected or told.kind == "everything":
        return replace(video, exhaustive=True)
    tagged = replace(video, instances=(), exhaustive=False)
    if told.kind != "points":
        return tagged
    spans = [(instance.label, instance.segment) for instance in video.instances]
    return replace(tagged, points=tuple(Point(label, rng.uniform(span.start, span.end)) for label, span in spans))


def _seconds(whole: Mapping[str, Video], told: Told, chosen: frozenset[str]) -> Iterator[float]:
    for video in whole.values():
        duration, segments = video.duration or 0.0, len(video.instances)
        if told.kind == "points":
            yield _POINT * segments + duration / 2
        elif told.kind == "everything":
            yield _SEGMENT * segments
        elif video.name in chosen:
            yield _CORRECTION * segments + duration
