"""CSV: ``video,label`` or ``video,label,start,end``, with optional ``subset``, ``duration`` and ``score`` columns.

How spreadsheets write it is read too: see `untrim.support.tables`. Columns that nobody asked for are passed over, and
the notes say so. Texts that a spreadsheet would run as formulas have ``'`` before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from untrim.annotations.detections import Detections
from untrim.annotations.model import Annotations, Video
from untrim.annotations.parsing import keys_of_time, number, positive, seconds, span
from untrim.errors import Place, UntrimError, listing
from untrim.support.names import standard
from untrim.support.tables import read_table, write_rows
from untrim.timeline import Detection, Instance

T = TypeVar("T")

_COLUMNS = ("video", "label", "start", "end", "subset", "duration")
_TIMES = ("start", "end", "duration")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: the cells of the columns that are asked for, those of others, and where it is."""

    place: Place
    cells: Mapping[str, str]
    others: Mapping[str, str]

    @property
    def timed(self) -> bool:
        """Whether it says when something happens."""
        return bool(self.cells.get("start") or self.cells.get("end"))


def read_annotations_csv(path: Path) -> Annotations:
    """Annotations of a CSV file; rows of one video are gathered, rows without times give a label alone.

    Without a ``subset`` column, videos with times are ``validation`` and those without are ``training``.

    Raises:
        UntrimError: A column is missing; a row is incomplete, not numeric, or has its time in a column of another name;
            a class of a video has times in one row and none in another, or a video two durations; gives the line.
    """
    found, notes = _rows(path, required=("video", "label"), known=_COLUMNS)
    if not found:
        raise UntrimError("holds no rows", where=path, fix="each row is video,label or video,label,start,end")
    rows: dict[str, list[_Row]] = {}
    for row in found:
        elsewhere = keys_of_time(name for name, cell in row.others.items() if cell)
        if elsewhere and (not row.timed or "point" in elsewhere):
            what = f"has its time in column '{elsewhere[0]}': {row.others[elsewhere[0]]!r:.40}"
            raise UntrimError(what, where=row.place, fix="name the columns of times start and end, in seconds")
        rows.setdefault(standard(row.cells["video"]), []).append(row)
    videos = [_video(name, own) for name, own in rows.items()]
    return Annotations(videos, source=path, notes=(*notes, *_forms_of_times(found)))


def write_annotations_csv(annotations: Annotations, path: Path) -> None:
    """Write one row per instance, and one row without times for each label that has no known instance.

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
    found, notes = _rows(path, required=columns, known=columns)
    for row in found:
        time = span(row.cells["start"], row.cells["end"], row.place)
        detection = Detection(row.cells["label"], time, number(row.cells["score"], row.place, "score"))
        detections.setdefault(standard(row.cells["video"]), []).append(detection)
    return Detections.of(detections, (*notes, *_forms_of_times(found)))


def write_detections_csv(detections: Mapping[str, Sequence[Detection]], path: Path) -> None:
    """Write detections by video as ``video,label,start,end,score``."""
    rows = [
        [name, d.label, d.segment.start, d.segment.end, d.score] for name, found in detections.items() for d in found
    ]
    write_rows(path, ("video", "label", "start", "end", "score"), rows)


def _rows(path: Path, required: Sequence[str], known: Sequence[str]) -> tuple[list[_Row], tuple[str, ...]]:
    """Rows, and how the table was taken."""
    table = read_table(path)
    if not table.rows:
        raise UntrimError("holds no rows", where=path, fix=f"the first line is {','.join(known)}")
    (line, heading), *lines = table.rows
    columns = _columns(heading, Place(path, line), required, known)
    rows = [_row(columns, cells, Place(path, line), known) for line, cells in lines]
    unused = [name or "(no name)" for index, name in enumerate(columns) if name not in known and (name or not index)]
    notes = [f"columns that are not used: {listing(unused, most=8)}"] if unused else []
    return rows, (*table.notes, *notes)


def _columns(heading: Sequence[str], place: Place, required: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of the columns: of those that are asked for in small letters, of others as they are."""
    columns = [name.lower() if name.lower() in known else name for name in heading]
    while columns and not columns[-1]:  # Spreadsheets write columns of which no cell is left.
        columns.pop()
    remedy = f"the first line names the columns: {','.join(known)}"
    if not {*columns} & {*known}:
        raise UntrimError(f"holds {', '.join(heading)!r:.80}, no names of columns", where=place, fix=remedy)
    if missing := sorted({*required} - {*columns}):
        there = ", ".join(name for name in heading if name)
        raise UntrimError(f"has no column {', '.join(missing)}; there are {there:.120}", where=place, fix=remedy)
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise UntrimError(f"column '{twice[0]}' is listed twice", where=place, fix="keep one of the two")
    return columns


