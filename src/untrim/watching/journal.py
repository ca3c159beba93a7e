"""What became of each file that was watched for: the files of lines by which a restart knows what is done.

The line of a video that was done is the record that it was done, in one file, so that the two cannot disagree. A line
is on the disk, whole, before the next file is begun; what a killed process left half written is cut off. Beside it:

    NAME.jsonl             a line per video: what was found
    NAME-failures.jsonl    a line per attempt that failed
    .NAME.now.json         the file that is worked on: one that ends the process would be begun again for ever
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from untrim.errors import Place, UntrimError
from untrim.support.documents import parse_json
from untrim.support.files import linked_file, remove_leftovers, write_json
from untrim.support.line_files import append_lines, cut_after, line_of, read_lines
from untrim.support.locks import locked_file
from untrim.support.schema import SCHEMA, check_schema, read_object
from untrim.support.validation import validate
from untrim.timeline import Detection
from untrim.watching.arrivals import FileState

ENDING = ".jsonl"

_GROWTH = 4.0  # Each wait before a further attempt is so many times as long as the one before.
_MOST_GROWTHS = 99  # More would be beyond what a float holds.
_LONGEST = 366 * 86400.0  # No wait is longer; it has to end at a date that can be written.
_INTERRUPTED = "the process ended while it was at this file"


class _Line(BaseModel):
    """What every line says of the file that it is about."""

    model_config = ConfigDict(extra="ignore", strict=True)

    video: str
    file: str
    bytes: int
    changed_ns: int

    @property
    def state(self) -> FileState:
        return FileState(self.changed_ns, self.file, self.bytes)


class _FoundLine(_Line):
    detections: list[object]


class _FailureLine(_Line):
    model_config = ConfigDict(strict=False)

    attempt: int
    reason: str
    again: AwareDatetime | None


L = TypeVar("L", bound=_Line)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed attempt leaves.

    Args:
        attempt: Its number, from 1.
        again: When the next one is due, in seconds since 1970; None if there is none.
    """

    attempt: int
    again: float | None


class Journal:
    """The record of a watch; `kept` opens one.

    Args:
        path: The file of what was found; None to keep nothing on the disk.
        retries: Further attempts after one that failed.
        retry_after: Seconds before the first of them; each wait is four times as long as the one before.
    """

    def __init__(self, path: Path | None, retries: int, retry_after: float) -> None:
        self.path, self._retries, self._retry_after = path, retries, retry_after
        self._done: set[FileState] = set()
        self._failed: dict[FileState, Failure] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Hold the files, and read what processes before this one wrote.

        Raises:
            UntrimError: Another process writes to them, they hold something else, or they cannot be written.
        """
        if self.path is None:
            yield
            return
        with locked_file(self.path):
            remove_leftovers(self.path.parent)
            self._done = {line.state for line in _lines(self.path, _FoundLine)}
            for line in _lines(self._failures, _FailureLine):
                again = None if line.again is None else line.again.timestamp()
                self._failed[line.state] = Failure(line.attempt, again)
            self._take_up()
            yield

    def is_due(self, state: FileState, now: float) -> bool:
        """Whether a file is to be worked on at a time, in seconds since 1970."""
        if state in self._done:
            return False
        failure = self._failed.get(state)
        return failure is None or (failure.again is not None and failure.again <= now)

    @contextmanager
    def begun(self, state: FileState) -> Iterator[None]:
        """Note which file is worked on, for as long as the context lasts."""
        if self.path is None:
            yield
            return
        write_json(self._now, {SCHEMA: 1, **_about(state)})
        try:
            yield
        finally:
            self._now.unlink(missing_ok=True)

    def found(self, state: FileState, line: str) -> None:
        """Add the line of a video that is done."""
        if self.path is not None:
            append_lines(linked_file(self.path), [line])
        self._done.add(state)

    def failed(self, state: FileState, reason: str, now: float) -> Failure:
        """Add a failed attempt.

        Args:
            state: The file.
            reason: Why, in one line.
            now: Seconds since 1970.
        """
        attempt = self._failed[state].attempt + 1 if state in self._failed else 1
        wait = 0.0 if reason == _INTERRUPTED else self._wait_after(attempt)
        failure = Failure(attempt, now + wait if attempt <= self._retries else None)
        self._failed[state] = failure
        if self.path is not None:
            entry = {"attempt": attempt, "reason": reason, "at": _utc(now), "again": _utc(failure.again)}
            append_lines(self._failures, [line_of({**_about(state), **entry})])
        return failure

    def _wait_after(self, attempt: int) -> float:
        return min(_LONGEST, self._retry_after * _GROWTH ** min(attempt - 1, _MOST_GROWTHS))

    @property
    def _failures(self) -> Path:
        assert self.path is not None
        return failures_beside(self.path)

    @property
    def _now(self) -> Path:
        assert self.path is not None
        return self.path.with_name(f".{self.path.stem}.now.json")

    def _take_up(self) -> None:
        """Count the attempt at which a process was ended, unless its line was written before."""
        if not self._now.is_file():
            return
        try:
            line = validate(_Line, read_object(self._now), self._now)
        except UntrimError as error:
            raise UntrimError(f"cannot be read: {error.what}", where=self._now, fix="remove it") from error
        if line.state not in self._done:
            self.failed(line.state, _INTERRUPTED, self._now.stat().st_mtime)
        self._now.unlink()


def found_line(state: FileState, detections: Sequence[Detection], now: float) -> str:
    """The line of a video that is done.

    Args:
        state: Its file.
        detections: What was found, best first.
        now: Seconds since 1970.
    """
    found = [
        {"label": each.label, "score": each.score, "segment": [each.segment.start, each.segment.end]}
        for each in detections
    ]
    return line_of({**_about(state), "at": _utc(now), "detections": found})


def failures_beside(path: Path) -> Path:
    """The file of failures that belongs to a file of what was found."""
    return path.with_name(f"{path.stem}-failures{ENDING}")


def _about(state: FileState) -> dict[str, object]:
    return {"video": state.video, "file": state.file, "bytes": state.bytes, "changed_ns": state.changed_ns}


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _lines(path: Path, kind: type[L]) -> list[L]:
    """The lines of a file; what is half written at its end is cut off.

    Raises:
        UntrimError: The file holds something else; nothing is cut off then.
    """
    lines, torn = read_lines(path)
    found = []
    for number, line in enumerate(lines, 1):
        place = Place(path, number)
        try:
            entry = parse_json(line.decode(), place)
            if isinstance(entry, dict):
                check_schema(entry, place)
            found.append(validate(kind, entry, place))
        except (UnicodeDecodeError, UntrimError) as error:
            what = error.what if isinstance(error, UntrimError) else "is not UTF-8"
            raise UntrimError(
                f"is not a line that `untrim watch` wrote: {what}", where=place, fix="name another file"
            ) from error
    if torn:
        start = f'{{"{SCHEMA}"'.encode()
        if not lines and torn[: len(start)] != start[: len(torn)]:
            raise UntrimError("is not a file that `untrim watch` wrote", where=path, fix="name another file")
        cut_after(path, lines)
    return found
