"""The verb that proposes labels: suggest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import Device, Only, Settings, Workers, app, complain_of, named_classes
from untrim.cli.printing import columns, complain, is_standard_output, one_file, say
from untrim.cli.terminal import stop_requests, terminal_progress
from untrim.errors import numbered

_SHOWN = 20


@app.command()
def suggest(
    videos: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Labels to write, .csv; - for standard output.")],
    run: Annotated[Path, typer.Option(help="Run folder, or a ready run: kinetics400, hf:NAME_OR_PATH.")] = Path(
        "kinetics400"
    ),
    most: Annotated[int, typer.Option(min=1, help="Classes per video.")] = 5,
    least: Annotated[float, typer.Option(min=0, max=1, help="Smallest score, but for the likeliest class.")] = 0.05,
    only: Only = [],  # noqa: B006
    features: Annotated[Path | None, typer.Option("--features", "-f", help="Folder for their features.")] = None,
    settings: Settings = [],  # noqa: B006
    workers: Workers = None,
    device: Device = "auto",
) -> None:
    """List which actions each video is likeliest to show, as labels to train on once a person has checked them."""
    from untrim.pipeline import suggest, write_suggestions
    from untrim.support.kinds import check_file
    from untrim.support.settings import parse_settings

    with one_file(output, ".csv") as target:
        check_file(target, "suggestions")
        kept = features or target.with_name(f"{target.stem}-features")
        notes: list[str] = []
        with terminal_progress() as progress, stop_requests() as should_stop:
            suggested, failed = suggest(
                run, videos, kept, most=most, least=least, only=named_classes(only), settings=parse_settings(settings),
                device=device, workers=workers, progress=progress, should_stop=should_stop, tell=notes.append,
            )  # fmt: skip
        lists = [kept] if features or not is_standard_output(output) else []
        for note in notes:
            complain(note)
        if failed and not suggested:  # No file is better than one about no video.
            complain_of(failed, lists)
        write_suggestions(suggested, target)
        rows = [(name, row.label, f"{row.score:.3f}") for name, own in suggested.items() for row in own]
        if rows:
            say(columns(("video", "label", "score"), rows[:_SHOWN], numbers=1))
        if len(rows) > _SHOWN:
            say(f"{len(rows) - _SHOWN:,} more in the file")
        say(f"{numbered(len(rows), 'label', 'labels')} for {numbered(len(suggested), 'video', 'videos')}: {output}")
        if not is_standard_output(output):
            say(f"remove the rows that are wrong, then: untrim train -m consensus -f {kept} -a {output} -o run")
    complain_of(failed, lists)
