"""CSV: ``video,label`` or ``video,label,start,end``, with optional columns (`COLUMNS`), or ``score`` of detections.

A row without a label says that nothing happens in the video. A row with a ``start`` and no ``end``, or a ``point``, is
a moment. ``exhaustive`` says that all instances are marked: ``yes`` of the row's class, ``all`` of every class.

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
from untrim.annotations.parsing import keys_of_time, number, positive, seconds, span, video_at
from untrim.errors import Place, UntrimError, listing, numbered
from untrim.support.names import standard
from untrim.support.tables import read_table, write_rows
from untrim.timeline import Detection, Instance, Point

T = TypeVar("T")

COLUMNS = ("video", "label", "start", "end", "subset", "duration", "point", "exhaustive")
COLUMNS_OF_DETECTIONS = ("video", "label", "start", "end", "score")
_ALWAYS_WRITTEN = COLUMNS[:6]
_TIMES = ("start", "end", "duration", "point")
_OF_THE_CLASS, _OF_NO_CLASS, _OF_ALL = "yes", "no", "all"
_EXHAUSTIVE = {
    **dict.fromkeys(("yes", "true", "1"), _OF_THE_CLASS),
    **dict.fromkeys(("no", "false", "0"), _OF_NO_CLASS),
    "all": _OF_ALL,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: the cells of the columns that are asked for, those of others, and where it is."""

    place: Place
    cells: Mapping[str, str]
    others: Mapping[str, str]

    @property
    def label(self) -> str:
        """The class; empty if nothing happens."""
        return standard(self.cells["label"])

    @property
    def point(self) -> str:
        """The cell of a moment; empty if it says none."""
        return self.cells.get("point") or ("" if self.cells.get("end") else self.cells.get("start", ""))

    @property
    def timed(self) -> bool:
        """Whether it says when something happens."""
        return any(self.cells.get(column) for column in ("start", "end", "point"))


def read_annotations_csv(path: Path) -> Annotations:
    """Annotations of a CSV file; rows of one video are gathered, rows without times give a label alone.

    Without a ``subset`` column, videos with a ``start`` and an ``end`` are ``validation`` and others ``training``.

    Raises:
        UntrimError: A column is missing; a row is incomplete, not numeric, or has its time in a column of another name;
            a class of a video has times in one row and none in another, or a video two durations; gives the line.
    """
    found, notes = _rows(path, required=("video", "label"), filled=("video",), known=COLUMNS)
    if not found:
        raise UntrimError("holds no rows", where=path, fix="each row is video,label or video,label,start,end")
    rows: dict[str, list[_Row]] = {}
    for row in found:
        elsewhere = keys_of_time(name for name, cell in row.others.items() if cell)
        if elsewhere and (not row.timed or (row.cells.get("start") and "end" not in row.cells)):
            which = "its end" if row.timed else "its time"
            what = f"has {which} in column '{elsewhere[0]}': {row.others[elsewhere[0]]!r:.40}"
            raise UntrimError(what, where=row.place, fix="name the columns of times start and end or point, in seconds")
        if row.cells.get("end") and not row.cells.get("start"):
            fix = "write when it starts, in the column start, or the moment alone, in the column point"
            raise UntrimError("has an end and no start", where=row.place, fix=fix)
        rows.setdefault(standard(row.cells["video"]), []).append(row)
    videos = [_video(name, own) for name, own in rows.items()]
    said = (*notes, *_forms_of_times(found), *_forms_of_rows(found), *_subsets_taken(rows, videos))
    return Annotations(videos, source=path, notes=said)


