"""CVAT's videos, XML 1.1 (https://docs.cvat.ai/docs/manual/advanced/xml_format/), one file per video.

A segment is a track: a box over the whole picture from its first frame on, and ``outside`` in the frame after its last.
Frames count from 0, in the order in which they are shown: their times are those of the file, whatever its rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from untrim.annotations import Video
from untrim.errors import UntrimError, numbered
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.media import MeasuredVideo
from untrim.exchange.times import in_frames, span_of
from untrim.exchange.xml_documents import attribute, is_xml, parse_xml, xml_document, xml_text
from untrim.support.files import write_text
from untrim.video.frames import FrameTable

_MOST_FRAMES = 100_000_000


def _read(source: ForeignFile) -> Contents:
    root = parse_xml(source.text, source.path, "annotations")
    task = next(
        (found for name in ("task", "job") if (found := root.find(f"meta/{name}")) is not None), Element("task")
    )
    video = source.video(root.findtext("meta/source") or task.findtext("source"))
    first, step = (
        _whole(task.findtext("start_frame") or "0", source),
        _step(task.findtext("frame_filter") or "", source),
    )
    size = _whole(task.findtext("size") or "0", source)
    runs = [
        (attribute(track, "label", source.path), run)
        for track in root.iterfind("track")
        for run in _runs(track, size, source)
    ]
    marks = []
    if runs:
        last = max(run.stop for _, run in runs) * step + first
        fps = source.media.rate(video, None, source.path)
        table = source.media.frames(video, last / fps, None, source.path)
        for label, run in runs:
            frames = range(first + step * run.start, min(first + step * run.stop, len(table)))
            if not frames:
                what = f"'{label}' is in frame {first + step * run.start}, and '{video}' has {len(table)} frames"
                raise UntrimError(what, where=source.path, fix="is it another video?")
            marks.append(LabelMark(video, label, table.segment_of(frames)))
    notes = []
    if images := len(root.findall("image")):
        notes.append(f"{numbered(images, 'picture', 'pictures')} with marks of their own are passed over: tracks count")
    lost = {("picture with marks", "pictures with marks"): images}
    return Contents.gathered(marks, [Video(video)], source=source.path, notes=notes, lost=lost)


def _runs(track: Element, size: int, source: ForeignFile) -> Iterator[range]:
    """The runs of frames in which a track is in the picture: from a shape on, to one that is outside, or to the end."""
    begun: int | None = None
    latest = -1
    for shape in track:
        frame = _whole(attribute(shape, "frame", source.path), source)
        if frame < latest:
            raise UntrimError("the frames of a track do not ascend", where=source.path)
        latest = frame
        if shape.get("outside") == "1":
            if begun is not None and frame > begun:
                yield range(begun, frame)
            begun = None
        elif begun is None:
            begun = frame
    if begun is not None:
        yield range(begun, max(size, latest + 1))


def _whole(text: str, source: ForeignFile) -> int:
    if not re.fullmatch(r"\d{1,9}", text.strip()) or int(text) > _MOST_FRAMES:
        raise UntrimError(f"a frame is {text!r:.40}, wanted a whole number from 0", where=source.path)
    return int(text)


def _step(text: str, source: ForeignFile) -> int:
    found = re.fullmatch(r"\s*(?:step\s*=\s*([1-9]\d{0,5}))?\s*", text)
    if found is None:
        raise UntrimError(
            f"takes the frames {text!r:.40} of its video", where=source.path, fix="export the whole video"
        )
    return int(found[1] or 1)


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    (video,) = contents.videos
    if (measured := target.media.measured(video)) is None:
        what = f"needs the frames and the size of '{video}', whose file is not known"
        raise UntrimError(what, where=target.path, fix="name the folder of the videos with --videos")
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = sorted({mark.label for mark in contents.marks})
    root.append(_meta(video, labels, measured, target))
    for number, mark in enumerate(contents.marks):
        label = xml_text(mark.label, target.losses)
        track = SubElement(root, "track", {"id": str(number), "label": label, "source": "manual"})
        frames = _frames(measured.table, mark, target)
        _add_box(track, frames.start, measured, outside=False)
        if frames.stop < len(measured.table):
            _add_box(track, frames.stop, measured, outside=True)
    return partial(write_text, text=xml_document(root))


def _frames(table: FrameTable, mark: LabelMark, target: Destination) -> range:
    segment = span_of(mark)
    if segment.start > table.end or segment.end > table.end + 1 / table.fps:
        target.losses.lose("segment beyond the last frame (cut there)", "segments beyond the last frame (cut there)")
    return in_frames(segment.clip(0.0, table.end), table, target.losses)


def _meta(video: str, labels: list[str], measured: MeasuredVideo, target: Destination) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    size = len(measured.table)
    values = {"name": xml_text(video, target.losses), "size": size, "mode": "interpolation", "overlap": 0}
    for key, value in {**values, "start_frame": 0, "stop_frame": size - 1, "frame_filter": ""}.items():
        SubElement(task, key).text = str(value)
    place = SubElement(task, "labels")
    for label in labels:
        one = SubElement(place, "label")
        SubElement(one, "name").text = xml_text(label, target.losses)
        SubElement(one, "attributes")
    original = SubElement(task, "original_size")
    for key, pixels in zip(("width", "height"), measured.size, strict=True):
        SubElement(original, key).text = str(pixels)
    SubElement(task, "source").text = xml_text(measured.path.name, target.losses)
    return meta


def _add_box(track: Element, frame: int, measured: MeasuredVideo, *, outside: bool) -> None:
    width, height = measured.size
    shape = {"frame": frame, "keyframe": 1, "outside": int(outside), "occluded": 0}
    corners = {"xtl": "0.00", "ytl": "0.00", "xbr": f"{width:.2f}", "ybr": f"{height:.2f}", "z_order": "0"}
    SubElement(track, "box", {key: str(value) for key, value in {**shape, **corners}.items()})


CVAT = Format(
    name="cvat",
    title="CVAT",
    endings=(".xml",),
    holds=frozenset(),
    recognises=lambda source: is_xml(source.text, "annotations"),
    read=_read,
    write=_write,
    per_video=True,
)
