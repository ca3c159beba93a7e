"""Activation sequences brought to a common range, and to another number of steps."""

from __future__ import annotations

import numpy as np

from untrim.support.array_types import Float64


def unit_range(values: Float64) -> Float64:
    """(R, T) `values`, each row scaled to reach from 0 to 1; a constant row becomes 1."""
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    scaled: Float64 = np.where(high > low, values - low, 1.0) / np.where(high > low, high - low, 1.0)
    return scaled


def positive_range(values: Float64) -> Float64:
    """(R, T) `values`, each row scaled so that its least and its largest value become 0 and 1, if these are positive.

    Where the least value is negative, 0 stays 0 and negative values stay negative. So a threshold is a share of the
    largest value there, not of the range. A constant row becomes 0, or stays negative. Source: the authors' code of ECM
    and of BaS-Net.
    """
    low, high = (np.maximum(end(axis=1, keepdims=True), 0.0) for end in (values.min, values.max))
    scaled: Float64 = (values - low) / np.where(high > low, high - low, 1.0)
    return scaled


def stretch(values: Float64, length: int) -> Float64:
    """(R, T) `values` interpolated linearly to (R, `length`), as equal cells over the same time.

    A value is that at the centre of its cell. Before the first centre and after the last one, the values are theirs.
    """
    count = values.shape[1]
    places = (np.arange(length) + 0.5) * count / length - 0.5
    rows = [np.interp(places, np.arange(count), row) for row in values]
    return np.stack(rows) if rows else np.empty((0, length))
