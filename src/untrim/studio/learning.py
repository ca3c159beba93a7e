"""What is known of the videos of a project, by reviews and by the annotations it began with: to train on, to export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from untrim.annotations import Annotations, Video
from untrim.annotations.reviews import Review
from untrim.errors import numbered
from untrim.timeline import Instance

_SAME_IOU = 0.5


@dataclass(frozen=True)
class Labelled:
    """How many videos are labelled in which way; a video counts once in the first three, and in `points` too.

    Args:
        tagged: Videos with tags, and nothing marked.
        corrected: Videos in which segments were decided.
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
    """What is known of a video.

    A review that was saved has the last word: its tags are all tags. What the annotations say of when a tagged class
    happens stays, as far as the review does not say that all of the class is marked, or decides about the same stretch.

    Args:
        review: What was decided.
        truth: What the annotations say; None if nothing.
        names: What classes of the annotations are called now.
    """
    if truth is None:
        return review.to_video()
    instances = [replace(one, label=names.get(one.label, one.label)) for one in truth.instances]
    points = [replace(one, label=names.get(one.label, one.label)) for one in truth.points]
    if review.revision == 0:
        marked = truth.exhaustive
        if not isinstance(marked, bool):
            marked = tuple(names.get(label, label) for label in marked)
        labels = tuple(names.get(label, label) for label in truth.labels)
        subset = truth.subset or review.subset
        return replace(
            truth, subset=subset, labels=labels, instances=tuple(instances), points=tuple(points), exhaustive=marked
        )
    decided = review.to_video()
    kept = [one for one in instances if _stays(one, decided, review)]
    stay = [one for one in points if one.label in decided.labels and not decided.is_exhaustive(one.label)]
    marked = decided.exhaustive
    if not isinstance(marked, bool) or not marked:
        about = {segment.label for segment in review.segments}
        more = {names.get(label, label) for label in truth.labels if truth.is_exhaustive(label)}
        timed = {one.label for one in kept}
        marked = tuple(sorted({*(() if isinstance(marked, bool) else marked), *((more & timed) - about)}))
    return replace(
        decided,
        instances=(*decided.instances, *kept),
        points=tuple(dict.fromkeys([*decided.points, *stay])),
        ambiguous=truth.ambiguous,
        fps=truth.fps,
        exhaustive=marked,
    )


def known_videos(
    reviews: Iterable[Review], truth: Mapping[str, Video] | None, names: Mapping[str, str], source: object = None
) -> Annotations:
    """What is known of all videos about which something is."""
    videos = [known_video(review, (truth or {}).get(review.video), names) for review in reviews]
    return Annotations([video for video in videos if video.labels or video.nothing_happens], source)


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


def _stays(instance: Instance, decided: Video, review: Review) -> bool:
    """Whether an instance of the annotations holds beside what was decided."""
    if instance.label not in decided.labels or decided.is_exhaustive(instance.label):
        return False
    own = [segment for segment in review.segments if segment.label == instance.label]
    return all(instance.segment.tiou(segment.segment) < _SAME_IOU for segment in own)
