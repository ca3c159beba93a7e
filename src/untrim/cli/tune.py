"""The verb that searches for config values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import AnnotationFiles, Device, FeatureFolders, Settings, Subset, app, read_training_labels
from untrim.cli.printing import say
from untrim.cli.terminal import stop_requests, terminal_progress
from untrim.training.choices import DEFAULT_METHOD


@app.command()
def tune(
    features: FeatureFolders,
    annotations: AnnotationFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the search.")],
    method: Annotated[
        str, typer.Option("--method", "-m", help="consensus, wsad, …; `untrim methods` lists them.")
    ] = DEFAULT_METHOD,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all.")] = 20,
    search: Annotated[
        list[str],
        typer.Option("--search", metavar="KEY=VALUES", help="low..high, low..high:log or a|b|c; repeatable."),
    ] = [],  # noqa: B006
    recipe: Annotated[str | None, typer.Option(help="Preset or YAML file; none: the project's defaults.")] = None,
    settings: Settings = [],  # noqa: B006
    subset: Subset = "training",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    device: Device = "auto",
) -> None:
    """Search for config values, judged on held-out training videos by their labels; the same command resumes."""
    from untrim.support.settings import parse_settings
    from untrim.training.tuning import BEST, tune

    sources = read_training_labels(features, annotations, subset)
    with terminal_progress() as progress, stop_requests() as should_stop:
        found = tune(
            method,
            sources,
            output,
            trials=trials,
            search=search,
            recipe=recipe,
            settings=parse_settings(settings),
            subset=subset,
            seed=seed,
            device=device,
            progress=progress,
            should_stop=should_stop,
        )
    failed = f", {found.failed} of them failed" if found.failed else ""
    say(f"{found.trials} trials{failed}; best score {found.score:.4f}: {found.run}")
    say("\n".join(f"  {key} = {value}" for key, value in found.values.items()))
    say(f"train with it: --recipe {output / BEST}")
