"""Scores of runs of snippets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from untrim.localization.grouping import Runs


def run_max(values: npt.NDArray[np.float64], runs: Runs) -> npt.NDArray[np.float64]:
    """Largest of (R, T) `values` within each run."""
    padded = np.pad(values, ((0, 0), (0, 1)))  # reduceat needs every `stop` to be an index
    offset = runs.row * padded.shape[1]
    borders = np.stack([offset + runs.first, offset + runs.stop], axis=1).ravel()
    return np.maximum.reduceat(padded.ravel(), borders)[::2] if len(borders) else np.empty(0)
