"""Tables of comma-separated values, as spreadsheets and people write them: all that can be wrong with them.

A text that begins with ``= + - @``, a tab or a line break is a formula to a spreadsheet, which would run it. It is
written with ``'`` before it, which makes it a text there, and read without. A text that begins with ``'`` and such a
sign gets one more, so that every text comes back as it was. Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.errors import Place, UntrimError
from untrim.support.files import reading, write_text

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_SHIELDED = re.compile(r"'+[=+\-@\t\r\n]")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NAMES = {"\t": "tabs", ";": "semicolons", " ": "blanks"}
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table.

    Args:
        rows: Rows that hold something, each with its line, counted from 1; blanks around a cell are dropped.
        notes: How the file was taken, where it is not UTF-8 with commas: a sentence each.
    """

    rows: list[tuple[int, list[str]]]
    notes: tuple[str, ...]


def read_table(path: Path, otherwise: str = ",") -> TableRows:
    """The rows of a table whose cells are separated by tabs, semicolons or commas.

    The separator is a tab if there is one in the first row, else the first semicolon or comma that is there outside of
    quotation marks, else `otherwise`. A line ``sep=;`` before it, as Excel writes it, says which. The text is UTF-8 or
    UTF-16; what is neither is Windows-1252, of which Latin-1 is a part.

    Raises:
        UntrimError: Missing, unreadable, a quote that is never closed, or a cell of more than 131,072 characters; or a
            text that is in part UTF-8 and in part not, so that nobody can say what it is.
    """
    text, encoding = _decoded(path)
    told = re.match(r"sep=(.)\n", text)
    lines = text[told.end() :] if told else text
    separator = told[1] if told else _separator(lines, otherwise)
    first = 1 if told else 0
    reader = csv.reader(io.StringIO(lines), delimiter=separator, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            cells = [_plain(cell.strip()) for cell in row]
            if any(cells):
                rows.append((reader.line_num + first, cells))
    except csv.Error as error:
        place = Place(path, reader.line_num + first)
        raise UntrimError(f"is not valid CSV: {error}", where=place, fix='is a quote (") not closed?') from error
    notes = [f"read as {encoding}"] if encoding else []
    notes += [f"cells are separated by {_NAMES.get(separator, separator)}"] if separator != "," else []
    return TableRows(rows, tuple(notes))


def _separator(text: str, otherwise: str) -> str:
    first = _QUOTED.sub("", next((line for line in text.split("\n") if line.strip()), ""))
    return "\t" if "\t" in first.strip(" ") else next((sign for sign in first if sign in ";,"), otherwise)


def _decoded(path: Path) -> tuple[str, str]:
    """The text of a file, lines ended by a line feed, and its encoding; empty for UTF-8."""
    with reading(path):
        content = path.read_bytes()
    if content.startswith(_WORKBOOKS):
        raise UntrimError("is a workbook or an archive, no text", where=path, fix="save it as CSV, UTF-8")
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content[:4]:
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        text, name = content.decode(encoding), "UTF-16" if "16" in encoding else ""
    except UnicodeDecodeError as error:
        text, name = _windows(content, encoding, error, path), "Windows-1252"
    if "\0" in text:
        place = Place(path, text[: text.index("\0")].count("\n") + 1)
        raise UntrimError("holds zero bytes, which no text does", where=place, fix="save it as CSV, UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n"), name


def _windows(content: bytes, encoding: str, error: UnicodeDecodeError, path: Path) -> str:
    """What is no UTF-8 as Windows-1252, unless part of it is UTF-8: then it is damaged."""
    place = Place(path, content[: error.start].count(b"\n") + 1)
    good = content.decode("utf-8", "ignore")
    try:
        if encoding == "utf-8" and good.isascii():
            return content.decode("cp1252")
    except UnicodeDecodeError:
        pass
    what = f"holds the byte 0x{content[error.start]:02x}, which is neither UTF-8 nor Windows-1252 here"
    raise UntrimError(what, where=place, fix="save it as CSV, UTF-8")


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a heading, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_shielded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    write_text(path, text.getvalue())


def _shielded(cell: str) -> str:
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")  # As it is read; csv would not quote the latter.
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _plain(cell: str) -> str:
    return cell[1:] if _SHIELDED.match(cell) else cell
