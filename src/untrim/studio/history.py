"""The history of reviews: every revision is a line of ``history.jsonl``, written before the review itself.

A line holds what changed, so that an edit in a video of 1,000 segments is as short as one of a single segment. What
belongs together, such as a class renamed in 50 videos, names its operation and its number of lines; a process that was
killed while it wrote them leaves none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from untrim.annotations.reviews import Review, review_of
from untrim.errors import Place, UntrimError
from untrim.support.documents import parse_json
from untrim.support.line_files import append_lines, cut_after, line_of, read_lines
from untrim.support.schema import check_schema

_SCHEMA = 1
_WHOLE = ("subset", "duration", "labels", "exhaustive", "points", "picked", "shown", "began_with")


def what_changed(before: Review, after: Review) -> dict[str, Any]:
    """What makes `after` of `before`: values that changed, segments that changed by their id, ids that are gone."""
    old, new = before.to_json(), after.to_json()
    change: dict[str, Any] = {key: new[key] for key in _WHOLE if new.get(key) != old.get(key)}
    was = {segment["id"]: segment for segment in old["segments"]}
    now = {segment["id"]: segment for segment in new["segments"]}
    if put := [segment for key, segment in now.items() if was.get(key) != segment]:
        change["segments"] = put
    if removed := [key for key in was if key not in now]:
        change["removed"] = removed
    return change


def applied(review: Review, change: Mapping[str, Any], revision: int, where: object) -> Review:
    """The review after a change.

    Raises:
        UntrimError: The change is of no use.
    """
    return review_of({**with_change(review.to_json(), change, where), "revision": revision}, where)


def with_change(values: Mapping[str, Any], change: Mapping[str, Any], where: object) -> dict[str, Any]:
    """The object of a review after a change.

    Raises:
        UntrimError: The change is of no use.
    """
    segments = {segment["id"]: segment for segment in values["segments"]}
    try:
        segments |= {segment["id"]: segment for segment in change.get("segments", [])}
        for key in change.get("removed", []):
            segments.pop(key, None)
    except (AttributeError, KeyError, TypeError) as error:
        raise UntrimError("holds a change that cannot be read", where=where) from error
    return {**values, **{key: change[key] for key in _WHOLE if key in change}, "segments": list(segments.values())}


class History:
    """The file of the history of a folder of reviews that this process holds.

    Args:
        path: The file; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add lines, all or none; they are on the disk when this returns.

        Raises:
            UntrimError: The file cannot be written.
            WorkFailed: The disk is full.
        """
        append_lines(self.path, [line_of(entry, _SCHEMA) for entry in entries])

    def read(self) -> list[dict[str, Any]]:
        """All lines. What a killed process left half written at the end is cut off the file.

        Raises:
            UntrimError: A line is no line of a history.
        """
        lines, torn = read_lines(self.path)
        entries = [self._entry(line, number) for number, line in enumerate(lines, 1)]
        counts = Counter(entry["operation"] for entry in entries if entry.get("operation"))
        kept = len(entries)
        while (
            kept and (operation := entries[kept - 1].get("operation")) and counts[operation] < entries[kept - 1]["of"]
        ):
            kept -= 1
        if torn or kept < len(entries):
            cut_after(self.path, lines[:kept])
        return entries[:kept]

    def _entry(self, line: bytes, number: int) -> dict[str, Any]:
        place = Place(self.path, number)
        entry = parse_json(line.decode("utf-8", "replace"), place)
        if not isinstance(entry, dict) or not _is_entry(entry):
            raise UntrimError("is no line of a history", where=place, fix="take this line out")
        check_schema(entry, place, _SCHEMA)
        return entry


def _is_entry(entry: Mapping[str, Any]) -> bool:
    whole = "operation" not in entry or (isinstance(entry["operation"], str) and type(entry.get("of")) is int)
    whole = whole and all(isinstance(entry.get(key, ""), str) for key in ("words", "undoes"))
    of_video = isinstance(entry.get("video"), str) and type(entry.get("revision")) is int
    return whole and (isinstance(entry.get("classes"), dict) or (of_video and isinstance(entry.get("change"), dict)))
