"""Verbs that hand on what was found, or what finds it: clips, overlay, onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import MinScore, app, complain_of, read_found
from untrim.cli.printing import complain, one_file, say
from untrim.cli.terminal import stop_requests, terminal_progress
from untrim.errors import numbered

DetectionsFile = Annotated[Path, typer.Argument(help="Detections, .json or .csv.")]
VideoPaths = Annotated[
    list[Path], typer.Option("--videos", help="Video file, or folder of video files; may be given repeatedly.")
]
Labels = Annotated[list[str], typer.Option("--label", help="Take only this class; repeatable.")]


@app.command()
def clips(
    detections: DetectionsFile,
    videos: VideoPaths,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("clips"),
    min_score: MinScore = None,
    label: Labels = [],  # noqa: B006
    fast: Annotated[
        bool, typer.Option("--fast", help="Copy pictures, do not encode them: clips begin at the key frame before.")
    ] = False,
) -> None:
    """Cut what was found out of the videos: one file per detection, and a contact sheet of them all."""
    from untrim.rendering.clips import make_clips

    found = read_found(detections)
    with terminal_progress() as progress, stop_requests() as should_stop:
        report = make_clips(
            found, videos, output, min_score=min_score, labels=label, fast=fast, progress=progress,
            should_stop=should_stop,
        )  # fmt: skip
    for note in report.notes:
        complain(note)
    if early := [clip.early for clip in report.clips if clip.copied]:
        mean = sum(early) / len(early)
        say(f"copied clips begin {mean:.1f} s earlier than what was found, on average; {max(early):.1f} s at most")
    count = numbered(len(report.clips), "clip", "clips")
    kept = len(report.clips) - report.made
    say(f"{count}{f', {kept} of them already present' if kept else ''}: {report.sheet}")
    complain_of(report.failed)


@app.command()
def overlay(
    detections: DetectionsFile,
    videos: VideoPaths,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("overlays"),
    run: Annotated[
        Path | None,
        typer.Option(help="The run that made the detections: for curves, which `localize` keeps beside them."),
    ] = None,
    min_score: MinScore = None,
    label: Labels = [],  # noqa: B006
) -> None:
    """Draw what was found into the videos: labels, scores, and a moving timeline with the curves."""
    from untrim.activations import activations_of
    from untrim.rendering.overlay import make_overlays

    found = read_found(detections)
    with terminal_progress() as progress, stop_requests() as should_stop:
        report = make_overlays(
            found, videos, output, run=run, activations=None if run is None else activations_of(detections),
            min_score=min_score, labels=label, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    for note in report.notes:
        complain(note)
    kept = len(report.films) - report.made
    count = numbered(len(report.films), "video", "videos")
    say(f"{count}{f', {kept} of them already present' if kept else ''}: {output}")
    complain_of(report.failed)


@app.command()
def onnx(
    run: Annotated[Path, typer.Argument(help="Run folder, or a ready run: kinetics400, hf:NAME_OR_PATH.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write; - for standard output.")] = Path(
        "model.onnx"
    ),
) -> None:
    """Write a run's network as an ONNX file: from features to the activations that localization needs."""
    from untrim.prediction.exporting import export_onnx

    with one_file(output, ".onnx") as target:
        outputs = export_onnx(run, target)
        say(f"features to {', '.join(outputs)}: {output}")
