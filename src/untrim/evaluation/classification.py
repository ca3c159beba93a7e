"""Video-level classification: which actions a video holds, without times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untrim.annotations import Annotations, Detections
from untrim.errors import UntrimError, listing
from untrim.support.array_types import Flags, Float64
from untrim.timeline import Detection


@dataclass(frozen=True)
class ClassificationResult:
    """Video-level classification, as fractions.

    Args:
        average_precision: Class -> average precision over videos; classes that some video has.
        top1: Share of the videos whose best class is one of its own.
        videos: Videos with labels.
    """

    average_precision: Mapping[str, float]
    top1: float
    videos: int

    @property
    def mean(self) -> float:
        """Mean average precision."""
        return float(np.mean(list(self.average_precision.values())))

    def to_json(self) -> dict[str, object]:
        """mAP, top-1 and the classes."""
        return {
            "mAP": self.mean,
            "top1": self.top1,
            "per_class": dict(self.average_precision),
            "videos": self.videos,
        }


def classify_videos(
    detections: Mapping[str, Sequence[Detection]], annotations: Annotations, *, subset: str | None = None
) -> ClassificationResult:
    """Video-level classification by the best score of each class among the detections of a video.

    A class without a detection in a video ranks below all classes that have one. Only labels are needed, no times.

    Raises:
        UntrimError: No labels, or no video in common.
    """
    chosen = annotations if subset is None else annotations.subset(subset)
    videos = [video for video in chosen.values() if video.labels]
    if not videos:
        raise UntrimError("has no labels", where=annotations.source, fix="classification needs labelled videos")
    found = Detections.of(detections)
    rows = {video.name: row for row, video in enumerate(videos)}
    if not rows.keys() & found.keys():
        raise UntrimError(
            f"no video in common: detections in {listing(found)}, labels of {listing(rows)}",
            where=annotations.source,
            fix="use the same video names",
        )
    columns = {label: c for c, label in enumerate(sorted({label for video in videos for label in video.labels}))}
    row = np.array([rows.get(name, -1) for name in found.videos], dtype=np.intp)[found.video]
    column = np.array([columns.get(label, -1) for label in found.labels], dtype=np.intp)[found.label]
    known = (row >= 0) & (column >= 0)
    scores = np.full((len(videos), len(columns)), -np.inf)
    np.maximum.at(scores, (row[known], column[known]), found.scores[known])
    truth = np.array([[label in video.labels for label in columns] for video in videos])
    return classification(scores, truth, tuple(columns))


def classification(scores: Float64, truth: Flags, labels: Sequence[str]) -> ClassificationResult:
    """Classification by (V, C) scores against (V, C) truth; a video without any score above -inf is wrong."""
    best = scores.argmax(axis=1)
    rows = np.arange(len(scores))
    right = truth[rows, best] & (scores[rows, best] > -np.inf)
    return ClassificationResult(
        {label: ranking_precision(scores[:, c], truth[:, c]) for c, label in enumerate(labels) if truth[:, c].any()},
        float(right.mean()),
        len(scores),
    )


def ranking_precision(scores: Float64, truth: Flags) -> float:
    """Average precision of a ranking, not interpolated; equal scores count together, so their order does not matter."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(scores[order][1:] != scores[order][:-1]), len(scores) - 1)
    hits = np.cumsum(truth[order])[last]
    return float((np.diff(hits, prepend=0) * hits / (last + 1)).sum() / truth.sum())
