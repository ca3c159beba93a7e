from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from untrim.localization.grouping import above_midrange, connected_components, likely_classes, sweep

# Few distinct values, so that thresholds meet them exactly and runs repeat.
sequences = arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 2.0])
)


def runs_by_hand(above: list[bool]) -> list[tuple[int, int]]:
    found, position = [], 0
    for inside, group in groupby(above):
        length = len(list(group))
        if inside:
            found.append((position, position + length))
        position += length
    return found


@given(sequences, st.integers(1, 4))
def test_connected_components(values: np.ndarray, min_length: int) -> None:
    expected = [
        (row, first, stop)
        for row, sequence in enumerate(values > 0)
        for first, stop in runs_by_hand(list(sequence))
        if stop - first >= min_length
    ]
    assert list(zip(*connected_components(values > 0, min_length), strict=True)) == expected


@given(sequences, st.lists(st.sampled_from([-2.0, 0.0, 0.1, 0.25, 0.3, 1.0, 9.0]), max_size=6), st.integers(1, 3))
def test_sweep_is_the_set_of_all_thresholds_runs(values: np.ndarray, thresholds: list[float], min_length: int) -> None:
    expected = {
        (row, first, stop)
        for threshold in thresholds
        for row, sequence in enumerate(values > threshold)
        for first, stop in runs_by_hand(list(sequence))
        if stop - first >= min_length
    }
    assert list(zip(*sweep(values, thresholds, min_length), strict=True)) == sorted(expected)


def test_sweep_of_no_rows() -> None:
    assert sweep(np.empty((0, 7)), [0.1, 0.2]).row.size == 0


@pytest.mark.parametrize(("values", "expected"), [([0.0, 1.0, 0.5, 0.6], [0, 1, 0, 1]), ([3.0, 3.0], [0, 0])])
def test_above_midrange(values: list[float], expected: list[int]) -> None:
    assert above_midrange(np.array([values])).astype(int).tolist() == [expected]


@pytest.mark.parametrize(("threshold", "expected"), [(0.1, [1, 1, 0]), (0.5, [1, 0, 0]), (0.9, [1, 0, 0])])
def test_likely_classes(threshold: float, expected: list[int]) -> None:
    assert likely_classes(np.array([0.7, 0.25, 0.05]), threshold).astype(int).tolist() == expected
