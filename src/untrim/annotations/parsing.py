"""Numbers and times as files of annotations hold them, with the place of what cannot be read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from untrim.annotations.model import Video
from untrim.errors import UntrimError
from untrim.timeline import Segment

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d*)?)")
_WORDS = re.compile(r"[a-z]+\d*")
_OF_TIME = re.compile(
    "begins?|duration|ends?|finish|frames?|intervals?|offset|onset|points?|ranges?|sec|seconds|segments?|spans?|"
    "starts?|stops?|t[012]|tend|temporal|times?|timestamps?|tstart|"
    "anfang|beginn|bis|dauer|ende|von|zeit|debut|fin|inicio|desde|hasta"
)
_WHOLE = frozenset(("at", "from", "t", "to"))
_JOINED = re.compile(
    r"(t|time|clip|segment|action|event)?(begin|end|finish|start|stop|time)(s|sec|secs|seconds|ms|time|frame|stamp)?"
)
# Of the file, or of the work on it, not of what happens in the video.
_ELSEWHERE = re.compile("added|count|created|modified|n|num|number|rate|saved|total|updated")


def number(value: object, where: object, what: str) -> float:
    """`value` as a finite float, also from text such as ``"88.6"`` or ``"88,6"``.

    Args:
        value: What the file holds.
        where: The file, or the place in it, for messages.
        what: Name of the value, for messages.

    Raises:
        UntrimError: It is none. A number has one mark, a dot or a comma, and no separators of thousands.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        result = float(text) if isinstance(text, (int, float, str)) and not isinstance(text, bool) else math.nan
    except (ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        fix = "write a number, with one dot or comma and nothing else"
        raise UntrimError(f"{what} is not a finite number: {value!r:.60}", where=where, fix=fix)
    return result


def seconds(value: object, where: object, what: str) -> float:
    """`value` as seconds: a number, or a text ``1:05.5`` (minutes) or ``00:01:05`` (hours).

    Raises:
        UntrimError: It is neither.
    """
    if not isinstance(value, str) or ":" not in value:
        return number(value, where, what)
    parts = _CLOCK.fullmatch(value.strip())
    last = math.nan if parts is None else float(parts[3].replace(",", "."))
    if parts is None or last >= 60 or (parts[1] is not None and int(parts[2]) >= 60):
        fix = "write seconds, minutes:seconds or hours:minutes:seconds"
        raise UntrimError(f"{what} is not a time: {value!r:.60}", where=where, fix=fix)
    return 3600.0 * int(parts[1] or 0) + 60.0 * int(parts[2]) + last


def positive(value: object, where: object, what: str, read: Callable[[object, object, str], float]) -> float | None:
    """`value` as `read` (`number` or `seconds`) has it; None where it is unknown: empty, or 0 or less, as many tools
    write it.

    Raises:
        UntrimError: It is something else.
    """
    found = 0.0 if value in (None, "") else read(value, where, what)
    return found if found > 0 else None


def span(start: object, end: object, where: object) -> Segment:
    """The time from `start` to `end`, each as `seconds` reads it.

    Raises:
        UntrimError: A value is not a finite number, or the end is before the start.
    """
    first, last = seconds(start, where, "start"), seconds(end, where, "end")
    if first > last:
        raise UntrimError(f"ends before it starts: {first} > {last}", where=where, fix="swap the two, or correct one")
    return Segment(first, last)


def video_at(where: object, **fields: Any) -> Video:
    """The video with these `fields`.

    Raises:
        UntrimError: They contradict each other; says where.
    """
    try:
        return Video(**fields)
    except UntrimError as error:
        raise UntrimError(error.what, where=where, fix=error.fix) from error


def keys_of_time(keys: Iterable[str]) -> list[str]:
    """Those of `keys` whose name says that they hold a time, such as ``segments``, ``t_start`` or ``endTime``."""
    return [key for key in keys if _is_of_time(key)]


def _is_of_time(key: str) -> bool:
    words = _WORDS.findall(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower())
    if any(_ELSEWHERE.fullmatch(word) for word in words):
        return False
    joined = "".join(words)
    return joined in _WHOLE or any(map(_OF_TIME.fullmatch, words)) or _JOINED.fullmatch(joined) is not None
