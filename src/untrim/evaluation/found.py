"""What counts as found, and which of it is right: asked by everything that shows detections to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from untrim.annotations import Detections
from untrim.errors import UntrimError
from untrim.evaluation.matching import match
from untrim.support.array_types import Flags, Float64, Indices
from untrim.timeline import Detection, Instance, is_finite

OPERATING_POINT = 0.5
"""The confidence from which a detection of a run counts as found."""
HIT_IOU = 0.5
"""tIoU from which a detection counts as right."""


def least_score(detections: Mapping[str, Sequence[Detection]], min_score: float | None = None) -> float:
    """The score from which detections count as found.

    Args:
        detections: By video, of one file.
        min_score: What the user says; None for the operating point.

    Returns:
        `min_score`; else 0.5 where all scores are in [0, 1], as those of a run with an operating point. Scores of
        another scale have no such point: all count.

    Raises:
        UntrimError: `min_score` is not finite.
    """
    if min_score is not None:
        if not is_finite(min_score):
            raise UntrimError(f"{min_score!r:.40} is no score to count from", fix="name a number, such as 0.5")
        return min_score
    scores = Detections.of(detections).scores
    return OPERATING_POINT if ((scores >= 0) & (scores <= 1)).all() else -np.inf


def counting_as_found(
    detections: Mapping[str, Sequence[Detection]], min_score: float | None = None
) -> dict[str, list[Detection]]:
    """The detections that count as found, by video; a video in which nothing does has an empty list.

    Args:
        detections: By video, of one file.
        min_score: The score from which they count; None for `least_score`.
    """
    least = least_score(detections, min_score)
    return {name: [found for found in own if found.score >= least] for name, own in detections.items()}


def describe_found(detections: Mapping[str, Sequence[Detection]], min_score: float | None = None) -> str:
    """How many detections count as found and how many do not: ``12 above 0.5, 48 more in the file``."""
    least, scores = least_score(detections, min_score), Detections.of(detections).scores
    found = int((scores >= least).sum())
    if np.isinf(least):
        return "scores of no known scale, so that every detection counts as found"
    return f"{found} above {least:g}, {len(scores) - found} more in the file"


def right_detections(ordered: Sequence[Detection], instances: Sequence[Instance], iou: float = HIT_IOU) -> Flags:
    """Which detections of one video, best first, are matched to an instance of their class, (N,).

    Args:
        ordered: Detections, best first.
        instances: The ground truth of the video.
        iou: tIoU that a match needs at least, above 0.
    """
    labels = sorted({*(found.label for found in ordered), *(instance.label for instance in instances)})
    index = {label: c for c, label in enumerate(labels)}
    right: Flags = match(*_columns(ordered, index), *_columns(instances, index), np.array([iou]))[0] >= 0
    return right


def _columns(entries: Sequence[Instance | Detection], index: Mapping[str, int]) -> tuple[Indices, Float64]:
    """Index of the label, (N,), and start and end in seconds, (N, 2)."""
    ends = [(entry.segment.start, entry.segment.end) for entry in entries]
    labels = [index[entry.label] for entry in entries]
    return np.array(labels, dtype=np.intp), np.array(ends, dtype=np.float64).reshape(-1, 2)
