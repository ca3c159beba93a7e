"""Paths as people give them: a `Path` or text, one or several."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
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


def similar(path: Path) -> str | None:
    """``did you mean 'clip.mp4'?`` for a path that is not there, if its folder holds something of nearly that name.

    Nearly: with another ending, in another case, with accents encoded otherwise (as macOS does), or a slip or two away.
    """
    with suppress(OSError, ValueError):
        names = sorted(
            entry.name for entry in path.parent.iterdir() if entry.name[0] != "." and entry.name != path.name
        )
        forms = {_form(name): name for name in names}
        stems = {_form(Path(name).stem): name for name in names}
        wanted, stem = _form(path.name), _form(path.stem)
        near = difflib.get_close_matches(wanted, forms, n=1, cutoff=0.8)
        found = forms.get(wanted) or stems.get(wanted) or forms.get(stem) or stems.get(stem)
        if found := found or (forms[near[0]] if near else None):
            return f"did you mean '{path.parent / found}'?"
    return None


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()