def write_annotations_csv(annotations: Annotations, path: Path) -> None:
    """Write one row per instance and point, and one row without times for each other label.

    The form has no place for ambiguous spans, what was rejected, frames per second, exhaustive classes that do not
    happen, and videos of which nothing else is known: those are not written. The column `exhaustive` is written where a
    video is.
    """
    rows: list[list[object]] = []
    for name, video in annotations.items():
        times: list[list[object]] = [[i.label, i.segment.start, i.segment.end] for i in video.instances]
        times += [[point.label, point.time, ""] for point in video.points]
        times += [[label, "", ""] for label in video.labels if label not in video.timed_labels]
        times += [["", "", ""]] if video.nothing_happens else []
        tail = [video.subset, "" if video.duration is None else video.duration]
        for label, *time in times:
            marked = _OF_ALL if video.exhaustive is True else _OF_THE_CLASS if video.is_exhaustive(str(label)) else ""
            rows.append([name, label, *time, *tail, marked])
    if any(video.exhaustive for video in annotations.values()):
        write_rows(path, (*_ALWAYS_WRITTEN, "exhaustive"), rows)
    else:
        write_rows(path, _ALWAYS_WRITTEN, [row[:-1] for row in rows])


def read_detections_csv(path: Path) -> Detections:
    """Detections by video of a ``video,label,start,end,score`` file.

    Raises:
        UntrimError: A column is missing or a value is not a number; gives the line.
    """
    detections: dict[str, list[Detection]] = {}
    columns = COLUMNS_OF_DETECTIONS
    found, notes = _rows(path, required=columns, filled=("video", "label"), known=columns)
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
    write_rows(path, COLUMNS_OF_DETECTIONS, rows)


