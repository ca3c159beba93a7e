"""A film made of a stretch of a video, with its sound; and what a film says of how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av

from untrim.errors import UntrimError
from untrim.timeline import Segment
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter
from untrim.video.planes import ColorTags, Planes
from untrim.video.sound import SoundReader

THREADS = 2
"""Threads for decoding and for encoding. The bytes of a film depend on it, so it is no option."""
_CRF = 20
_NOTE = "untrim"


class Take:
    """A film that is being made of frames of a video, whose sound is read along; a context manager.

    The file is there, whole, once `finish` is called; if the block ends before, nothing is left of it.

    Args:
        video: Where the sound comes from.
        path: The file to write.
        begin: When the first frame is shown, in seconds from the first frame of the video.
        size: (width, height) of the pictures, even.
        tags: What their colours mean.
        about: Texts that the file carries.
    """

    def __init__(
        self,
        video: VideoFile,
        path: Path,
        begin: float,
        size: tuple[int, int],
        tags: ColorTags,
        about: Mapping[str, str],
    ) -> None:
        self._begin = self._end = begin
        self._resources = ExitStack()
        self._sound = SoundReader(video, begin)
        self._writer = VideoWriter(
            path, size, None, crf=_CRF, threads=THREADS, tags=tags, sound=self._sound.form, about=about
        )

    def __enter__(self) -> Take:
        with ExitStack() as resources:
            resources.enter_context(self._sound)
            resources.enter_context(self._writer)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        unfinished = UntrimError("is not finished")
        self._resources.__exit__(kind or UntrimError, value or unfinished, trace)

    def add(self, planes: Planes, seconds: float, until: float) -> None:
        """Add the next frame, and the sound while it is on the screen.

        Args:
            planes: The picture.
            seconds: When it is shown, from the first frame of the video.
            until: When the next one is.
        """
        self._writer.write(planes, seconds - self._begin, until - self._begin)
        if self._sound.form is not None:
            self._writer.write_sound(self._sound.until(until))
        self._end = until

    def finish(self) -> Segment:
        """End the film; the seconds of the video that it shows."""
        self._resources.pop_all().close()
        return Segment(self._begin, self._end)


@dataclass(frozen=True, slots=True)
class Made:
    """What a film says that it was made from, and how many seconds it lasts."""

    texts: Mapping[str, object]
    seconds: float


def film_texts(title: str, origin: Mapping[str, object]) -> dict[str, str]:
    """Texts for a film to carry: its title, for players, and what it was made from."""
    return {"title": title, "comment": json.dumps({_NOTE: dict(origin)}, sort_keys=True)}


def made_from(path: Path) -> Made | None:
    """What a film says that it was made from; None if there is none, or it is not one of ours."""
    try:
        with path.open("rb") as file, av.open(file, "r", format="mp4", metadata_errors="ignore") as container:
            note = json.loads(container.metadata.get("comment", "null"))
            seconds = (container.duration or 0) / av.time_base
    except (OSError, av.FFmpegError, ValueError, RecursionError):
        return None
    texts = note.get(_NOTE) if isinstance(note, dict) else None
    return Made(texts, seconds) if isinstance(texts, dict) else None


def source_mark(path: Path) -> list[int]:
    """What tells a video file from a changed one: its size and the time of its last change."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
