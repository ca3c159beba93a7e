"""What to type next: with detections, for clips, ELAN or a spreadsheet; with features of several backbones."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def next_steps(detections: Path, videos: Sequence[Path] = (), min_score: float | None = None) -> str:
    """The lines that a verb which makes or shows detections ends with.

    Args:
        detections: Their file.
        videos: The video files, and folders that hold some, as they were given; none if the verb was told of none.
        min_score: The score from which they count as found, if the verb was told one.
    """
    found, beside = shlex.quote(str(detections)), detections.with_name
    given = [shlex.quote(str(path)) for path in videos] or ["VIDEOS"]
    least = "" if min_score is None else f" --min-score {min_score}"
    sheet = beside(f"{detections.stem}-bom.csv") if detections.suffix == ".csv" else detections.with_suffix(".csv")
    films = " ".join(f"--videos {path}" for path in given)
    lines = [
        "to hand on what was found:",
        f"  clips        untrim clips {found} {films}{least} -o {_quoted(beside('clips'))}",
        f"  ELAN         untrim convert {found} --videos {given[0] if len(given) == 1 else 'VIDEOS'}{least} --to elan "
        f"-o {_quoted(beside('elan'))}",
        "and all, with its scores:",
        f"  spreadsheet  untrim convert {found} -o {_quoted(sheet)} --bom",
    ]
    return "\n".join(lines)


def how_to_combine(folders: Sequence[Path], output: Path) -> str:
    """The line with which an extraction by several backbones ends: how to make one feature folder of all.

    Args:
        folders: The feature folders.
        output: The folder to make.
    """
    from untrim.features.store import INFO_NAME, read_info

    infos = {folder: read_info(folder / INFO_NAME) for folder in folders}
    if len({info.grid() for info in infos.values()}) > 1:
        frames = min(info.snippet_frames for info in infos.values())
        stride = max(info.stride_frames for info in infos.values())
        return (
            "their snippets have different times; for features that can be combined, extract into a new folder with "
            f"--set snippet_frames={frames} --set stride_frames={stride}"
        )
    parts, taken = list[str](), set[str]()
    for folder, info in infos.items():
        fresh = [stream for stream in info.streams if stream not in taken]
        if not fresh:
            return f"{folder} has no stream that the others lack: use one folder at a time"
        whole = len(fresh) == len(info.streams)
        parts += [str(folder)] if whole else [f"{folder}:{stream}" for stream in fresh]
        taken.update(fresh)
    return f"to use them as one: untrim combine {shlex.join(parts)} -o {_quoted(output)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
