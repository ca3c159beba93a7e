"""Prints texts of verbs. They may hold names from other people's files with signs that the console lacks."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory

from untrim.errors import UntrimError, printable, printable_json

_STANDARD_OUTPUT = (Path("-"), Path("/dev/stdout"), Path("/dev/fd/1"))

_TAKEN = ContextVar("taken", default=False)  # Whether standard output holds a file: then it holds nothing else.


def is_standard_output(path: Path) -> bool:
    """Whether a person who names `path` as a file to be written means standard output."""
    return path in _STANDARD_OUTPUT


def say(text: object) -> None:
    """Print to standard output; to standard error while standard output is for a file."""
    print(printable(str(text)), file=sys.stderr if _TAKEN.get() else sys.stdout)


def say_json(value: object) -> None:
    """Print a value as JSON, which any console can show and any program can read."""
    say(printable_json(json.dumps(value, indent=1, allow_nan=False)))


def complain(text: object) -> None:
    """Print to standard error."""
    print(printable(str(text)), file=sys.stderr)


@contextmanager
def one_file(path: Path, ending: str) -> Iterator[Path]:
    """The file that a verb writes: `path`, or where that is standard output, one that goes there once it is whole.

    What is written beside that one is removed.

    Args:
        path: As it was given.
        ending: That of a file for standard output, such as ``.json``: it says the format.

    Raises:
        UntrimError: Two files are to go to standard output.
    """
    if not is_standard_output(path):
        yield path
        return
    with standard_output_taken(), TemporaryDirectory() as folder:
        place = Path(folder, f"stdout{ending}")
        try:
            yield place
        except UntrimError as error:
            if str(folder) in str(error.where):
                error.where = "standard output"
            raise
        if place.is_file():
            with place.open("rb") as content:
                shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.buffer.flush()


@contextmanager
def standard_output_taken() -> Iterator[None]:
    """Have `say` print to standard error.

    Raises:
        UntrimError: Standard output is taken already.
    """
    if _TAKEN.get():
        raise UntrimError("two files for standard output", fix="name a file for one of them")
    before = _TAKEN.set(True)
    try:
        yield
    finally:
        _TAKEN.reset(before)


def columns(heading: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> str:
    """A table in plain text, its columns as wide as they need to be; the last `numbers` columns are flush right.

    A row is one line: names of files may hold line feeds and tabs.
    """
    table = [[printable(cell).replace("\n", "\\n").replace("\t", "\\t") for cell in row] for row in (heading, *rows)]
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
