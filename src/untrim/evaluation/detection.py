"""Mean average precision of detections, equal to the official ActivityNet evaluator's bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations, annotations_of, detections_of
from untrim.errors import UntrimError
from untrim.evaluation.comparison import Comparison, compare
from untrim.support.array_types import Flags, Float64, Indices
from untrim.timeline import Detection


@dataclass(frozen=True)
class DetectionResult:
    """Average precision of each class at each threshold, as fractions.

    Args:
        protocol: Name of the protocol.
        subset: Subset of the annotations; ``mixed`` if there are several.
        iou: tIoU thresholds, (K,).
        average_precision: Class -> (K,), in the order in which the ground truth names them.
        videos: Videos that count.
        instances: Ground-truth instances in them.
        detections: Detections in them, of classes that the ground truth has.
        notes: What was left out and why, one sentence each.
    """

    protocol: str
    subset: str
    iou: tuple[float, ...]
    average_precision: Mapping[str, tuple[float, ...]]
    videos: int
    instances: int
    detections: int
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> tuple[float, ...]:
        """mAP at each threshold."""
        values = np.array(list(self.average_precision.values()))
        return tuple(np.ascontiguousarray(values.T).mean(axis=1).tolist())  # the official order of summation

    @property
    def average(self) -> float:
        """Mean of mAP over the thresholds."""
        return float(np.mean(self.mean))

    def to_json(self) -> dict[str, object]:
        """The form that `untrim evaluate --json` writes."""
        return {
            "schema": 1,
            "protocol": self.protocol,
            "subset": self.subset,
            "iou": list(self.iou),
            "mAP": list(self.mean),
            "average_mAP": self.average,
            "per_class": {label: list(values) for label, values in self.average_precision.items()},
            "videos": self.videos,
            "instances": self.instances,
            "detections": self.detections,
        }


_MOST_THRESHOLDS = 1000
_TIE = 1e-6  # Of a step; decimal fractions are not exact.


def iou_thresholds(text: str) -> Float64:
    """Thresholds of ``first:last:step`` (both ends included, `numpy.linspace`'s values) or of ``0.3,0.5``.

    Raises:
        UntrimError: Not such a text; a last threshold that no whole number of steps leads to; or as of
            `checked_thresholds`.
    """
    try:
        if ":" in text:
            first, last, step = (float(part) for part in text.split(":"))
            steps = round((last - first) / step)
            values = np.linspace(first, last, steps + 1) if steps < _MOST_THRESHOLDS else np.empty(0)
        else:
            values = np.array([float(part) for part in text.split(",")])
    except (ValueError, ZeroDivisionError, OverflowError, MemoryError, TypeError, AttributeError):
        values = np.empty(0)
    thresholds = checked_thresholds(values, f"--iou {text}")
    if ":" in text and abs((last - first) / step - steps) > _TIE:
        what = f"--iou {text}: {last:g} is not a whole number of steps of {step:g} from {first:g}"
        raise UntrimError(what, fix="end at another threshold, or list them, as 0.3,0.5")
    return thresholds


def checked_thresholds(values: npt.ArrayLike, what: str) -> Float64:
    """`values` as (K,) thresholds.

    Raises:
        UntrimError: There is none, one is outside (0, 1], or one is listed twice, which would count twice in averages;
            the message starts with `what`.
    """
    try:
        thresholds = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        thresholds = np.empty(0)
    if not 0 < thresholds.size <= _MOST_THRESHOLDS or not ((thresholds > 0) & (thresholds <= 1)).all():
        raise UntrimError(
            f"{what}: not thresholds above 0 and up to 1, at most {_MOST_THRESHOLDS:,}",
            fix="one is 0.5; several, where allowed, are 0.3,0.5 or 0.1:0.7:0.1",
        )
    different, counts = np.unique(thresholds, return_counts=True)
    if (counts > 1).any():
        raise UntrimError(f"{what}: {different[counts > 1][0]:g} is listed twice", fix="list it once")
    return thresholds


def evaluate_detections(
    detections: Mapping[str, Sequence[Detection]] | Path | str,
    annotations: Annotations | Path | str,
    iou: npt.ArrayLike,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
) -> DetectionResult:
    """Mean average precision of detections.

    A segment without length overlaps nothing: such a detection is false, such an instance is missed.

    Args:
        detections: Detections by video, or their file; the result of `read_detections` is fastest.
        annotations: Ground truth, or its file.
        iou: (K,) tIoU thresholds in (0, 1].
        protocol: Name of the protocol (`untrim.evaluation.protocols`).
        subset: The subset to evaluate; None for all of `annotations`.
        strict: Refuse detections in videos, or of classes, that are not in `annotations`; otherwise they are left out
            and noted.

    Raises:
        UntrimError: See `untrim.evaluation.comparison.compare`; or the thresholds are wrong.
    """
    thresholds = checked_thresholds(iou, "tIoU")
    detections, annotations = detections_of(detections), annotations_of(annotations)
    compared = compare(detections, annotations, protocol, subset=subset, strict=strict)
    return score(compared, compared.match(thresholds) >= 0, thresholds)


def score(compared: Comparison, hits: Flags, thresholds: Float64) -> DetectionResult:
    """The result for (K, N) `hits`, which say which detections of `compared` are true at each threshold."""
    instances = np.bincount(compared.truth_label, minlength=len(compared.labels))
    rows = by_class(compared)
    return DetectionResult(
        compared.protocol.name,
        compared.subset,
        tuple(thresholds.tolist()),
        {
            label: tuple(average_precision(hits[:, rows[c]], instances[c], compared.protocol.interpolated).tolist())
            for c, label in enumerate(compared.labels)
        },
        videos=len(compared.videos),
        instances=len(compared.truth_label),
        detections=len(compared.label),
        notes=compared.notes,
    )


def evaluate_videos(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    iou: npt.ArrayLike,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
) -> dict[str, float]:
    """mAP of each video with instances, averaged over its own classes and the thresholds.

    Args and errors as of `evaluate_detections`.
    """
    thresholds = checked_thresholds(iou, "tIoU")
    compared = compare(detections, annotations, protocol, subset=subset)
    hits, classes = compared.match(thresholds) >= 0, len(compared.labels)
    group = compared.video * classes + compared.label
    order = np.argsort(group, kind="stable")
    truth, instances = np.unique(compared.truth_video * classes + compared.truth_label, return_counts=True)
    first = np.searchsorted(group[order], truth, side="left")
    last = np.searchsorted(group[order], truth, side="right")
    maps: dict[str, list[float]] = {}
    rows: Iterable[list[int]] = np.stack([truth, instances, first, last], axis=1).tolist()
    for own, count, start, stop in rows:
        values = average_precision(hits[:, order[start:stop]], count, compared.protocol.interpolated)
        maps.setdefault(compared.videos[own // classes], []).append(float(values.mean()))
    return {name: float(np.mean(values)) for name, values in maps.items()}


def by_class(compared: Comparison) -> list[Indices]:
    """Rows of the detections of each class, best first."""
    order = np.argsort(compared.label, kind="stable")
    return np.split(order, np.searchsorted(compared.label[order], np.arange(1, len(compared.labels))))


def average_precision(hits: Flags, instances: int, interpolated: bool = True) -> Float64:
    """Average precision of (K, N) `hits`, best detection first, given the number of instances; (K,).

    Interpolated over all points: the precision at a recall is the best precision at that or any higher recall. Recall
    grows only at hits, so only hits are looked at.
    """
    result = np.zeros(len(hits))
    for k, own in enumerate(hits):
        rank = np.flatnonzero(own)
        precision = np.arange(1, len(rank) + 1) / (rank + 1)
        if interpolated:
            precision = np.maximum.accumulate(precision[::-1])[::-1]
        step = np.diff(np.arange(len(rank) + 1) / instances) if interpolated else 1 / instances
        terms = step * precision
        if len(rank) < instances:
            terms = np.append(terms, 0.0)  # as the official sum has it: the length decides how NumPy rounds
        result[k] = terms.sum()
    return result


def table(results: Mapping[str, DetectionResult]) -> str:
    """Plain text for a terminal: one row per result with mAP in percent at each threshold, and what was compared."""
    first = next(iter(results.values()))
    width = max(map(len, results))
    lines = [
        f"mAP in %, protocol {first.protocol}, subset {first.subset}: "
        f"{first.instances} instances in {first.videos} videos",
        " " * width + "".join(f"{iou:7.3g}" for iou in first.iou) + "    avg",
    ]
    for name, result in results.items():
        values = "".join(f"{100 * value:7.1f}" for value in (*result.mean, result.average))
        lines.append(f"{name:<{width}}{values}")
    notes = dict.fromkeys(note for result in results.values() for note in result.notes)
    return "\n".join([*lines, *notes])
