"""The ledger: the reviews of a project in memory and on the disk, and the operations that reach many of them.

A change is written to the history first, then to the reviews. A server that is killed between the two completes the
reviews when it is started again: what was said to be saved is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from getpass import getuser
from pathlib import Path
from typing import Any

from untrim.annotations.reviews import HISTORY, Review, ShownDetection, reviews_in, write_review
from untrim.errors import UntrimError
from untrim.studio.history import History, applied, what_changed
from untrim.studio.operations import Operation, change_of, operations_in, undo_and_redo
from untrim.studio.project import ClassList
from untrim.support.files import remove_leftovers
from untrim.support.validation import validate

_WRITERS = 16  # threads
_MOST_OFFERED = 50  # operations that can be undone after the page was loaded anew
_SLACK = 1.0  # seconds by which a container may be wrong about how long a video is


class Conflict(Exception):
    """A change was made of another revision than what is there.

    Args:
        there: What is there.
    """

    def __init__(self, there: Review | ClassList) -> None:
        super().__init__("it was changed elsewhere meanwhile")
        self.there = there


class Ledger:
    """The reviews of a project. The folder must be held by this process; the caller sees to one thread at a time.

    Args:
        folder: The folder of reviews.
        classes: The classes as the project's file has them.
        save_classes: Writes them there.
        unsaved: The review of a video that was never saved, when the classes are as given.

    Raises:
        UntrimError: A review or the history cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        classes: ClassList,
        save_classes: Callable[[ClassList], None],
        unsaved: Callable[[str, ClassList], Review],
    ) -> None:
        self.folder, self.classes = folder, classes
        self._save_classes, self._unsaved = save_classes, unsaved
        self._history = History(folder / HISTORY)
        self._operations: list[Operation] = []
        self._saved: dict[str, Review] = reviews_in(folder) if folder.is_dir() else {}
        if folder.is_dir():
            remove_leftovers(folder)
            self._complete()

    def review(self, video: str) -> Review:
        """The review of a video; one that was never saved has revision 0."""
        return self._saved.get(video) or self._unsaved(video, self.classes)

    def undo_and_redo(self) -> tuple[list[Operation], list[Operation]]:
        """The last operations that can be undone, and those that can be done again, each the last one last."""
        done, undone = undo_and_redo(self._operations)
        return done[-_MOST_OFFERED:], undone[-_MOST_OFFERED:]

    def save(
        self,
        video: str,
        values: Mapping[str, Any],
        revision: int,
        shown: Sequence[ShownDetection] | None = None,
    ) -> Review:
        """Save what a person decided about a video.

        Args:
            video: The video.
            values: ``duration``, ``labels``, ``exhaustive``, ``segments`` and ``points`` of a review; other keys are
                ignored.
            revision: The revision that it was made of.
            shown: The detections that were shown, if the video was picked at random.

        Raises:
            Conflict: Another revision is there.
            UntrimError: Something in `values` is wrong, or it cannot be written.
        """
        before = self.review(video)
        if before.revision != revision:
            raise Conflict(before)
        told = {key: values[key] for key in ("duration", "labels", "exhaustive", "segments", "points") if key in values}
        _check_times(told, before)
        after = self._stamped(before, told)
        if what_changed(before, after):
            if shown is not None:
                after = after.model_copy(update={"picked": "random", "shown": tuple(shown)})
            self._write({video: (before, after)}, None, None)
        return self.review(video)

    def change(
        self, contents: Mapping[str, Mapping[str, Any]], words: str, classes: ClassList | None = None
    ) -> Operation | None:
        """Change many reviews at once, and the classes where given.

        Args:
            contents: For each video what `save` takes.
            words: What this does, in words.
            classes: The new classes.

        Returns:
            The operation, which `undo` takes; None if nothing changed.

        Raises:
            UntrimError: As for `save`.
        """
        pairs = {}
        for video, values in contents.items():
            before = self.review(video)
            after = self._stamped(before, values)
            if what_changed(before, after):
                pairs[video] = (before, after)
        return self._operate(pairs, classes, words)

    def operation(self, name: str) -> Operation | None:
        """The operation of a name, also of an earlier run of the server; None if there is none."""
        return next((one for one in self._operations if one.name == name), None)

    def undo(self, operation: Operation) -> tuple[Operation | None, tuple[str, ...]]:
        """Take an operation back; what was changed since in the same videos stays.

        Returns:
            The operation that this is, which can be undone too, None if nothing was left of it; and the videos that
            it changed.

        Raises:
            UntrimError: The history cannot be read, or something cannot be written.
        """
        change = change_of(self._history.read(), operation.name, self._history.path)
        pairs = {}
        for video, (old, new) in change.reviews.items():
            now = self.review(video)
            after = self._stamped(now, without(now, old or self._unsaved(video, change.before), new))
            if what_changed(now, after):
                pairs[video] = (now, after)
        classes = None
        if change.after is not None:
            before, same = change.before, self.classes.classes == change.after.classes
            known = {entry.label for entry in before.classes}
            more = () if same else tuple(entry for entry in self.classes.classes if entry.label not in known)
            classes = ClassList(classes=before.classes + more, renamed=before.renamed)
        return self._operate(pairs, classes, operation.words, operation.name), tuple(pairs)

    def set_classes(self, classes: ClassList, revision: int) -> None:
        """Keep other classes.

        Raises:
            Conflict: They are of another revision than `revision`.
        """
        if self.classes.revision != revision:
            raise Conflict(self.classes)
        self._write({}, classes, None)

    def _operate(
        self,
        pairs: Mapping[str, tuple[Review, Review]],
        classes: ClassList | None,
        words: str,
        undoes: str | None = None,
    ) -> Operation | None:
        if not pairs and classes is None:
            return None
        operation = Operation(f"o{len(self._operations) + 1}-{now_in_utc()}", words, undoes)
        self._write(pairs, classes, operation)
        self._operations.append(operation)
        return operation

    def _stamped(self, before: Review, values: Mapping[str, Any]) -> Review:
        """The next revision, with name and time at what is new or changed."""
        after = validate(Review, {**before.to_json(), **values, "revision": before.revision + 1}, before.video)
        stamp = {"by": user(), "at": now_in_utc()}
        segments = {segment.id: segment for segment in before.segments}
        points = {(point.label, point.time): point for point in before.points}
        marked = [_marked(segment, segments.get(segment.id), stamp) for segment in after.segments]
        pointed = [_marked(point, points.get((point.label, point.time)), stamp) for point in after.points]
        return after.model_copy(update={"segments": tuple(marked), "points": tuple(pointed)})

    def _write(
        self, pairs: Mapping[str, tuple[Review, Review]], classes: ClassList | None, operation: Operation | None
    ) -> None:
        about: dict[str, Any] = {"at": now_in_utc(), "by": user()}
        if operation is not None:
            about |= {"operation": operation.name, "of": len(pairs) + (classes is not None), "words": operation.words}
            about |= {} if operation.undoes is None else {"undoes": operation.undoes}
        entries = []
        if classes is not None:
            classes = classes.model_copy(update={"revision": self.classes.revision + 1})
            entries.append({**about, "classes": classes.model_dump(mode="json")})
        for video, (before, after) in pairs.items():
            start = before if before.revision else Review(video=video)
            entries.append({**about, "video": video, "revision": after.revision, "change": what_changed(start, after)})
        self._history.append(entries)
        # From here on it is saved: what cannot be written now is completed from the history at the next start.
        self._saved |= {video: after for video, (_, after) in pairs.items()}
        if classes is not None:
            self.classes = classes
            self._save_classes(classes)
        with ThreadPoolExecutor(_WRITERS) as pool:  # Each waits for the disk.
            list(pool.map(partial(write_review, self.folder), [after for _, after in pairs.values()]))

    def _complete(self) -> None:
        """Bring reviews and classes up to the history, which a killed process wrote first."""
        behind: set[str] = set()
        entries = self._history.read()
        self._operations = operations_in(entries)
        for entry in entries:
            if (known := entry.get("classes")) is not None:
                classes = validate(ClassList, known, self._history.path)
                if classes.revision > self.classes.revision:
                    self._save_classes(classes)
                    self.classes = classes
                continue
            video, revision = entry["video"], entry["revision"]
            before = self._saved.get(video) or Review(video=video)
            if revision == before.revision + 1:
                self._saved[video] = applied(before, entry["change"], revision, self._history.path)
                behind.add(video)
        for video in behind:
            write_review(self.folder, self._saved[video])


