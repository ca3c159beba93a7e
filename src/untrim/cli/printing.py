"""Prints texts of verbs. They may hold names from other people's files with signs that the console lacks."""

from __future__ import annotations

import io
import sys

from untrim.errors import printable


def say(text: object) -> None:
    """Print to standard output."""
    print(printable(str(text)))


def complain(text: object) -> None:
    """Print to standard error."""
    print(printable(str(text)), file=sys.stderr)


def write_out_what_the_console_lacks() -> None:
    """Have signs that the encoding of the console, a pipe or a log lacks written as ``\\u6253``, not end the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
