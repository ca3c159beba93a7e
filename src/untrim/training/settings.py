"""Where a run's values come from: the project's defaults or a recipe, then what the user sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from untrim.data.summary import DataSummary
from untrim.errors import UntrimError, nearest
from untrim.files import read_text
from untrim.methods.base import Method, MethodConfig
from untrim.validation import validate


def configure(
    method: type[Method], data: DataSummary, recipe: str | None, settings: Mapping[str, object]
) -> MethodConfig:
    """The complete config of a run.

    Args:
        method: The method.
        data: Facts of the training data, for the project's defaults.
        recipe: None for the project's defaults, else the name of a preset or a flat YAML file; a file's values are
            laid over the paper's.
        settings: The user's own values, laid over everything.

    Raises:
        UntrimError: An unknown recipe or key (names the nearest), or a value out of range.
    """
    if recipe is None:
        values = method.defaults(data)
    elif recipe in method.presets:
        values = dict(method.presets[recipe])
    elif Path(recipe).suffix in (".yaml", ".yml"):
        values = read_flat_yaml(Path(recipe))
        validate(method.Config, values, recipe)
    else:
        raise UntrimError(f"unknown recipe '{recipe}'", fix=f"{nearest(recipe, method.presets)} or name a .yaml file")
    return validate(method.Config, {**values, **settings}, "--set")


def read_flat_yaml(path: Path) -> dict[str, object]:
    """A YAML file that maps names to plain values.

    Raises:
        UntrimError: Missing, not YAML, or not flat.
    """
    try:
        values = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise UntrimError(f"is not valid YAML: {error}", where=path) from error
    if not isinstance(values, dict) or any(isinstance(value, (dict, list)) for value in values.values()):
        raise UntrimError("should map names to plain values, one a line", where=path)
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
        value = yaml.safe_load(text)
        return float(value) if isinstance(value, str) else value
    except (ValueError, yaml.YAMLError):
        return text
