"""Runs of snippets: one-dimensional connected components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from untrim.support.array_types import Indices


class Runs(NamedTuple):
    """Runs ``first <= t < stop`` of snippets, one per entry, with the row in which each was found."""

    row: Indices
    first: Indices
    stop: Indices


def connected_components(above: npt.NDArray[np.bool_], min_length: int = 1) -> Runs:
    """Maximal runs of True in each row of (R, T) `above`, at least `min_length` snippets long, in row order."""
    edges = np.diff(np.pad(above, ((0, 0), (1, 1))).astype(np.int8), axis=1)  # (R, T + 1)
    row, first = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    kept = stop - first >= min_length
    return Runs(row[kept], first[kept], stop[kept])


def sweep(
    values: npt.NDArray[np.float64], thresholds: npt.ArrayLike, min_length: int = 1, *, inclusive: bool = False
) -> Runs:
    """Runs of (R, T) `values` above any of several thresholds: candidates of temporal actionness grouping.

    Args:
        values: (R, T).
        thresholds: (K,), in any order; a run is maximal above one of them.
        min_length: Shortest run in snippets.
        inclusive: Whether a value that equals a threshold is above it.

    Returns:
        In row order. A run that several thresholds find is listed once.
    """
    levels = np.asarray(thresholds, dtype=np.float64)
    rows, length = values.shape
    compare = np.greater_equal if inclusive else np.greater
    above = compare(values[:, None], levels[:, None])  # (R, K, T)
    runs = connected_components(above.reshape(rows * len(levels), length), min_length)
    shape = (rows, length + 1, length + 1)
    keys = np.ravel_multi_index((runs.row // max(len(levels), 1), runs.first, runs.stop), shape)
    return Runs(*np.unravel_index(np.unique(keys), shape))


def maximal_runs(values: npt.NDArray[np.float64]) -> Runs:
    """Runs of (R, T) `values` whose sum becomes smaller if they are made longer or shorter, in row order.

    A gap of negative values is part of a run if the positive values on either side outweigh it. Each positive value is
    in exactly one run. Source: Ruzzo and Tompa: A linear time algorithm for finding all maximal scoring subsequences,
    ISMB 1999.
    """
    found = [(row, first, stop) for row, line in enumerate(values.tolist()) for first, stop in _maximal(line)]
    return Runs(*np.array(found, np.intp).reshape(-1, 3).T)


def _maximal(values: Sequence[float]) -> list[tuple[int, int]]:
    # Of each candidate: first, stop, the sum of all values before it, the sum up to its end, and the candidate before
    # it whose sum before is less.
    kept: list[tuple[int, int, float, float, int]] = []
    total = 0.0
    for index, value in enumerate(values):
        before, total = total, total + value
        first, stop, low = index, index + 1, before
        while value > 0:
            last = len(kept) - 1
            while last >= 0 and kept[last][2] >= low:
                last = kept[last][4]
            if last < 0 or kept[last][3] >= total:
                kept.append((first, stop, low, total, last))
                break
            first, low = kept[last][0], kept[last][2]
            del kept[last:]
    return [(first, stop) for first, stop, *_ in kept]


def likely_classes(
    probabilities: npt.NDArray[np.float64], threshold: float, *, fallback: bool = True
) -> npt.NDArray[np.bool_]:
    """Which of (C,) `probabilities` are at least `threshold`; if none is, the highest counts, unless not `fallback`."""
    likely: npt.NDArray[np.bool_] = probabilities >= (min(threshold, probabilities.max()) if fallback else threshold)
    return likely


def above_midrange(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of (R, T) `values` are above the middle of their row's range (W-TALC)."""
    above: npt.NDArray[np.bool_] = values > (values.max(axis=1, keepdims=True) + values.min(axis=1, keepdims=True)) / 2
    return above
