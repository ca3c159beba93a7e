"""Long work on a terminal: its progress is shown, and Ctrl-C asks it to stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING

from untrim.cli.printing import complain
from untrim.errors import printable
from untrim.support.progress import Progress, ShouldStop

if TYPE_CHECKING:
    from rich import progress as rich_progress

_SECONDS_BETWEEN_LINES = 10.0
_QUIET = ContextVar("quiet", default=False)


def be_quiet(quiet: bool) -> None:
    """Whether this call of the command line shows no progress."""
    _QUIET.set(quiet)


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """A hook that shows progress on standard error: a bar on a terminal, plain lines in a log, nothing if --quiet."""
    if _QUIET.get():
        yield lambda what, done, total, note, /: None
        return
    if not sys.stderr.isatty():
        yield _Lines()
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


class _Lines:
    """A line about every ten seconds, and one when all is done."""

    def __init__(self) -> None:
        self._before, self._last = ("", 0, 0), 0.0

    def __call__(self, what: str, done: int, total: int, note: str, /) -> None:
        goes_on, self._before = self._before == (what, done - 1, total), (what, done, total)
        now = time.monotonic()
        if not goes_on:
            self._last = now
        elif done == total or now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            complain(f"{what} {done}/{total} {note}".rstrip())


class _Bar:
    """A bar for each work, below the one before."""

    def __init__(self) -> None:
        self._before = ("", 0, 0)
        self._bar: rich_progress.Progress | None = None

    def __call__(self, what: str, done: int, total: int, note: str, /) -> None:
        goes_on, self._before = self._before == (what, done - 1, total), (what, done, total)
        if self._bar is None or not goes_on:
            self.close()
            self._bar = _new_bar(what, done, total)
        self._bar.update(self._bar.task_ids[0], completed=done, note=printable(note))
        if done >= total:
            self.close()

    def close(self) -> None:
        """Leave the bar as it is now."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _new_bar(what: str, done: int, total: int) -> rich_progress.Progress:
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=Console(stderr=True),
    )
    bar.add_task(what, total=total, completed=done, note="")
    bar.start()
    return bar


@contextmanager
def stop_requests() -> Iterator[ShouldStop]:
    """Whether Ctrl-C or SIGTERM asked to stop.

    A second Ctrl-C ends at once, and so does the first signal while the work has not begun to ask: there is nothing to
    keep yet. ``torchrun`` passes on a signal that its processes have got already: there, a second one is the same.
    """
    asked = heard = False
    alone = os.environ.get("WORLD_SIZE", "1") == "1"

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        again, asked = asked, True
        if not heard or (again and alone and number == signal.SIGINT):
            raise KeyboardInterrupt

    def should_stop() -> bool:
        nonlocal heard
        heard = True
        return asked

    before = {number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield should_stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
