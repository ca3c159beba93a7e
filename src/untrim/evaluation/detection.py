"""Detection mAP in the ActivityNet protocol.

Seconds; greedy by score; all-point interpolated average precision; classes absent from the ground truth are ignored,
ground-truth classes without predictions score 0 (ActivityNet challenge evaluation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations
from untrim.errors import UntrimError, listing
from untrim.evaluation.matching import Floats, match
from untrim.timeline import Detection


@dataclass(frozen=True)
class DetectionResult:
    """Average precision of each class at each threshold, as fractions.

    Args:
        protocol: Name of the protocol.
        subset: Subset of the annotations; ``mixed`` if there are several.
        iou: tIoU thresholds, (K,).
        average_precision: Class -> (K,).
        videos: Videos with ground truth.
        instances: Ground-truth instances.
        detections: Detections in those videos, of classes that the ground truth has.
    """

    protocol: str
    subset: str
    iou: tuple[float, ...]
    average_precision: Mapping[str, tuple[float, ...]]
    videos: int
    instances: int
    detections: int

    @property
    def mean(self) -> tuple[float, ...]:
        """mAP at each threshold."""
        return tuple(np.mean(list(self.average_precision.values()), axis=0).tolist())

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


def iou_thresholds(text: str) -> Floats:
    """Thresholds of ``first:last:step`` (both ends included, `numpy.linspace`'s values) or of ``0.3,0.5``.

    Raises:
        UntrimError: Not such a text, or a threshold outside (0, 1].
    """
    try:
        if ":" in text:
            first, last, step = (float(part) for part in text.split(":"))
            values = np.linspace(first, last, round((last - first) / step) + 1)
        else:
            values = np.array([float(part) for part in text.split(",")])
    except (ValueError, ZeroDivisionError, OverflowError, MemoryError):
        values = np.empty(0)
    if len(values) == 0 or not ((values > 0) & (values <= 1)).all():
        raise UntrimError(f"--iou {text}", fix="write first:last:step or a list, such as 0.1:0.7:0.1 or 0.3,0.5")
    return values


def evaluate_detections(
    detections: Mapping[str, Sequence[Detection]], annotations: Annotations, iou: npt.ArrayLike
) -> DetectionResult:
    """Mean average precision of detections.

    Args:
        detections: Detections by video; videos that have no ground truth are ignored.
        annotations: Ground truth, of one subset.
        iou: (K,) tIoU thresholds.

    Raises:
        UntrimError: No ground-truth instance, or no video or no class in common.
    """
    thresholds = np.asarray(iou, dtype=np.float64)
    truth = [(video.name, instance) for video in annotations.values() for instance in video.instances]
    if not truth:
        raise UntrimError("has no instance with a segment", where=annotations.source, fix="evaluate on another subset")
    if not detections.keys() & annotations.keys():
        raise UntrimError(
            f"no video in common: detections of {listing(detections)}, ground truth of {listing(annotations)}",
            where=annotations.source,
            fix="check names and --subset",
        )
    labels = sorted({instance.label for _, instance in truth})
    foreign = {d.label for own in detections.values() for d in own} - set(labels)
    if foreign and not any(d.label in labels for own in detections.values() for d in own):
        raise UntrimError(
            f"no class in common: detections of {listing(foreign)}, ground truth of {listing(labels)}",
            where=annotations.source,
            fix="use one set of class names",
        )
    label_index, video_index = ({key: i for i, key in enumerate(keys)} for keys in (labels, annotations))
    found = [
        (label_index[d.label], video_index[name], d.segment.start, d.segment.end, d.score)
        for name, own in detections.items()
        if name in video_index
        for d in own
        if d.label in label_index
    ]
    table = np.array(found, dtype=np.float64).reshape(-1, 5)
    table = table[np.argsort(-table[:, 4], kind="stable")]
    of_class = table[:, 0].astype(np.intp)
    truth_class = np.array([label_index[instance.label] for _, instance in truth])
    truth_video = np.array([video_index[name] for name, _ in truth])
    matched = match(
        of_class * len(video_index) + table[:, 1].astype(np.intp),
        table[:, 2:4],
        truth_class * len(video_index) + truth_video,
        np.array([(instance.segment.start, instance.segment.end) for _, instance in truth]),
        thresholds,
    )
    per_class = {
        label: tuple(average_precision(matched[:, of_class == c] >= 0, int((truth_class == c).sum())).tolist())
        for c, label in enumerate(labels)
    }
    subsets = {video.subset for video in annotations.values()}
    return DetectionResult(
        "activitynet",
        subsets.pop() if len(subsets) == 1 else "mixed",
        tuple(thresholds.tolist()),
        per_class,
        videos=len(annotations),
        instances=len(truth),
        detections=len(table),
    )


def average_precision(hits: npt.NDArray[np.bool_], instances: int) -> Floats:
    """All-point interpolated average precision of (K, N) `hits`, best detection first; (K,)."""
    if hits.shape[1] == 0:
        return np.zeros(len(hits))
    true = hits.cumsum(axis=1, dtype=np.float64)
    precision = true / np.arange(1, hits.shape[1] + 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = np.pad(true / instances, ((0, 0), (1, 0)))
    return np.asarray((np.diff(recall, axis=1) * envelope).sum(axis=1))


def table(results: Mapping[str, DetectionResult]) -> str:
    """Plain text for a terminal: one row a result with mAP in percent at each threshold, and what was compared."""
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
    return "\n".join(lines)
