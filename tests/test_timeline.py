import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from untrim.errors import UntrimError
from untrim.timeline import Detection, Instance, Segment, SnippetGrid

times = st.floats(-1e4, 1e4)
segments = st.tuples(times, times).map(lambda ends: Segment(min(ends), max(ends)))
grids = st.builds(
    SnippetGrid,
    snippet_frames=st.integers(1, 64),
    stride_frames=st.integers(1, 64),
    fps=st.floats(1, 120),
    first_center_seconds=st.floats(0, 10),
)


@given(segments, segments)
def test_tiou_is_symmetric_and_bounded(a: Segment, b: Segment) -> None:
    assert a.tiou(b) == b.tiou(a)
    assert 0 <= a.tiou(b) <= 1
    assert a.duration == 0 or a.tiou(a) == 1


def test_tiou_by_hand() -> None:
    assert Segment(0, 4).tiou(Segment(2, 6)) == pytest.approx(1 / 3)
    assert Segment(0, 1).tiou(Segment(1, 2)) == 0
    assert Segment(1, 1).tiou(Segment(1, 1)) == 0


@given(segments, times, times)
def test_clip_stays_inside(segment: Segment, a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    clipped = segment.clip(low, high)
    assert low <= clipped.start <= clipped.end <= high
    assert clipped.intersection(segment) == pytest.approx(segment.intersection(Segment(low, high)))


@pytest.mark.parametrize("ends", [(2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_impossible_segments_are_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(UntrimError):
        Segment(*ends)


def test_values_are_frozen() -> None:
    for value in (Segment(0, 1), Instance("a", Segment(0, 1)), Detection("a", Segment(0, 1), 0.5)):
        with pytest.raises(AttributeError):
            setattr(value, next(iter(value.__slots__)), "other")


@given(grids, st.integers(0, 5000))
def test_center_and_index_are_inverse(grid: SnippetGrid, index: int) -> None:
    assert grid.index(grid.center(index)) == index


@given(grids, st.integers(1, 500), st.integers(1, 5000))
def test_a_resampled_grid_covers_the_same_time(grid: SnippetGrid, count: int, length: int) -> None:
    finer = grid.resampled(count, length)
    assert finer.boundary(0) == pytest.approx(grid.boundary(0), abs=1e-6)
    assert finer.boundary(length) == pytest.approx(grid.boundary(count), abs=1e-6)
    assert grid.resampled(count, count) is grid


@given(grids, st.floats(0, 1e4))
def test_a_time_lies_in_the_cell_of_its_index(grid: SnippetGrid, seconds: float) -> None:
    index = grid.index(seconds)
    assert grid.boundary(index) <= seconds < grid.boundary(index + 1)


@given(grids, st.integers(0, 300), st.integers(1, 300))
def test_runs_of_snippets_come_back_from_their_segment(grid: SnippetGrid, first: int, length: int) -> None:
    found = grid.segment(first, first + length)
    assume(found.duration > 0.5 * grid.stride_seconds * length)  # cells before time 0 are cut off
    inside = grid.snippets(found, first + length)
    assert inside == range(first, first + length)


@given(grids, st.integers(0, 300), st.integers(1, 300), st.floats(0, 500))
def test_segments_stay_inside_the_video(grid: SnippetGrid, first: int, length: int, duration: float) -> None:
    found = grid.segment(first, first + length, duration)
    assert 0 <= found.start <= found.end <= duration


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 5000))
def test_count_covers_the_video_with_no_empty_snippet(snippet: int, stride: int, frames: int) -> None:
    grid = SnippetGrid.regular(snippet, stride, 25)
    count = grid.count(frames)
    assert grid.frames(count - 1).start < frames  # the last one may be partial, but is not empty
    covered = {frame for index in range(count) for frame in grid.frames(index)}
    assert stride > snippet or set(range(frames)) <= covered


def test_count_by_hand() -> None:
    grid = SnippetGrid.regular(16, 16, 25)
    assert [grid.count(n) for n in (1, 15, 16, 17, 32, 33)] == [1, 1, 1, 2, 2, 3]
    overlapping = SnippetGrid.regular(16, 8, 25)
    assert [overlapping.count(n) for n in (16, 17, 24, 25)] == [1, 2, 2, 3]
    assert SnippetGrid.regular(16, 32, 25).count(20) == 1
    assert grid.count(0) == 1


def test_regular_grid_in_seconds() -> None:
    grid = SnippetGrid.regular(16, 16, 25)
    assert grid.center(0) == 0.32
    assert grid.segment(0, 3) == Segment(0.0, grid.boundary(3))
    assert grid.boundary(3) == pytest.approx(1.92)
    assert grid.snippets(Segment(0.64, 1.92), 10) == range(1, 3)
    assert grid.snippets(Segment(0.64, 1.92), 2) == range(1, 2)


@pytest.mark.parametrize(
    "values", [(0, 1, 25, 0), (1, 0, 25, 0), (1, 1, 0, 0), (1, 1, math.nan, 0), (1, 1, 25, math.inf)]
)
def test_impossible_grids_are_refused(values: tuple[int, int, float, float]) -> None:
    with pytest.raises(UntrimError):
        SnippetGrid(*values)
