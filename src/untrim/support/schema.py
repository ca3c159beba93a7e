"""The schema number of the package's own files: older forms are read, newer ones are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from untrim.errors import UntrimError
from untrim.support.files import read_json

SCHEMA = "schema"
"""Key of the number. Files from before there were numbers have none, and count as 1."""


def check_schema(values: Mapping[str, object], where: object, newest: int = 1) -> None:
    """Check that what a file holds is of a form that this version reads.

    Args:
        values: Contents of the file.
        where: The file.
        newest: The highest number that the reader knows.

    Raises:
        UntrimError: The number is higher, or is no such number.
    """
    found = values.get(SCHEMA, 1)
    if type(found) is not int or found < 1:
        raise UntrimError(f"'{SCHEMA}' is {found!r:.40}, wanted a whole number from 1 to {newest}", where=where)
    if found > newest:
        raise UntrimError(
            f"was written by a newer untrim: '{SCHEMA}' is {found}, this version reads up to {newest}",
            where=where,
            fix="upgrade untrim",
        )


def read_object(path: Path) -> dict[str, object]:
    """The object in one of the package's own JSON files, without its schema number.

    Raises:
        UntrimError: Missing, not JSON, not an object, or written by a newer untrim.
    """
    values = read_json(path)
    if not isinstance(values, dict):
        raise UntrimError("should be an object {…}", where=path)
    check_schema(values, path)
    return {key: value for key, value in values.items() if key != SCHEMA}
