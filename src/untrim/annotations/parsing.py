"""Numbers and times as files of annotations hold them, with the place of what cannot be read."""

from __future__ import annotations

import math

from untrim.errors import UntrimError
from untrim.timeline import Segment


def number(value: object, where: object, what: str) -> float:
    """`value` as a finite float, also from text such as ``"88.6"``.

    Args:
        value: What the file holds.
        where: The file, or the place in it, for messages.
        what: Name of the value, for messages.

    Raises:
        UntrimError: It is none.
    """
    try:
        result = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise UntrimError(f"{what} is not a finite number: {value!r:.60}", where=where)
    return result


def span(start: object, end: object, where: object) -> Segment:
    """The time from `start` to `end`, each as `number` reads it.

    Raises:
        UntrimError: One is no finite number, or the end lies before the start.
    """
    first, last = number(start, where, "start"), number(end, where, "end")
    if first > last:
        raise UntrimError(f"ends before it starts: {first} > {last}", where=where)
    return Segment(first, last)
