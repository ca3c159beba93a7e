"""Subtitles, which every player shows: WebVTT (https://www.w3.org/TR/webvtt1/) and SRT, one file per video.

A cue is a segment, its text the label. Times are whole milliseconds of the media.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from untrim.annotations import Video
from untrim.errors import Place, UntrimError
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import Span, in_ticks, one_line, span_of
from untrim.support.files import write_text
from untrim.timeline import Segment

_TIME = r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(\s.*)?")
_TAG = re.compile(r"<[^<>]*>")


def _read_vtt(source: ForeignFile) -> Contents:
    if not _is_vtt(source):
        raise UntrimError("does not begin with WEBVTT", where=source.path)
    return _read(source, lambda text: html.unescape(_TAG.sub("", text)))


def _read_srt(source: ForeignFile) -> Contents:
    return _read(source, str)


def _read(source: ForeignFile, plain: Callable[[str], str]) -> Contents:
    """The cues: a line of times, and lines of text up to an empty one. What comes before the times is passed over."""
    video, marks = source.video(None), []
    lines = source.text.split("\n")
    for number, line in enumerate(lines, 1):
        if "-->" not in line or (number > 1 and _TIMES.fullmatch(lines[number - 2])):
            continue  # No times, or the text of a cue whose times are in the line before.
        place = Place(source.path, number)
        if (found := _TIMES.fullmatch(line)) is None:
            raise UntrimError(f"no times: {line!r:.60}", where=place, fix="write 00:01:02.345 --> 00:01:03.456")
        start, end = _seconds(found.groups()[:4], place), _seconds(found.groups()[4:8], place)
        if start > end:
            raise UntrimError(f"ends before it starts: {line!r:.60}", where=place)
        rest = lines[number:]
        text = rest[: rest.index("")] if "" in rest else rest
        if not (label := plain(" ".join(text)).strip()):
            raise UntrimError("has no text", where=place, fix="write the label in the next line")
        marks.append(LabelMark(video, label, Segment(start, end)))
    return Contents.gathered(marks, [Video(video)], source=source.path)


def _seconds(parts: tuple[str | None, ...], place: Place) -> float:
    hours, minutes, seconds, fraction = parts
    if int(minutes or 0) > 59 or int(seconds or 0) > 59:
        raise UntrimError("a time has more than 59 minutes or seconds", where=place)
    whole = 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds or 0)
    return (1000 * whole + int((fraction or "0").ljust(3, "0"))) / 1000


def _write_vtt(contents: Contents, target: Destination) -> Callable[[Path], None]:
    cues = []
    for start, end, mark in _spans(contents, target):
        text = html.escape(one_line(mark.label, target.losses), quote=False)
        cues.append(f"{_clock(start, '.')} --> {_clock(end, '.')}\n{text}\n")
    return partial(write_text, text="\n".join(["WEBVTT\n", *cues]))


def _write_srt(contents: Contents, target: Destination) -> Callable[[Path], None]:
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{one_line(mark.label, target.losses)}\n"
        for number, (start, end, mark) in enumerate(_spans(contents, target), 1)
    ]
    return partial(write_text, text="\n".join(cues))


def _spans(contents: Contents, target: Destination) -> list[Span]:
    spans = [(*in_ticks(span_of(mark), target.losses, shortest=1), mark) for mark in contents.marks]
    return sorted(spans, key=lambda span: span[:2])


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def _is_vtt(source: ForeignFile) -> bool:
    return re.match(r"WEBVTT(\s|$)", source.text) is not None


WEBVTT = Format(
    name="webvtt",
    title="WebVTT",
    endings=(".vtt",),
    holds=frozenset(),
    recognises=_is_vtt,
    read=_read_vtt,
    write=_write_vtt,
    per_video=True,
    media_times=True,
)
SRT = Format(
    name="srt",
    title="SRT",
    endings=(".srt",),
    holds=frozenset(),
    recognises=lambda source: re.match(rf"\s*\d+\s*\n{_TIME}\s*-->", source.text) is not None,
    read=_read_srt,
    write=_write_srt,
    per_video=True,
    media_times=True,
)
