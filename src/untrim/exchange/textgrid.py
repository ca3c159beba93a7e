"""Praat's TextGrid (https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html), one file per video.

A class is a tier of intervals; what overlaps goes to a tier ``run#2``; points go to a tier of points. The text is the
label. Times are seconds of the media.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from untrim.annotations import Video
from untrim.errors import UntrimError
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import Span, free_name, in_ticks, lanes, one_line
from untrim.support.files import write_text
from untrim.timeline import LONGEST, Segment

_MICROSECONDS = 1_000_000
_SHORTEST = 1000  # Praat has no intervals without length: they become a millisecond.
# Strings, numbers and flags count; names of values and numbers in brackets are there for people.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|\[\s*\d*\s*\]|(?<![\w.])([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![\w.])|<(\w+)>')


class _Tokens:
    """The values of a file, one after the other."""

    def __init__(self, source: ForeignFile) -> None:
        self._path = source.path
        found = (match.groups() for match in _TOKEN.finditer(source.text) if any(g is not None for g in match.groups()))
        self._values: Iterator[tuple[str | None, ...]] = found

    def text(self) -> str:
        """The next value, a string."""
        value = next(self._values, (None,) * 3)[0]
        if value is None:
            raise UntrimError("is damaged: a text is missing", where=self._path)
        return value.replace('""', '"')

    def number(self) -> float:
        """The next value, a time or a count."""
        value = next(self._values, (None,) * 3)[1]
        if value is None or not 0 <= (found := float(value)) <= LONGEST:
            raise UntrimError(f"is damaged: wanted a number from 0, found {value!r:.40}", where=self._path)
        return found

    def there(self) -> bool:
        """The next value: whether there are tiers."""
        return next(self._values, (None,) * 3)[2] == "exists"


def _read(source: ForeignFile) -> Contents:
    video, tokens, marks = source.video(None), _Tokens(source), []
    if tokens.text() != "ooTextFile" or tokens.text() != "TextGrid":
        raise UntrimError("is no text file of a TextGrid", where=source.path, fix="save it in Praat as a text file")
    tokens.number(), tokens.number()
    for _ in range(int(tokens.number()) if tokens.there() else 0):
        kind, _ = tokens.text(), tokens.text()
        if kind not in ("IntervalTier", "TextTier"):
            raise UntrimError(f"holds a tier of kind {kind!r:.40}", where=source.path)
        tokens.number(), tokens.number()
        for _ in range(int(tokens.number())):
            start = tokens.number()
            end = tokens.number() if kind == "IntervalTier" else start
            label = " ".join(tokens.text().split("\n")).strip()
            if start > end:
                raise UntrimError(f"an interval ends before it starts: {start:g} > {end:g}", where=source.path)
            if label:
                marks.append(LabelMark(video, label, Segment(start, end) if kind == "IntervalTier" else start))
    return Contents.gathered(marks, [Video(video)], source=source.path)


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    (video,) = contents.videos
    tiers = list(_tiers(contents.marks, target))
    known = contents.videos[video].duration
    end = max(
        [round(_MICROSECONDS * (target.media.offset(video) + known)) if known else _MICROSECONDS]
        + [span[1] for _, _, own in tiers for span in own]
    )
    tiers = tiers or [("IntervalTier", "actions", [])]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(end)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (kind, name, own) in enumerate(tiers, 1):
        lines += [f"    item [{number}]:", f'        class = "{kind}"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {_seconds(end)}"]
        lines += _points(own, target) if kind == "TextTier" else _intervals(own, end, target)
    return partial(write_text, text="\n".join([*lines, ""]))


def _intervals(own: list[Span], end: int, target: Destination) -> list[str]:
    """The intervals of a tier, which fill all of the time: those between marks have no text."""
    rows, before = [], 0
    for start, stop, mark in own:
        rows += [(before, start, "")] if start > before else []
        rows.append((start, stop, one_line(mark.label, target.losses)))
        before = stop
    rows += [(before, end, "")] if end > before else []
    lines = [f"        intervals: size = {len(rows)}"]
    for number, (start, stop, text) in enumerate(rows, 1):
        lines += [f"        intervals [{number}]:", f"            xmin = {_seconds(start)}"]
        lines += [f"            xmax = {_seconds(stop)}", f"            text = {_quoted(text)}"]
    return lines


def _points(own: list[Span], target: Destination) -> list[str]:
    lines = [f"        points: size = {len(own)}"]
    for number, (time, _, mark) in enumerate(own, 1):
        text = _quoted(one_line(mark.label, target.losses))
        lines += [f"        points [{number}]:", f"            number = {_seconds(time)}", f"            mark = {text}"]
    return lines


def _tiers(marks: tuple[LabelMark, ...], target: Destination) -> Iterator[tuple[str, str, list[Span]]]:
    """Kind, name and marks of each tier; in none of them marks overlap."""
    taken: set[str] = set()
    for label in sorted({mark.label for mark in marks}):
        name, own = " ".join(label.split()), [mark for mark in marks if mark.label == label]
        segments: list[Span] = []
        points: list[Span] = []
        for mark in own:
            segment = mark.time if isinstance(mark.time, Segment) else Segment(mark.time or 0.0, mark.time or 0.0)
            timed, shortest = isinstance(mark.time, Segment), _SHORTEST if isinstance(mark.time, Segment) else 0
            ticks = in_ticks(segment, target.losses, per_second=_MICROSECONDS, shortest=shortest)
            (segments if timed else points).append((*ticks, mark))
        for lane in lanes(segments):
            yield "IntervalTier", free_name(name, taken), lane
        for lane in _apart(points):
            yield "TextTier", free_name(f"{name} (points)", taken), lane


def _apart(points: list[Span]) -> list[list[Span]]:
    """Points in lanes: two at one time are in different ones."""
    found: list[list[Span]] = []
    for point in sorted(points, key=lambda point: point[0]):
        lane = next((lane for lane in found if lane[-1][0] < point[0]), None)
        if lane is None:
            found.append([point])
        else:
            lane.append(point)
    return found


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _seconds(ticks: int) -> str:
    return f"{ticks / _MICROSECONDS:.6f}"


TEXTGRID = Format(
    name="textgrid",
    title="Praat TextGrid",
    endings=(".textgrid",),
    holds=frozenset({"points"}),
    recognises=lambda source: '"ooTextFile"' in source.text[:200] and '"TextGrid"' in source.text[:200],
    read=_read,
    write=_write,
    per_video=True,
    media_times=True,
)
