"""What is wrong with detections, and what mAP would be without each kind of error.

Kinds of false positives, misses, and sensitivity by properties of the instances follow Alwassel et al., "Diagnosing
Error in Temporal Action Detectors", ECCV 2018. G is the number of instances of a class; the best 1G to 10G detections
of each class are looked at. Fixes follow Bolya et al., "TIDE", ECCV 2020. `boundaries` adds errors typical of weak
supervision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations, annotations_of, detections_of
from untrim.evaluation.boundaries import Boundaries, Fragments, boundary_errors, fragments
from untrim.evaluation.comparison import Comparison, compare
from untrim.evaluation.detection import by_class, checked_thresholds, score
from untrim.evaluation.matching import Pairs, overlapping
from untrim.evaluation.uncertainty import draw_videos, interval_of, resampled
from untrim.support.array_types import Float64, Indices
from untrim.timeline import Detection

KINDS = ("true positive", "double", "wrong label", "localization", "confusion", "background")
"""What a detection can be.

- true positive: it finds an instance.
- double: it overlaps an instance of its class enough, but a better detection has found that one already.
- wrong label: it overlaps an instance of another class enough.
- localization: it overlaps an instance of its class too little.
- confusion: it overlaps an instance of another class too little.
- background: it touches no instance.
"""
TRUE, DOUBLE, WRONG_LABEL, LOCALIZATION, CONFUSION, BACKGROUND = range(6)
BANDS = 10
_NUMBERS, _COVERAGES = np.array([1.0, 4, 8, 16]), np.array([2.0, 5, 10, 20, 40, 60, 80])
_DRAWS = 400
TOUCH = 0.1
"""tIoU from which a detection touches an instance."""


@dataclass(frozen=True)
class Fix:
    """mAP without the errors of one kind.

    Args:
        removed: mAP if these detections were removed.
        fixed: mAP if these detections had the boundaries and the label of the instance that they touch. Doubles and
            background detections can only be removed.
    """

    removed: float
    fixed: float


@dataclass(frozen=True)
class Bin:
    """Instances with a property in one range.

    Args:
        name: The range, in words.
        instances: Number of instances.
        missed: Share of them that no detection finds.
        average_precision: Normalized mAP on them: as if every class had the mean number of instances. It makes bins of
            different size comparable.
    """

    name: str
    instances: int
    missed: float
    average_precision: float


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a set of detections; shares and mAP are fractions.

    Args:
        protocol, subset: As in an evaluation.
        iou: tIoU threshold.
        mean: mAP at `iou`.
        normalized: Normalized mAP at `iou` on all instances, to compare with that of the bins.
        videos, instances, detections: Numbers of what was compared.
        missed: Share of the instances that no detection finds.
        best: Number of detections in the first of the bands.
        bands: Shares of each of `KINDS` among the best G detections, the next G, and so on.
        fixes: Kind of error -> mAP without it.
        lead: 95% interval, by bootstrap over videos, of mAP with the best fix less mAP with the next best fix; None for
            a single video, which cannot be resampled.
        properties: ``coverage`` (of the video, where durations are known), ``length``, ``number`` (of the class in the
            video) -> bins.
        boundaries: Signed errors at both ends.
        fragments: Merged and split instances.
        notes: What was left out and why.
    """

    protocol: str
    subset: str
    iou: float
    mean: float
    normalized: float
    videos: int
    instances: int
    detections: int
    missed: float
    best: int
    bands: tuple[Mapping[str, float], ...]
    fixes: Mapping[str, Fix]
    lead: tuple[float, float] | None
    properties: Mapping[str, tuple[Bin, ...]]
    boundaries: Boundaries
    fragments: Fragments
    notes: tuple[str, ...]

    def gains(self) -> dict[str, float]:
        """Kind of error -> mAP that the better of its fixes gives, the most first."""
        return _gains(self.fixes, self.mean)

    def to_json(self) -> dict[str, object]:
        """All figures; `untrim.evaluation.findings.findings` puts them into sentences."""
        return {"schema": 2, **asdict(self)}


