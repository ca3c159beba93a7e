"""Verbs for the weights of networks: weights list, pull, path, quantize."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from untrim.cli.app import Settings, app
from untrim.cli.printing import say

weights = typer.Typer(help="Weights of networks: which there are, and where they are stored.", no_args_is_help=True)
app.add_typer(weights, name="weights")

Name = Annotated[str, typer.Argument(help="A name that `untrim weights list` shows.")]


@weights.command("list")
def list_() -> None:
    """List the weights that can be pulled, and whether they are present."""
    from untrim.features.weights import describe_weights

    say(describe_weights())


@weights.command()
def pull(name: Name) -> None:
    """Download weights into the cache, and check that they are the published ones."""
    from untrim.features.weights import file_sha256, pull_weights

    path = pull_weights(name)
    say(f"{path}\nsha256 {file_sha256(path)}")


@weights.command()
def path(name: Name) -> None:
    """Print the file of pulled weights."""
    from untrim.features.weights import weights_path

    say(weights_path(name))


@weights.command()
def quantize(
    videos: Annotated[list[Path], typer.Argument(help="Videos to calibrate on, or folders of them: your own.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .safetensors.")],
    stream: Annotated[Literal["rgb", "flow"], typer.Option(help="Stream to quantize.")] = "rgb",
    snippets: Annotated[int, typer.Option(min=3, help="Snippets to take.")] = 48,
    settings: Settings = [],  # noqa: B006
) -> None:
    """Turn I3D into 8-bit integers, for more speed on a CPU (extra `fast`)."""
    from untrim.features.backbones.i3d_int8 import quantize_i3d
    from untrim.support.settings import parse_settings

    say(quantize_i3d(videos, output, stream, parse_settings(settings), snippets))
    say(f"use it: untrim extract … --backbone i3d --set {stream}_weights={output}")