def without(now: Review, old: Review, new: Review) -> dict[str, Any]:
    """The content of `now` without the change from `old` to `new`, as far as it is still there."""
    labels = (set(now.labels) - (set(new.labels) - set(old.labels))) | (set(old.labels) - set(new.labels))
    was = {segment.id: segment.model_dump(by_alias=True) for segment in old.segments}
    made = {segment.id: segment.model_dump(by_alias=True) for segment in new.segments}
    segments = {segment.id: segment.model_dump(by_alias=True) for segment in now.segments}
    for key in [key for key in made if key not in was and segments.get(key) == made[key]]:
        del segments[key]
    for key, before in was.items():
        after = made.get(key)
        if after is None:
            segments.setdefault(key, before)
        elif key in segments:
            changed = [part for part in before if part not in ("by", "at") and before[part] != after[part]]
            segments[key] |= {part: before[part] for part in changed if segments[key][part] == after[part]}
    gone = [point for point in old.points if point not in new.points]
    come = [point for point in new.points if point not in old.points]
    points = [point for point in now.points if point not in come] + [point for point in gone if point not in now.points]
    if now.exhaustive == new.exhaustive:
        exhaustive: Any = old.exhaustive
    elif now.exhaustive is True or old.exhaustive is True or new.exhaustive is True:
        exhaustive = now.exhaustive
    else:
        taken, given = set(new.exhaustive) - set(old.exhaustive), set(old.exhaustive) - set(new.exhaustive)
        exhaustive = sorted((set(now.exhaustive) - taken) | given)
    return {
        "labels": sorted(labels),
        "exhaustive": exhaustive,
        "segments": list(segments.values()),
        "points": [point.model_dump() for point in points],
    }


