"""Label Studio's tasks (https://labelstud.io/guide/task_format and /tags/timelinelabels), JSON, any number of videos.

The labelling configuration, which is written beside the tasks, has ``TimelineLabels`` named ``actions`` and ``Choices``
named ``labels``. Frames count from 1 and both ends belong to a range. Label Studio's player takes the frame rate that
it is told (`fps` in each task) as constant from the start of the media.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from untrim.annotations import Video
from untrim.annotations.parsing import number
from untrim.errors import UntrimError, numbered
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.json_values import as_list, as_object, as_text
from untrim.exchange.losses import Losses
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import in_frames, span_of
from untrim.exchange.xml_documents import xml_text
from untrim.support.files import read_text, write_json, write_text
from untrim.support.kinds import check_replaced
from untrim.timeline import Segment
from untrim.video.frames import FrameTable

_NAME = "untrim_video"
_MOST_FRAMES = 100_000_000


def _read(source: ForeignFile) -> Contents:
    tasks = [as_object(task, source.path, "a task") for task in as_list(source.json, source.path, "the file")]
    marks: list[LabelMark] = []
    videos, several = [], 0
    for task in tasks:
        if "data" not in task:
            what = "a task has no 'data'"
            raise UntrimError(what, where=source.path, fix="export from Label Studio as JSON, not as JSON-MIN")
        data = as_object(task["data"], source.path, "'data'")
        video = _video(data, source)
        done, found = _latest(task, source)
        several += done > 1
        videos.append(Video(video))
        marks += _marks(found, video, data, source)
    notes = []
    if several:
        notes.append(
            f"{numbered(several, 'task has', 'tasks have')} several annotations: the last one of each is taken"
        )
    return Contents.gathered(marks, videos, source=source.path, notes=notes)


def _video(data: Mapping[str, object], source: ForeignFile) -> str:
    if isinstance(own := data.get(_NAME), str):
        return source.media.name_for(own, source.path)
    paths = [value for value in (data.get("video"), data.get("video_url"), *data.values()) if isinstance(value, str)]
    if not paths:
        raise UntrimError("the 'data' of a task names no video", where=source.path)
    return source.media.name_of(paths[0], source.path)


def _latest(task: Mapping[str, object], source: ForeignFile) -> tuple[int, Mapping[str, object]]:
    """How many annotations a task has, and the last one; without any, its last prediction."""
    for key in ("annotations", "predictions"):
        found = [
            as_object(one, source.path, f"one of '{key}'") for one in as_list(task.get(key) or [], source.path, key)
        ]
        found = [one for one in found if not one.get("was_cancelled")]
        if found:
            return len(found), found[-1]
    return 0, {}


def _marks(
    found: Mapping[str, object], video: str, data: Mapping[str, object], source: ForeignFile
) -> Iterator[LabelMark]:
    regions = [
        as_object(one, source.path, "a result") for one in as_list(found.get("result") or [], source.path, "result")
    ]
    timed: set[str] = set()
    for region in regions:
        value = region.get("value")
        if region.get("type") != "timelinelabels" or not isinstance(value, dict):
            continue
        score = None if region.get("score") is None else number(region["score"], source.path, "score")
        for one in as_list(value.get("ranges"), source.path, "'ranges'"):
            ends = as_object(one, source.path, "a range")
            segment = _segment(ends.get("start"), ends.get("end"), video, data, source)
            for label in as_list(value.get("timelinelabels"), source.path, "'timelinelabels'"):
                timed.add(as_text(label, source.path, "a label").strip())
                yield LabelMark(video, as_text(label, source.path, "a label"), segment, score)
    for region in regions:
        value = region.get("value")
        if region.get("type") == "choices" and isinstance(value, dict):
            for label in as_list(value.get("choices"), source.path, "'choices'"):
                if as_text(label, source.path, "a choice").strip() not in timed:
                    yield LabelMark(video, as_text(label, source.path, "a choice"))


def _segment(start: object, end: object, video: str, data: Mapping[str, object], source: ForeignFile) -> Segment:
    """When a range of frames is shown, in media seconds."""
    if type(start) is not int or type(end) is not int or not 1 <= start <= end <= _MOST_FRAMES:
        what = f"a range of '{video}' is from frame {start!r:.20} to {end!r:.20}"
        raise UntrimError(what, where=source.path, fix="frames are whole numbers from 1, and start <= end")
    told = data.get("fps")
    fps = source.media.fps if told in (None, "") else number(told, source.path, f"fps of '{video}'")
    if not fps or fps <= 0:
        what = f"does not say how many frames per second it counts for '{video}'"
        fix = "give --fps: the frameRate of its labelling configuration, which is 24 where that has none"
        raise UntrimError(what, where=source.path, fix=fix)
    return FrameTable.regular(fps, end / fps).segment_of(range(start - 1, end))


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    tasks = [_task(contents, name, own, target) for name, own in contents.by_video().items()]
    configuration = target.path.with_suffix(".config.xml")
    text = _configuration({mark.label for mark in contents.marks}, target.losses)
    target.notes.append(f"labelling configuration: {configuration}")

    def is_configuration() -> bool:
        return "<TimelineLabels" in read_text(configuration)

    check_replaced(configuration, "a labelling configuration", is_configuration)

    def write_both(path: Path) -> None:
        write_text(configuration, text)
        write_json(path, tasks)

    return write_both


def _task(contents: Contents, name: str, marks: list[LabelMark], target: Destination) -> dict[str, object]:
    data: dict[str, object] = {"video": _address(name, target), _NAME: name}
    table = None
    if any(mark.time is not None for mark in marks):
        data["fps"] = fps = target.media.rate(name, contents.videos[name].fps, target.path)
        last = max(span_of(mark).end for mark in marks if mark.time is not None)
        table = FrameTable.regular(fps, last + 1 / fps)
    results = []
    ids = count(1)
    if untimed := [mark.label for mark in marks if mark.time is None]:
        results.append(_result(next(ids), "labels", "choices", {"choices": untimed}))
    for mark in marks:
        if mark.time is not None and table is not None:
            frames = in_frames(span_of(mark), table, target.losses)
            value = {"ranges": [{"start": frames.start + 1, "end": frames.stop}], "timelinelabels": [mark.label]}
            scored = {} if mark.score is None else {"score": mark.score}
            results.append(_result(next(ids), "actions", "timelinelabels", value) | scored)
    if contents.found:
        scores = [mark.score for mark in marks if mark.score is not None]
        return {
            "data": data,
            "predictions": [{"model_version": "untrim", "score": max(scores, default=0.0), "result": results}],
        }
    return {"data": data, "annotations": [{"result": results}] if results else []}


def _address(name: str, target: Destination) -> str:
    """Where Label Studio finds the video: below the folder of the videos, which is to be its document root."""
    file, folder = target.media.files.get(name), target.media.folder
    if file is None or folder is None or not folder.is_dir():
        return name
    return f"/data/local-files/?d={file.relative_to(folder).as_posix()}"


def _result(number: int, name: str, kind: str, value: dict[str, object]) -> dict[str, object]:
    return {"id": f"untrim{number}", "from_name": name, "to_name": "video", "type": kind, "value": value}


def _configuration(labels: set[str], losses: Losses) -> str:
    view = Element("View")
    SubElement(view, "Video", {"name": "video", "value": "$video", "frameRate": "$fps"})
    timeline = SubElement(view, "TimelineLabels", {"name": "actions", "toName": "video"})
    choices = SubElement(view, "Choices", {"name": "labels", "toName": "video", "choice": "multiple"})
    for label in sorted(labels):
        SubElement(timeline, "Label", {"value": xml_text(label, losses)})
        SubElement(choices, "Choice", {"value": xml_text(label, losses)})
    indent(view)
    return tostring(view, encoding="unicode") + "\n"


def _recognises(source: ForeignFile) -> bool:
    tasks = source.json
    return isinstance(tasks, list) and bool(tasks) and all(isinstance(task, dict) and "data" in task for task in tasks)


LABEL_STUDIO = Format(
    name="label-studio",
    title="Label Studio",
    endings=(".json",),
    holds=frozenset({"scores", "labels", "empty videos"}),
    recognises=_recognises,
    read=_read,
    write=_write,
    media_times=True,
)
