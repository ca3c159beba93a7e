"""Verbs that make annotations and feature folders from existing files: import labels, import features, combine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from untrim.cli.app import app, read_labels, renaming
from untrim.cli.printing import complain, one_file, say
from untrim.cli.terminal import terminal_progress
from untrim.errors import UntrimError, WorkFailed

if TYPE_CHECKING:
    from untrim.features.writing import ImportReport

imports = typer.Typer(help="Read labels and features of other projects.", no_args_is_help=True)
app.add_typer(imports, name="import")


@imports.command()
def labels(
    source: Annotated[Path, typer.Argument(help="File or folder of the layout.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Annotations to write, .json or .csv; - for standard output.")
    ],
    layout: Annotated[str, typer.Option(help="thumos14, activitynet, lists or videos.")],
    subset: Annotated[
        list[str],
        typer.Option("--subset", metavar="OLD=NEW", help="Rename a subset; repeatable. =NEW names those without."),
    ] = [],  # noqa: B006
    subset_file: Annotated[Path | None, typer.Option(help="Annotations or CSV with the subsets.")] = None,
    fps_file: Annotated[Path | None, typer.Option(help="JSON of frames per second by video.")] = None,
    table: Annotated[Path | None, typer.Option("--labels", help="With videos: CSV of video,label[,start,end].")] = None,
) -> None:
    """Now `untrim convert`, which does the same: labels of datasets, lists and folders, as annotations."""
    from untrim.annotations import write_annotations
    from untrim.exchange.dataset_labels import import_labels
    from untrim.support.kinds import check_file

    with one_file(output, ".json") as target:
        check_file(target, "annotations", [source, subset_file, fps_file, table])
        with terminal_progress() as progress:
            found = import_labels(
                layout,
                source,
                subsets=renaming("--subset", subset, "validation=training"),
                subset_file=subset_file,
                fps_file=fps_file,
                labels=table,
                progress=progress,
            )
        write_annotations(found.annotations, target)
        complain("`untrim import labels` is now `untrim convert`; the old name goes with the next version")
        say("\n".join([*found.notes, f"annotations: {output}"]))


@imports.command()
def features(
    sources: Annotated[list[Path], typer.Argument(help="Files or folders of the layout.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Feature folder to write.")],
    layout: Annotated[str, typer.Option(help="wtalc, basnet, ecm, actionformer or opentad.")],
    annotations: Annotated[
        Path | None, typer.Option("--annotations", "-a", help="Labels with durations and frames per second.")
    ] = None,
    fps: Annotated[float | None, typer.Option(min=0.01, help="Frames per second, for all videos.")] = None,
    snippet_frames: Annotated[int | None, typer.Option(min=1, help="Frames that a snippet sees.")] = None,
    stride_frames: Annotated[int | None, typer.Option(min=1, help="Frames from one snippet to the next.")] = None,
    center_frames: Annotated[
        float | None, typer.Option(min=0, help="Frames before the middle of the first snippet; default: half of it.")
    ] = None,
    streams: Annotated[str | None, typer.Option(help="Columns per stream, in order, as rgb=1024,flow=1024.")] = None,
    backbone: Annotated[str | None, typer.Option(help="What made the features.")] = None,
) -> None:
    """Turn features that others extracted into a feature folder; resumes by itself."""
    from untrim.features.importers import import_features

    with terminal_progress() as progress:
        report = import_features(
            layout,
            sources,
            output,
            annotations=None if annotations is None else read_labels(annotations),
            fps=fps,
            snippet_frames=snippet_frames,
            stride_frames=stride_frames,
            center_frames=center_frames,
            streams=None if streams is None else _columns(streams),
            backbone=backbone,
            progress=progress,
        )
    _show(report, output)


@app.command()
def combine(
    sources: Annotated[list[str], typer.Argument(metavar="FOLDER[:STREAM]...", help="Feature folders, in order.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Feature folder to write.")],
) -> None:
    """Put the streams of several feature folders side by side, as RGB of one backbone and flow of another."""
    from untrim.features.combining import combine

    with terminal_progress() as progress:
        report = combine(sources, output, progress=progress)
    _show(report, output)


def _show(report: ImportReport, output: Path) -> None:
    say("\n".join([*report.lines(), f"features: {output}"]))
    for reason in report.failed.values():
        complain(f"failed: {reason}")
    if report.failed:
        raise WorkFailed(f"{len(report.failed)} videos could not be imported", where=output)


def _columns(text: str) -> dict[str, int]:
    try:
        found = {name.strip(): int(width) for name, width in (part.split("=") for part in text.split(","))}
    except ValueError:
        found = {}
    if not found or "" in found or min(found.values()) < 1:
        raise UntrimError(f"--streams {text}: not columns per stream", fix="write it as rgb=1024,flow=1024")
    return found
