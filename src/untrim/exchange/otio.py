"""OpenTimelineIO's timelines, and by its adapter EDL (CMX 3600), for video editors. Written, not read.

Every segment is a clip of one track, in the order of the videos and of time: a reel of what was found. A score is in
the clip's metadata, a label in its name and in a marker. Times are frames of the media at the rate of the first video.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from untrim.errors import UntrimError
from untrim.exchange.formats import Destination, Format
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import one_line, span_of
from untrim.support.extras import optional
from untrim.support.files import write_text

_TIMECODES = (Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 48, 50, Fraction(60000, 1001), 60)
_LIKE = 1e-3  # Rates that differ by less than this share are one: containers round 30000/1001.
_REEL = 8  # letters of the name of a reel in an EDL


def _write_otio(contents: Contents, target: Destination) -> Callable[[Path], None]:
    otio = optional("opentimelineio")
    rate = _rate(contents, target, exact=True)
    timeline = _timeline(otio, contents, rate, target)
    return partial(write_text, text=otio.adapters.write_to_string(timeline, "otio_json") + "\n")


def _write_edl(contents: Contents, target: Destination) -> Callable[[Path], None]:
    otio = optional("opentimelineio")
    if "cmx_3600" not in otio.adapters.available_adapter_names():
        raise UntrimError("otio-cmx3600-adapter is not installed", fix="pip install 'untrim[otio]'")
    rate = _rate(contents, target, exact=False)
    timeline = _timeline(otio, contents, rate, target)
    text: str = otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate)
    return partial(write_text, text=text)


def _rate(contents: Contents, target: Destination, *, exact: bool) -> float:
    """Frames per second of the timeline: those of its first video; for timecodes, one that they have."""
    name = next((mark.video for mark in contents.marks), None)
    if name is None:
        return 25.0
    rate = target.media.rate(name, contents.videos[name].fps, target.path)
    known = next((float(one) for one in _TIMECODES if abs(rate / float(one) - 1) < _LIKE), None)
    if known is None and not exact:
        target.notes.append(f"'{name}' has {rate:g} fps, which no timecode has: times are given at 25 fps")
    return known or (rate if exact else 25.0)


def _timeline(otio: Any, contents: Contents, rate: float, target: Destination) -> Any:
    timeline = otio.schema.Timeline(target.path.stem)
    timeline.global_start_time = otio.opentime.RationalTime(0, rate)
    track = otio.schema.Track("untrim", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for name, marks in contents.by_video().items():
        for mark in sorted(marks, key=lambda mark: (span_of(mark).start, span_of(mark).end)):
            track.append(_clip(otio, name, mark, rate, target))
    return timeline


def _clip(otio: Any, name: str, mark: LabelMark, rate: float, target: Destination) -> Any:
    segment = span_of(mark)
    if segment.start < 0:
        target.losses.lose("segment before 0 (cut there)", "segments before 0 (cut there)")
    ends = [round(max(seconds, 0.0) * rate) for seconds in (segment.start, segment.end)]
    target.losses.rounded(max(segment.start, 0.0), ends[0] / rate)
    if ends[1] <= ends[0]:
        target.losses.lose("shorter segment (now one frame)", "shorter segments (now one frame)")
        ends[1] = ends[0] + 1
    else:
        target.losses.rounded(segment.end, ends[1] / rate)
    times = otio.opentime.TimeRange(
        otio.opentime.RationalTime(ends[0], rate), otio.opentime.RationalTime(ends[1] - ends[0], rate)
    )
    label = one_line(mark.label, target.losses)
    file = target.media.files.get(name)
    media = otio.schema.ExternalReference(target_url=name if file is None else file.absolute().as_uri())
    if (measured := target.media.measured(name)) is not None:
        end = (measured.table.offset + measured.table.end) * rate
        media.available_range = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(max(round(end), ends[1]), rate)
        )
    about = {"video": name, "label": mark.label} | ({} if mark.score is None else {"score": mark.score})
    clip = otio.schema.Clip(label, media, times, {"untrim": about, "cmx_3600": {"reel": _reel(name)}})
    clip.markers.append(otio.schema.Marker(label, times, otio.schema.MarkerColor.GREEN))
    return clip


def _reel(name: str) -> str:
    """Eight letters that stand for a video: the first of its name, and a digest where that is longer."""
    plain = re.sub(r"[^A-Za-z0-9]", "", name).upper()
    if plain == name and len(plain) <= _REEL:
        return plain
    return plain[:4] + hashlib.blake2b(name.encode(), digest_size=2).hexdigest().upper()


OTIO = Format(
    name="otio",
    title="OpenTimelineIO",
    endings=(".otio",),
    holds=frozenset({"scores"}),
    recognises=lambda source: isinstance(source.json, dict) and "OTIO_SCHEMA" in source.json,
    write=_write_otio,
    media_times=True,
)
EDL = Format(
    name="edl",
    title="EDL",
    endings=(".edl",),
    holds=frozenset(),
    recognises=lambda source: source.text.startswith("TITLE:"),
    write=_write_edl,
    media_times=True,
)
