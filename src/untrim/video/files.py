"""Finding video files in folders, and the names that the videos have everywhere: labels, features, detections.

A video is called like its file, without the ending: ``clip``. Where files in several folders share that name, as those
of cameras do, each of them is called by its path in the folder that was given: ``cam1/clip``, ``cam2/clip``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from untrim.errors import UntrimError, numbered
from untrim.support.names import VIDEO_SUFFIXES, standard
from untrim.support.paths import similar

_MOST_KINDS = 5
_PLURALS = {
    "dangling link": "dangling links",
    "device or pipe": "devices or pipes",
    "file that cannot be read": "files that cannot be read",
    "folder that cannot be read": "folders that cannot be read",
    "without ending": "without ending",
}


@dataclass(frozen=True)
class FoundVideos:
    """Video files, and what else was where they were looked for.

    Args:
        files: The files by the names of the videos, in a stable order.
        passed_over: How much of each kind was in the folders and was not taken.
    """

    files: dict[str, Path]
    passed_over: Counter[str] = field(default_factory=Counter)

    def notes(self) -> tuple[str, ...]:
        """A line on what was passed over, ``passed over 3 files: 2 .txt, 1 dangling link``; none if that is nothing."""
        if not self.passed_over:
            return ()
        ordered = sorted(self.passed_over.items(), key=lambda kind: (-kind[1], kind[0]))
        kinds = [f"{count:,} {_PLURALS.get(kind, kind) if count > 1 else kind}" for kind, count in ordered]
        more = [f"{len(kinds) - _MOST_KINDS} more kinds"] if len(kinds) > _MOST_KINDS else []
        total = numbered(self.passed_over.total(), "file", "files")
        return (f"passed over {total}: {', '.join([*kinds[:_MOST_KINDS], *more])}",)


def find_videos(paths: Sequence[Path], *, leave_out: Collection[Path] = ()) -> FoundVideos:
    """Video files: those named, as they are, and those in folders, by their ending, in a stable order.

    Links are followed, and each folder is entered once. Hidden files and folders are left out, and a file that is
    reached twice counts once.

    Args:
        paths: Files and folders.
        leave_out: Files and folders in these folders that are neither taken nor counted.

    Raises:
        UntrimError: A path is missing, a folder holds no video, or two files would have the same name.
    """
    found: dict[Path, tuple[Path, Path]] = {}  # real path -> path, and what was given to find it
    passed_over: Counter[str] = Counter()
    for path in paths:
        if path.is_dir():
            inside = videos_in(path, passed_over, leave_out)
            if not inside:
                known = f"known endings: {' '.join(sorted(VIDEO_SUFFIXES))}"
                what = "; ".join(["holds no video files", *FoundVideos({}, passed_over).notes()])
                raise UntrimError(what, where=path, fix=known)
        elif path.exists():
            inside = [path]
        else:
            raise UntrimError("no such file or folder", where=path, fix=similar(path))
        for file in inside:
            found.setdefault(file.resolve(), (file, path))
    return FoundVideos(_named(list(found.values())), passed_over)


def videos_in(folder: Path, passed_over: Counter[str], leave_out: Collection[Path] = ()) -> list[Path]:
    """The video files in a folder and the folders in it, known by their endings, sorted by path; hidden ones are not.

    Args:
        folder: The folder; nothing is found in one that is not there.
        passed_over: How much of each kind was not taken; what is not taken now is added.
        leave_out: As in `find_videos`.
    """
    return [file for file in _files(folder, passed_over, leave_out) if _is_video(file, passed_over)]


def _files(folder: Path, passed_over: Counter[str], leave_out: Collection[Path]) -> list[Path]:
    """What is in a folder and the folders in it, but for folders, what is hidden and what is left out; sorted by path.

    A folder that links lead to twice, or around in a circle, is entered once.
    """
    inside: list[Path] = []
    left_out = {os.path.realpath(path) for path in leave_out}
    left_names = {path.name for path in leave_out}
    entered = {os.path.realpath(folder), *left_out}

    def pass_over(error: OSError) -> None:
        passed_over["folder that cannot be read"] += 1

    for place, folders, names in os.walk(folder, onerror=pass_over, followlinks=True):
        shown = [name for name in sorted(folders) if not name.startswith(".")]
        folders.clear()
        for name in shown:
            real = os.path.realpath(os.path.join(place, name))
            if real not in entered:
                entered.add(real)
                folders.append(name)
        files = [Path(place, name) for name in names if not name.startswith(".")]
        inside += [file for file in files if file.name not in left_names or os.path.realpath(file) not in left_out]
    return sorted(inside)


def _is_video(file: Path, passed_over: Counter[str]) -> bool:
    """Whether a file is taken; if not, it is counted."""
    if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file():
        return True
    if not file.exists():
        kind = "dangling link" if file.is_symlink() else "file that cannot be read"
    else:
        kind = (file.suffix.lower() or "without ending") if file.is_file() else "device or pipe"
    passed_over[kind] += 1
    return False


def _named(found: Sequence[tuple[Path, Path]]) -> dict[str, Path]:
    """The files by the names of their videos."""
    forms = [_forms(file, given) for file, given in found]
    names = [first for first, *_ in forms]
    for longer in (1, 2):
        counts = Counter(names)
        names = [form[longer] if counts[name] > 1 else name for form, name in zip(forms, names, strict=True)]
    by_name: dict[str, Path] = {}
    for (file, _), name in zip(found, names, strict=True):
        if (other := by_name.setdefault(name, file)) is not file:
            raise UntrimError(f"has the same name as {other}", where=file, fix="rename one of the two")
    return by_name


def _forms(file: Path, given: Path) -> tuple[str, str, str]:
    """What a video may be called, from short to long: as the file, by its path in the folder that was given, and by
    that with the folder's own name before it. Of a file that was given itself, its folder counts as given."""
    folder = given if file != given else given.parent
    inside = (file.relative_to(folder).parent / file.stem).as_posix()
    return standard(file.stem), standard(inside), standard(f"{Path(os.path.abspath(folder)).name}/{inside}")
