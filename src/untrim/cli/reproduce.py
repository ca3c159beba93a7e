"""The verb that runs the papers' tables: reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from untrim.cli.app import ProtocolName, Settings, app, pair_up
from untrim.cli.printing import say

Dataset = Literal["thumos14", "activitynet12", "activitynet13"]


def _list_tables(value: bool) -> None:
    if value:
        from untrim.reproduction.published import describe_tables

        say(describe_tables())
        raise typer.Exit


@app.command()
def reproduce(
    table: Annotated[str, typer.Argument(help="paper:table, such as wsbm:table1; --list shows all.")],
    features: Annotated[list[Path], typer.Option("--features", "-f", help="Feature folder; may be given repeatedly.")],
    annotations: Annotated[list[Path], typer.Option("--annotations", "-a", help="One a feature folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; what is in it is not run again.")],
    rows: Annotated[list[str], typer.Option("--row", help="Run this row only; repeatable.")] = [],  # noqa: B006
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, … of each row.")] = 3,
    recipe: Annotated[
        str | None, typer.Option(help="Preset or recipe that rows are laid over; none: the project's defaults.")
    ] = None,
    settings: Settings = [],  # noqa: B006
    dataset: Annotated[Dataset | None, typer.Option(help="Which dataset this is: shows its published figures.")] = None,
    segments: Annotated[
        Path | None, typer.Option(help="Annotations with the training segments, for the supervised upper bound.")
    ] = None,
    subset: Annotated[str, typer.Option(help="Subset to train on.")] = "training",
    evaluated: Annotated[str, typer.Option(help="Subset to evaluate.")] = "validation",
    protocol: ProtocolName = "activitynet",
    jobs: Annotated[int | None, typer.Option(min=1, help="Rows at a time; none: one a core.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate how long it will take.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List all tables.", callback=_list_tables, is_eager=True)
    ] = False,
) -> None:
    """Measure a table of a paper, beside its published figures."""
    from untrim.reproduction.measuring import Data
    from untrim.reproduction.published import find_table
    from untrim.reproduction.runner import chosen_rows, collect, estimate, jobs_of, run_jobs
    from untrim.reproduction.writing import markdown, write_table
    from untrim.support.settings import parse_settings

    pair_up(features, annotations)
    found = find_table(table)
    data = Data(tuple(features), tuple(annotations), segments, subset, evaluated, protocol)
    chosen = chosen_rows(found, rows, data)
    todo = jobs_of(chosen, found, data, output / table.replace(":", "-"), seeds, recipe, parse_settings(settings))
    if dry_run:
        seconds = estimate(todo)
        for name, cost in seconds.items():
            say(f"{name}: {cost:.0f} s")
        say(f"together {sum(seconds.values()):.0f} s on one core")
        return
    run_jobs(todo, jobs)
    measured = collect(chosen, todo)
    say(markdown(table, found, measured, dataset))
    for path in write_table(table, found, measured, dataset, output):
        say(f"written: {path}")
