"""Locks on folders, so that two runs do not write into one at a time."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from untrim.errors import UntrimError

if sys.platform != "win32":
    import fcntl

_NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` alone for as long as the context lasts; a process that is killed holds nothing.

    The lock is of the operating system (``flock``) on a file in the folder, which is removed afterwards. Where a
    system or a file system knows no such locks, nothing is held.

    Args:
        folder: An existing folder that can be written.

    Raises:
        UntrimError: Another process, or another thread of this one, holds it.
    """
    descriptor = _acquire(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # While it is held: whoever has opened it looks whether it is still there.
            (folder / _NAME).unlink()
        os.close(descriptor)


def _acquire(folder: Path) -> int:
    while True:
        try:
            descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise UntrimError(f"cannot be written: {error.strerror}", where=folder) from error
        try:
            _flock(descriptor)
            if _is_named(descriptor, folder / _NAME):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise UntrimError(
                "another run works in this folder", where=folder, fix="wait for it, or name another folder"
            ) from None
        os.close(descriptor)


def _flock(descriptor: int) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
            raise


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one called `path`: the run before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
