"""Progress of long work: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_SECONDS_BETWEEN_LINES = 10.0

Advance = Callable[[str], None]


@contextmanager
def progress(description: str, total: int, start: int = 0) -> Iterator[Advance]:
    """Show how far `total` steps have come, on standard error.

    Yields:
        A function to call after each step with a short note (such as the current loss) to show beside the bar.
    """
    if sys.stderr.isatty():
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=Console(stderr=True),
        ) as bar:
            task = bar.add_task(description, total=total, completed=start, note="")
            yield lambda note: bar.update(task, advance=1, note=note)
    else:
        yield _log_lines(description, total, start)


def _log_lines(description: str, total: int, start: int) -> Advance:
    done, last = start, time.monotonic()

    def advance(note: str) -> None:
        nonlocal done, last
        done += 1
        if done == total or time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{description} {done}/{total} {note}".rstrip(), file=sys.stderr, flush=True)

    return advance
