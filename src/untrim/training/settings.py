"""Where a run's values come from: the project's defaults or a recipe, then what the user sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from untrim.data.summary import DataSummary
from untrim.errors import UntrimError, nearest
from untrim.methods.base import Method, MethodConfig
from untrim.settings import read_flat_yaml
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
