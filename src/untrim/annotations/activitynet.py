"""ActivityNet JSON: the canonical form of annotations, and of detections.

``{"database": {video: {"subset", "duration", "annotations": [{"label", "segment"? | "point"?}], "exhaustive"?}}}`` and
``{"results": {video: [{"label", "score", "segment"}]}}``. Files in the wild hold numbers as strings, miss
durations, and give training videos labels without segments: all of that is read; what cannot be meant is refused.
Beside the annotations of a video, ``"ambiguous": [[start, end], …]`` keeps the spans that THUMOS14 sets apart,
``"rejected"`` the stretches of which a person said that a class does not happen in them, and ``"fps"`` the frames per
second of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from untrim.annotations.detections import Detections
from untrim.annotations.model import Annotations, Video
from untrim.annotations.parsing import keys_of_time, number, positive, seconds, span, video_at
from untrim.errors import Place, UntrimError
from untrim.support.files import read_json, write_json
from untrim.support.names import in_one_form, standard
from untrim.support.schema import check_schema
from untrim.timeline import Detection, Instance, Point, Segment

_VERSION = "untrim-1"
_NOTHING: tuple[object, ...] = (None, "", [])
_OF_FILES = {"version", "database", "results", "external_data"}
_OF_VIDEOS = {"subset", "duration", "fps", "annotations", "ambiguous", "exhaustive", "rejected"}
_OF_VIDEOS_OF_BSN = {"duration_second", "duration_frame"}
_OF_MARKS = {"label", "segment", "point", "score"}
_LIKE_ANNOTATIONS = re.compile("annotation|instance|segment|event|label|action", re.IGNORECASE)


def read_annotations_json(path: Path) -> Annotations:
    """Annotations of an ActivityNet JSON file, or of BSN's form of it, which has no subsets.

    Raises:
        UntrimError: Not such a file, or no video in it.
    """
    content = _contents(path)
    if "database" not in content and "results" in content:
        raise UntrimError(
            "holds detections, no annotations",
            where=path,
            fix="swap the two files; detections that serve as labels must be CSV",
        )
    database = _flat(content, path) or _mapping(content.get("database"), path, "'database'")
    if not database:
        raise UntrimError("holds no videos", where=path, fix="'database' needs at least one entry")
    return Annotations([_video(name, entry, path) for name, entry in in_one_form(database, path).items()], source=path)


def write_annotations_json(annotations: Annotations, path: Path) -> None:
    """Write the canonical form: labels of which no time is known become annotations without one."""
    database: dict[str, dict[str, object]] = {}
    for name, video in annotations.items():
        timed = [{"label": i.label, "segment": [i.segment.start, i.segment.end]} for i in video.instances]
        pointed = [{"label": point.label, "point": point.time} for point in video.points]
        untimed = [{"label": label} for label in video.labels if label not in video.timed_labels]
        extra: dict[str, object] = {} if video.duration is None else {"duration": video.duration}
        if video.fps is not None:
            extra["fps"] = video.fps
        if video.ambiguous:
            extra["ambiguous"] = [[span.start, span.end] for span in video.ambiguous]
        database[name] = {"subset": video.subset, **extra, "annotations": [*timed, *pointed, *untimed]}
        if video.exhaustive:
            database[name]["exhaustive"] = video.exhaustive
        if video.rejected:
            database[name]["rejected"] = [
                {"label": i.label, "segment": [i.segment.start, i.segment.end]} for i in video.rejected
            ]
    write_json(path, {"version": _VERSION, "database": database})


def read_detections_json(path: Path) -> Detections:
    """Detections by video of an ActivityNet results file, in the order of the file.

    Raises:
        UntrimError: Not such a file; a segment or score that is not a finite number.
    """
    content = _contents(path)
    if "database" in content and "results" not in content:
        raise UntrimError(
            "holds annotations, not detections",
            where=path,
            fix="name what `untrim localize` wrote; -a takes annotations",
        )
    results = _mapping(content.get("results"), path, "'results'")
    found: dict[str, list[Any]] = {name: _list(own, path, name) for name, own in in_one_form(results, path).items()}
    rows = list(chain.from_iterable(found.values()))
    try:
        return Detections(
            tuple(found),
            [len(own) for own in found.values()],
            [row["label"] for row in rows],
            [row["segment"] for row in rows],
            [row["score"] for row in rows],
        )
    except (KeyError, TypeError, ValueError, OverflowError, UntrimError):  # columns do not know which entry is wrong
        return Detections.of({name: [_detection(row, path, name) for row in own] for name, own in found.items()})


def write_detections_json(detections: Mapping[str, Sequence[Detection]], path: Path) -> None:
    """Write detections by video as an ActivityNet results file."""
    results = {
        name: [{"label": d.label, "score": d.score, "segment": [d.segment.start, d.segment.end]} for d in found]
        for name, found in detections.items()
    }
    write_json(path, {"version": _VERSION, "results": results, "external_data": {}})


def unused_keys(content: Mapping[str, Any]) -> list[str]:
    """Names in a file of annotations or detections, which can be read, that are passed over; sorted."""
    flat = not {"database", "results"} & content.keys()
    entries = [*(content if flat else content.get("database", {})).values()]
    marks = chain.from_iterable(
        [*(entry.get("annotations") or () for entry in entries), *content.get("results", {}).values()]
    )
    of_entries = _OF_VIDEOS | (_OF_VIDEOS_OF_BSN if flat else set())
    unused = set() if flat else content.keys() - _OF_FILES
    unused.update(*(entry.keys() - of_entries for entry in entries), *(mark.keys() - _OF_MARKS for mark in marks))
    return sorted(unused)


def _contents(path: Path) -> Mapping[str, object]:
    """The object in a file, which may say that untrim wrote it; versions of others say nothing about its form."""
    content = _mapping(read_json(path), path, "the file")
    maker, _, number = str(content.get("version")).partition("-")
    if maker == "untrim" and number.isdecimal():
        check_schema({"schema": int(number)}, path)
    return content


def _flat(content: Mapping[str, object], path: Path) -> dict[str, object]:
    """The database in ``{video: {"duration_second", "duration_frame", "annotations"}}``; empty if it is no such form.

    Where all names carry YouTube's ``v_``, it is taken off, as in the official files.
    """
    if "database" in content or not all(isinstance(e, dict) and "duration_second" in e for e in content.values()):
        return {}
    prefix = "v_" if all(name.startswith("v_") for name in content) else ""
    database: dict[str, object] = {}
    for name, entry in content.items():
        fields = _mapping(entry, path, f"video '{name}'")
        duration = number(fields["duration_second"], path, f"duration_second of '{name}'")
        frames = number(fields.get("duration_frame", 0), path, f"duration_frame of '{name}'")
        known = {"duration": duration, "fps": frames / duration if duration > 0 else None}
        database[name.removeprefix(prefix)] = {**known, "annotations": fields.get("annotations", [])}
    return database


def _video(name: str, entry: object, path: Path) -> Video:
    fields = _mapping(entry, path, f"video '{name}'")
    if "annotations" not in fields and (other := next((key for key in fields if _LIKE_ANNOTATIONS.match(key)), None)):
        raise UntrimError(f"'{name}' has '{other}', no 'annotations'", where=path, fix="rename it")
    annotations = [
        _mapping(annotation, path, f"an annotation of '{name}'")
        for annotation in _list(fields.get("annotations", []), path, name)
    ]
    marks = [(_label(annotation, path, name), _time(annotation, path, name)) for annotation in annotations]
    timed = {standard(label) for label, time in marks if time is not None}
    if both := timed & {standard(label) for label, time in marks if time is None}:
        what = f"'{min(both)}' of '{name}' has a time in one annotation and none in another"
        raise UntrimError(what, where=path, fix="write when it happens, or remove the annotation")
    return video_at(
        path,
        name=name,
        subset=str(fields.get("subset", "")),
        duration=positive(fields.get("duration"), path, f"duration of '{name}'", seconds),
        labels=tuple(label for label, _ in marks),
        instances=tuple(Instance(label, time) for label, time in marks if isinstance(time, Segment)),
        ambiguous=tuple(_segment(span, path, name) for span in _list(fields.get("ambiguous", []), path, name)),
        fps=positive(fields.get("fps"), path, f"fps of '{name}'", number),
        points=tuple(Point(label, time) for label, time in marks if isinstance(time, float)),
        exhaustive=_exhaustive(fields.get("exhaustive"), path, name),
        rejected=tuple(_rejected(entry, path, name) for entry in _list(fields.get("rejected", []), path, name)),
    )


def _time(annotation: Mapping[str, object], path: Path, name: str) -> Segment | float | None:
    """When an annotation happens: a span or a moment; None if it does not say."""
    said = {key: value for key, value in annotation.items() if value not in _NOTHING}
    if "segment" in said and "point" in said:
        raise UntrimError(f"an annotation of '{name}' has a segment and a point", where=path, fix="write one for each")
    if "segment" in said:
        return _segment(said["segment"], path, name)
    if "point" in said:
        return seconds(said["point"], path, f"a point of '{name}'")
    if elsewhere := keys_of_time(said):
        what = f"an annotation of '{name}' has its time in '{elsewhere[0]}': {said[elsewhere[0]]!r:.40}"
        raise UntrimError(what, where=path, fix='write "segment": [start, end] or "point": time, in seconds')
    return None


def _rejected(entry: object, path: Path, name: str) -> Instance:
    """A stretch in which a class does not happen."""
    fields = _mapping(entry, path, f"a rejected segment of '{name}'")
    return Instance(_label(fields, path, name), _segment(fields.get("segment"), path, name))


def _exhaustive(value: object, path: Path, name: str) -> bool | tuple[str, ...]:
    """Of which classes all instances are marked; True for all."""
    if isinstance(value, bool) or value in _NOTHING:
        return value is True
    if not isinstance(value, list) or not all(isinstance(label, str) and label.strip() for label in value):
        what = f"'exhaustive' of '{name}' is {value!r:.40}"
        raise UntrimError(what, where=path, fix='write true, or the classes: ["run", "jump"]')
    return tuple(value)


def _detection(found: object, path: Path, name: str) -> Detection:
    fields = _mapping(found, path, f"a detection of '{name}'")
    score = number(fields.get("score"), path, f"score in '{name}'")
    return Detection(_label(fields, path, name), _segment(fields.get("segment"), path, name), score)


def _label(fields: Mapping[str, object], path: Path, name: str) -> str:
    label = fields.get("label")
    if label is not None and not isinstance(label, str):
        what = f"a label of '{name}' is {label!r:.40}, no text"
        raise UntrimError(what, where=path, fix='write it in quotation marks: "label": "run"')
    if label is None or not label.strip():
        raise UntrimError(f"an entry of '{name}' has no label", where=path)
    return label


def _segment(value: object, path: Path, name: str) -> Segment:
    ends = _list(value, path, name)
    if len(ends) != 2:
        raise UntrimError(f"a segment of '{name}' needs [start, end], found {value!r:.60}", where=path)
    return span(ends[0], ends[1], Place(path, key=f"a segment of '{name}'"))


def _mapping(value: object, path: Path, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise UntrimError(f"{what} should be an object {{…}}", where=path, fix="expected ActivityNet JSON")
    return value


def _list(value: object, path: Path, name: str) -> list[object]:
    if not isinstance(value, list):
        raise UntrimError(f"'{name}' should hold a list, found {value!r:.60}", where=path)
    return value
