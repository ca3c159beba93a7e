"""Average recall at a number of proposals, and the area under that curve (ActivityNet proposal task)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations
from untrim.evaluation.comparison import Comparison, compare
from untrim.evaluation.matching import overlapping
from untrim.support.array_types import Float64, Indices
from untrim.timeline import Detection

TIOU = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True)
class RecallResult:
    """Recall of instances of any class, averaged over tIoU thresholds.

    Args:
        proposals: Average number of proposals per video, (J,), growing.
        recall: Average recall with that many proposals, as fractions, (J,).
    """

    proposals: tuple[float, ...]
    recall: tuple[float, ...]

    def at(self, number: float) -> float:
        """Average recall at an average number of proposals (AR@AN); the last value beyond the end of the curve."""
        return float(np.interp(number, self.proposals, self.recall))

    @property
    def area(self) -> float:
        """Area under the curve as a fraction of the width that the proposals reach."""
        return float(np.trapezoid(self.recall, self.proposals) / self.proposals[-1])

    def to_json(self) -> dict[str, object]:
        """Curve, area, and the usual points of the curve."""
        points = {f"AR@{number}": self.at(number) for number in (1, 5, 10, 50, 100)}
        return {"proposals": list(self.proposals), "recall": list(self.recall), "AUC": self.area, **points}


def average_recall(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    iou: npt.ArrayLike = TIOU,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
    most: int = 100,
) -> RecallResult:
    """Average recall against the average number of proposals (ActivityNet challenge, proposal task).

    The budget is shared as in the official evaluator. Proposals are first cut so that videos have `most` on average. At
    j percent of the budget, each video uses the best j percent of its own proposals. Several proposals may find the
    same instance.

    Args:
        detections: By video; their labels do not matter.
        annotations: Ground truth.
        iou: tIoU thresholds.
        protocol: Name of the protocol.
        subset: The subset to evaluate; None for all of `annotations`.
        strict: As of `untrim.evaluation.comparison.compare`.
        most: Average number of proposals per video at the end of the curve.

    Raises:
        UntrimError: See `untrim.evaluation.comparison.compare`.
    """
    compared = compare(detections, annotations, protocol, subset=subset, strict=strict, classless=True)
    with_truth = np.unique(compared.truth_video)  # (V,)
    counts = np.bincount(compared.video, minlength=len(compared.videos))[with_truth]
    total = most * len(with_truth)
    kept = np.minimum((counts * (total / max(counts.sum(), 1))).astype(np.intp), counts)
    share = np.arange(1, 101) / 100  # (J,)
    spent = share * (total / max(kept.sum(), 1))
    budget = np.minimum((kept * spent[:, None]).astype(np.intp), kept)  # (J, V)
    needed = _needed(compared, np.asarray(iou, dtype=np.float64))  # (K, M)
    found = needed[:, None] <= budget[:, np.searchsorted(with_truth, compared.truth_video)]  # (K, J, M)
    return RecallResult(tuple((share * most).tolist()), tuple(found.mean(axis=(0, 2)).tolist()))


def _needed(compared: Comparison, thresholds: Float64) -> Indices:
    """How many proposals, best first, the video of each instance needs to find it at each threshold, (K, M)."""
    order = np.argsort(compared.video, kind="stable")
    rank = np.empty_like(order)
    first = np.searchsorted(compared.video[order], compared.video[order])
    rank[order] = np.arange(len(order)) - first + 1
    pairs = overlapping(
        compared.video, compared.segments, compared.truth_video, compared.truth_segments, float(thresholds.min())
    )
    needed = np.full((len(thresholds), len(compared.truth_video)), np.iinfo(np.intp).max)
    for own, threshold in zip(needed, thresholds, strict=True):
        near = pairs.overlap >= threshold
        np.minimum.at(own, pairs.instance[near], rank[pairs.detection[near]])
    return needed
