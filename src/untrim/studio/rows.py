"""The list of videos: for each a row of what is known and decided, and why it deserves a look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from untrim.annotations.reviews import Review
from untrim.evaluation.choosing import Reason, is_decided
from untrim.studio.pictures import Shape
from untrim.timeline import Detection


def state_of_review(review: Review, found: int) -> str:
    """The word for how far a video is."""
    if is_decided(review):
        return "complete"
    decided = [one.at for one in review.segments] + [one.at for one in review.points]
    if any(decided):  # What was brought in has no time at which it was decided.
        return "in review"
    if found:
        return "found"
    return "tagged" if review.labels else "untagged"


def row_of(
    key: str,
    review: Review,
    left: Sequence[Detection],
    *,
    shape: Shape | None,
    features: bool,
    problem: str | None,
    reason: Reason | None,
    suggested: Sequence[str],
) -> dict[str, Any]:
    """The row of a video, as the page gets it.

    Args:
        key: Its key in addresses.
        review: What was decided.
        left: Detections worth showing that nobody has decided about.
        shape: Size and length of the file, once they are known.
        features: Whether there are features.
        problem: Why it cannot be shown.
        reason: Why it deserves a look; None if it does not.
        suggested: Labels that a ready run suggests.
    """
    return {
        "id": key,
        "name": review.video,
        "subset": review.subset,
        "duration": shape.duration if shape is not None and shape.duration else review.duration,
        "width": None if shape is None else shape.width,
        "height": None if shape is None else shape.height,
        "revision": review.revision,
        "labels": list(review.labels),
        "none": review.none_happens,
        "exhaustive": review.exhaustive if review.exhaustive is True else list(review.exhaustive),
        "state": state_of_review(review, len(left)),
        "need": 0.0 if reason is None else round(reason.need, 4),
        "reason": None if reason is None else reason.words,
        "found": len(left),
        "decided": len(review.segments),
        "points": len(review.points),
        "picked": review.picked,
        "suggested": list(suggested),
        "features": features,
        "problem": problem,
    }
