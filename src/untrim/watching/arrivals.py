"""Which video files of a folder are finished: nobody writes to them any more."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from untrim.support.names import standard
from untrim.video.files import videos_in


@dataclass(frozen=True, slots=True, order=True)
class FileState:
    """A file as it is at one moment: with other bytes or another time of change it counts as a new one.

    Args:
        changed_ns: When it was last changed, in nanoseconds since 1970.
        file: Its path in the folder that is watched.
        bytes: Its size.
    """

    changed_ns: int
    file: str
    bytes: int

    @property
    def video(self) -> str:
        """Name of the video: the path in the folder, without the ending."""
        return standard(Path(self.file).with_suffix("").as_posix())


class Arrivals:
    """The video files of a folder and the folders in it, looked at again and again.

    A file is finished when two looks, at least `settle` seconds apart, found it with one size and one time of change.
    One that was moved in is finished at the first look: its time of change is older than that.

    Args:
        folder: The folder. It may be gone for a while, as a network drive may.
        settle: Seconds.
    """

    def __init__(self, folder: Path, settle: float) -> None:
        self.folder = folder
        self.settle = settle
        self.unfinished: frozenset[str] = frozenset()
        self.unnamed: frozenset[str] = frozenset()
        self._seen: dict[str, tuple[FileState, float]] = {}

    def finished(self) -> list[FileState]:
        """The files that are finished now, the one that was changed first comes first.

        Sets `unfinished`, the files that are not, and `unnamed`, those whose names are no text.
        """
        now, today = time.monotonic(), time.time()
        states, unnamed = self._look()
        seen: dict[str, tuple[FileState, float]] = {}
        for state in states:
            before = self._seen.get(state.file)
            if before is None and today - state.changed_ns / 1e9 >= self.settle:
                seen[state.file] = (state, now - self.settle)
            else:
                seen[state.file] = before if before is not None and before[0] == state else (state, now)
        self._seen = seen
        done = [state for state, since in seen.values() if now - since >= self.settle]
        self.unfinished = frozenset(self._seen.keys() - {state.file for state in done})
        self.unnamed = frozenset(unnamed)
        return sorted(done)

    def state(self, file: str) -> FileState | None:
        """A file as it is now; None if it is gone."""
        try:
            found = (self.folder / file).stat()
        except OSError:
            return None
        return FileState(found.st_mtime_ns, file, found.st_size)

    def _look(self) -> tuple[list[FileState], list[str]]:
        """All video files, and the printable forms of names that no file of text can hold."""
        states, unnamed = [], []
        for path in videos_in(self.folder, Counter()):
            name = path.relative_to(self.folder).as_posix()
            try:
                name.encode()
            except UnicodeEncodeError:
                unnamed.append(ascii(name))
                continue
            if (state := self.state(name)) is not None:
                states.append(state)
        return states, unnamed
