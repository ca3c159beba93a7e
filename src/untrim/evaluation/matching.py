"""The one matcher: which detection finds which instance, at every threshold at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from untrim.support.array_types import Float64, Indices

Preference = Literal["overlap", "order"]
"""Which free instance a detection takes: the one with the largest `overlap`, or the first in `order`."""

_BLOCK = 1 << 20
"""Pairs computed at once: bounds the memory for any number of detections."""


def tiou(start: Float64, end: Float64, other_start: Float64, other_end: Float64) -> Float64:
    """Temporal intersection over union, element by element; 0 where both are empty."""
    inner = np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0.0)
    union = (end - start) + (other_end - other_start) - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Detections and instances of one group that overlap; ordered by detection, then by instance.

    Args:
        detection: (P,) index of the detection.
        instance: (P,) index of the instance.
        overlap: (P,) their tIoU, above 0.
    """

    detection: Indices
    instance: Indices
    overlap: Float64


def overlapping(
    group: Indices, segments: Float64, truth_group: Indices, truth_segments: Float64, least: float = 0.0
) -> Pairs:
    """All pairs within groups (such as video and class) with a tIoU above 0 and of at least `least`.

    Args:
        group: (N,) group of each detection.
        segments: (N, 2) start and end of each.
        truth_group: (M,) group of each instance.
        truth_segments: (M, 2).
        least: tIoU that a pair needs.
    """
    order = np.argsort(truth_group, kind="stable")
    grouped = truth_group[order]
    first = np.searchsorted(grouped, group, side="left")
    count = np.searchsorted(grouped, group, side="right") - first
    candidates = np.flatnonzero(count)
    total = np.cumsum(count[candidates])
    blocks = np.split(candidates, np.searchsorted(total, np.arange(_BLOCK, total[-1] if len(total) else 0, _BLOCK)))
    found = [_pairs(block, first, count, order, segments, truth_segments, least) for block in blocks]
    return Pairs(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _pairs(
    block: Indices,
    first: Indices,
    count: Indices,
    order: Indices,
    segments: Float64,
    truth_segments: Float64,
    least: float,
) -> tuple[Indices, Indices, Float64]:
    """Pairs of the detections in `block`; instances ``order[first : first + count]`` share the group of each."""
    size = count[block]
    detection = np.repeat(block, size)
    place = np.arange(len(detection)) - np.repeat(np.cumsum(size) - size, size)
    instance = order[first[detection] + place]
    overlap = tiou(*segments[detection].T, *truth_segments[instance].T)
    kept = (overlap > 0) & (overlap >= least)
    return detection[kept], instance[kept], overlap[kept]


def match(
    group: Indices,
    segments: Float64,
    truth_group: Indices,
    truth_segments: Float64,
    thresholds: Float64,
    prefer: Preference = "overlap",
) -> Indices:
    """Greedy matching within groups, best detection first. If its best instance is taken, a detection takes the next.

    Of instances with equal overlap the later one is preferred, as in the official ActivityNet evaluator.

    Args:
        group: (N,) group (such as video and class) of each detection, best detection first.
        segments: (N, 2) start and end of each.
        truth_group: (M,) group of each instance.
        truth_segments: (M, 2).
        thresholds: (K,) tIoU that a match needs at least, above 0.
        prefer: Which free instance a detection takes.

    Returns:
        (K, N) index of the instance that each detection is matched to, -1 for none.
    """
    pairs = overlapping(group, segments, truth_group, truth_segments, float(np.min(thresholds)))
    detection, instance, overlap = pairs.detection, pairs.instance, pairs.overlap
    if prefer == "overlap":
        order = np.lexsort((-instance, -overlap, detection))
        detection, instance, overlap = detection[order], instance[order], overlap[order]
    matched = np.full((len(thresholds), len(group)), -1, dtype=np.intp)
    for own, threshold in zip(matched, thresholds, strict=True):
        enough = overlap >= threshold
        _assign(detection[enough], instance[enough], len(truth_group), own)
    return matched


def _assign(detection: Indices, instance: Indices, instances: int, matched: Indices) -> None:
    """Fill `matched` with the same result as matching the detections one after the other.

    All detections ask for their first choice at once; each instance keeps the best that ever asked; the others ask
    for their next choice. This ends in the one stable matching, which is that of greedy service, since all instances
    rank detections alike (Gale and Shapley 1962), but needs few rounds, each without a loop.
    """
    turn = np.flatnonzero(np.diff(detection, prepend=-1))  # (D,) where the choices of each detection begin
    stop = np.append(turn[1:], len(detection))
    names = detection[turn]
    holder = np.full(instances, len(names))
    asking = np.arange(len(names))
    while len(asking):
        wanted = instance[turn[asking]]
        before = holder[wanted]
        np.minimum.at(holder, wanted, asking)
        after = holder[wanted]
        ousted = np.unique(before[(before != after) & (before < len(names))])
        asking = np.concatenate([asking[after != asking], ousted])
        turn[asking] += 1
        asking = asking[turn[asking] < stop[asking]]
    held = np.flatnonzero(holder < len(names))
    matched[names[holder[held]]] = held
