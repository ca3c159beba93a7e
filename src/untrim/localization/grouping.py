"""Runs of snippets: one-dimensional connected components."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


class Runs(NamedTuple):
    """Runs ``first <= t < stop`` of snippets, one an entry, with the row that each was found in."""

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
