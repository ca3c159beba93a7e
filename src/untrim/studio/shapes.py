"""Sizes and lengths of the video files, looked up in the background and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from untrim.errors import UntrimError
from untrim.studio.pictures import Shape, shape_of
from untrim.studio.project import ProjectVideo
from untrim.support.files import read_json, write_json

_SAVED_EVERY = 200  # videos


class Shapes:
    """What is known of the files of a project.

    Args:
        path: Where it is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            kept = read_json(path)
        except UntrimError:  # Not there, or damaged: it is made again.
            kept = None
        self._known: dict[str, Any] = kept if isinstance(kept, dict) else {}

    def known(self, video: ProjectVideo) -> Shape | None:
        """The shape of a video, if it was looked up and could be read."""
        try:
            return Shape(**self._known[video.id]["shape"])
        except (KeyError, TypeError):
            return None

    def problem(self, video: ProjectVideo) -> str | None:
        """Why a video cannot be shown, as far as that is known."""
        entry = self._known.get(video.id)
        return video.problem or (entry.get("problem") if isinstance(entry, dict) else None)

    def measured(self, video: ProjectVideo, seconds: float) -> bool:
        """Keep how long a video is by its frames; gives whether that is news."""
        shape = self.known(video)
        if shape is None or shape.duration == seconds:
            return False
        self._known[video.id]["shape"]["duration"] = seconds
        self._save()
        return True

    def look_up(self, video: ProjectVideo) -> Shape | None:
        """The shape of a video, read from its file if it is not known or the file has changed; None if it cannot be."""
        try:
            state = video.path.stat()
            seen: dict[str, Any] = {"bytes": state.st_size, "changed": state.st_mtime_ns}
        except OSError as error:
            seen = {"bytes": 0, "changed": 0, "problem": f"{video.path}: {error.strerror}"}
        entry = self._known.get(video.id)
        if not isinstance(entry, dict) or any(entry.get(key) != value for key, value in seen.items()):
            if "problem" not in seen:
                try:
                    seen |= {"shape": asdict(shape_of(video.path))}
                except UntrimError as error:
                    seen |= {"problem": str(error)}
            self._known[video.id] = seen
        return self.known(video)

    def look_all_up(self, videos: list[ProjectVideo], tell: Callable[[ProjectVideo], None]) -> None:
        """Look all videos up in a thread; `tell` hears of those that were not known."""

        def work() -> None:
            fresh = 0
            for video in videos:
                if self._closed.is_set():
                    return
                before = self._known.get(video.id)
                self.look_up(video)
                if self._known.get(video.id) is not before:
                    fresh += 1
                    tell(video)
                    if fresh % _SAVED_EVERY == 0:
                        self._save()
            if fresh:
                self._save()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _save(self) -> None:
        write_json(self._path, self._known)
