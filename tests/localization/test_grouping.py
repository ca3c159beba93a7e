from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from untrim.localization.grouping import above_midrange, connected_components, likely_classes, maximal_runs, sweep

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


@given(
    sequences,
    st.lists(st.sampled_from([-2.0, 0.0, 0.1, 0.25, 0.3, 1.0, 9.0]), max_size=6),
    st.integers(1, 3),
    st.booleans(),
)
def test_sweep_is_the_set_of_all_thresholds_runs(
    values: np.ndarray, thresholds: list[float], min_length: int, inclusive: bool
) -> None:
    expected = {
        (row, first, stop)
        for threshold in thresholds
        for row, sequence in enumerate(values >= threshold if inclusive else values > threshold)
        for first, stop in runs_by_hand(list(sequence))
        if stop - first >= min_length
    }
    assert list(zip(*sweep(values, thresholds, min_length, inclusive=inclusive), strict=True)) == sorted(expected)


def test_sweep_of_no_rows() -> None:
    assert sweep(np.empty((0, 7)), [0.1, 0.2]).row.size == 0


@pytest.mark.parametrize(("values", "expected"), [([0.0, 1.0, 0.5, 0.6], [0, 1, 0, 1]), ([3.0, 3.0], [0, 0])])
def test_above_midrange(values: list[float], expected: list[int]) -> None:
    assert above_midrange(np.array([values])).astype(int).tolist() == [expected]


@pytest.mark.parametrize(("threshold", "expected"), [(0.1, [1, 1, 0]), (0.5, [1, 0, 0]), (0.9, [1, 0, 0])])
def test_likely_classes(threshold: float, expected: list[int]) -> None:
    p = np.array([0.7, 0.25, 0.05])
    assert likely_classes(p, threshold).astype(int).tolist() == expected
    assert likely_classes(p, threshold, fallback=False).astype(int).tolist() == (
        [0] * 3 if threshold == 0.9 else expected
    )


def is_best(sequence: list[float], first: int, stop: int) -> bool:
    """Whether every shorter run that begins or ends with this one has a smaller sum: the paper's first property."""
    starts = all(sum(sequence[first:k]) > 0 for k in range(first + 1, stop + 1))
    return starts and all(sum(sequence[k:stop]) > 0 for k in range(first, stop))


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 2), st.integers(1, 9)),
        elements=st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]),
    )
)
def test_maximal_runs_are_those_of_the_definition(values: np.ndarray) -> None:
    expected = []
    for row, line in enumerate(values):
        length = len(line)
        best = [(a, b) for a in range(length) for b in range(a + 1, length + 1) if is_best(list(line), a, b)]
        expected += [(row, a, b) for a, b in best if not any(c <= a and b <= d and (a, b) != (c, d) for c, d in best)]
    assert sorted(zip(*maximal_runs(values), strict=True)) == sorted(expected)


def test_a_gap_lies_in_a_run_if_both_sides_outweigh_it() -> None:
    first, stop = maximal_runs(np.array([[2.0, -1.0, 2.0, -3.0, 1.0]]))[1:]
    assert (first.tolist(), stop.tolist()) == ([0, 4], [3, 5])
    assert [len(part) for part in maximal_runs(np.full((3, 4), -1.0))] == [0, 0, 0]
