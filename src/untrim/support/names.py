"""The one form of a name of a video, a class or a subset, and what to say of names that all but agree.

Names are kept in Unicode's form NFC, without blanks at the ends. macOS hands out the names of files in another form
(NFD: an accent is a character of its own), and nobody sees a blank at an end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TypeVar

from untrim.errors import UntrimError

T = TypeVar("T")

VIDEO_SUFFIXES = frozenset(
    {".264", ".265", ".3g2", ".3gp", ".asf", ".av1", ".avc", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264"}
    | {".h265", ".hevc", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov"}
    | {".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".qt", ".rm", ".rmvb"}
    | {".tod", ".trp", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".xvid", ".y4m"}
)
"""Endings of video files, in small letters."""

# Blanks, hyphens, and what cannot be seen: soft hyphens, and signs that choose between forms of an emoji.
_IN_BETWEEN = re.compile("[\\s_\\-\u00ad\u200b\u2060\ufe0e\ufe0f\ufeff]")
_MOST = 3
_NEAR, _LOOKED_AT = 0.75, 5000
# Words of sides and of ways to turn: how they begin or end in some languages, letters, and signs. Where a word only
# looks like one (leftover), no harm is done.
_SIDE = re.compile(
    r"\b(left|right|link|recht|gauche|droit|izquierd|derech|sinistr|destr|esquerd|direit|vänst|höger|лев|прав|налев|направ)"
    r"|(left|right|clockwise)\b|\b(ccw|cw|l|r)\b|[左右←→]|왼|오른"
)
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def standard(name: str) -> str:
    """A name in the one form: NFC, without blanks at the ends."""
    return unicodedata.normalize("NFC", name).strip()


def in_one_form(values: Mapping[str, T], where: object = None) -> dict[str, T]:
    """The same mapping, its names in the one form.

    Raises:
        UntrimError: Two of the names have the same form.
    """
    found: dict[str, T] = {}
    for name, value in values.items():
        if standard(name) in found:
            raise UntrimError(
                f"'{standard(name)}' is listed twice, in forms that look the same",
                where=where,
                fix="keep one of the two, or put what they hold together",
            )
        found[standard(name)] = value
    return found


def names_a_side(label: str) -> bool:
    """Whether a word in it may be left or right, in one of some languages, or a way to turn."""
    words = _INNER_CAPITAL.sub(" ", unicodedata.normalize("NFKC", label).replace("_", " "))
    return _SIDE.search(words.casefold()) is not None


def without_ending(name: str) -> str:
    """A name without the ending of a video file, if it has one."""
    ending = PurePosixPath(name).suffix
    return name[: -len(ending)] if ending.lower() in VIDEO_SUFFIXES else name


def spelled_alike(names: Iterable[str]) -> list[list[str]]:
    """Names that differ only in case, in Unicode form, or by blanks, hyphens and underscores: each such set."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def labels_in(label: str, labels: Iterable[str]) -> list[str]:
    """The labels that `label` holds, if it looks like several of them in one cell; else nothing.

    Semicolons and bars separate labels. So do ``,``, ``#``, ``/``, ``&`` and ``+`` if every part is one of `labels`.
    """
    if len(parts := _parts(label, ";|")) > 1:
        return parts
    parts = _parts(label, ",#/&+")
    known = set(labels)
    return parts if len(parts) > 1 and known.issuperset(parts) else []


def _parts(label: str, separators: str) -> list[str]:
    return [part for cell in re.split(f"[{separators}]", label) if (part := cell.strip())]


def there_as(names: Iterable[str], known: Iterable[str]) -> str:
    """``'clip.MP4' is there as 'clip'``, of up to three of `names` that some of `known` fit but for case, form, the
    ending of a video file, or ActivityNet's ``v_``; ``'clip' may be 'monday/clip'``, of ones that fit but for a folder,
    or for a slip of the keyboard; empty if none does."""
    by_key = {_key(without_ending(name)): name for name in known}
    found = []
    for name in names:
        bare = without_ending(name)
        forms = (bare, bare.removeprefix("v_"), f"v_{bare}")
        if (other := next((by_key[key] for form in forms if (key := _key(form)) in by_key), None)) is not None:
            found.append(f"'{name}' is there as '{other}'")
        elif len(found) <= _MOST and (others := _perhaps(bare, by_key.values())):
            found.append(f"'{name}' may be {' or '.join(map(repr, others[:_MOST]))}")
    rest = f" and {len(found) - _MOST} more like these" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + rest


def _perhaps(name: str, known: Iterable[str]) -> list[str]:
    """Those of `known` that are `name` in a folder, or out of one; else the nearest, if it is near."""
    known = list(known)
    if alike := [other for other in known if other.endswith(f"/{name}") or name.endswith(f"/{other}")]:
        return alike
    # Names that count on, as video_1 and video_2, are near one another, and yet none is a slip for the other.
    same = [other for other in known[:_LOOKED_AT] if _digits(other) == _digits(name)]
    return get_close_matches(name, same, 1, _NEAR)


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))


def _key(name: str) -> str:
    return _IN_BETWEEN.sub("", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()))
