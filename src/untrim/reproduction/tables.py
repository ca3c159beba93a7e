"""Measures a table or figure of a paper by its name and writes it. The command line and Python make the same call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.errors import UntrimError
from untrim.reproduction.figures import check_figure, draw
from untrim.reproduction.measuring import Job, TableData
from untrim.reproduction.published import DEFAULTS, Row, Table, find_table
from untrim.reproduction.runner import Measured, chosen_rows, collect, estimate, jobs_of, lacking, run_jobs
from untrim.reproduction.sharing import rows_alike
from untrim.reproduction.writing import markdown, write_table
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.paths import as_path
from untrim.support.progress import Progress, ShouldStop


@dataclass(frozen=True)
class Reproduced:
    """A measured table.

    Args:
        rows: Each row that was run, with the results of its seeds.
        markdown: The table as Markdown, with the published figures if they apply.
        files: The written files: Markdown, CSV, a picture, and the numbers in it that the table does not have.
    """

    rows: tuple[Measured, ...]
    markdown: str
    files: tuple[Path, ...]


def reproduce(
    table: str,
    data: TableData,
    output: Path | str,
    *,
    rows: Sequence[str] = (),
    seeds: int | None = None,
    recipe: str | None = None,
    settings: Mapping[str, object] | None = None,
    dataset: str | None = None,
    videos: Sequence[str] = (),
    at_a_time: int | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Reproduced:
    """Measure a table or figure of a paper, and compare it with what is published.

    Results in `output` are not measured again.

    Each job runs in a new process, so a script that calls this needs the usual ``if __name__ == "__main__":``.

    Args:
        table: ``paper:table``, such as ``wsbm:table1`` or ``wsbm:figure4``.
        data: What to measure on.
        output: Folder to write.
        rows: Names of the rows to run; empty for all that can be run on the data.
        seeds: Seeds 0, 1, … of each row; None for 3, or 1 where the picture is of single runs: it shows seed 0.
        recipe: Preset or recipe of rows that name none: None for the values of the paper on the table's dataset, or
            for the project's defaults in a table of this project; ``defaults`` for the latter in every table.
        settings: Values that override the recipe's, but never a row's own values.
        dataset: ``thumos14``, ``activitynet12`` or ``activitynet13``, to show the published figures of that dataset.
            They are not shown beside the project's defaults.
        videos: Videos to draw in a figure of single videos; empty: it chooses them.
        at_a_time: Rows and seeds at a time, each in a process of its own; None for one per core.
        progress: Told of each seed of a row; None for silence.
        should_stop: Asked about once a second, from threads of the work, whether to stop.

    Raises:
        UntrimError: The call or the data are wrong, or `output` cannot be written, holds something else, or is
            worked in by another process.
        WorkFailed: A process died.
        Stopped: `should_stop` said so. What is done is kept, and the same call resumes.
    """
    output = as_path(output, "output")
    found, chosen, jobs = _planned(table, data, output, rows, seeds, recipe, settings, videos)
    with locked(output):
        run_jobs(jobs, at_a_time, progress, should_stop)
        measured = collect(chosen, jobs)
        published = found.dataset is not None and dataset == found.dataset and recipe != DEFAULTS
        notes = list(_notes(found, jobs, dataset, recipe, settings or {}))
        if not rows:
            notes += [f"Passed over: {error}." for row in found.rows if (error := lacking(row, data)) is not None]
        drawn = draw(found, measured, jobs, videos)
        notes += [drawn.caption] if drawn.caption else []
        files = write_table(table, found, measured, drawn, notes, output, published=published)
    return Reproduced(tuple(measured), markdown(table, found, measured, notes, published=published), tuple(files))


def estimate_seconds(
    table: str,
    data: TableData,
    output: Path | str,
    *,
    rows: Sequence[str] = (),
    seeds: int | None = None,
    recipe: str | None = None,
    settings: Mapping[str, object] | None = None,
    videos: Sequence[str] = (),
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> dict[str, float]:
    """Seconds to train each row of `reproduce` on one core, estimated from a few steps. Nothing is kept.

    Arguments and errors are those of `reproduce`.
    """
    _, _, jobs = _planned(table, data, as_path(output, "output"), rows, seeds, recipe, settings, videos)
    return estimate(jobs, progress, should_stop)


def _notes(
    table: Table, jobs: Sequence[Job], dataset: str | None, recipe: str | None, settings: Mapping[str, object]
) -> Iterator[str]:
    """Lines that say which values were set, which rows have one network, whose values those of a paper's table have,
    and why no published figures are shown."""
    if settings:
        listed = ", ".join(f"{key}={json.dumps(value, default=str)}" for key, value in settings.items())
        yield f"Values set, where they do not define a row: {listed}."
    for names in rows_alike(jobs):
        listed = ", ".join(f"'{name}'" for name in names)
        yield f"One network per seed, localized in different ways: {listed}."
    if table.dataset is None:
        return
    if recipe == DEFAULTS:
        yield "The rows have the project's values, not the paper's. So no published figures are shown."
        return
    yield f"Recipes: {', '.join(dict.fromkeys(job.recipe for job in jobs if job.recipe is not None))}."
    if dataset not in (None, table.dataset):
        yield f"The published figures are for {table.dataset}, not for {dataset}. So they are not shown."


def _planned(
    name: str,
    data: TableData,
    output: Path,
    rows: Sequence[str],
    seeds: int | None,
    recipe: str | None,
    settings: Mapping[str, object] | None,
    videos: Sequence[str],
) -> tuple[Table, list[Row], list[Job]]:
    """The table, the rows of it that are measured, and their jobs; all that can be wrong is refused here."""
    check_kind(output, "tables")
    table = find_table(name)
    if not isinstance(data, TableData):
        raise UntrimError(f"not a TableData: {data!r:.60}")
    if seeds is None:
        seeds = 3 if table.figure is None else table.figure.seeds
    if type(seeds) is not int or seeds < 1:
        raise UntrimError(f"{seeds!r:.40} seeds", fix="use at least 1")
    chosen = chosen_rows(table, rows, data)
    folder = output / name.replace(":", "-")
    data.check(table.iou)
    jobs = jobs_of(chosen, table, data, folder, seeds, recipe, settings or {})
    check_figure(table, data, videos)
    return table, chosen, jobs
