"""Searching for config values without segments: each trial is a run, judged on held-out training videos by labels.

The study (`untrim.training.study`) and the run folder of each trial are in the output folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from untrim.data.sources import Source, open_sources
from untrim.errors import UntrimError, WorkFailed
from untrim.methods.base import MethodConfig
from untrim.support.device import check_seed, choose_device
from untrim.support.extras import optional
from untrim.support.files import write_text
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.paths import as_path
from untrim.support.progress import Progress, ShouldStop
from untrim.support.schema import read_object
from untrim.support.settings import parse_settings
from untrim.support.validation import validate
from untrim.training.checkpoint import SELECTION, Run
from untrim.training.loop import resolve, train, untrained
from untrim.training.study import ended, failures, folder_of, next_trial, open_study, using_study

if TYPE_CHECKING:
    import optuna

BEST = "best.yaml"
_LARGEST_SEED = (1 << 32) - 1  # That Optuna takes; each trial has its own.


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high`, evenly or (`log`) evenly in their logarithms; whole numbers if both ends are."""

    low: float
    high: float
    log: bool

    def suggest(self, trial: optuna.Trial, key: str) -> object:
        """A value for a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(key, self.low, self.high, log=self.log)
        return trial.suggest_float(key, self.low, self.high, log=self.log)

    @property
    def ends(self) -> Sequence[object]:
        """The values that must be allowed, for those between to be."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low}..{self.high}{':log' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    ends: tuple[Any, ...]

    def suggest(self, trial: optuna.Trial, key: str) -> object:
        """A value for a trial."""
        return trial.suggest_categorical(key, self.ends)

    def __str__(self) -> str:
        return "|".join(map(str, self.ends))


Space = Mapping[str, Range | Choice]


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Args:
        values: Best values of what was searched.
        score: Their score: the mean of the weak criteria on held-out videos.
        run: The run with them.
        trials: How many trials are done, those that failed with them.
        failed: How many failed.
    """

    values: Mapping[str, object]
    score: float
    run: Path
    trials: int
    failed: int


def parse_space(texts: Sequence[str]) -> Space:
    """A search space of ``key=low..high``, ``key=low..high:log`` and ``key=a|b|c`` texts.

    Raises:
        UntrimError: Another text, or a range that is empty, or logarithmic from 0 or below.
    """
    space: dict[str, Range | Choice] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        first, dots, rest = values.partition("..")
        parts = [first, rest.removesuffix(":log")] if dots else values.split("|")
        ends = [parse_settings([f"v={part}"])["v"] for part in parts]
        if not key or not equals or len(ends) < 2:
            raise UntrimError(f"--search {text}", fix="write key=low..high, key=low..high:log or key=a|b|c")
        if not dots:
            space[key] = Choice(tuple(ends))
            continue
        low, high = ends
        if isinstance(low, bool) or isinstance(high, bool):
            raise UntrimError(f"--search {text}: not a range of numbers", fix="write key=true|false")
        if not isinstance(low, int | float) or not isinstance(high, int | float) or low >= high:
            raise UntrimError(f"--search {text}: not a range of numbers", fix="write the lower end first")
        if rest.endswith(":log") and low <= 0:
            raise UntrimError(f"--search {text}: logarithmic from {low}", fix="start above 0")
        space[key] = Range(low, high, rest.endswith(":log"))
    return space


def default_space(config: MethodConfig) -> Space:
    """The default search space: a tenth to ten times the step size, and dropout if the method has it."""
    rate = config.learning_rate
    space: dict[str, Range | Choice] = {"learning_rate": Range(rate / 10, min(10 * rate, 1.0), log=True)}
    if "dropout" in type(config).model_fields:
        space["dropout"] = Range(0.0, 0.8, log=False)
    return space


def tune(
    method: str,
    sources: Sequence[Source],
    output: Path | str,
    *,
    trials: int = 20,
    search: str | Sequence[str] = (),
    recipe: Path | str | None = None,
    settings: Mapping[str, object] | None = None,
    subset: str = "training",
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Tuned:
    """Search for the config values that do best on held-out training videos, as far as their labels can tell.

    A search in `output` is resumed. Leaves ``study.db``, ``trials/`` and, of the best trial,
    ``best.yaml``, a complete recipe.

    Args:
        method: Name of the method.
        sources: Feature folders, each with its annotations, as objects or as paths.
        output: Folder of the search.
        trials: How many trials there should be in all.
        search: What to search, as for `parse_space`; empty for `default_space`.
        recipe: Where all other values come from, as for `train`.
        settings: Values that override the recipe's, the same in all trials.
        subset: Subset of the annotations to train on.
        seed: Seed of the search and of every training.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: As in `train`; each trial is a work of its own.
        should_stop: As in `train`.

    Raises:
        UntrimError: The input or the call is wrong, Optuna is not installed, or `output` holds something else or
            another search, or is worked in by another process.
        WorkFailed: All trials failed.
        Stopped: `should_stop` said so; the same call resumes.
    """
    output, fixed, opened = as_path(output, "output"), dict(settings or {}), open_sources(sources)
    recipe = None if recipe is None else str(recipe)
    check_kind(output, "search")
    optional("optuna")
    if type(trials) is not int or trials < 1:
        raise UntrimError(f"{trials!r:.40} trials", fix="use at least 1")
    check_seed(seed, _LARGEST_SEED - trials)
    choose_device(device)
    planned, videos, data = resolve(
        output, method, opened, recipe=recipe, settings=fixed, subset=subset, seed=seed, select="weak"
    )
    config = planned.config
    untrained(planned, videos.labels)
    space = parse_space([search] if isinstance(search, str) else search) or default_space(config)
    for key, part in space.items():
        for value in part.ends:
            end = validate(type(config), {**config.model_dump(), key: value}, "--search")
            untrained(replace(planned, config=end), videos.labels)
    asked = {"method": method, "recipe": recipe, "subset": subset, "seed": seed, "values": config.model_dump()}
    asked["search"] = {key: str(part) for key, part in space.items()}
    with locked(output):
        with using_study(output):
            study = open_study(output, asked, data)
        while (done := ended(study)) < trials:
            with next_trial(study, seed + done) as trial:
                with using_study(output):
                    folder = folder_of(trial, output)
                    trial.set_user_attr("folder", folder.name)
                    suggested = {key: part.suggest(trial, key) for key, part in space.items()}
                run = train(
                    method, opened, folder, recipe=recipe, settings={**fixed, **suggested}, subset=subset, seed=seed,
                    resume=True, device=device, select="weak", progress=progress, should_stop=should_stop,
                )  # fmt: skip
                with using_study(output):
                    study.tell(trial, _score(run))
        with using_study(output):
            return _best(study, output)


def _score(run: Run) -> float:
    selection: Any = read_object(run.path / SELECTION)
    return float(selection["score"])


def _best(study: optuna.Study, output: Path) -> Tuned:
    done, failed = ended(study), failures(study)
    if done == len(failed):
        raise WorkFailed(f"all {len(failed)} trials failed, the last with: {failed[-1]}", where=output)
    best = study.best_trial
    run = Run.open(folder_of(best, output))
    write_text(output / BEST, yaml.safe_dump({"schema": 1, "config": run.config.model_dump()}, sort_keys=False))
    return Tuned(best.params, float(best.value or 0.0), run.path, done, len(failed))
