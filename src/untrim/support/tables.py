"""Tables of comma-separated values, and other separators: all that can be wrong with them.

A text that begins with ``= + - @``, a tab or a line break is a formula to a spreadsheet, which would run it. It is
written with ``'`` before it, which makes it a text there, and read without. A text that begins with ``'`` and such a
sign gets one more, so that every text comes back as it was. Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from untrim.errors import Place, UntrimError
from untrim.support.files import read_text, write_text

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_SHIELDED = re.compile(r"'+[=+\-@\t\r\n]")


def read_rows(path: Path, separator: str = ",") -> list[tuple[int, list[str]]]:
    """The rows of a table that are not empty, each with its line, counted from 1; blanks around a cell are dropped.

    Raises:
        UntrimError: Missing, unreadable, a quote that is never closed, or a cell of more than 131,072 characters.
    """
    reader = csv.reader(io.StringIO(read_text(path)), delimiter=separator, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, [_plain(cell.strip()) for cell in cells]) for cells in reader if cells)
    except csv.Error as error:
        place = Place(path, reader.line_num)
        raise UntrimError(f"is not valid CSV: {error}", where=place, fix='is a quote (") not closed?') from error
    return rows


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a heading, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_shielded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    write_text(path, text.getvalue())


def _shielded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _plain(cell: str) -> str:
    return cell[1:] if _SHIELDED.match(cell) else cell
