"""Marks between two clocks: seconds from the first picture, which are untrim's, and the media seconds of players."""

from __future__ import annotations

from dataclasses import replace

from untrim.annotations import Video
from untrim.errors import listing, numbered
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.media import Media, moved
from untrim.features.source_files import durations_differ
from untrim.features.store import VideoInfo
from untrim.timeline import Segment

_BARELY = 1e-3  # seconds: what ends so little before the first picture was rounded


def from_media_seconds(contents: Contents, media: Media) -> Contents:
    """Marks in media seconds, in seconds from the first picture.

    What begins before the first picture begins with it. What ends before it keeps its label and loses its time.
    A class of which all instances are marked, and all end before that, does not happen.
    """
    marks: list[LabelMark] = []
    late: dict[str, str] = {}
    videos, gone = {}, 0
    for name, own in contents.by_video().items():
        offset, videos[name] = media.offset(name), contents.videos[name]
        if offset:
            before = len(own)
            own, lost = _of_pictures(own, videos[name], offset)
            gone += lost
            spans = (span for span in videos[name].ambiguous if span.end > offset)
            videos[name] = replace(videos[name], ambiguous=tuple(_cut(moved(span, -offset)) for span in spans))
            if before:
                late[name] = f"{name} {offset:.2f} s"
        marks += own
    notes = list(contents.notes)
    if late:
        count = numbered(len(late), "video", "videos")
        notes.append(f"times of {count} now count from the first picture, later in a player: {listing(late.values())}")
    if gone:
        ends = numbered(gone, "instance ends", "instances end")
        notes.append(f"{ends} before the first picture: the label stays, without times")
    return replace(contents, marks=tuple(marks), videos=videos, notes=tuple(notes))


def to_media_seconds(contents: Contents, media: Media) -> Contents:
    """Marks in seconds from the first picture, in media seconds, which a player shows."""
    offsets = {name: media.offset(name) for name in contents.videos}
    marks = [_later(mark, offsets[mark.video]) for mark in contents.marks]
    late = [name for name, offset in offsets.items() if offset]
    videos = {
        name: replace(video, ambiguous=tuple(moved(span, offsets[name]) for span in video.ambiguous))
        for name, video in contents.videos.items()
    }
    notes = list(contents.notes)
    if late:
        named = listing(f"{name} {offsets[name]:.2f} s" for name in late)
        notes.append(
            f"times of {numbered(len(late), 'video', 'videos')} are a player's, whose pictures begin late: {named}"
        )
    return replace(contents, marks=tuple(marks), videos=videos, notes=tuple(notes))


def measured(contents: Contents, media: Media) -> Contents:
    """The same marks; durations and frames per second are those of the video files, where there are files."""
    videos = dict(contents.videos)
    differ = []
    for name, video in videos.items():
        if (found := media.measured(name)) is not None:
            info = VideoInfo(duration=found.table.end, offset_seconds=found.table.offset)
            if video.duration and durations_differ(video.duration, info):
                differ.append(f"{name} {found.table.end:.4g} s, not {video.duration:.4g} s")
            videos[name] = replace(video, duration=found.table.end, fps=found.fps)
    notes = list(contents.notes)
    if differ:
        count = numbered(len(differ), "video", "videos")
        notes.append(f"{count} last longer or shorter than the labels say: {listing(differ)}")
    return replace(contents, videos=videos, notes=tuple(notes))


def _of_pictures(marks: list[LabelMark], video: Video, offset: float) -> tuple[list[LabelMark], int]:
    """Marks of a video in seconds from its first picture, and how many lost their time."""
    kept, lost = [], []
    for mark in marks:
        end = mark.time.end if isinstance(mark.time, Segment) else mark.time
        if end is None:
            kept.append(mark)
        elif end <= offset - _BARELY:
            lost.append(mark)
        elif isinstance(mark.time, Segment):
            kept.append(replace(mark, time=_cut(moved(mark.time, -offset))))
        else:
            kept.append(replace(mark, time=max(0.0, end - offset)))
    there = {mark.label for mark in kept}
    left = [replace(mark, time=None) for mark in lost if mark.label not in there]
    segments = {mark.label for mark in kept if isinstance(mark.time, Segment)}
    all_gone = {mark.label for mark in lost if video.is_exhaustive(mark.label)} - segments
    return [mark for mark in [*kept, *left] if mark.label not in all_gone], len(lost)


def _later(mark: LabelMark, offset: float) -> LabelMark:
    if mark.time is None or not offset:
        return mark
    return replace(mark, time=moved(mark.time, offset) if isinstance(mark.time, Segment) else mark.time + offset)


def _cut(segment: Segment) -> Segment:
    return Segment(max(0.0, segment.start), max(0.0, segment.end))
