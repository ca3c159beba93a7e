"""Operations: changes of many videos at once, and of the classes. The history tells of them, so that they can be undone
after a restart too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from untrim.annotations.reviews import Review, review_of
from untrim.errors import UntrimError
from untrim.studio.history import with_change
from untrim.studio.project import ClassList
from untrim.support.validation import validate


@dataclass(frozen=True)
class Operation:
    """One operation.

    Args:
        name: Its name, which no other has.
        words: What it did.
        undoes: Name of the operation that it took back; None if it was a new one.
    """

    name: str
    words: str
    undoes: str | None = None


@dataclass(frozen=True)
class OperationChange:
    """What an operation changed.

    Args:
        reviews: For each video the review before it, None if there was none, and after it.
        before: The classes before it.
        after: The classes after it; None if they stayed.
    """

    reviews: Mapping[str, tuple[Review | None, Review]]
    before: ClassList
    after: ClassList | None


def operations_in(entries: Iterable[Mapping[str, Any]]) -> list[Operation]:
    """The operations that lines of a history tell of, the oldest first."""
    found: dict[str, Operation] = {}
    for entry in entries:
        if (name := entry.get("operation")) and entry.get("words"):  # Older versions wrote no words.
            found.setdefault(name, Operation(name, entry["words"], entry.get("undoes")))
    return list(found.values())


def undo_and_redo(operations: Iterable[Operation]) -> tuple[list[Operation], list[Operation]]:
    """What can be undone, and what can be done again, each the last one last. Taking an operation of either list back
    brings it to the other."""
    done, undone = list[Operation](), list[Operation]()
    for one in operations:
        if one.undoes is None:
            done.append(one)
            undone.clear()
        elif any(other.name == one.undoes for other in undone):
            undone = [other for other in undone if other.name != one.undoes]
            done.append(one)
        else:
            done = [other for other in done if other.name != one.undoes]
            undone.append(one)
    return done, undone


def change_of(entries: Sequence[Mapping[str, Any]], name: str, where: object) -> OperationChange:
    """What an operation changed, by the lines of the history.

    Args:
        entries: All lines.
        name: Name of the operation.
        where: The file.

    Raises:
        UntrimError: The file holds nothing of this operation, or a line of it cannot be read.
    """
    videos = {entry["video"] for entry in entries if entry.get("operation") == name and "video" in entry}
    reviews: dict[str, tuple[Review | None, Review]] = {}
    known, before, after = ClassList(), None, None
    now: dict[str, dict[str, Any]] = {}
    for entry in entries:
        mine = entry.get("operation") == name
        if mine and before is None:
            before = known
        if (classes := entry.get("classes")) is not None:
            known = validate(ClassList, classes, where)
            after = known if mine else after
        elif (video := entry["video"]) in videos:
            old = now.get(video, Review(video=video).to_json())
            now[video] = {**with_change(old, entry["change"], where), "revision": entry["revision"]}
            if mine:
                reviews[video] = review_of(old, where) if old["revision"] else None, review_of(now[video], where)
    if before is None:
        raise UntrimError(f"holds nothing of the operation '{name}'", where=where)
    return OperationChange(reviews, before, after)