def _check_times(values: Mapping[str, Any], before: Review) -> None:
    """Refuse new times outside the video, as far as they can be read: the rest is checked as a whole."""
    if (duration := values.get("duration")) is None:
        return
    parts = [part for key in ("segments", "points") for part in values.get(key, []) if isinstance(part, dict)]
    times = [(part, part.get(key)) for part in parts for key in ("start", "end", "time")]
    there = {time for part in before.segments for time in (part.start, part.end)}
    there |= {point.time for point in before.points}
    for part, time in times:
        if isinstance(time, int | float) and time not in there and not -_SLACK <= time <= duration + _SLACK:
            what = f"{str(part.get('label'))[:60]} at {time:g} s is outside the video, which lasts {duration:g} s"
            raise UntrimError(what)


def user() -> str:
    """Name of whoever runs the studio, as the system has it; empty if it has none."""
    with suppress(Exception):  # The system may not know the number of its user, each in its own way.
        return getuser()
    return ""


def now_in_utc() -> str:
    """The time, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _marked(part: Any, before: Any, stamp: Mapping[str, str]) -> Any:
    values = (key for key in type(part).model_fields if key not in stamp)
    if before is not None and all(getattr(before, key) == getattr(part, key) for key in values):
        return before
    return part.model_copy(update=stamp)
