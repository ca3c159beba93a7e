"""The verb that runs the papers' tables and figures: reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from untrim.cli.app import AnnotationFiles, FeatureFolders, ProtocolName, Settings, app, read_training_labels
from untrim.cli.printing import say
from untrim.cli.terminal import stop_requests, terminal_progress

Dataset = Literal["thumos14", "activitynet12", "activitynet13"]


def _list_tables(value: bool) -> None:
    if value:
        from untrim.reproduction.published import describe_tables

        say(describe_tables())
        raise typer.Exit


@app.command()
def reproduce(
    table: Annotated[str, typer.Argument(help="paper:table, such as wsbm:table1 or wsbm:figure4; --list shows all.")],
    features: FeatureFolders,
    annotations: AnnotationFiles,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write; results in it are not measured again.")
    ],
    rows: Annotated[list[str], typer.Option("--row", help="Run this row only; repeatable.")] = [],  # noqa: B006
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Seeds 0, 1, … of each row; none: 3, or 1 for a figure of single runs.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Preset or recipe of the rows; 'defaults': the project's values. Without: the paper's."),
    ] = None,
    settings: Settings = [],  # noqa: B006
    dataset: Annotated[Dataset | None, typer.Option(help="Name of the dataset, to show its published figures.")] = None,
    videos: Annotated[
        list[str], typer.Option("--video", help="Draw this video in a figure of single videos; repeatable.")
    ] = [],  # noqa: B006
    segments: Annotated[
        Path | None, typer.Option(help="Annotations with the training segments, for the supervised upper bound.")
    ] = None,
    second_corpus: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="FEATURES ANNOTATIONS", help="Second training set, for the rows that need one (micro-videos)."
        ),
    ] = None,
    subset: Annotated[str, typer.Option(help="Subset to train on.")] = "training",
    evaluated: Annotated[str, typer.Option(help="Subset to evaluate.")] = "validation",
    protocol: ProtocolName = "activitynet",
    jobs: Annotated[int | None, typer.Option(min=1, help="Rows at a time; none: one per core.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate how long it will take.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List all tables and figures.", callback=_list_tables, is_eager=True)
    ] = False,
) -> None:
    """Measure a table or figure of a paper and compare it with what is published."""
    from untrim.reproduction.measuring import TableData
    from untrim.reproduction.published import find_table
    from untrim.reproduction.tables import estimate_seconds, reproduce
    from untrim.support.settings import parse_settings

    find_table(table)  # A wrong name is told before the files are read.
    more = [] if second_corpus is None else [second_corpus]
    read_training_labels([*features, *(pair[0] for pair in more)], [*annotations, *(pair[1] for pair in more)], subset)
    data = TableData(tuple(features), tuple(annotations), segments, subset, evaluated, protocol, second_corpus)
    values = parse_settings(settings)
    if dry_run:
        with terminal_progress() as progress, stop_requests() as should_stop:
            seconds = estimate_seconds(
                table, data, output, rows=rows, seeds=seeds, recipe=recipe, settings=values,
                videos=videos, progress=progress, should_stop=should_stop,
            )  # fmt: skip
        for name, cost in seconds.items():
            say(f"{name}: {cost:.0f} s")
        say(f"together {sum(seconds.values()):.0f} s on one core")
        return
    with terminal_progress() as progress, stop_requests() as should_stop:
        measured = reproduce(
            table, data, output, rows=rows, seeds=seeds, recipe=recipe, settings=values, dataset=dataset,
            videos=videos, at_a_time=jobs, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    say(measured.markdown)
    for path in measured.files:
        say(f"written: {path}")
