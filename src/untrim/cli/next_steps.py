"""What to type next with detections: for clips, for ELAN, for a spreadsheet."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def next_steps(detections: Path, videos: Sequence[Path] = ()) -> str:
    """The lines that a verb which makes or shows detections ends with.

    Args:
        detections: Their file.
        videos: The video files, and folders that hold some, as they were given; none if the verb was told of none.
    """
    found, beside = shlex.quote(str(detections)), detections.with_name
    given = [shlex.quote(str(path)) for path in videos] or ["VIDEOS"]
    sheet = detections.with_suffix(".csv")
    steps = {
        "clips": f"untrim clips {found} {' '.join(f'--videos {path}' for path in given)} -o {_quoted(beside('clips'))}",
        "ELAN": f"untrim convert {found} --videos {given[0] if len(given) == 1 else 'VIDEOS'} --to elan "
        f"-o {_quoted(beside('elan'))}",
        "spreadsheet": _quoted(sheet) if sheet == detections else f"untrim convert {found} -o {_quoted(sheet)}",
    }
    return "\n".join(["to hand on what was found:", *(f"  {name:12} {step}" for name, step in steps.items())])


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
