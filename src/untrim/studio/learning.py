"""What is known of the videos of a project, by reviews and by the annotations it began with: to train on, to export."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from untrim.annotations import Annotations, Video
from untrim.annotations.reviews import Review
from untrim.errors import numbered
from untrim.studio.brought import BroughtIn, becomes_segment
from untrim.timeline import Instance, Point

_SAME_IOU = 0.5

P = TypeVar("P", Instance, Point)


@dataclass(frozen=True)
class Labelled:
    """How many videos are labelled in which way; a video counts once in the first three, and in `points` too.

    Args:
        tagged: Videos with tags, and nothing marked.
        corrected: Videos in which segments were decided, by a person here or in labels that were brought in.
        none: Videos in which no class happens.
        points: Points in all videos.
    """

    tagged: int = 0
    corrected: int = 0
    none: int = 0
    points: int = 0

    def __str__(self) -> str:
        parts = [
            f"{self.tagged} tagged" if self.tagged else "",
            f"{self.corrected} corrected" if self.corrected else "",
            f"{self.none} without any action" if self.none else "",
            numbered(self.points, "point", "points") if self.points else "",
        ]
        return ", ".join(part for part in parts if part) or "nothing"


def known_video(review: Review, truth: Video | None, names: Mapping[str, str]) -> Video:
    """What is known of a video: the review, and what the annotations say that is not in it.

    The review has the last word: its tags are all tags. What is not in it is what no review holds, the truth of a video
    that is not trained on, and all times where the annotations came after the review. Such times of a tagged class
    stay, as far as the review does not say that all of the class is marked, or decides about the same stretch.

    Args:
        review: What was decided.
        truth: What the annotations say; None if nothing.
        names: What classes of the annotations are called now.
    """
    decided = review.to_video()
    if truth is None:
        return decided
    started = review.began_with is not None
    instances = [one for one in truth.instances if not (started and becomes_segment(one, review.subset))]
    instances = [one for one in _renamed(instances, names) if _stays(one, decided, review)]
    points = () if started else _renamed(truth.points, names)
    points = [one for one in points if one.label in decided.labels and not decided.is_exhaustive(one.label)]
    rejected = [] if started else [one for one in _renamed(truth.rejected, names) if not _is_decided(one, review)]
    return replace(
        decided,
        instances=(*decided.instances, *instances),
        points=tuple(dict.fromkeys([*decided.points, *points])),
        rejected=(*decided.rejected, *rejected),
        ambiguous=truth.ambiguous,
        fps=truth.fps,
        exhaustive=_all_marked(review, decided, truth, names, {one.label for one in instances}),
    )


def known_videos(reviews: Iterable[Review], brought: BroughtIn, names: Mapping[str, str]) -> Annotations:
    """What is known of all videos about which something is."""
    videos = [known_video(review, brought.get(review.video), names) for review in reviews]
    return Annotations([video for video in videos if video.labels or video.nothing_happens])


def count_labelled(reviews: Iterable[Review]) -> Labelled:
    """How many of the videos are labelled in which way."""
    counts = {"tagged": 0, "corrected": 0, "none": 0, "points": 0}
    for review in reviews:
        counts["points"] += len(review.points)
        if review.none_happens and not review.segments:
            counts["none"] += 1
        elif review.segments:
            counts["corrected"] += 1
        elif review.labels:
            counts["tagged"] += 1
    return Labelled(**counts)


def _renamed(parts: Iterable[P], names: Mapping[str, str]) -> list[P]:
    return [replace(one, label=names.get(one.label, one.label)) for one in parts]


def _all_marked(
    review: Review, decided: Video, truth: Video, names: Mapping[str, str], kept: Collection[str]
) -> bool | tuple[str, ...]:
    """Of which classes everything is marked: by the review, and of `kept`, of which only the annotations have times."""
    if decided.exhaustive is True:
        return True
    untold = {names.get(label, label) for label in truth.labels if not truth.is_exhaustive(label)}
    more = {*kept} - untold - {segment.label for segment in review.segments}
    marked = {*(decided.exhaustive or ()), *more}
    whole = truth.exhaustive is True and (bool(marked) or review.began_with is None)
    return True if whole and marked == {*decided.labels} else tuple(sorted(marked))


def _stays(instance: Instance, decided: Video, review: Review) -> bool:
    """Whether an instance of the annotations holds beside what was decided."""
    if instance.label not in decided.labels or _is_decided(instance, review):
        return False
    return not decided.is_exhaustive(instance.label) or instance.segment.duration == 0  # Which no review holds.


def _is_decided(instance: Instance, review: Review) -> bool:
    """Whether the review decides about the stretch of an instance."""
    own = [segment for segment in review.segments if segment.label == instance.label]
    return any(instance.segment.tiou(segment.segment) >= _SAME_IOU for segment in own)
