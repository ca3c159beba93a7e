"""Times as other tools write them: whole milliseconds, and lanes in which nothing overlaps."""

from __future__ import annotations

from collections.abc import Iterable

from untrim.exchange.losses import Losses
from untrim.exchange.marks import LabelMark
from untrim.timeline import Segment

Span = tuple[int, int, LabelMark]
"""Start and end of a mark in whole milliseconds."""


def span_of(mark: LabelMark) -> Segment:
    """The segment of a mark, in a format that holds nothing but segments."""
    assert isinstance(mark.time, Segment), mark
    return mark.time


def in_milliseconds(segment: Segment, losses: Losses, *, shortest: int = 0) -> tuple[int, int]:
    """Start and end in whole milliseconds from 0 on; what is lost is counted.

    Args:
        segment: In seconds.
        losses: Told of the rounding, of what begins before 0, and of what is lengthened.
        shortest: The least length in milliseconds that the format can hold.
    """
    if segment.start < 0:
        losses.lose("segment before 0 (cut there)", "segments before 0 (cut there)")
    cut = segment.clip(0.0, max(segment.end, 0.0))
    start, end = (round(1000 * seconds) for seconds in (cut.start, cut.end))
    losses.rounded(cut.start, start / 1000)
    if end - start < shortest:
        length = f"(now {shortest} ms long)"
        losses.lose(f"shorter segment {length}", f"shorter segments {length}")
        return start, start + shortest
    losses.rounded(cut.end, end / 1000)
    return start, end


def lanes(spans: Iterable[Span]) -> list[list[Span]]:
    """Spans of time in as few lanes as possible, so that those of one lane do not overlap, in the order of time."""
    found: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: span[:2]):
        lane = next((lane for lane in found if lane[-1][1] <= span[0]), None)
        if lane is None:
            found.append([span])
        else:
            lane.append(span)
    return found
