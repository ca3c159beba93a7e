"""Where a run's values come from: the project's defaults or a recipe, then what the user sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from untrim.data.summary import DataSummary
from untrim.errors import UntrimError, nearest
from untrim.methods import load_method
from untrim.methods.base import Method, MethodConfig
from untrim.support.schema import check_schema
from untrim.support.settings import plain, read_yaml
from untrim.support.validation import validate
from untrim.training.older import without_dropped

_SMALL_BATCH = 256  # Videos; as many may be drawn in a step even where there are fewer, some of them repeatedly.
_MOST_ITERATIONS = 100_000_000
_MOST_SNIPPETS = 1_000_000

_RECIPES = Path(__file__).parent.parent / "recipes"


def configure(
    method: type[Method], data: DataSummary, recipe: str | None, settings: Mapping[str, object]
) -> MethodConfig:
    """The complete config of a run.

    Args:
        method: The method.
        data: Facts of the training data, for the project's defaults.
        recipe: None for the project's defaults, otherwise the name of a preset, of a recipe (`untrim.recipes`), or a
            YAML file (`read_recipe`); a recipe's values override the paper's. By default a method learns from points
            and segments too; a paper's values are for labels alone.
        settings: The user's own values, which override all others.

    Raises:
        UntrimError: An unknown recipe or key (names the nearest), a value out of range, or a method that comes trained.
    """
    if method.supervision == "none":
        raise UntrimError(
            f"{method.__name__} is not trained: its runs are ready", fix="get one: `untrim weights pull kinetics400`"
        )
    if recipe is None:
        values = {**weight_of_known(method, data), **method.defaults(data)}
    else:
        values = recipe_values(method, recipe)
    config = validate(method.Config, {**values, **settings}, "--set")
    check_config(config, data)
    return config


def check_config(config: MethodConfig, data: DataSummary) -> None:
    """Refuse values that the features do not allow, or that, by a slip of the keyboard, no machine could work off.

    Raises:
        UntrimError: There is one.
    """
    if config.mirrored and not data.mirror_known:
        what = "mirrored is true, but the features do not know the mirror image of a video"
        fix = "use mirrored=false; features of hoghof know it, unless they are combined or left_right is false"
        raise UntrimError(what, fix=fix)
    _check_amount(config, data)


def weight_of_known(method: type[Method], data: DataSummary) -> dict[str, object]:
    """The weight of what is known beyond names of actions, where a method's own losses learn from names alone."""
    return {"add_known": data.known_weight(method.learns_from_nothing)} if method.supervision == "labels" else {}


def recipe_values(method: type[Method], recipe: str) -> dict[str, object]:
    """The values of a preset, a recipe or a YAML file that differ from the paper's.

    Raises:
        UntrimError: There is none of that name (names the nearest), or it is not one of this method.
    """
    if recipe in method.presets:
        return dict(method.presets[recipe])
    values = read_recipe(method, _recipe_file(method, recipe))
    validate(method.Config, values, recipe)
    return values


def _check_amount(config: MethodConfig, data: DataSummary) -> None:
    """Refuse values, such as a slip of the keyboard, that no machine could work off or hold."""
    most = max(_SMALL_BATCH, data.videos)
    drawn = {"batch_size": config.batch_size, "groups": config.groups * config.group_videos}
    for key, videos in drawn.items():
        if videos > most:
            what = f"'{key}': {videos} videos in each step, and there are {data.videos} to train on"
            raise UntrimError(what, where="--set", fix=f"take {most} at most")
    for key, bound in (("iterations", _MOST_ITERATIONS), ("max_snippets", _MOST_SNIPPETS)):
        if (getattr(config, key) or 0) > bound:
            raise UntrimError(f"'{key}' is {getattr(config, key)}, more than {bound:,}", where="--set", fix="take less")


def read_recipe(method: type[Method], path: Path) -> dict[str, object]:
    """The values in a recipe file: one ``key: value`` per line, or under ``config``, as in the files that we write.

    Raises:
        UntrimError: Missing, not such a file, or written by a newer untrim.
    """
    values = read_yaml(path)
    if isinstance(values.get("config"), dict):
        check_schema(values, path)
        return plain(values["config"], path)
    return without_dropped(method, plain(values, path))


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(file.stem for file in _RECIPES.glob("*.yaml"))


def _recipe_file(method: type[Method], recipe: str) -> Path:
    if Path(recipe).suffix in (".yaml", ".yml"):
        return Path(recipe)
    own = [name for name in recipe_names() if load_method(name.partition("-")[0]) is method]
    if recipe not in own:
        known = [*method.presets, *own]
        raise UntrimError(f"unknown recipe '{recipe}'", fix=f"{nearest(recipe, known)}; or name a .yaml file")
    return _RECIPES / f"{recipe}.yaml"
