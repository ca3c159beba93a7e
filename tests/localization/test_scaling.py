import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from untrim.localization.scaling import positive_range, stretch, unit_range

sequences = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 9)), elements=st.floats(-8, 8, width=16))


@given(sequences)
def test_both_ranges_by_hand(values: np.ndarray) -> None:
    for row, full, positive in zip(values.tolist(), unit_range(values), positive_range(values), strict=True):
        low, high = min(row), max(row)
        assert full.tolist() == pytest.approx([(v - low) / (high - low) if high > low else 1.0 for v in row])
        low, high = max(low, 0.0), max(high, 0.0)
        assert positive.tolist() == pytest.approx([(v - low) / (high - low if high > low else 1.0) for v in row])


@given(sequences, st.integers(1, 40))
def test_stretching_is_linear_between_the_centres_of_cells(values: np.ndarray, length: int) -> None:
    count = values.shape[1]
    expected = np.empty((len(values), length))
    for row, sequence in enumerate(values.tolist()):
        for step in range(length):
            place = min(max((step + 0.5) * count / length - 0.5, 0), count - 1)
            before = min(int(place), max(count - 2, 0))
            after = min(before + 1, count - 1)
            expected[row, step] = sequence[before] + (place - before) * (sequence[after] - sequence[before])
    np.testing.assert_allclose(stretch(values, length), expected, atol=1e-12)


def test_stretching_is_that_of_opencv() -> None:
    """The authors of ECM interpolate with it, in single precision."""
    values = np.random.default_rng(0).normal(size=(2, 23))
    expected = [
        cv2.resize(row[None].astype(np.float32), (23 * 16, 1), interpolation=cv2.INTER_LINEAR)[0] for row in values
    ]
    np.testing.assert_allclose(stretch(values, 23 * 16), expected, atol=1e-5)


def test_no_rows() -> None:
    assert stretch(np.empty((0, 4)), 12).shape == (0, 12)
