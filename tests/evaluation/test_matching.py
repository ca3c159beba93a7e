import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.evaluation import matching
from untrim.evaluation.matching import match, overlapping, tiou
from untrim.timeline import Segment

# A coarse grid makes equal overlaps, empty segments and crowded instances common.
spans = st.tuples(st.integers(0, 12), st.integers(0, 8)).map(lambda pair: (pair[0] / 2, (pair[0] + pair[1]) / 2))
rows = st.lists(st.tuples(st.integers(0, 2), spans), max_size=14)


def columns(entries: list[tuple[int, tuple[float, float]]]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([group for group, _ in entries], dtype=np.intp),
        np.array([span for _, span in entries], dtype=np.float64).reshape(-1, 2),
    )


def one_by_one(found: list, truth: list, threshold: float, prefer: str) -> list[int]:
    """Serve detections in turn, as one would write it down."""
    taken: set[int] = set()
    result = []
    for group, (start, end) in found:
        choices = [
            (overlap if prefer == "overlap" else 0.0, j if prefer == "overlap" else -j)
            for j, (other, (first, last)) in enumerate(truth)
            if other == group and j not in taken
            for overlap in [Segment(start, end).tiou(Segment(first, last))]
            if overlap >= threshold and overlap > 0
        ]
        best = abs(max(choices)[1]) if choices else -1
        taken.add(best)
        result.append(best)
    return result


@given(rows, rows, st.sampled_from(["overlap", "order"]))
@settings(max_examples=300)
def test_matches_as_serving_one_by_one(found: list, truth: list, prefer: str) -> None:
    thresholds = np.array([0.1, 0.3, 0.5, 2 / 3, 1.0])
    matched = match(*columns(found), *columns(truth), thresholds, prefer)  # type: ignore[arg-type]
    assert matched.tolist() == [one_by_one(found, truth, threshold, prefer) for threshold in thresholds]


@given(rows, rows)
def test_blocks_change_nothing(found: list, truth: list) -> None:
    whole = overlapping(*columns(found), *columns(truth))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_BLOCK", 3)
        parts = overlapping(*columns(found), *columns(truth))
    for column in ("detection", "instance", "overlap"):
        assert np.array_equal(getattr(whole, column), getattr(parts, column))


@given(spans, spans)
def test_tiou_is_the_segments_own(one: tuple[float, float], other: tuple[float, float]) -> None:
    ends = [np.array([value]) for value in (*one, *other)]
    assert tiou(*ends)[0] == Segment(*one).tiou(Segment(*other)) == tiou(*ends[2:], *ends[:2])[0]


def test_a_chain_of_displacements() -> None:
    """Each detection likes the instance of the one before it best: 200 in a row must fall through."""
    count = 200
    start = np.arange(count) * 1.0
    truth = np.stack([start, start + 10], axis=1)
    found = np.stack([start + 0.4, start + 10.4], axis=1)[::-1]
    order = np.concatenate([found, found])
    zeros = np.zeros(2 * count, dtype=np.intp)
    matched = match(zeros, order, zeros[:count], truth, np.array([0.5]))[0]
    entries = [(0, tuple(span)) for span in order.tolist()]
    assert matched.tolist() == one_by_one(entries, [(0, tuple(span)) for span in truth.tolist()], 0.5, "overlap")
    assert (matched >= 0).sum() > count / 2
