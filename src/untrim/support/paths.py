"""Paths as people give them: a `Path` or text, one or several."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from untrim.errors import UntrimError


def as_path(given: object, what: str) -> Path:
    """`given`, a `Path` or text, as a path; `what` names it in the error.

    Raises:
        UntrimError: It is neither, or empty text.
    """
    if not isinstance(given, Path | str) or given == "":
        raise UntrimError(f"{what}: not a path: {given!r:.60}", fix="give a Path, or its text")
    return Path(given)


def as_paths(given: object, what: str) -> list[Path]:
    """`given`, one path or several, as a list; text is one path, never a row of letters.

    Raises:
        UntrimError: It is neither, or there is none.
    """
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if not (paths := [as_path(path, what) for path in several]):
        raise UntrimError(f"{what}: no path is given")
    return paths
