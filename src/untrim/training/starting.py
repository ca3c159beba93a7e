"""Training from a finished run: its last tenth once more, on what is known by now.

Somebody who has corrected ten videos waits for the result. The network starts with the weights of the run before, and
takes a tenth of the steps: the last tenth of each stage of its method. So there is no warm-up, and the teachers of
`consensus` learn the corrections first, its classifier from them. Values are those of the run before, but for the
weight of what is known beyond names (`add_known`): in a run that was trained on names alone it is 0, and nothing would
be learned from the corrections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from untrim.data.summary import DataSummary
from untrim.errors import UntrimError, listing
from untrim.features.store import FeatureFolder
from untrim.methods import load_method
from untrim.methods.base import Method, MethodConfig
from untrim.support.tensors import lay_over, read_safetensors
from untrim.support.validation import validate
from untrim.training.checkpoint import MODEL, Run
from untrim.training.choices import Select
from untrim.training.configuration import check_config, weight_of_known
from untrim.training.ready_runs import is_ready_run

_LAST = 0.1


def starting_run(start: Run | Path | str, method: str | None, recipe: str | None, select: Select) -> Run:
    """The run to start from.

    Args:
        start: The run, or its folder.
        method: The method that is asked for, if any.
        recipe: The recipe that is asked for, if any.
        select: How the result is to be chosen.

    Raises:
        UntrimError: It is not finished, or not of that method; or the call names what cannot be kept to.
    """
    if is_ready_run(start):
        raise UntrimError("a ready run was not trained: none can start from it", where=start, fix="leave out --from")
    run = Run.of(start)
    if not run.finished:
        raise UntrimError("is not trained to the end", where=run.path, fix="resume it first")
    if method not in (None, run.method):
        raise UntrimError(f"is a run of {run.method}, not of {method}", where=run.path, fix="leave out the method")
    if recipe is not None:
        raise UntrimError("a run that starts from another has its values", where=recipe, fix="leave out the recipe")
    if select != "last":
        what = "the run to start from has seen the videos that --select holds out"
        raise UntrimError(what, where=run.path, fix="leave out --select")
    return run


def values_from(start: Run, data: DataSummary, settings: Mapping[str, object]) -> MethodConfig:
    """The config of a run that starts from another.

    Args:
        start: The run to start from.
        data: Facts of the training data as they are today, which the weight of what is known beyond names follows. A
            recipe has a weight of its own, which stays.
        settings: The user's own values, which override all others.

    Raises:
        UntrimError: The user's `settings` are wrong, or the data does not allow them.
    """
    values = start.config.model_dump()
    if start.recipe is None:
        values |= weight_of_known(load_method(start.method), data)
    config = validate(type(start.config), {**values, **settings}, "--set")
    check_config(config, data)
    return config


def check_start(start: Run, folders: Sequence[FeatureFolder], labels: Sequence[str]) -> None:
    """Check that a run knows the classes and the features that are to be trained on.

    Raises:
        UntrimError: It does not.
    """
    for folder in folders:
        start.check_features(folder)
    if other := sorted({*start.labels} ^ {*labels}):
        what = f"its classes are not those of the annotations: {listing(other)}"
        raise UntrimError(what, where=start.path, fix="train anew, without a run to start from")


def first_step(iterations: int) -> int:
    """How many steps count as done at the start."""
    return iterations - max(1, round(_LAST * iterations)) if iterations else 0


def late_progress(share: float, stages: Sequence[float]) -> float:
    """Which moment of a whole training a step repeats: one in the last tenth of a stage.

    Args:
        share: Share of the steps from the start that are done, in [0, 1].
        stages: Shares of a whole training at which its stages end, ascending to 1.
    """
    end = next((end for end in stages if share < end), 1.0)
    return end - _LAST * (end - share)


def lay_start(model: Method, path: Path | str) -> None:
    """Give `model` the weights of the run at `path`.

    Raises:
        UntrimError: They are gone or damaged, or do not fit.
    """
    weights = Path(path) / MODEL
    tensors = read_safetensors(weights)
    try:
        lay_over(model, tensors, weights, "the network that is asked for")
    except UntrimError as error:
        fix = "leave out settings that change the network, or train anew, without a run to start from"
        raise UntrimError(error.what, where=weights, fix=error.fix or fix) from error
