"""Verbs that list methods and find what is wrong: methods, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import PrintJson, app
from untrim.cli.printing import say, say_json
from untrim.cli.terminal import terminal_progress


@app.command()
def methods(
    method: Annotated[str | None, typer.Argument(help="Show the options of this method.")] = None,
    json_: PrintJson = False,
) -> None:
    """List methods and presets, or one method's options with their meaning."""
    from untrim.methods import describe_methods, describe_options, list_methods

    if json_:
        say_json({"schema": 1, "methods": list_methods(method)})
    else:
        say(describe_methods() if method is None else describe_options(method))


@app.command()
def doctor(
    features: Annotated[Path | None, typer.Option("--features", "-f", help="Feature folder.")] = None,
    annotations: Annotated[Path | None, typer.Option("--annotations", "-a", help="Labels.")] = None,
    run: Annotated[Path | None, typer.Option(help="Run folder.")] = None,
    videos: Annotated[Path | None, typer.Option(help="Folder of video files.")] = None,
    subset: Annotated[str | None, typer.Option(help="Check this subset only; default: all of them.")] = None,
    json_: PrintJson = False,
) -> None:
    """Check the machine, and whether features, labels, videos and a run are whole and fit together."""
    from untrim.doctor import check_up, describe, versions

    with terminal_progress() as progress:
        found = check_up(
            features=features, annotations=annotations, run=run, videos=videos, subset=subset, progress=progress
        )
    if json_:
        say_json({"schema": 1, "versions": versions(), "findings": [finding.to_json() for finding in found]})
    else:
        say(describe(found))
    if any(finding.severity == "error" for finding in found):
        raise typer.Exit(1)
