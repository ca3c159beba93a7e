"""The verb for a stream of videos: watch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from untrim.cli.app import Device, Only, Settings, app, named_classes
from untrim.cli.printing import complain, is_standard_output
from untrim.cli.terminal import stop_requests
from untrim.errors import UntrimError, WorkFailed, listing, numbered, printable_json


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that videos come to; folders in it count too.")],
    run: Annotated[Path, typer.Argument(help="Run folder, or a ready run: kinetics400, hf:NAME_OR_PATH.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File of JSON lines to add to, .jsonl; - for standard output.")
    ],
    ledger: Annotated[
        Path | None, typer.Option(help="With -o -: the file, .jsonl, by which a restart knows what is done.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all that is there now is done.")] = False,
    only: Only = [],  # noqa: B006
    settle: Annotated[float, typer.Option(min=0, help="Seconds without a change until a file is finished.")] = 5.0,
    poll: Annotated[float, typer.Option(min=0, help="Seconds from one look at the folder to the next.")] = 2.0,
    retries: Annotated[int, typer.Option(min=0, help="Further attempts at a file that failed.")] = 3,
    retry_after: Annotated[
        float, typer.Option(min=0, help="Seconds before the first of them; each wait is 4 times the one before.")
    ] = 30.0,
    settings: Settings = [],  # noqa: B006
    device: Device = "auto",
) -> None:
    """Find actions in each new video of a folder: a line of JSON per video, once, also across restarts."""
    from untrim.support.settings import parse_settings
    from untrim.watching import watch
    from untrim.watching.journal import failures_beside

    to_standard_output = is_standard_output(output)
    if ledger is not None and not to_standard_output:
        raise UntrimError("--ledger is for -o -: a file of lines is its own ledger", fix="drop --ledger")
    kept = ledger if to_standard_output else output
    if kept is None and not once:
        complain("without --ledger, every file is worked on again after a restart")
    with stop_requests() as should_stop:
        report = watch(
            folder, run, kept, each=_print if to_standard_output else None, once=once, only=named_classes(only),
            settings=parse_settings(settings), device=device, settle=settle, poll=poll, retries=retries,
            retry_after=retry_after, should_stop=should_stop, tell=complain,
        )  # fmt: skip
    complain(f"{numbered(report.done, 'video', 'videos')} done")
    if report.unfinished:
        count = numbered(len(report.unfinished), "file is", "files are")
        complain(f"{count} still being written: {listing(report.unfinished)}")
    if report.failed:
        count = numbered(len(report.failed), "video", "videos")
        raise WorkFailed(f"{count} failed{'' if kept is None else f', listed in {failures_beside(kept)}'}")


def _print(line: str) -> None:
    """Print a line of JSON at once, in UTF-8 whatever the terminal takes."""
    sys.stdout.buffer.write(f"{printable_json(line)}\n".encode())
    sys.stdout.buffer.flush()
