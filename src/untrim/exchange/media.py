"""The video files beside a conversion: which of them a name or a path means, and when their frames are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np

from untrim.errors import UntrimError, listing, numbered
from untrim.support.names import standard, there_as, without_ending
from untrim.support.progress import Progress, count_steps
from untrim.timeline import Segment, is_finite
from untrim.video.decode import VideoFile
from untrim.video.files import FoundVideos, find_videos
from untrim.video.frames import FrameTable


@dataclass(frozen=True)
class MeasuredVideo:
    """What reading a video file to its end says.

    Args:
        path: The file.
        table: When its frames are shown.
        fps: Frames per second, as the container says; on average, where it does not.
        size: Width and height in pixels, as shown.
    """

    path: Path
    table: FrameTable
    fps: float
    size: tuple[int, int]


class Media:
    """The video files of a folder, and what other names for them mean.

    Args:
        folder: The folder; None if there are no video files.
        renamed: What a path or a name in a file becomes: a whole one, or the folders that it begins with.
        fps: Frames per second of videos of which nothing else is known; None to refuse to guess.

    Attributes:
        notes: What was passed over in the folder, and what could not be read: a line each.

    Raises:
        UntrimError: The folder is missing or holds no videos, or `fps` is not positive.
    """

    def __init__(
        self, folder: Path | None = None, renamed: Mapping[str, str] | None = None, fps: float | None = None
    ) -> None:
        if fps is not None and not (is_finite(fps) and fps > 0):
            raise UntrimError(f"fps {fps!r:.40} must be a positive number")
        self.folder, self.fps = folder, fps
        found = FoundVideos({}) if folder is None else find_videos([folder])
        self.files, self.notes = found.files, list(found.notes())
        self._renamed = {_plain(old): _plain(new) for old, new in (renamed or {}).items()}
        self._measured: dict[str, MeasuredVideo | None] = {}
        self._meant: dict[str, str] = {}
        self._ends: dict[str, set[str]] = defaultdict(set)
        for name, file in self.files.items():
            parts = file.relative_to(folder).parts if folder is not None and folder.is_dir() else (file.name,)
            for first in range(len(parts)):
                end = standard("/".join(parts[first:]))
                self._ends[end].add(name)
                self._ends[end.removesuffix(file.suffix)].add(name)

    def name_of(self, text: str, where: object) -> str:
        """The video that a path, an address or a name in a file means.

        With video files: the one whose path ends so. Otherwise, or if none does: the last part of the path, without the
        ending of a video file.

        Raises:
            UntrimError: It is the end of several paths, or another path in the same file has that last part, too.
        """
        path = self._renaming(_plain(text))
        if (known := self._file_at(path, where)) is not None:
            return known
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        for first in range(1, len(parts)):
            if (known := self._file_at("/".join(parts[first:]), where)) is not None:
                return known
        name = standard(without_ending(parts[-1])) if parts else ""
        if not name:
            raise UntrimError(f"{text!r:.60} names no video", where=where, fix="use --map to name it")
        if (other := self._meant.setdefault(name, path)) != path and "/" in path and "/" in other:
            what = f"'{name}' is '{other}' and '{path}'"
            raise UntrimError(what, where=where, fix="give the two names with --map")
        return name

    def name_for(self, name: str, where: object) -> str:
        """The video that a name in a file of untrim's own means: that of the file whose path ends so, else itself.

        Raises:
            UntrimError: It is the end of several paths.
        """
        path = self._renaming(standard(name))
        return self._file_at(path, where) or path

    def name_by(self, own: str, path: str | None, where: object) -> str:
        """The video that an entry means which has a name of untrim's own, and mostly a path too.

        The path decides, unless it is only the last part of the name.

        Raises:
            UntrimError: The path names no video, or either may be several.
        """
        own = self.name_for(own, where)
        if not path or _plain(path) == own:
            return own
        name = self.name_of(path, where)
        return own if standard(without_ending(PurePosixPath(own).name)) == name else name

    def measured(self, name: str) -> MeasuredVideo | None:
        """What the file of a video says; None if it has none, or it cannot be read."""
        if name not in self._measured:
            file, self._measured[name] = self.files.get(name), None
            if file is not None:
                try:
                    self._measured[name] = _measure(file)
                except UntrimError as error:
                    self.notes.append(str(error))
        return self._measured[name]

    def measure(self, names: Iterable[str], progress: Progress | None) -> None:
        """Read the files of these videos to their ends now; those that cannot be read are noted."""
        names = [name for name in names if name in self.files and name not in self._measured]
        advance = count_steps(progress, "look at videos", len(names)) if names else None
        for name in names:
            self.measured(name)
            if advance is not None:
                advance(name)

    def offset(self, name: str) -> float:
        """Media seconds of a video's first picture; 0 where its file is not known."""
        found = self.measured(name)
        return 0.0 if found is None else found.table.offset

    def frames(self, name: str, until: float, fps: float | None, where: object) -> FrameTable:
        """When the frames of a video are shown; of one without a file, at a constant rate.

        Args:
            name: The video.
            until: Seconds that a table of a constant rate must reach.
            fps: What the labels say of the rate.
            where: The file that is read or written, for the error.

        Raises:
            UntrimError: Neither its file nor its rate is known.
        """
        found = self.measured(name)
        return found.table if found is not None else FrameTable.regular(self.rate(name, fps, where), until)

    def rate(self, name: str, fps: float | None, where: object) -> float:
        """Frames per second of a video: by its file, else by `fps`, else as the caller says for all.

        Raises:
            UntrimError: None of these knows it.
        """
        found = self.measured(name)
        rate = fps or self.fps if found is None else found.fps
        if not rate:
            what = f"counts frames, and nobody says how many '{name}' has per second"
            raise UntrimError(what, where=where, fix="name the folder of its videos with --videos, or give --fps")
        return rate

    def coverage(self, names: Collection[str]) -> list[str]:
        """Which of these videos have no file, and which files are of none of them: a line each."""
        if self.folder is None:
            return []
        notes = []
        if missing := [name for name in names if name not in self.files]:
            videos = numbered(len(missing), "labelled video has", "labelled videos have")
            notes.append(f"{videos} no file: {listing(missing)}")
            notes += [hint] if (hint := there_as(missing, self.files)) else []
        if unlabelled := [name for name in self.files if name not in names]:
            videos = numbered(len(unlabelled), "video file has", "video files have")
            notes.append(f"{videos} no label: {listing(unlabelled)}")
        return notes

    def reference(self, name: str) -> str:
        """How a file names a video: by its path, or where that is not known, by its name."""
        file = self.files.get(name)
        return name if file is None else file.absolute().as_posix()

    def _file_at(self, path: str, where: object) -> str | None:
        """The video whose file has this path, or a path that ends so."""
        meant = {path} if path in self.files else self._ends.get(path, set())
        if len(meant) > 1:
            what = f"'{path}' may be {' or '.join(sorted(meant))}"
            raise UntrimError(what, where=where, fix=f"name videos by their paths in {self.folder}, or use --map")
        return next(iter(meant), None)

    def _renaming(self, path: str) -> str:
        for old, new in self._renamed.items():
            if old in (path, without_ending(path), PurePosixPath(path).name, without_ending(PurePosixPath(path).name)):
                return new
            if path.startswith(f"{old.rstrip('/')}/"):
                return f"{new.rstrip('/')}/{path[len(old.rstrip('/')) + 1 :]}"
        return path


def moved(segment: Segment, seconds: float) -> Segment:
    """A segment so many seconds later."""
    return Segment(segment.start + seconds, segment.end + seconds)


def _plain(text: str) -> str:
    """A path as it is meant, with ``/`` between folders, of a path of any system or of an address."""
    text = text.strip()
    if "://" in text or text.lower().startswith("file:") or "/?d=" in text:
        try:
            address = urlsplit(text)
        except ValueError:
            return standard(text.replace("\\", "/"))
        query = address.query.rpartition("=")[2] if address.query else ""  # Label Studio: /data/local-files/?d=a/b.mp4
        text = unquote(query or address.path)
    return standard(text.replace("\\", "/"))


def _measure(file: Path) -> MeasuredVideo:
    with VideoFile(file) as opened:
        seconds = np.fromiter(opened.times(), dtype=np.float64)
        table = FrameTable(seconds, opened.offset, opened.duration)
        info = opened.info
        return MeasuredVideo(file, table, info.fps or table.fps, (info.width, info.height))