def unused_columns(heading: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of the columns that are passed over; one without a name is none, unless it is the first."""
    others = (name for index, name in enumerate(heading) if name.lower() not in known and (name or not index))
    return [name or "(no name)" for name in others]


def _rows(
    path: Path, required: Sequence[str], filled: Sequence[str], known: Sequence[str]
) -> tuple[list[_Row], tuple[str, ...]]:
    """Rows, with no cell of the columns `filled` empty, and how the table was taken."""
    table = read_table(path)
    if not table.rows:
        raise UntrimError("holds no rows", where=path, fix=f"the first line is {','.join(known)}")
    (line, heading), *lines = table.rows
    columns = _columns(heading, Place(path, line), required, known)
    rows = [_row(columns, cells, Place(path, line), filled, known) for line, cells in lines]
    unused = unused_columns(columns, known)
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


def _row(
    columns: Sequence[str], cells: Sequence[str], place: Place, filled: Sequence[str], known: Sequence[str]
) -> _Row:
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        what = f"has {len(cells)} cells, the first line {len(columns)}"
        fix = "put a cell that holds a comma in quotation marks; a decimal comma needs semicolons between cells"
        raise UntrimError(what, where=place, fix=fix)
    named = dict(zip(columns, cells, strict=False))
    for index, (name, cell) in enumerate(zip(columns, cells, strict=False)):
        if not name and cell and index > 0:  # The first may count the rows, as pandas writes it.
            what = f"column {index + 1} has no name, but holds {cell!r:.40}"
            raise UntrimError(what, where=place, fix="name it in the first line, or remove it")
    if empty := [name for name in filled if not named[name]]:
        raise UntrimError(f"has no {empty[0]}", where=place, fix="fill in the cell, or remove the row")
    others = {name: cell for name, cell in named.items() if name and name not in known}
    return _Row(place, {name: named[name] for name in known if name in named}, others)


def _forms_of_times(rows: Sequence[_Row]) -> Iterator[str]:
    """What the notes say of times that are no plain seconds; all of them can be read."""
    times = [cell for row in rows for name in _TIMES if (cell := row.cells.get(name, ""))]
    for sign, form in ((",", "decimal commas"), (":", "minutes or hours, with colons")):
        if (example := next((cell for cell in times if sign in cell), None)) is not None:
            yield f"times have {form}: '{example}' is {seconds(example, None, 'time'):g} s"


def _forms_of_rows(rows: Sequence[_Row]) -> Iterator[str]:
    """What the notes say of rows that lack something, and mean something by it."""
    if bare := sum(not row.label for row in rows):
        yield f"{numbered(bare, 'row has', 'rows have')} no label: nothing happens in the video"
    scored = [row for row in rows if row.others.get("score")]
    if scored:
        yield f"{numbered(len(scored), 'row has', 'rows have')} a score, as what was found: remove what is wrong first"
    if started := sum(bool(row.point) and not row.cells.get("point") for row in rows):
        yield f"{numbered(started, 'row has', 'rows have')} a start and no end: a moment at which it happens"


def _subsets_taken(rows: Mapping[str, Sequence[_Row]], videos: Sequence[Video]) -> Iterator[str]:
    """What the notes say where no row of a video has a subset, and some count as of one, some as of another."""
    own = [video for video in videos if not any(row.cells.get("subset") for row in rows[video.name])]
    timed = sum(video.subset == "validation" for video in own)
    if 0 < timed < len(own):
        counts = numbered(timed, "video with segments counts", "videos with segments count")
        yield f"no subset is written: {counts} as validation, {len(own) - timed:,} as training"


def _check_rows(name: str, rows: Sequence[_Row]) -> None:
    """Refuse rows of a video that contradict each other."""
    timed = {row.label: row.place.line for row in rows if row.timed}
    labelled = next((row for row in rows if row.label), None)
    for row in rows:
        if not row.label and labelled is not None:
            what = f"has no label: nothing happens in '{name}', but '{labelled.label}' in line {labelled.place.line}"
            raise UntrimError(what, where=row.place, fix="write the label, or remove the row")
        if not row.label and (row.timed or row.cells.get("exhaustive", "").lower() not in ("", "all")):
            raise UntrimError("has no label, and more than the video", where=row.place, fix="write the label")
        if not row.timed and row.label in timed:
            what = f"'{row.label}' of '{name}' has no time here, but one in line {timed[row.label]}"
            raise UntrimError(what, where=row.place, fix="write when it happens, or remove the row")
        if row.cells.get("point") and (row.cells.get("start") or row.cells.get("end")):
            raise UntrimError("has a point, and a start or end", where=row.place, fix="write one row for each")


def _exhaustive(rows: Sequence[_Row]) -> bool | tuple[str, ...]:
    """Of which classes all instances are marked; True for all."""

    def said(row: _Row) -> str:
        if (found := _EXHAUSTIVE.get(row.cells["exhaustive"].lower())) is None:
            what = f"exhaustive is {row.cells['exhaustive']!r:.40}"
            raise UntrimError(what, where=row.place, fix="write yes (all of this class are marked), no, or all")
        return found

    if not rows[0].label:
        return True
    if any(row.cells.get("exhaustive", "").lower() == _OF_ALL for row in rows):
        return _agreed(rows, "exhaustive", said) == _OF_ALL
    labels = {row.label for row in rows}
    of_label = {label: _agreed([row for row in rows if row.label == label], "exhaustive", said) for label in labels}
    return tuple(label for label, found in of_label.items() if found == _OF_THE_CLASS)


def _video(name: str, rows: Sequence[_Row]) -> Video:
    _check_rows(name, rows)
    return video_at(
        rows[0].place,
        name=name,
        subset=_agreed(rows, "subset", lambda row: standard(row.cells["subset"]))
        or ("validation" if any(row.timed and not row.point for row in rows) else "training"),
        duration=_agreed(rows, "duration", lambda row: positive(row.cells["duration"], row.place, "duration", seconds)),
        labels=tuple(row.label for row in rows if row.label),
        instances=tuple(
            Instance(row.label, span(row.cells.get("start"), row.cells.get("end"), row.place))
            for row in rows
            if row.timed and not row.point
        ),
        points=tuple(Point(row.label, seconds(row.point, row.place, "point")) for row in rows if row.point),
        exhaustive=_exhaustive(rows),
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
