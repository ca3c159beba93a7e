"""Scores of runs of snippets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from untrim.localization.grouping import Runs

Scores = npt.NDArray[np.float64]
OuterRounding = Literal["uneven", "up", "official"]


def run_max(values: Scores, runs: Runs) -> Scores:
    """Largest of (R, T) `values` within each run."""
    padded = np.pad(values, ((0, 0), (0, 1)))  # reduceat needs every `stop` to be an index
    offset = runs.row * padded.shape[1]
    borders = np.stack([offset + runs.first, offset + runs.stop], axis=1).ravel()
    return np.maximum.reduceat(padded.ravel(), borders)[::2] if len(borders) else np.empty(0)


def run_mean(values: Scores, runs: Runs) -> Scores:
    """Mean of (R, T) `values` within each run."""
    return _run_sum(values, runs) / (runs.stop - runs.first)


def outer_inner_contrast(
    values: Scores,
    runs: Runs,
    outer: float,
    rounding: OuterRounding = "uneven",
    between: npt.NDArray[np.bool_] | None = None,
) -> Scores:
    """Mean of (R, T) `values` within each run less their mean just outside of it (AutoLoc; BaS-Net; ECM).

    Outside means, on each side, ``outer`` times as many snippets as the run has, as far as the video reaches. If
    nothing is outside, nothing is subtracted.

    Args:
        values: (R, T), the whole sequences: values below a threshold count too.
        runs: Runs in the rows of `values`.
        outer: Width of each side as a share of the run's length, lambda; at least 0.
        rounding: How the width becomes a number of snippets. ``uneven``: up before the run and down after it, as in
            BaS-Net's code; ``up``: up on both sides, so that the shortest run has both; ``official``: as uneven, with
            one snippet less after it, as in ECM's code.
        between: (R, T), which snippets count as outside, for runs that may lie close together; None: all.
    """
    margin = outer * (runs.stop - runs.first)
    first = np.maximum(np.floor(runs.first - margin), 0).astype(np.intp)
    after = np.ceil(runs.stop + margin) if rounding == "up" else np.floor(runs.stop - 1 + margin)
    after = np.maximum(after, runs.stop) if rounding == "official" else after + (rounding == "uneven")
    stop = np.minimum(after, values.shape[1]).astype(np.intp)
    wide = Runs(runs.row, first, stop)
    counted = np.ones_like(values) if between is None else between.astype(np.float64)
    around, outside = (_run_sum(part, wide) - _run_sum(part, runs) for part in (counted, counted * values))
    return run_mean(values, runs) - np.where(around > 0, outside / np.maximum(around, 1), 0.0)


def _run_sum(values: Scores, runs: Runs) -> Scores:
    total = np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))  # (R, T + 1)
    return total[runs.row, runs.stop] - total[runs.row, runs.first]
