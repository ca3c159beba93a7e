"""Files that grow by whole lines, each a JSON object: a killed process leaves at most the start of one at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from untrim.support.files import linked_file, reading, writing
from untrim.support.schema import SCHEMA


def line_of(entry: Mapping[str, object], schema: int = 1) -> str:
    """The line of an entry, with its schema number and without a line break."""
    return json.dumps({SCHEMA: schema, **entry}, ensure_ascii=False, allow_nan=False)


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Add lines to a file, all or none; they are on the disk when this returns.

    Raises:
        UntrimError: The file cannot be written, or is a link.
        WorkFailed: The disk is full.
    """
    content = "".join(f"{line}\n" for line in lines).encode()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o666), "wb") as stream:
            end = stream.seek(0, os.SEEK_END)
            try:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            except OSError:
                with suppress(OSError):
                    stream.truncate(end)
                raise


def read_lines(path: Path) -> tuple[list[bytes], bytes]:
    """The whole lines of a file, and what a killed process left half written after them; none if it is not there.

    Raises:
        UntrimError: It cannot be read.
    """
    if not path.exists():
        return [], b""
    with reading(path):
        *lines, torn = path.read_bytes().split(b"\n")
    return lines, torn


def cut_after(path: Path, lines: Sequence[bytes]) -> None:
    """Cut off what a file holds after its first lines, which are these.

    Raises:
        UntrimError: It cannot be written.
    """
    with writing(path):
        os.truncate(linked_file(path), sum(len(line) + 1 for line in lines))