def diagnose(
    detections: Mapping[str, Sequence[Detection]] | Path | str,
    annotations: Annotations | Path | str,
    iou: float = 0.5,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
) -> Diagnosis:
    """Diagnose detections at one tIoU threshold.

    Args:
        detections: By video, or their file.
        annotations: Ground truth, or its file.
        iou: tIoU threshold.
        protocol: Name of the protocol.
        subset: The subset to look at; None for all of `annotations`.
        strict: As of `untrim.evaluation.comparison.compare`.

    Raises:
        UntrimError: See `untrim.evaluation.comparison.compare`; or the threshold is wrong.
    """
    thresholds = checked_thresholds(iou, "tIoU")
    detections, annotations = detections_of(detections), annotations_of(annotations)
    compared = compare(detections, annotations, protocol, subset=subset, strict=strict)
    matched = compared.match(thresholds)[0]
    pairs = overlapping(compared.video, compared.segments, compared.truth_video, compared.truth_segments)
    kind, touched = _kinds(compared, pairs, matched, float(thresholds[0]))
    band = _bands(compared)
    own = compared.label[pairs.detection] == compared.truth_label[pairs.instance]
    best = own & (band[pairs.detection] == 0)
    meant = np.flatnonzero((band == 0) & ((kind == TRUE) | (kind == DOUBLE) | (kind == LOCALIZATION)))
    found, mean = np.unique(matched[matched >= 0]), _mean(compared, thresholds)
    fixes = {name: _fix(compared, kind, touched, code, thresholds) for code, name in enumerate(KINDS) if code != TRUE}
    return Diagnosis(
        compared.protocol.name,
        compared.subset,
        float(thresholds[0]),
        mean,
        _normalized(compared, matched, np.ones(len(compared.truth_label), dtype=bool)),
        len(compared.videos),
        len(compared.truth_label),
        len(compared.label),
        1 - len(found) / len(compared.truth_label),
        int((band == 0).sum()),
        tuple(_shares(kind[band == b]) for b in range(BANDS) if (band == b).any()),
        fixes,
        _lead(compared, kind, touched, fixes, mean, thresholds),
        _properties(compared, matched),
        boundary_errors(compared, meant, touched[meant], kind[meant] == LOCALIZATION),
        fragments(compared, Pairs(pairs.detection[best], pairs.instance[best], pairs.overlap[best]), matched),
        compared.notes,
    )


def _kinds(compared: Comparison, pairs: Pairs, matched: Indices, iou: float) -> tuple[Indices, Indices]:
    """Kind of each detection, (N,), and its instance, (N,), -1 for none.

    The instance is the one that it is matched to, or else the one that it overlaps most. Of several with equal overlap,
    an instance of its own class is taken.
    """
    same = compared.label[pairs.detection] == compared.truth_label[pairs.instance]
    order = np.lexsort((same, pairs.overlap, pairs.detection))
    last = order[np.flatnonzero(np.diff(pairs.detection[order], append=-1))]
    touched = np.full(len(matched), -1, dtype=np.intp)
    overlap, right = np.zeros(len(matched)), np.zeros(len(matched), dtype=bool)
    rows = pairs.detection[last]
    touched[rows], overlap[rows], right[rows] = pairs.instance[last], pairs.overlap[last], same[last]
    kind = np.select(
        [matched >= 0, (overlap >= iou) & right, overlap >= iou, (overlap >= TOUCH) & right, overlap >= TOUCH],
        [TRUE, DOUBLE, WRONG_LABEL, LOCALIZATION, CONFUSION],
        BACKGROUND,
    )
    return kind, np.where(matched >= 0, matched, touched)


def _bands(compared: Comparison) -> Indices:
    """Index from 0 of the G that each detection is in, within its class, (N,)."""
    band = np.empty(len(compared.label), dtype=np.intp)
    instances = np.bincount(compared.truth_label, minlength=len(compared.labels))
    for c, rows in enumerate(by_class(compared)):
        band[rows] = np.arange(len(rows)) // instances[c]
    return band


def _shares(kind: Indices) -> dict[str, float]:
    counts = np.bincount(kind, minlength=len(KINDS)) / len(kind)
    return dict(zip(KINDS, counts.tolist(), strict=True))


def _mean(compared: Comparison, thresholds: Float64) -> float:
    return score(compared, compared.match(thresholds) >= 0, thresholds).mean[0]


def _fix(compared: Comparison, kind: Indices, touched: Indices, code: int, thresholds: Float64) -> Fix:
    """mAP without the errors of one kind."""
    removed = _mean(_removed(compared, kind, code), thresholds)
    if code in (DOUBLE, BACKGROUND):
        return Fix(removed, removed)
    return Fix(removed, _mean(_fixed(compared, kind, touched, code), thresholds))


def _removed(compared: Comparison, kind: Indices, code: int) -> Comparison:
    """The same without the detections of one kind of error."""
    rows = np.flatnonzero(kind != code)
    return replace(
        compared,
        video=compared.video[rows],
        label=compared.label[rows],
        segments=compared.segments[rows],
        scores=compared.scores[rows],
    )