def _row(columns: Sequence[str], cells: Sequence[str], place: Place, known: Sequence[str]) -> _Row:
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        what = f"has {len(cells)} cells, the first line {len(columns)}"
        fix = "put a cell that holds a comma in quotation marks; a decimal comma needs semicolons between cells"
        raise UntrimError(what, where=place, fix=fix)
    named = dict(zip(columns, cells, strict=False))
    for index, (name, cell) in enumerate(zip(columns, cells, strict=False)):
        if not name and cell and index > 0:  # The first may count the rows, as pandas writes it.
            what = f"column {index + 1} has no name, but holds {cell!r:.40}"
            raise UntrimError(what, where=place, fix="name it in the first line, or remove it")
    if not named["video"] or not named["label"]:
        raise UntrimError("has no video or no label", where=place)
    others = {name: cell for name, cell in named.items() if name and name not in known}
    return _Row(place, {name: named[name] for name in known if name in named}, others)


def _forms_of_times(rows: Sequence[_Row]) -> Iterator[str]:
    """What the notes say of times that are no plain seconds; all of them can be read."""
    times = [cell for row in rows for name in _TIMES if (cell := row.cells.get(name, ""))]
    for sign, form in ((",", "decimal commas"), (":", "minutes or hours, with colons")):
        if (example := next((cell for cell in times if sign in cell), None)) is not None:
            yield f"times have {form}: '{example}' is {seconds(example, None, 'time'):g} s"


def _video(name: str, rows: Sequence[_Row]) -> Video:
    timed = {standard(row.cells["label"]): row.place.line for row in rows if row.timed}
    for row in rows:
        label = standard(row.cells["label"])
        if not row.timed and label in timed:
            what = f"'{label}' of '{name}' has no time here, but one in line {timed[label]}"
            raise UntrimError(what, where=row.place, fix="write when it happens, or remove the row")
    return Video(
        name=name,
        subset=_agreed(rows, "subset", lambda row: standard(row.cells["subset"]))
        or ("validation" if timed else "training"),
        duration=_agreed(rows, "duration", lambda row: positive(row.cells["duration"], row.place, "duration", seconds)),
        labels=tuple(row.cells["label"] for row in rows),
        instances=tuple(
            Instance(row.cells["label"], span(row.cells.get("start"), row.cells.get("end"), row.place))
            for row in rows
            if row.timed
        ),
    )


def _agreed(rows: Sequence[_Row], column: str, value: Callable[[_Row], T | None]) -> T | None:
    """What the rows of a video say in a column, if any says something.

    Raises:
        UntrimError: Two of them say different things.
    """
    first: tuple[T, _Row] | None = None
    for row in rows:
        found = value(row) if row.cells.get(column) else None
        if not found:
            continue
        first = first or (found, row)
        if found != first[0]:
            what = f"{column} of '{row.cells['video']}' is {found} here, but {first[0]} in line {first[1].place.line}"
            raise UntrimError(what, where=row.place, fix="keep the right one")
    return None if first is None else first[0]
