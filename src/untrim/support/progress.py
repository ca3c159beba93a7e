"""How long work tells how far it has come, and how it is asked to stop; both from and in any thread.

Long work takes ``progress`` and, where what is done can be kept, ``should_stop``. Neither is called but by the work,
in whatever thread it runs. Without them it is silent, and runs to its end.

All of it is also logged under the name ``untrim``: steps at level DEBUG, beginnings and notes at INFO, what went wrong
with a part of the work at WARNING. Who wants to see it installs a handler, as for any library.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from untrim.errors import Stopped

LOG = logging.getLogger("untrim")
LOG.addHandler(logging.NullHandler())  # Without it, Python itself would print warnings that nobody asked for.


class Progress(Protocol):
    """A hook for the progress of long work, which may be several works, one after the other."""

    def __call__(self, what: str, done: int, total: int, note: str, /) -> None:
        """Called when work begins, with what is done already, and after each of its steps.

        Args:
            what: Name of the work.
            done: Steps that are done.
            total: Steps in all.
            note: What is worth showing beside it, such as the current loss; may be empty.
        """


ShouldStop = Callable[[], bool]
"""Asked between steps: whether the work should stop, such as ``threading.Event().is_set``."""


Tell = Callable[[str], object]
"""Told what is worth knowing about the work, a line at a time, such as ``print`` or ``[].append``."""


def count_steps(progress: Progress | None, what: str, total: int, done: int = 0) -> Callable[[str], None]:
    """Tell `progress` that work begins.

    Returns:
        A function to call after each step, with a note.
    """

    def advance(note: str) -> None:
        nonlocal done
        done += 1
        LOG.debug("%s %d/%d %s", what, done, total, note)
        if progress is not None:
            progress(what, done, total, note)

    LOG.info("%s: %d of %d done", what, done, total)
    if progress is not None:
        progress(what, done, total, "")
    return advance


def tell_each(tell: Tell | None, notes: Iterable[str]) -> None:
    """Log some lines, and tell them `tell`, if there is anybody to tell."""
    for note in notes:
        LOG.info("%s", note)
        if tell is not None:
            tell(note)


def warn_each(tell: Tell | None, notes: Iterable[str]) -> None:
    """As `tell_each`, of what went wrong with a part of the work."""
    for note in notes:
        LOG.warning("%s", note)
        if tell is not None:
            tell(note)


def stop_if(should_stop: ShouldStop | None) -> None:
    """End the work here, if it should stop.

    Raises:
        Stopped: It should.
    """
    if should_stop is not None and should_stop():
        raise Stopped("stopped as asked; the same call resumes")
