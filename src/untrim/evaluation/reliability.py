"""How far confidences can be believed: F1 at the operating point, and a reliability curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.evaluation.comparison import compare
from untrim.evaluation.found import HIT_IOU, OPERATING_POINT
from untrim.localization.confidence import best_line
from untrim.timeline import Detection

_BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Detections whose confidence is in one tenth of the range.

    Args:
        low, high: Ends of the tenth; only the last one includes `high`.
        detections: How many there are.
        confidence: Their mean confidence; None where there are none.
        right: Share of them that are right; likewise.
    """

    low: float
    high: float
    detections: int
    confidence: float | None
    right: float | None


@dataclass(frozen=True)
class Reliability:
    """What confidences are worth, as fractions; right is what is matched to an instance at tIoU 0.5.

    Args:
        precision, recall, f1: Of the detections from the operating point on.
        best_f1: The best F1 of any line.
        best_line: The confidence at which that line is.
        calibration_error: Mean of how far confidence is from the share that is right, weighted by detections.
        bins: The reliability curve.
    """

    precision: float
    recall: float
    f1: float
    best_f1: float
    best_line: float
    calibration_error: float
    bins: tuple[ReliabilityBin, ...]

    def to_json(self) -> dict[str, object]:
        """The object under ``measures.confidence``."""
        named = {"precision": self.precision, "recall": self.recall, "F1": self.f1, "best_F1": self.best_f1}
        rest = {"best_line": self.best_line, "calibration_error": self.calibration_error}
        return {**named, **rest, "bins": [asdict(part) for part in self.bins]}


def measure_reliability(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
) -> Reliability:
    """Compare confidences with what is right at tIoU 0.5.

    Args:
        detections: By video; scores in [0, 1].
        annotations: Ground truth.
        protocol: Name of the protocol.
        subset: The subset to look at; None for all of `annotations`.

    Raises:
        UntrimError: A score is outside of [0, 1], nothing was detected, or see `untrim.evaluation.comparison.compare`.
    """
    compared = compare(detections, annotations, protocol, subset=subset)
    scores, wanted = compared.scores, len(compared.truth_label)
    if not len(scores) or scores.min() < 0 or scores.max() > 1:
        what = f"scores from {scores.min():.4g} to {scores.max():.4g}" if len(scores) else "no detections"
        raise UntrimError(f"{what}: no confidences in [0, 1]", fix="localize with a run that has an operating point")
    right = compared.match(np.array([HIT_IOU]))[0] >= 0
    above = scores >= OPERATING_POINT
    hits, found = int((right & above).sum()), int(above.sum())
    line, best = best_line(scores, right, wanted)
    place = np.minimum((scores * _BINS).astype(np.intp), _BINS - 1)
    bins, error = [], 0.0
    for index in range(_BINS):
        own = place == index
        count, confidence, share = int(own.sum()), None, None
        if count:
            confidence, share = float(scores[own].mean()), float(right[own].mean())
            error += count * abs(confidence - share) / len(scores)
        bins.append(ReliabilityBin(index / _BINS, (index + 1) / _BINS, count, confidence, share))
    return Reliability(
        precision=hits / found if found else 0.0,
        recall=hits / wanted,
        f1=2 * hits / (found + wanted),
        best_f1=best,
        best_line=line,
        calibration_error=error,
        bins=tuple(bins),
    )