def _fixed(compared: Comparison, kind: Indices, touched: Indices, code: int) -> Comparison:
    """The same, but detections of one kind of error get label and times of the instance that they touch."""
    wrong = np.flatnonzero(kind == code)
    label, segments = compared.label.copy(), compared.segments.copy()
    label[wrong] = compared.truth_label[touched[wrong]]
    if code != WRONG_LABEL:
        segments[wrong] = compared.truth_segments[touched[wrong]]
    return replace(compared, label=label, segments=segments)


def _gains(fixes: Mapping[str, Fix], mean: float) -> dict[str, float]:
    gains = {kind: max(fix.fixed, fix.removed) - mean for kind, fix in fixes.items()}
    return {kind: gains[kind] for kind in sorted(gains, key=lambda kind: -gains[kind])}


def _lead(
    compared: Comparison,
    kind: Indices,
    touched: Indices,
    fixes: Mapping[str, Fix],
    mean: float,
    thresholds: Float64,
) -> tuple[float, float] | None:
    """How much more the best fix gives than the next, on the same draws of videos."""
    if len(compared.videos) < 2:
        return None
    weights, draws = draw_videos(len(compared.videos), _DRAWS, 0), []
    first, second, *_ = (gains := _gains(fixes, mean))
    for name in (first, second):
        code = KINDS.index(name)
        better = fixes[name].fixed > fixes[name].removed
        fixed = _fixed(compared, kind, touched, code) if better else _removed(compared, kind, code)
        draws.append(resampled(fixed, fixed.match(thresholds) >= 0, weights)[:, 0])
    interval = interval_of(gains[first] - gains[second], draws[0] - draws[1])
    return interval.low, interval.high


def _properties(compared: Comparison, matched: Indices) -> dict[str, tuple[Bin, ...]]:
    """Bins of the instances by each property."""
    length = compared.truth_segments[:, 1] - compared.truth_segments[:, 0]
    unit = " snippets" if compared.protocol.quantized else " s"
    group = compared.truth_video * len(compared.labels) + compared.truth_label
    _, own, counts = np.unique(group, return_inverse=True, return_counts=True)
    fifths = np.unique(np.quantile(length, (0.2, 0.4, 0.6, 0.8)).round(2))
    result = {
        "length": _binned(compared, matched, length, fifths, _ranges(fifths, unit)),
        "number": _binned(compared, matched, counts[own], _NUMBERS, ("1", "2 to 4", "5 to 8", "9 to 16", "over 16")),
    }
    duration = compared.durations[compared.truth_video]
    if np.isfinite(duration).all() and not compared.protocol.quantized:
        coverage = 100 * length / np.maximum(duration, 1e-9)
        result["coverage"] = _binned(compared, matched, coverage, _COVERAGES, _ranges(_COVERAGES, "%"))
    return result


def _ranges(edges: Float64, unit: str) -> list[str]:
    """Names of the ranges up to, between and over the edges."""
    between = [f"{low:g} to {high:g}{unit}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]:g}{unit}", *between, f"over {edges[-1]:g}{unit}"]


def _binned(
    compared: Comparison, matched: Indices, values: npt.NDArray[np.number], edges: Float64, names: Sequence[str]
) -> tuple[Bin, ...]:
    """The bins ``(edge, next edge]`` that hold any instance."""
    place = np.searchsorted(edges, values, side="left")
    found = np.zeros(len(values), dtype=bool)
    found[matched[matched >= 0]] = True
    bins = []
    for b in np.unique(place).tolist():
        inside = place == b
        missed = float(1 - found[inside].mean())
        bins.append(Bin(names[b], int(inside.sum()), missed, _normalized(compared, matched, inside)))
    return tuple(bins)


def _normalized(compared: Comparison, matched: Indices, inside: npt.NDArray[np.bool_]) -> float:
    """Normalized mAP (Alwassel et al., Eq. 1 and 2) on the instances `inside`; hits on others are removed."""
    typical = len(compared.truth_label) / len(compared.labels)
    instances = np.bincount(compared.truth_label[inside], minlength=len(compared.labels))
    counts = (matched < 0) | inside[matched]
    values = []
    for c, rows in enumerate(by_class(compared)):
        if instances[c]:
            hit = matched[rows[counts[rows]]] >= 0
            recall = np.cumsum(hit) / instances[c]
            precision = recall * typical / np.maximum(recall * typical + np.cumsum(~hit), 1e-12)
            best = np.maximum.accumulate(precision[::-1])[::-1]
            values.append(float(best[hit].sum() / instances[c]))
    return float(np.mean(values))
