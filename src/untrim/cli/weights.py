"""Verbs for the weights of networks: weights list, pull, path, quantize."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from untrim.cli.app import PrintJson, Settings, app
from untrim.cli.printing import is_standard_output, one_file, say, say_json
from untrim.errors import UntrimError

weights = typer.Typer(
    help="Weights of networks and ready runs: which there are, and where they are stored.", no_args_is_help=True
)
app.add_typer(weights, name="weights")

Name = Annotated[str, typer.Argument(help="A name that `untrim weights list` shows, or hf:NAME_OR_PATH.")]


@weights.command("list")
def list_(
    search: Annotated[str | None, typer.Option(help="List the classes of ready runs whose names hold this.")] = None,
    json_: PrintJson = False,
) -> None:
    """List the weights and ready runs that can be pulled, and whether they are here; or search their classes."""
    from untrim.features.weights import describe_weights, list_weights
    from untrim.training.ready_runs import describe_ready_runs, list_ready_runs, search_classes

    found = [] if search is None else search_classes(search)
    if json_:
        known = {
            "weights": [row._asdict() for row in list_weights()],
            "runs": [row._asdict() for row in list_ready_runs()],
            "classes": [{"run": run, "label": label} for run, label in found],
        }
        say_json({"schema": 1, **known})
    elif search is not None:
        say("\n".join(f"{run}  {label}" for run, label in found))
    else:
        say(f"{describe_weights()}\n{describe_ready_runs()}")


@weights.command()
def pull(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write a ready run to; default: in the cache.")
    ] = None,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="With -o: a value for the backbone; repeatable.")
    ] = [],  # noqa: B006
) -> None:
    """Download weights into the cache and check that they are the published ones; or make a ready run of them."""
    from untrim.features.weights import PUBLISHED, file_sha256, pull_weights
    from untrim.support.settings import parse_settings
    from untrim.training.ready_runs import pull_run

    if name in PUBLISHED:
        if output is not None or settings:
            raise UntrimError(f"{name} is no run: -o and --set are for ready runs", fix="drop them")
        path = pull_weights(name)
        say(f"{path}\nsha256 {file_sha256(path)}")
    else:
        run = pull_run(name, output, parse_settings(settings))
        say(f"{run.path}\n{len(run.labels)} classes; use it: untrim localize {output or name} VIDEO -o found.json")


@weights.command()
def path(name: Name) -> None:
    """Print the file of pulled weights, or the folder of a ready run."""
    from untrim.features.weights import PUBLISHED, weights_path
    from untrim.training.ready_runs import pulled_path

    say(weights_path(name) if name in PUBLISHED else pulled_path(name))


@weights.command()
def quantize(
    videos: Annotated[list[Path], typer.Argument(help="Videos to calibrate on, or folders of them: your own.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .safetensors; - for standard output.")],
    stream: Annotated[Literal["rgb", "flow"], typer.Option(help="Stream to quantize.")] = "rgb",
    snippets: Annotated[int, typer.Option(min=3, help="Snippets to take.")] = 48,
    settings: Settings = [],  # noqa: B006
) -> None:
    """Turn I3D into 8-bit integers, for more speed on a CPU (extra `fast`)."""
    from untrim.features.backbones.i3d_int8 import quantize_i3d
    from untrim.support.settings import parse_settings

    with one_file(output, ".safetensors") as target:
        say(quantize_i3d(videos, target, stream, parse_settings(settings), snippets))
    if not is_standard_output(output):
        say(f"use it: untrim extract … --backbone i3d --set {stream}_weights={output}")
