"""What a round of training starts from: the last whole training of the project, where that can be. It takes seconds.

Every round starts from the same run, until one trains anew. So what rounds leave in the weights does not add up, and a
decision that was taken back leaves nothing. It is also better than to start each round from the one before
(docs/methods/consensus.md#round-after-round).

The run to start from was trained to its end with the same method and settings, on features of the same kind and for the
same classes. It knows most of the videos: what is new to it is trained on in the last tenth of a training alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from untrim.annotations import Annotations
from untrim.errors import UntrimError, listing, numbered
from untrim.features.store import FeatureFolder
from untrim.support.files import write_json
from untrim.support.schema import SCHEMA, read_object
from untrim.support.validation import validate
from untrim.training.checkpoint import CONFIG, Run
from untrim.training.operating_point import read_operating_point
from untrim.training.resuming import begun_on
from untrim.training.starting import starting_run

_MOST_NEW = 0.25
"""Share of the videos that a run to start from may never have been trained on."""


def begin_round(job: Path, features: FeatureFolder, known: Annotations) -> tuple[Path | None, str]:
    """The run that a training starts from, None if it is trained anew, and that in a sentence.

    It is decided once and written into ``job.json``, so that a job resumes as it was begun. Only where the run to start
    from is gone since, it is trained anew after all.

    Args:
        job: Its ``job.json``, where ``start`` is the newest run of the project until it is decided.
        features: What is trained on.
        known: What is known of the videos to train on, and perhaps of others.
    """
    project = job.parents[2]
    order: dict[str, Any] = read_object(job)
    if order.get("start") is not None:
        order |= _decided(project, order, features, known.subset("training"))
        write_json(job, {SCHEMA: 1, **order})
    start = None if order.get("start") is None else project / order["start"]
    run = project / order["run"]
    if (run / CONFIG).is_file() and Run.open(run).start != (start and str(start)):
        shutil.rmtree(run)  # Begun from a run that is gone, or before the project was moved: seconds are lost.
    if start is None:
        return None, f"Trained anew, since {order.get('anew', 'there was no run to start from')}."
    return start, f"Started from {_name(start)}: the last tenth of its training once more, on the labels of today."


def _decided(project: Path, order: Mapping[str, Any], features: FeatureFolder, known: Annotations) -> dict[str, Any]:
    """``start``, and ``anew``, why it is None, in words that follow "since"."""
    name = _name(Path(order["start"]))
    try:
        orders: list[dict[str, Any]] = [read_object(path) for path in (project / "jobs").glob("*/job.json")]
        trained = {one.get("run"): one for one in orders if one.get("kind") == "train"}
        before = trained.get(order["start"], {})
        start = before.get("start") or order["start"]
        name = _name(Path(start))
        run = starting_run(project / start, None, None, "last")
        run.load_model(torch.device("cpu"))
        read_operating_point(run)
        seen = {mark.name for mark in begun_on(run.path).videos}
        same = _same_settings(run, order, before)
    except UntrimError as error:
        return {"start": None, "anew": f"{name} is gone or damaged: {error.what}"}
    new = {*known} - seen
    if not same:
        why = f"{name} was trained by another method or with other settings"
    elif (difference := run.disagreement(features.info)) is not None:
        why = f"{name} knows features that differ in {difference}"
    elif other := {*run.labels} ^ {*known.labels}:
        why = f"the classes are no longer those of {name}: {listing(other)}"
    elif len(new) > _MOST_NEW * len(known):
        why = f"{len(new)} of {numbered(len(known), 'video is', 'videos are')} new since {name}"
    else:
        return {"start": start}
    return {"start": None, "anew": why}


def _name(run: Path) -> str:
    """What the page calls a run: ``run 3``, or the name of its folder."""
    return f"run {run.name}" if run.name.isdecimal() else f"'{run.name}'"


def _same_settings(run: Run, order: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a run was trained as this round would be: by its job, or, where it is from elsewhere, by its values."""
    if before:
        return all(before.get(key) == order[key] for key in ("method", "settings"))
    if run.method != order["method"] or run.recipe is not None:
        return False
    return validate(type(run.config), {**run.config.model_dump(), **order["settings"]}, run.path) == run.config
