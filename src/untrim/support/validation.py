"""Turn pydantic's reports into the project's one-line errors."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from untrim.errors import UntrimError, nearest

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], values: object, where: object) -> M:
    """`values` as a `model`.

    Raises:
        UntrimError: The first thing that is wrong, with its key and, for an unknown key, the nearest known one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        if first["type"] == "extra_forbidden":
            raise UntrimError(f"unknown key '{key}'", where=where, fix=nearest(key, model.model_fields)) from None
        found = "" if first["type"] == "missing" else f", found {first['input']!r:.80}"
        why = first["msg"].removeprefix("Value error, ")  # pydantic's words before those of our own checks
        if first["type"] == "model_type":  # Its words name the class, which no person knows.
            why = "should be an object {…}"
        raise UntrimError(f"'{key}': {why}{found}", where=where) from None
