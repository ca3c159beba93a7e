"""What is known of each snippet of a video: where a class happens, where it does not, and where nobody said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from untrim.annotations import Video
from untrim.errors import UntrimError
from untrim.features.lasting import slack
from untrim.support.array_types import Float32, Int64
from untrim.timeline import Segment, SnippetGrid


def tells_times(video: Video) -> bool:
    """Whether something is known of single snippets: a segment, right or rejected, a point, or that all of a class are
    marked."""
    return bool(video.instances or video.points or video.rejected or video.exhaustive)


def snippet_labels(
    video: Video, grid: SnippetGrid, count: int, class_names: Sequence[str], *, all_marked: bool = False
) -> tuple[Float32, Float32]:
    """What is known of each of the `count` snippets of a video.

    A class happens in the snippets whose centres are in its segments, and in the snippet of a point. A segment between
    two centres has the snippet of its middle. A class does not happen elsewhere where all its instances are marked;
    then a point outside of all of them is a slip, and does not count. Nor does it happen in what was rejected, but
    where that overlaps with what is right.

    Args:
        video: The video.
        grid: When its snippets are.
        count: How many it has, T.
        class_names: The classes, in order.
        all_marked: Whether the instances are all that there are, of every class, whatever the video says.

    Returns:
        Whether each class happens, (T, C) in {0, 1}, and whether that is known, likewise.
    """
    columns = {label: column for column, label in enumerate(class_names)}
    whole = [all_marked or video.is_exhaustive(label) for label in class_names]
    happens = np.zeros((count, len(class_names)), dtype=np.float32)
    for instance in video.instances:
        snippets = _covered(instance.segment, grid, count)
        happens[snippets.start : snippets.stop, columns[instance.label]] = 1
    for point in video.points:
        if not whole[columns[point.label]]:
            happens[point_snippet(point.time, grid, count), columns[point.label]] = 1
    known = np.maximum(happens, np.array(whole, dtype=np.float32))
    for instance in video.rejected:
        if instance.label in columns:
            snippets = _covered(instance.segment, grid, count)
            known[snippets.start : snippets.stop, columns[instance.label]] = 1
    return happens, known


def _covered(segment: Segment, grid: SnippetGrid, count: int) -> range:
    """The snippets whose centres are in a segment; that of its middle, where it is between two centres."""
    snippets = grid.snippets(segment, count)
    middle = grid.index((segment.start + segment.end) / 2)
    return snippets if snippets or not 0 <= middle < count else range(middle, middle + 1)


def marked_snippets(video: Video, grid: SnippetGrid, count: int) -> Int64:
    """One snippet per point and per segment, right or rejected: its middle, among the first `count`; ascending, each
    once."""
    times = [point.time for point in video.points]
    times += [(i.segment.start + i.segment.end) / 2 for i in (*video.instances, *video.rejected)]
    return np.unique(np.array([point_snippet(time, grid, count) for time in times], dtype=np.int64))


def point_snippet(time: float, grid: SnippetGrid, count: int) -> int:
    """The snippet of a moment; the first or the last one for what lies a little outside of them."""
    return min(max(grid.index(time), 0), count - 1)


def check_times(video: Video, grid: SnippetGrid, count: int, where: object = None) -> None:
    """Refuse times that the features do not reach: points, and segments of which no part is in the video.

    Args:
        video: The video.
        grid: When its snippets are.
        count: How many it has.
        where: The file that says so, for the message.

    Raises:
        UntrimError: There is one.
    """
    end = grid.boundary(count)
    latest = end + slack(grid, end)
    outside = [(f"a point of '{one.label}'", f"{one.time:g}") for one in video.points if one.time > latest]
    outside += [
        (f"a segment of '{one.label}'", f"{one.segment.start:g} to {one.segment.end:g}")
        for one in (*video.instances, *video.rejected)
        if one.segment.start > latest or one.segment.end < 0
    ]
    if outside:
        what, when = outside[0]
        what = f"{what} in '{video.name}' is at {when} s; its features end at {end:g} s"
        raise UntrimError(what, where=where, fix="see whether times and features are of the same file")
