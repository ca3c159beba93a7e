"""The verb that opens the studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import app
from untrim.cli.printing import complain, say
from untrim.cli.terminal import stop_requests


@app.command()
def studio(
    folder: Annotated[Path, typer.Argument(help="Folder of videos, or a project opened before.")],
    videos: Annotated[
        Path | None, typer.Option(help="Another folder of videos, or where moved videos are now.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option("--annotations", "-a", help="Labels to start from, .json or .csv.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Run folder whose findings are shown.")] = None,
    detections: Annotated[
        Path | None, typer.Option("--detections", "-d", help="Detections to show, .json or .csv.")
    ] = None,
    activations: Annotated[
        Path | None, typer.Option(help="The folder NAME-activations that localize wrote, drawn as curves.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; default: the first free from 8600.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; others than 127.0.0.1 let other machines in.")] = (
        "127.0.0.1"
    ),
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open a page to tag videos, look at what was found, correct it, and learn again."""
    import getpass
    import socket
    import webbrowser

    from untrim.studio.project import open_project
    from untrim.studio.server import LOOPBACK, serve

    project = open_project(
        folder, videos=videos, annotations=annotations, run=run, detections=detections, activations=activations
    )
    if host != LOOPBACK:
        complain(f"warning: anyone who can reach {host} and knows the printed address can read and change everything")

    def started(address: str) -> None:
        for note in project.notes:
            complain(note)
        say(f"studio: {address}\nCtrl-C stops it; everything is saved as you go.")
        number = address.rpartition(":")[2].partition("/")[0]
        if open_ and webbrowser.open(address):
            return
        say(
            "From another machine, first run there:\n"
            f"  ssh -L {number}:127.0.0.1:{number} {getpass.getuser()}@{socket.gethostname()}\n"
            "and open the same address."
        )

    with stop_requests() as should_stop:
        serve(project, host=host, port=port, started=started, should_stop=should_stop)
