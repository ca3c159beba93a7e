"""The one matcher: which detection finds which instance, at every threshold at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def tiou(start: Floats, end: Floats, other_start: Floats, other_end: Floats) -> Floats:
    """Temporal intersection over union, element by element; 0 where both are empty."""
    inner = np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0.0)
    union = (end - start) + (other_end - other_start) - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def match(
    group: Indices,
    segments: Floats,
    truth_group: Indices,
    truth_segments: Floats,
    thresholds: Floats,
) -> Indices:
    """Greedy matching within groups, best detection first; a taken instance falls through to the next best.

    Works in rounds: the r-th detections of all groups choose together, since groups do not touch each other.

    Args:
        group: (N,) group (such as video and class) of each detection, best detection first.
        segments: (N, 2) start and end of each.
        truth_group: (M,) group of each instance.
        truth_segments: (M, 2).
        thresholds: (K,) tIoU that a match needs at least.

    Returns:
        (K, N) index of the instance that each detection is matched to, -1 for none.
    """
    truth_order = np.argsort(truth_group, kind="stable")
    sorted_group, (start, end) = truth_group[truth_order], truth_segments[truth_order].T
    first = np.searchsorted(sorted_group, group, side="left")
    count = np.searchsorted(sorted_group, group, side="right") - first
    matched = np.full((len(thresholds), len(group)), -1, dtype=np.intp)
    taken = np.zeros((len(thresholds), len(truth_order)), dtype=bool)
    for chosen in _rounds(group, np.flatnonzero(count)):
        owner = np.repeat(np.arange(len(chosen)), count[chosen])
        offset = np.concatenate([[0], np.cumsum(count[chosen])[:-1]])
        pair = np.arange(len(owner)) - offset[owner] + first[chosen][owner]
        ends = segments[chosen[owner]]
        overlap = tiou(ends[:, 0], ends[:, 1], start[pair], end[pair])
        free = np.where(~taken[:, pair] & (overlap >= thresholds[:, None]), overlap, -1.0)  # (K, P)
        best = np.maximum.reduceat(free, offset, axis=1)  # (K, R)
        at = np.where((free == best[:, owner]) & (free >= 0), np.arange(len(owner)), -1)
        winner = np.maximum.reduceat(at, offset, axis=1)  # of equal overlaps the last, as the official evaluator
        threshold, detection = np.nonzero(winner >= 0)
        instance = pair[winner[threshold, detection]]
        taken[threshold, instance] = True
        matched[threshold, chosen[detection]] = truth_order[instance]
    return matched


def _rounds(group: Indices, candidates: Indices) -> list[Indices]:
    """`candidates` split so that each part holds the next best detection of every group."""
    order = candidates[np.argsort(group[candidates], kind="stable")]
    starts = np.flatnonzero(np.diff(group[order], prepend=-1)) if len(order) else np.empty(0, dtype=np.intp)
    sizes = np.diff(starts, append=len(order))
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    by_rank = order[np.argsort(rank, kind="stable")]
    return np.split(by_rank, np.cumsum(np.bincount(rank))[:-1]) if len(order) else []
