"""Values that a person writes down: YAML files and ``key=value`` texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from untrim.errors import UntrimError
from untrim.support.documents import parse_yaml
from untrim.support.files import read_text


def read_yaml(path: Path) -> dict[str, object]:
    """A YAML file that maps names to values.

    Raises:
        UntrimError: Missing, not YAML, or no such mapping.
    """
    values = parse_yaml(read_text(path), path)
    if not isinstance(values, dict):
        raise UntrimError("should map names to values", where=path, fix="write one `name: value` per line")
    return {str(key): value for key, value in values.items()}


def plain(values: object, where: object) -> dict[str, object]:
    """`values`, which should map names to plain values: no lists, no mappings.

    Raises:
        UntrimError: They do not.
    """
    if not isinstance(values, dict) or any(isinstance(value, (dict, list)) for value in values.values()):
        raise UntrimError("should map names to plain values", where=where, fix="write one `name: value` per line")
    return {str(key): value for key, value in values.items()}


def parse_settings(assignments: Sequence[str]) -> dict[str, object]:
    """Values of ``key=value`` texts, each value read as YAML (``null``, ``true``, ``1e-4``, ``triplet``).

    Raises:
        UntrimError: A text without ``=``.
    """
    settings: dict[str, object] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise UntrimError(f"--set {assignment}", fix="write --set key=value")
        settings[key.strip()] = _plain_value(value.strip())
    return settings


def _plain_value(text: str) -> object:
    """YAML reads ``1e-4`` as text; a person means a number."""
    try:
        value = parse_yaml(text, "--set")
        return float(value) if isinstance(value, str) else value
    except (ValueError, UntrimError):
        return text
