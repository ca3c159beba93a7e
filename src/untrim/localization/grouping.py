"""Runs of snippets: one-dimensional connected components."""

from __future__ import annotations

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


def sweep(values: npt.NDArray[np.float64], thresholds: npt.ArrayLike, min_length: int = 1) -> Runs:
    """Runs of (R, T) `values` above any of several thresholds: candidates of temporal actionness grouping.

    Args:
        values: (R, T).
        thresholds: (K,), in any order; a run is maximal above one of them.
        min_length: Shortest run in snippets.

    Returns:
        In row order. A run that several thresholds find is listed once.
    """
    levels = np.asarray(thresholds, dtype=np.float64)
    rows, length = values.shape
    above = values[:, None] > levels[:, None]  # (R, K, T)
    runs = connected_components(above.reshape(rows * len(levels), length), min_length)
    shape = (rows, length + 1, length + 1)
    keys = np.ravel_multi_index((runs.row // max(len(levels), 1), runs.first, runs.stop), shape)
    return Runs(*np.unravel_index(np.unique(keys), shape))


def likely_classes(probabilities: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.bool_]:
    """Which of (C,) `probabilities` are at least `threshold`; if none is, the highest counts."""
    likely: npt.NDArray[np.bool_] = probabilities >= min(threshold, probabilities.max())
    return likely


def above_midrange(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of (R, T) `values` are above the middle of their row's range (W-TALC)."""
    above: npt.NDArray[np.bool_] = values > (values.max(axis=1, keepdims=True) + values.min(axis=1, keepdims=True)) / 2
    return above
