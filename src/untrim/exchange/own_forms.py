"""untrim's own forms, ActivityNet JSON and CSV, and the text files of datasets that it reads.

A CSV that is made by hand, beside a player, counts in media seconds: that is the format ``player-csv``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from untrim.annotations import (
    Annotations,
    Detections,
    read_annotations,
    read_detections,
    write_annotations,
    write_detections,
)
from untrim.annotations.activitynet import unused_keys
from untrim.annotations.csv import COLUMNS, COLUMNS_OF_DETECTIONS, unused_columns
from untrim.annotations.lists import read_lists
from untrim.annotations.reviews import holds_reviews, read_reviews, reviews_in
from untrim.errors import listing
from untrim.exchange.dataset_labels import read_activitynet, read_thumos14_with_fps
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.marks import Contents
from untrim.support.names import standard
from untrim.support.tables import read_table
from untrim.timeline import Segment


def _recognises_json(source: ForeignFile) -> bool:
    content = source.json
    if not isinstance(content, dict):
        return False
    flat = bool(content) and all(isinstance(entry, dict) and "duration_second" in entry for entry in content.values())
    return "database" in content or "results" in content or flat


def _read_json(source: ForeignFile) -> Contents:
    content, notes = source.json, list[str]()
    found: Annotations | Detections
    if isinstance(content, dict) and "results" in content and "database" not in content:
        found = read_detections(source.path)
    elif isinstance(content, dict) and not str(content.get("version")).startswith("untrim-"):
        found, notes = read_activitynet(source.path)
    else:
        found = read_annotations(source.path)
    unused = unused_keys(content) if isinstance(content, dict) else []
    notes += [f"keys that are not used: {listing(unused, most=8)}"] if unused else []
    lost = {("key that is not used", "keys that are not used"): len(unused)}
    return replace(_named(found, source), notes=tuple(notes), lost=lost)


def _recognises_csv(source: ForeignFile) -> bool:
    return {"video", "label"} <= {*map(str.lower, _heading(source))}


def _read_csv(source: ForeignFile) -> Contents:
    heading = _heading(source)
    found = {"start", "end", "score"} <= {*map(str.lower, heading)}
    contents = _named((read_detections if found else read_annotations)(source.path), source)
    unused = unused_columns(heading, COLUMNS_OF_DETECTIONS if found else COLUMNS)
    return replace(contents, lost={("column that is not used", "columns that are not used"): len(unused)})


def _heading(source: ForeignFile) -> list[str]:
    rows = read_table(source.path).rows
    return rows[0][1] if rows else []


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    if contents.found:
        detections = contents.to_detections()
        return lambda path: write_detections(detections, path)
    annotations = contents.to_annotations()
    return lambda path: write_annotations(annotations, path)


def _write_csv(contents: Contents, target: Destination) -> Callable[[Path], None]:
    marks = [replace(mark, label=_cell(mark.label)) for mark in contents.marks]
    changed = sum(new.label != old.label for new, old in zip(marks, contents.marks, strict=True))
    target.losses.lose("label with signs that no table can hold", "labels with signs that no table can hold", changed)
    contents = replace(contents, marks=tuple(marks))
    if not contents.found:
        there = {(mark.video, mark.label) for mark in contents.marks}
        for name, video in contents.videos.items():
            marked = () if isinstance(video.exhaustive, bool) else video.exhaustive
            absent = sum((name, label) not in there for label in marked)
            target.losses.lose("class said not to happen", "classes said not to happen", absent)
    return _write(contents, target)


def _cell(label: str) -> str:
    """What is read of a label: line breaks of one kind, and no zero bytes."""
    return label.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def _recognises_reviews(source: ForeignFile) -> bool:
    return source.path.is_dir() and holds_reviews(source.path)


def _read_reviews(source: ForeignFile) -> Contents:
    """Tags, points, and segments with what a person decided of each."""
    contents = _named(read_reviews(source.path), source)
    states: dict[tuple[str, str, Segment], str] = {}
    for given, review in reviews_in(source.path).items():
        name = source.media.name_for(given, source.path)
        for decided in review.segments:
            if decided.holds:
                states[name, standard(decided.label), decided.segment] = decided.state
    marks = [
        replace(mark, state=states.get((mark.video, mark.label, mark.time), ""))
        if isinstance(mark.time, Segment)
        else mark
        for mark in contents.marks
    ]
    return replace(contents, marks=tuple(marks))


def _recognises_thumos14(source: ForeignFile) -> bool:
    return source.path.is_dir() and any(file.stem.endswith(("_val", "_test")) for file in source.path.rglob("*.txt"))


def _read_thumos14(source: ForeignFile) -> Contents:
    return _named(read_thumos14_with_fps(source.path), source)


def _read_lists(source: ForeignFile) -> Contents:
    return _named(read_lists(source.path), source)


def _named(given: Annotations | Detections, source: ForeignFile) -> Contents:
    """The marks of a file whose names may be those of video files, with folders and endings."""
    contents = Contents.of(given)
    names = {name: source.media.name_for(name, source.path) for name in contents.videos}
    return replace(contents, source=source.path).renamed(names)


ACTIVITYNET = Format(
    name="activitynet",
    title="ActivityNet JSON",
    endings=(".json",),
    holds=frozenset({"scores", "points", "labels", "subsets", "ambiguous", "exhaustive", "rejected", "empty videos"}),
    recognises=_recognises_json,
    read=_read_json,
    write=_write,
    own=True,
)
CSV = Format(
    name="csv",
    title="CSV",
    endings=(".csv",),
    holds=frozenset({"scores", "points", "labels", "subsets", "exhaustive"}),
    recognises=_recognises_csv,
    read=_read_csv,
    write=_write_csv,
    own=True,
)
PLAYER_CSV = replace(
    CSV, name="player-csv", title="CSV with the times of a player", media_times=True, recognises=lambda source: False
)
THUMOS14_TEXT = Format(
    name="thumos14",
    title="THUMOS14's text files",
    endings=(),
    holds=frozenset(),
    recognises=_recognises_thumos14,
    read=_read_thumos14,
)
REVIEWS = replace(
    THUMOS14_TEXT,
    name="reviews",
    title="reviews of the studio",
    recognises=_recognises_reviews,
    read=_read_reviews,
)
LISTS = replace(THUMOS14_TEXT, name="lists", title="lists of videos", recognises=lambda source: False, read=_read_lists)
