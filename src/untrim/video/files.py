"""Finding video files in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from untrim.errors import UntrimError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
)


def find_videos(paths: Sequence[Path]) -> list[Path]:
    """Video files: those named, as they are, and those in folders, by their ending, in a stable order.

    Hidden files and folders are passed over, and a file that is reached twice counts once.

    Raises:
        UntrimError: A path is missing, a folder holds none, or two have the same stem, which names the features.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if _is_video(file, path))
            if not inside:
                endings = " ".join(sorted(VIDEO_SUFFIXES))
                raise UntrimError("holds no video files", where=path, fix=f"known endings: {endings}")
        elif path.exists():
            inside = [path]
        else:
            raise UntrimError("no such file or folder", where=path)
        for file in inside:
            found.setdefault(file.resolve(), file)
    by_stem: dict[str, Path] = {}
    for path in found.values():
        if by_stem.setdefault(path.stem, path) is not path:
            raise UntrimError(f"has the same name as {by_stem[path.stem]}", where=path, fix="rename one of the two")
    return list(found.values())


def _is_video(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix.lower() in VIDEO_SUFFIXES and file.is_file() and not hidden
