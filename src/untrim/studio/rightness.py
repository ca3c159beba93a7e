"""How right detections are, by what people decided; and what a new run finds otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from untrim.annotations.reviews import Review
from untrim.errors import numbered
from untrim.evaluation.intervals import wilson
from untrim.timeline import Detection, Segment

_RIGHT_IOU = 0.5
_MOVED_SECONDS = 0.5


@dataclass(frozen=True)
class Rightness:
    """How many of the detections that were shown in some videos are right.

    Args:
        right: Detections with a tIoU of 0.5 or more to a segment of their class; each segment serves one.
        shown: All detections.
        segments: All segments.
        videos: Number of videos.
    """

    right: int = 0
    shown: int = 0
    segments: int = 0
    videos: int = 0

    def to_json(self) -> dict[str, Any] | None:
        """What the page shows: right of shown with a 95% interval; None if nothing was shown."""
        if not self.shown:
            return None
        low, high = wilson(self.right, self.shown)
        words = (
            f"{self.right} of {self.shown} shown detections were right ({low:.0%} to {high:.0%} with 95% certainty), "
            f"and {self.right} of {numbered(self.segments, 'segment', 'segments')} were found, in "
            f"{numbered(self.videos, 'video', 'videos')} picked at random, by runs that had not seen the decisions"
        )
        return {
            "right": self.right,
            "of": self.shown,
            "low": low,
            "high": high,
            "segments": self.segments,
            "videos": self.videos,
            "words": words,
        }


def rightness(cases: Sequence[tuple[Review, Sequence[Detection]]]) -> Rightness:
    """How right detections are in videos of which everything is marked.

    Args:
        cases: Reviews, each with the detections that were shown before anything in it was decided, best first.
    """
    right = segments = 0
    for review, found in cases:
        free = [(segment.label, segment.segment) for segment in review.segments if segment.holds]
        segments += len(free)
        for one in found:
            hits = [place for place, own in enumerate(free) if own[0] == one.label and _fits(own[1], one.segment)]
            if hits:
                right += 1
                del free[max(hits, key=lambda place: free[place][1].tiou(one.segment))]
    return Rightness(right, sum(len(found) for _, found in cases), segments, len(cases))


def what_is_new(before: Mapping[str, Sequence[Detection]], after: Mapping[str, Sequence[Detection]], name: str) -> str:
    """What a run finds otherwise than the one before, in one line.

    Args:
        before: Detections worth showing of the older run, by video.
        after: Those of the newer run.
        name: What the older run is called.
    """
    come = gone = moved = 0
    for video in {**before, **after}:
        free = list(before.get(video, ()))
        for one in after.get(video, ()):
            same = [old for old in free if old.label == one.label and _fits(old.segment, one.segment)]
            if not same:
                come += 1
                continue
            old = max(same, key=lambda other: other.segment.tiou(one.segment))
            free.remove(old)
            far = max(abs(old.segment.start - one.segment.start), abs(old.segment.end - one.segment.end))
            moved += far > _MOVED_SECONDS
        gone += len(free)
    return f"since run {name}: {come} newly found, {gone} no longer, {moved} moved by more than {_MOVED_SECONDS:g} s"


def _fits(segment: Segment, other: Segment) -> bool:
    return segment.tiou(other) >= _RIGHT_IOU
