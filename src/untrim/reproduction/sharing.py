"""Which rows of a table share one training: they differ in nothing but localization."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from untrim.reproduction.measuring import Job


def trained_alike(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """The jobs, those together that train the same network: same data, seed and values but those of localization."""
    alike: dict[Job, list[Job]] = {}
    for job in jobs:
        alike.setdefault(_training(job), []).append(job)
    return [tuple(group) for group in alike.values()]


def rows_alike(jobs: Sequence[Job]) -> list[tuple[str, ...]]:
    """The names of the rows that share a training, together; rows that share none are left out."""
    rows = dict.fromkeys(tuple(job.row for job in group) for group in trained_alike(jobs))
    return [names for names in rows if len(names) > 1]


def _training(job: Job) -> Job:
    """What is left of a job without its name, its place and what is done with the network that is trained."""
    if job.method is None:
        return job
    from untrim.methods import load_method

    values = load_method(job.method).Config.of_training(json.loads(job.settings))
    return replace(job, row="", iou=(), folder=Path(), settings=json.dumps(values, sort_keys=True))
