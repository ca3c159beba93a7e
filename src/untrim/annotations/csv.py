"""CSV: ``video,label`` or ``video,label,start,end``, with optional ``subset``, ``duration`` and ``score`` columns.

Texts that a spreadsheet would run as formulas have ``'`` before them: see `untrim.support.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from untrim.annotations.detections import Detections
from untrim.annotations.model import Annotations, Video
from untrim.annotations.parsing import number, span
from untrim.errors import Place, UntrimError, listing
from untrim.support.tables import read_rows, write_rows
from untrim.timeline import Detection, Instance

_COLUMNS = ("video", "label", "start", "end", "subset", "duration")


def read_annotations_csv(path: Path) -> Annotations:
    """Annotations of a CSV file; rows of one video are gathered, rows without times give a label alone.

    Without a ``subset`` column, videos with times are ``validation`` and those without are ``training``.

    Raises:
        UntrimError: A column is missing or unknown, a row is incomplete or not numeric; gives the line.
    """
    rows: dict[str, list[tuple[Place, dict[str, str]]]] = {}
    for place, row in _rows(path, required=("video", "label"), known=_COLUMNS):
        rows.setdefault(row["video"], []).append((place, row))
    if not rows:
        raise UntrimError("holds no rows", where=path, fix="each row is video,label or video,label,start,end")
    return Annotations([_video(name, own) for name, own in rows.items()], source=path)


def write_annotations_csv(annotations: Annotations, path: Path) -> None:
    """Write one row an instance, and one row without times for each label that has no known instance.

    The form has no place for ambiguous spans: those are not written.
    """
    rows: list[list[object]] = []
    for name, video in annotations.items():
        known = {instance.label for instance in video.instances}
        tail = [video.subset, "" if video.duration is None else video.duration]
        rows += [[name, i.label, i.segment.start, i.segment.end, *tail] for i in video.instances]
        rows += [[name, label, "", "", *tail] for label in video.labels if label not in known]
    write_rows(path, _COLUMNS, rows)


def read_detections_csv(path: Path) -> Detections:
    """Detections by video of a ``video,label,start,end,score`` file.

    Raises:
        UntrimError: A column is missing or a value is not a number; gives the line.
    """
    detections: dict[str, list[Detection]] = {}
    columns = ("video", "label", "start", "end", "score")
    for place, row in _rows(path, required=columns, known=columns):
        detection = Detection(row["label"], span(row["start"], row["end"], place), number(row["score"], place, "score"))
        detections.setdefault(row["video"], []).append(detection)
    return Detections.of(detections)


def write_detections_csv(detections: Mapping[str, Sequence[Detection]], path: Path) -> None:
    """Write detections by video as ``video,label,start,end,score``."""
    rows = [
        [name, d.label, d.segment.start, d.segment.end, d.score] for name, found in detections.items() for d in found
    ]
    write_rows(path, ("video", "label", "start", "end", "score"), rows)


def _rows(path: Path, required: Sequence[str], known: Sequence[str]) -> list[tuple[Place, dict[str, str]]]:
    """Rows with the place of each, for messages."""
    (_, heading), *lines = read_rows(path) or [(1, [])]
    columns = [name.lower() for name in heading]
    missing, unknown = set(required) - set(columns), set(columns) - set(known)
    if missing or unknown:
        problem = f"misses column {listing(missing)}" if missing else f"has unknown column {listing(unknown)}"
        raise UntrimError(problem, where=path, fix=f"columns are {','.join(known)}")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise UntrimError(f"column '{twice[0]}' is listed twice", where=path)
    rows = []
    for line, cells in lines:
        place = Place(path, line)
        if len(cells) != len(columns):
            raise UntrimError(f"does not have {len(columns)} values", where=place)
        values = dict(zip(columns, cells, strict=True))
        if not values["video"] or not values["label"]:
            raise UntrimError("has no video or no label", where=place)
        rows.append((place, values))
    return rows


def _video(name: str, rows: Sequence[tuple[Place, dict[str, str]]]) -> Video:
    timed = [(place, row) for place, row in rows if row.get("start") or row.get("end")]
    durations = [number(row["duration"], place, "duration") for place, row in rows if row.get("duration")]
    subsets = {row["subset"] for _, row in rows if row.get("subset")}
    if len(subsets) > 1:
        raise UntrimError(f"'{name}' stands in several subsets: {listing(subsets)}", where=rows[0][0])
    return Video(
        name=name,
        subset=subsets.pop() if subsets else ("validation" if timed else "training"),
        duration=durations[0] if durations else None,
        labels=tuple(row["label"] for _, row in rows),
        instances=tuple(Instance(row["label"], span(row.get("start"), row.get("end"), place)) for place, row in timed),
    )
