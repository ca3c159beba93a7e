"""Run the rows of a table with several seeds, one at a time per core. Results that exist are not measured again.

Rows that differ in nothing but localization are trained once, and follow each other in one process. A row that is led
by another one waits for it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from untrim.errors import UntrimError, WorkFailed, nearest
from untrim.reproduction.measuring import Job, Result, TableData, measure
from untrim.reproduction.published import Row, Table
from untrim.reproduction.sharing import trained_alike
from untrim.support.progress import Progress, ShouldStop, count_steps
from untrim.support.system import cores
from untrim.support.validation import validate
from untrim.support.workers import Died, work_off

_TRIAL_STEPS = 5


@dataclass(frozen=True)
class Measured:
    """The results of one row over all seeds, in %.

    Args:
        row: The row.
        results: One result per seed.
    """

    row: Row
    results: tuple[Result, ...]

    def at(self, index: int) -> tuple[float, float]:
        """Mean and standard deviation over the seeds of mAP at the threshold with that index."""
        return _spread([result.mean[index] for result in self.results])

    @property
    def average(self) -> tuple[float, float]:
        """Mean and standard deviation over the seeds of the mean over the thresholds."""
        return _spread([result.average for result in self.results])

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of that mean over the videos; each end is the mean over the seeds."""
        low, high = zip(*(result.interval for result in self.results), strict=True)
        return 100 * mean(low), 100 * mean(high)

    @property
    def train_seconds(self) -> float | None:
        """Mean over the seeds; None if nothing is trained."""
        values = [result.train_seconds for result in self.results if result.train_seconds is not None]
        return mean(values) if values else None

    @property
    def frame_accuracy(self) -> tuple[float, float] | None:
        """Mean and standard deviation over the seeds; None if there are no activations."""
        values = [result.frame_accuracy for result in self.results if result.frame_accuracy is not None]
        return _spread(values) if values else None

    @property
    def minutes(self) -> float | None:
        """Mean over the seeds of a person's time; None where the annotations are as they are."""
        values = [result.minutes for result in self.results if result.minutes is not None]
        return mean(values) if values else None

    @property
    def peak_memory_mb(self) -> float | None:
        """Maximum over the seeds; None if the system does not report it."""
        return max((r.peak_memory_mb for r in self.results if r.peak_memory_mb is not None), default=None)


def _spread(fractions: Sequence[float]) -> tuple[float, float]:
    values = [100 * fraction for fraction in fractions]
    return mean(values), stdev(values) if len(values) > 1 else 0.0


def jobs_of(
    rows: Sequence[Row],
    table: Table,
    data: TableData,
    output: Path,
    seeds: int,
    recipe: str | None,
    settings: Mapping[str, object],
) -> list[Job]:
    """The jobs of some rows of a table and of the rows that lead them, all seeds of the first row first.

    Args:
        rows: Rows of `table`.
        table: Gives the thresholds.
        data: What to measure on.
        output: Folder of the results; each row has a folder of its own in it.
        seeds: Seeds 0, 1, ….
        recipe: Preset or recipe of rows that name none, as in `Table.recipe_of`.
        settings: Values that override the recipe's. They never override the row's own values, which define the row.

    Raises:
        UntrimError: The method of a row has no such option or no such recipe.
    """
    from untrim.methods import load_method
    from untrim.training.configuration import recipe_values

    known = {row.name: row for row in table.rows}
    leading = dict.fromkeys(row.led_by for row in rows if row.led_by is not None)
    rows = [*(known[name] for name in leading), *(row for row in rows if row.name not in leading)]
    for row in rows:
        if row.method is not None:
            method, name = load_method(row.method), table.recipe_of(row, recipe)
            validate(method.Config, {**settings, **row.settings}, f"--set, row '{row.name}'")
            if name is not None:
                recipe_values(method, name)
    jobs: dict[tuple[str | None, int], Job] = {}
    for row in rows:
        for seed in range(seeds):
            jobs[row.name, seed] = Job(
                row=row.name,
                method=row.method,
                recipe=table.recipe_of(row, recipe),
                settings=json.dumps({**settings, **row.settings} if row.method else {}, sort_keys=True),
                seed=seed,
                iou=table.iou,
                folder=output / "".join(c if c.isalnum() or c in "._-" else "-" for c in row.name),
                data=data.of(row),
                told=row.told,
                led_by=jobs.get((row.led_by, seed)),
            )
    return list(jobs.values())


def lacking(row: Row, data: TableData) -> UntrimError | None:
    """What a row needs and the data do not have; None if it can be run."""
    from untrim.methods import load_method

    if row.second_corpus and data.second_corpus is None:
        return UntrimError(f"row '{row.name}' needs a second training set", fix="give it with --second-corpus")
    segments = row.told is not None or (row.method and load_method(row.method).supervision == "segments")
    if segments and data.segments is None:
        return UntrimError(f"row '{row.name}' needs the training segments", fix="give them with --segments")
    return None


