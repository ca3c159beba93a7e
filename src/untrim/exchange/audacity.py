"""Audacity's label tracks, one file per video (https://manual.audacityteam.org/man/importing_and_exporting_labels.html).

Each line is ``start, end, label`` between tabs, in seconds of the media. A label without length is a point.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from untrim.annotations import Video
from untrim.annotations.parsing import number
from untrim.errors import Place, UntrimError
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import in_ticks, one_line
from untrim.support.files import write_text
from untrim.timeline import Segment

_MICROSECONDS = 1_000_000
_ROW = re.compile(r"-?\d+[.,]?\d*\t-?\d+[.,]?\d*(\t|$)", re.MULTILINE)


def _read(source: ForeignFile) -> Contents:
    video, marks = source.video(None), []
    for line, row in enumerate(source.text.split("\n"), 1):
        if not row.strip() or row.startswith("\\"):  # The latter: which frequencies the label above is about.
            continue
        cells, place = row.split("\t"), Place(source.path, line)
        if len(cells) < 2:
            raise UntrimError(f"needs start, end and label between tabs, found {row!r:.60}", where=place)
        start, end = (number(cell, place, what) for cell, what in zip(cells, ("start", "end"), strict=False))
        label = " ".join(cells[2:]).strip()
        if not label:
            raise UntrimError("has no label", where=place, fix="name it, or remove the row")
        if not 0 <= start <= end:
            raise UntrimError(f"is from {start:g} to {end:g} s, wanted 0 <= start <= end", where=place)
        marks.append(LabelMark(video, label, Segment(start, end) if start < end else start))
    return Contents.gathered(marks, [Video(video)], source=source.path)


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    rows = []
    for mark in contents.marks:
        segment = mark.time if isinstance(mark.time, Segment) else Segment(mark.time or 0.0, mark.time or 0.0)
        start, end = in_ticks(segment, target.losses, per_second=_MICROSECONDS)
        if start == end and isinstance(mark.time, Segment):
            target.losses.lose("segment without length (now a point)", "segments without length (now points)")
        rows.append((start, end, one_line(mark.label, target.losses)))
    times = [f"{start / _MICROSECONDS:.6f}\t{end / _MICROSECONDS:.6f}\t{label}\n" for start, end, label in sorted(rows)]
    return partial(write_text, text="".join(times))


AUDACITY = Format(
    name="audacity",
    title="Audacity labels",
    endings=(".txt",),
    holds=frozenset({"points"}),
    recognises=lambda source: _ROW.match(source.text) is not None,
    read=_read,
    write=_write,
    per_video=True,
    media_times=True,
)
