"""Errors typical of learning from labels only: context included, parts left out, neighbours merged, actions split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untrim.evaluation.comparison import Comparison
from untrim.evaluation.matching import Pairs
from untrim.support.array_types import Float64, Indices

HALF = 0.5
"""Share of an instance, or of a detection, from which it counts as covered by the other."""
_EDGES = np.linspace(-1.05, 1.05, 22)


@dataclass(frozen=True)
class Boundaries:
    """Signed errors at both ends, of detections that touch an instance of their class; positive is later.

    Args:
        detections: Number of detections of the right class that touch an instance.
        near_misses: Number of those that overlap it too little to count.
        too_long: Share of the near misses that contain their instance: context included at both ends.
        too_short: Share of the near misses that are inside their instance: parts left out at both ends.
        shifted: Share of the near misses that begin and end early, or begin and end late.
        past_start: Share of the near misses that begin before their instance.
        past_end: Share of the near misses that end after their instance.
        start_seconds: Median error of the start, over all `detections`.
        end_seconds: Median error of the end, over all `detections`.
        edges: Histogram edges, in lengths of the instance; the outer bins hold everything beyond.
        starts: Share of the detections in each bin, by the error of the start.
        ends: Share of the detections in each bin, by the error of the end.
    """

    detections: int
    near_misses: int
    too_long: float
    too_short: float
    shifted: float
    past_start: float
    past_end: float
    start_seconds: float
    end_seconds: float
    edges: tuple[float, ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]


@dataclass(frozen=True)
class Fragments:
    """Instances merged and split by the best detections: for each class, as many as it has instances.

    Args:
        merged_instances: Share of the instances that one detection covers together with a neighbour of their class;
            it covers at least half of each.
        merging_detections: Share of the detections that do so.
        split_instances: Share of the instances that no detection finds, but that two or more detections cut into
            pieces: these do not overlap each other and are at least half inside the instance.
    """

    merged_instances: float
    merging_detections: float
    split_instances: float


def boundary_errors(compared: Comparison, rows: Indices, instances: Indices, near: Float64) -> Boundaries:
    """Errors of the detections `rows` (R,) against the `instances` that they touch (R,); `near`: is a near miss."""
    found, truth = compared.segments[rows], compared.truth_segments[instances]
    error = found - truth  # (R, 2)
    length = truth[:, 1] - truth[:, 0]
    missed = error[near > 0]
    early, late = missed[:, 0] < 0, missed[:, 1] > 0
    relative = np.clip(error / length[:, None], -1.0, 1.0)
    histogram = [np.histogram(relative[:, side], _EDGES)[0] / max(len(rows), 1) for side in (0, 1)]
    median = np.median(error, axis=0).tolist() if len(rows) else [0.0, 0.0]
    return Boundaries(
        len(rows),
        len(missed),
        too_long=_share(early & late),
        too_short=_share(~early & ~late),
        shifted=_share(early != late),
        past_start=_share(early),
        past_end=_share(late),
        start_seconds=median[0],
        end_seconds=median[1],
        edges=tuple(_EDGES.tolist()),
        starts=tuple(histogram[0].tolist()),
        ends=tuple(histogram[1].tolist()),
    )


def fragments(compared: Comparison, pairs: Pairs, matched: Indices) -> Fragments:
    """Merged and split instances among `pairs` of the best detections with instances of their class.

    Args:
        compared: Detections and instances.
        pairs: Overlapping pairs of one class.
        matched: (N,) instance of each detection, -1 for none.
    """
    found, truth = compared.segments[pairs.detection], compared.truth_segments[pairs.instance]
    inner = np.minimum(found[:, 1], truth[:, 1]) - np.maximum(found[:, 0], truth[:, 0])
    covered = inner >= HALF * (truth[:, 1] - truth[:, 0])
    counts = np.bincount(pairs.detection[covered], minlength=len(compared.label))
    merging = covered & (counts[pairs.detection] > 1)
    inside = inner >= HALF * (found[:, 1] - found[:, 0])
    open_instances = np.setdiff1d(np.arange(len(compared.truth_label)), matched)
    candidates = inside & np.isin(pairs.instance, open_instances)
    split = 0
    order = np.lexsort((found[:, 1], pairs.instance))
    order = order[candidates[order]]
    groups = np.split(order, np.flatnonzero(np.diff(pairs.instance[order])) + 1)
    for own in groups:
        split += _disjoint(found[own]) > 1
    instances = len(compared.truth_label)
    return Fragments(
        len(np.unique(pairs.instance[merging])) / instances,
        len(np.unique(pairs.detection[merging])) / max(len(np.unique(pairs.detection)), 1),
        split / instances,
    )


def _disjoint(segments: Float64) -> int:
    """The largest number of the segments, ordered by their ends, that do not overlap each other."""
    count, end = 0, -np.inf
    for start, stop in segments.tolist():
        if start >= end:
            count, end = count + 1, stop
    return count


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0
