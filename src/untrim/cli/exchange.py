"""The verb that hands over labels and detections to other people's tools, and takes theirs: convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import app, renaming
from untrim.cli.printing import is_standard_output, one_file, say
from untrim.cli.terminal import terminal_progress


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Annotations or detections; a file or a folder of files.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File, or a folder for one file per video; - for standard output.")
    ],
    from_: Annotated[str | None, typer.Option("--from", help="Format of the input, where it cannot be known.")] = None,
    to: Annotated[str | None, typer.Option(help="Format of the output, where its ending does not say it.")] = None,
    videos: Annotated[
        Path | None, typer.Option(help="Folder of the video files: durations, frames, late starts.")
    ] = None,
    map_: Annotated[
        list[str], typer.Option("--map", metavar="OLD=NEW", help="Video of a path, or folder of a folder; repeatable.")
    ] = [],  # noqa: B006
    fps: Annotated[float | None, typer.Option(min=0.01, help="Frames per second, where nothing else says it.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse to write if anything is lost.")] = False,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Keep the labels of each video, no times.")
    ] = False,
    bom: Annotated[bool, typer.Option("--bom", help="Begin a CSV with a byte order mark, for Excel.")] = False,
    subset: Annotated[
        list[str],
        typer.Option("--subset", metavar="OLD=NEW", help="Rename a subset; repeatable. =NEW names those without."),
    ] = [],  # noqa: B006
    subset_file: Annotated[Path | None, typer.Option(help="Annotations or CSV with the subsets.")] = None,
    fps_file: Annotated[Path | None, typer.Option(help="JSON of frames per second by video.")] = None,
    min_score: Annotated[
        float | None,
        typer.Option(help="Score from which a detection counts as found; default: 0.5, or all where scores are kept."),
    ] = None,
) -> None:
    """Turn labels or detections of any tool into any other's; the last line says what is lost."""
    from untrim.exchange.converting import convert

    with one_file(output, _ending(to)) as target, terminal_progress() as progress:
        done = convert(
            source,
            target,
            source_format=from_,
            target_format=to,
            videos=videos,
            renamed=renaming("--map", map_, "old/clip.mp4=clip"),
            fps=fps,
            strict=strict,
            labels_only=labels_only,
            bom=bom,
            subsets=renaming("--subset", subset, "validation=training"),
            subset_file=subset_file,
            fps_file=fps_file,
            min_score=min_score,
            progress=progress,
        )
        written = f"written as {done.format}" if is_standard_output(output) else done.written
        say("\n".join([*done.notes, written, str(done.losses)]))


def _ending(format: str | None) -> str:
    """That of a file of a format, by name; the package's own form where none is named."""
    from untrim.exchange.formats import format_of_name

    return ".json" if format is None else next(iter(format_of_name(format).endings), "")
