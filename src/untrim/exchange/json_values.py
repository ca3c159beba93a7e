"""Values of other people's JSON: each is what it should be, or one line says where it is not."""

from __future__ import annotations

from untrim.errors import UntrimError


def as_object(value: object, where: object, what: str) -> dict[str, object]:
    """`value`, an object.

    Raises:
        UntrimError: It is something else.
    """
    if not isinstance(value, dict):
        raise UntrimError(f"{what} should be an object {{…}}, found {value!r:.60}", where=where)
    return value


def as_list(value: object, where: object, what: str) -> list[object]:
    """`value`, a list.

    Raises:
        UntrimError: It is something else.
    """
    if not isinstance(value, list):
        raise UntrimError(f"{what} should be a list […], found {value!r:.60}", where=where)
    return value


def as_text(value: object, where: object, what: str) -> str:
    """`value`, a text that is not empty.

    Raises:
        UntrimError: It is something else.
    """
    if not isinstance(value, str) or not value.strip():
        raise UntrimError(f"{what} should be a text, found {value!r:.60}", where=where)
    return value
