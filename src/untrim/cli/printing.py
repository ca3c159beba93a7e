"""Prints texts of verbs. They may hold names from other people's files with signs that the console lacks."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from untrim.errors import printable


def say(text: object) -> None:
    """Print to standard output."""
    print(printable(str(text)))


def complain(text: object) -> None:
    """Print to standard error."""
    print(printable(str(text)), file=sys.stderr)


def columns(heading: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> str:
    """A table in plain text, its columns as wide as they need to be; the last `numbers` columns are flush right."""
    table = [[printable(cell) for cell in row] for row in (heading, *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    texts = len(widths) - numbers
    lines = [
        [
            cell.ljust(width) if index < texts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def write_out_what_the_console_lacks() -> None:
    """Have signs that the encoding of the console, a pipe or a log lacks written as ``\\u6253``, not end the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
