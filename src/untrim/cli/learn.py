"""Verbs of the way through: demo, extract, train, localize."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import AnnotationFiles, Device, FeatureFolders, Settings, Subset, app
from untrim.errors import UntrimError


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("untrim-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the corpus and the training.")] = 0,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in a browser.")] = True,
) -> None:
    """Render a small corpus of videos, run the whole way on it, and show the report."""
    import webbrowser

    from untrim.demo import demo_corpus, run_demo
    from untrim.evaluation.detection import table

    results = run_demo(output, demo_corpus(seed))
    print(table(results))
    report = (output / "report.html").resolve()
    print(
        f"""
report: {report}

The same with your own videos (labels.csv holds rows of video,label):
  untrim extract VIDEOS -o features
  untrim train -m wsad -f features -a labels.csv -o run
  untrim localize run -f features -o detections.json"""
    )
    if open_ and sys.stdout.isatty():
        webbrowser.open(report.as_uri())


@app.command()
def extract(
    videos: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Feature folder to write.")],
    backbone: Annotated[str, typer.Option(help="hoghof, …")] = "hoghof",
    set_: Settings = [],  # noqa: B006
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Extract snippet features from videos; resumes by itself."""
    from untrim.errors import WorkFailed
    from untrim.features.extract import FAILURES_NAME, extract
    from untrim.settings import parse_settings

    report = extract(videos, output, backbone, parse_settings(set_), workers)
    print(f"{len(report.done)} extracted, {len(report.skipped)} were there: {output}")
    for reason in report.failed.values():
        print(f"failed: {reason}", file=sys.stderr)
    if report.failed:
        raise WorkFailed(f"{len(report.failed)} videos failed, listed in {output / FAILURES_NAME}")


@app.command()
def train(
    method: Annotated[str, typer.Option("--method", "-m", help="wsad, …; `untrim methods` lists them.")],
    features: FeatureFolders,
    annotations: AnnotationFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")],
    recipe: Annotated[str | None, typer.Option(help="Preset or YAML file; none: the project's defaults.")] = None,
    set_: Settings = [],  # noqa: B006
    subset: Subset = "training",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    device: Device = "auto",
) -> None:
    """Train a method on video-level labels."""
    from untrim.annotations import read_annotations
    from untrim.features.store import FeatureFolder
    from untrim.settings import parse_settings
    from untrim.training.loop import train

    if len(features) != len(annotations):
        raise UntrimError(
            f"{len(features)} feature folders and {len(annotations)} annotation files", fix="give one -a for each -f"
        )
    sources = [
        (FeatureFolder.open(folder), read_annotations(file)) for folder, file in zip(features, annotations, strict=True)
    ]
    settings = parse_settings(set_)
    train(
        method,
        sources,
        output,
        recipe=recipe,
        settings=settings,
        subset=subset,
        seed=seed,
        resume=resume,
        device=device,
    )
    print(f"trained: {output}")


@app.command()
def localize(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    features: Annotated[Path, typer.Option("--features", "-f", help="Feature folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Detections to write, .json or .csv.")],
    annotations: Annotated[
        Path | None, typer.Option("--annotations", "-a", help="Look only at the videos of a subset of these.")
    ] = None,
    subset: Subset = "validation",
    save_activations: Annotated[
        bool, typer.Option("--save-activations", help="Write activations/ beside the detections, for the report.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Find the actions of a run in videos."""
    from untrim.annotations import read_annotations, write_detections
    from untrim.features.store import FeatureFolder
    from untrim.pipeline import localize
    from untrim.training.checkpoint import Run

    videos = None if annotations is None else read_annotations(annotations).subset(subset)
    activations = output.parent / "activations" if save_activations else None
    found = localize(Run.open(run), FeatureFolder.open(features), videos, activations=activations, device=device)
    write_detections(found, output)
    print(f"{sum(map(len, found.values()))} detections in {len(found)} videos: {output}")
