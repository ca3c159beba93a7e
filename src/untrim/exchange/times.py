"""Times as other tools write them: whole ticks of a clock, frames, and lanes in which nothing overlaps."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import count

from untrim.exchange.losses import Losses
from untrim.exchange.marks import LabelMark
from untrim.timeline import Segment
from untrim.video.frames import FrameTable

Span = tuple[int, int, LabelMark]
"""Start and end of a mark in whole ticks, mostly milliseconds."""


def span_of(mark: LabelMark) -> Segment:
    """The segment of a mark, in a format that holds nothing but segments."""
    assert isinstance(mark.time, Segment), mark
    return mark.time


def in_ticks(segment: Segment, losses: Losses, *, per_second: int = 1000, shortest: int = 0) -> tuple[int, int]:
    """Start and end in whole ticks from 0 on; what is lost is counted.

    Args:
        segment: In seconds.
        losses: Told of the rounding, of what begins before 0, and of what is lengthened.
        per_second: Ticks per second: 1000 are milliseconds.
        shortest: Ticks of the shortest segment that the format can hold.
    """
    if segment.start < 0:
        losses.lose("segment before 0 (cut there)", "segments before 0 (cut there)")
    cut = segment.clip(0.0, max(segment.end, 0.0))
    start, end = (round(per_second * seconds) for seconds in (cut.start, cut.end))
    losses.rounded(cut.start, start / per_second)
    if end - start < shortest:
        length = f"(now {1000 * shortest / per_second:g} ms long)"
        losses.lose(f"shorter segment {length}", f"shorter segments {length}")
        return start, start + shortest
    losses.rounded(cut.end, end / per_second)
    return start, end


def in_frames(segment: Segment, table: FrameTable, losses: Losses) -> range:
    """The frames that are shown in a segment, at least one; what is lost is counted."""
    frames = table.frames_of(segment)
    if not frames:
        losses.lose("shorter segment (now one frame)", "shorter segments (now one frame)")
        first = table.index_at((segment.start + segment.end) / 2)
        return range(first, first + 1)
    shown = table.segment_of(frames)
    losses.rounded(segment.start, shown.start)
    losses.rounded(segment.end, shown.end)
    return frames


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


def free_name(name: str, taken: set[str]) -> str:
    """`name`, or ``name#2`` and so on, the first that is not taken; it is, afterwards."""
    found = next(form for number in count(1) if (form := name if number == 1 else f"{name}#{number}") not in taken)
    taken.add(found)
    return found


def one_line(text: str, losses: Losses) -> str:
    """A text, not empty, without line breaks, tabs and other signs of control: each becomes a blank, and is counted."""
    controls = [sign for sign in text if unicodedata.category(sign) in ("Cc", "Zl", "Zp")]
    losses.lose("sign of control (now a blank)", "signs of control (now blanks)", len(controls))
    return text.translate({ord(sign): " " for sign in controls}).strip() or "\ufffd"