def chosen_rows(table: Table, names: Sequence[str], data: TableData) -> list[Row]:
    """The rows of those names; without names, all rows that can be run on the data.

    A row of a method that learns from segments is run without `data.segments` if it is named: it takes those of the
    annotations.

    Raises:
        UntrimError: No such row, or one that needs what the data do not have.
    """
    known = {row.name: row for row in table.rows}
    for name in names:
        if name not in known:
            raise UntrimError(f"no row '{name}'", fix=nearest(name, known))
    chosen = [known[name] for name in dict.fromkeys(names)] or [row for row in table.rows if lacking(row, data) is None]
    for row in chosen or table.rows:
        error = lacking(row, data)
        if error is not None and (row.told is not None or row.second_corpus):
            raise error
    return chosen


def run_jobs(
    jobs: Sequence[Job],
    at_a_time: int | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> None:
    """Do the jobs that are not done, each in a process of its own with one thread; those trained alike share it.

    Raises:
        UntrimError: The first job that cannot be done: its input is wrong.
        WorkFailed: The first job whose process died.
        Stopped: `should_stop` said so. It is asked in threads of their own. Finished jobs are kept.
    """
    missing = {job for job in jobs if job.measured() is None}
    at_a_time = at_a_time or cores()
    advance = count_steps(progress, "reproduce", len(jobs), len(jobs) - len(missing))
    with ThreadPoolExecutor(at_a_time) as pool:
        groups = [group for group in trained_alike(jobs) if not missing.isdisjoint(group)]
        groups.sort(key=lambda group: any(job.led_by in missing for job in group))  # Those that wait come last.
        futures: dict[Future[None], tuple[Job, ...]] = {}
        for group in groups:
            leading = {job.led_by for job in group}
            before = [future for future, others in futures.items() if not leading.isdisjoint(others)]
            futures[pool.submit(_in_own_process, group, before, should_stop)] = group
        try:
            for future in as_completed(futures):
                future.result()
                for job in futures[future]:
                    if job in missing:
                        advance(f"{job.row}, seed {job.seed}")
        finally:  # A row that cannot be done ends the table: waiting jobs are not started.
            pool.shutdown(wait=False, cancel_futures=True)


def _in_own_process(alike: tuple[Job, ...], before: Sequence[Future[None]], should_stop: ShouldStop | None) -> None:
    for leading in before:
        leading.result()
    for outcome in work_off(measure, [alike], 1, should_stop=should_stop):
        if outcome is not None:
            reason = outcome[1]
            if isinstance(reason, Died):
                job = next(job for job in alike if job.measured() is None)
                raise WorkFailed(f"row '{job.row}', seed {job.seed}: {reason.reason}", where=job.folder)
            if reason is not None:
                raise UntrimError(reason)


def collect(rows: Sequence[Row], jobs: Sequence[Job]) -> list[Measured]:
    """The results of the jobs of each row."""
    found = []
    for row in rows:
        results = [job.measured() for job in jobs if job.row == row.name]
        found.append(Measured(row, tuple(result for result in results if result is not None)))
    return found


def estimate(
    jobs: Sequence[Job], progress: Progress | None = None, should_stop: ShouldStop | None = None
) -> dict[str, float]:
    """Seconds to train each row with all seeds, estimated from a few steps of each. Nothing is kept.

    Rows that share a training count once: the others take no time. A row that leads others counts even if it was not
    asked for.
    """
    trained = [group[0] for group in trained_alike(jobs) if all(job.measured() is None for job in group)]
    seconds: dict[str, float] = {}
    for job in {job.row: job for job in jobs if job.method is not None}.values():
        seeds = sum(other.row == job.row for other in trained)
        if seeds == 0:
            seconds[job.row] = 0.0
            continue
        short = json.dumps({**json.loads(job.settings), "iterations": _TRIAL_STEPS}, sort_keys=True)
        with tempfile.TemporaryDirectory() as folder:
            trial = replace(job, settings=short, folder=Path(folder), led_by=None)  # Any videos take about as long.
            run_jobs([trial], 1, progress, should_stop)
            result = trial.measured()
        assert result is not None
        assert result.train_seconds is not None
        seconds[job.row] = seeds * result.train_seconds / _TRIAL_STEPS * _iterations(job)
    return seconds


def _iterations(job: Job) -> int:
    from untrim.annotations import read_annotations
    from untrim.data.dataset import TrainingVideos
    from untrim.data.summary import summarize
    from untrim.features.store import FeatureFolder
    from untrim.methods import load_method
    from untrim.training.configuration import configure

    assert job.method is not None
    pairs = zip(job.data.features, job.data.annotations, strict=True)
    sources = [(FeatureFolder.open(folder), read_annotations(file).subset(job.data.training)) for folder, file in pairs]
    data = summarize(TrainingVideos(sources))
    return configure(load_method(job.method), data, job.recipe, json.loads(job.settings)).iterations
