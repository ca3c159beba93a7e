"""Files that are either whole or not there: written to a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from untrim.errors import UntrimError
from untrim.support.system import is_running

_SUFFIX = ".tmp"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; renamed to `path` on success, removed on failure.

    Raises:
        UntrimError: The place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}{_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UntrimError(
            f"cannot be written: {error.strerror or error}",
            where=path,
            fix="choose another place for the output",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path) -> str:
    """Text of a UTF-8 file (a byte order mark is dropped).

    Raises:
        UntrimError: Missing, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UntrimError("no such file", where=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UntrimError(f"cannot be read: {error}", where=path) from error


def read_json(path: Path) -> object:
    """Value in a JSON file.

    Raises:
        UntrimError: Missing, unreadable or not JSON.
    """
    try:
        value: object = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UntrimError(f"is not valid JSON: {error}", where=path) from error
    return value


def make_folder(path: Path) -> None:
    """Create the folder `path`, and check that files can be made in it, before long work starts."""
    try:
        with atomic_path(path / "writable") as temporary:
            temporary.touch()
    except UntrimError as error:
        raise UntrimError(error.what, where=path, fix=error.fix) from error
    with suppress(FileNotFoundError):
        (path / "writable").unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that processes of this machine, dead by now, left in `folder`."""
    host = socket.gethostname()
    for leftover in folder.glob(f".*.{host}-*{_SUFFIX}"):
        pid = leftover.name.removesuffix(_SUFFIX).rpartition("-")[2]
        if pid.isdecimal() and not is_running(int(pid)):
            leftover.unlink(missing_ok=True)
