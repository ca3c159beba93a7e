"""The one exception family: a single line that says what, where, and how to fix it."""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

_NEAR, _WORDS_NEAR = 0.6, 0.75  # Likeness of names that may be meant: as a whole, and of their words on average.


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something is wrong: ``file, line 3`` or ``file, key``.

    Args:
        file: The file.
        line: Number of the line, from 1.
        key: Name of the value, in a file where lines do not matter.
    """

    file: object
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        line = None if self.line is None else f"line {self.line}"
        return ", ".join(str(part) for part in (self.file, line, self.key) if part is not None)


class UntrimError(Exception):
    """The input or the call is wrong. The command line prints it as one line and exits with 2.

    Args:
        what: What is wrong, with the value found and the value wanted.
        where: The file, or a `Place` in it.
        fix: What the reader can do about it.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: object = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what, where, fix)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (
            type(self),
            self.what,
            str(self.where) if self.where is not None else None,
            self.fix,
        )

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where is not None else ""
        remedy = f" ({self.fix})" if self.fix else ""
        return printable(" ".join(f"{place}{self.what}{remedy}".split()))


class WorkFailed(UntrimError):
    """The input is right, but the work could not be done. The command line exits with 1."""

    exit_code = 1


class Stopped(Exception):
    """The caller asked the work to stop, and it did: nothing is wrong, and what is done is kept.

    No `UntrimError`, so that nothing takes it for one video or one trial that failed. The command line exits with 130.

    Args:
        what: Where it stopped.
    """

    exit_code: ClassVar[int] = 130

    def __init__(self, what: str) -> None:
        super().__init__(what)


def _rebuild(kind: type[UntrimError], what: str, where: str | None, fix: str | None) -> UntrimError:
    """Pickle support: errors cross process borders in `untrim extract`."""
    return kind(what, where=where, fix=fix)


def unforeseen(error: Exception) -> str:
    """One line on an error that no code expects, with the place in the code: what a broken file made a library do."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
    return " ".join(what.split())


_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with the signs that a terminal would obey written out, such as ``\\x1b`` for ESC.

    Those are control characters but tab and line feed, and the signs that turn the direction of reading around. Names
    in other people's files may hold them.
    """
    return _UNPRINTABLE.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def printable_json(text: str) -> str:
    """A JSON text with the same signs written out, in JSON's way: ``\\u001b``. The value in it is the same."""
    return _UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'X'?`` for the known name nearest to `name` in any case, else the list of known names.

    A name is near as a whole (``juggling bals``), or if its words are near to some of the known name's (``slalon``).
    """
    known = sorted(known)
    near = {other: _likeness(str(name), other) for other in known}
    best = max(near, key=near.__getitem__, default="")
    return f"did you mean '{best}'?" if near and near[best][0] >= _NEAR else f"known: {listing(known)}"


def _likeness(name: str, known: str) -> tuple[float, float]:
    """How near two names are, in [0, 1], and how near they are as a whole, which decides between equals."""
    name, known = name.casefold(), known.casefold()
    whole = _ratio(name, known)
    nearest_words = [max((_ratio(word, other) for other in known.split()), default=0.0) for word in name.split()]
    by_words = sum(nearest_words) / max(1, len(nearest_words))
    return max(whole, by_words if by_words >= _WORDS_NEAR else 0.0), whole


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def listing(names: Iterable[str], most: int = 3) -> str:
    """The first few of `names` in one line, and how many more there are."""
    names = sorted(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def numbered(count: int, one: str, many: str) -> str:
    """``1 video``, ``2,000 videos``: a number with its noun in the right form."""
    return f"{count:,} {one if count == 1 else many}"
