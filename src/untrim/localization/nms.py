"""Non-maximum suppression of temporal segments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from untrim.support.array_types import Indices

Numbers = npt.NDArray[np.float64] | Indices


def nms(segments: Numbers, scores: npt.NDArray[np.float64], threshold: float, classes: Indices) -> Indices:
    """Which segments remain after each one that overlaps a better one of its class too much is dropped.

    Args:
        segments: (N, 2), where each starts and ends, in any unit.
        scores: (N,); of two equal scores, the first is the better one.
        threshold: tIoU in (0, 1] from which two segments count as one.
        classes: (N,) class of each; segments of different classes are not compared.

    Returns:
        Indices of those that remain, best first.
    """
    start, end = segments.T
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        inner = np.minimum(end[best], end[order]) - np.maximum(start[best], start[order])
        union = (end[best] - start[best]) + (end[order] - start[order]) - np.maximum(inner, 0)
        # By product, not by quotient: two empty segments have no union to divide by, and do not overlap.
        order = order[(inner <= 0) | (inner < threshold * union) | (classes[order] != classes[best])]
    return np.array(kept, dtype=np.intp)
