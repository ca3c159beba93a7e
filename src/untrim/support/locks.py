"""Locks on folders, so that two runs do not write into one at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from untrim.errors import UntrimError
from untrim.support.files import new_folder
from untrim.support.system import end_if_still_importing

_NO_SUCH_LOCKS = (errno.EOPNOTSUPP, errno.ENOLCK)  # What a network file system answers that has none.


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder`, made if need be, alone for as long as the context lasts; a process that is killed holds nothing.

    The operating system locks the file ``.lock`` in the folder, which is removed afterwards. On a file system
    that has no such locks, nothing is held. A folder that was made and in which nothing was written is removed.

    Raises:
        UntrimError: Another process, or another thread of this one, holds it; or it cannot be written.
    """
    end_if_still_importing()
    refused = UntrimError("another run works in this folder", where=folder, fix="wait for it, or name another folder")
    with new_folder(folder), _lock(folder / ".lock", refused):
        yield


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold the file at `path`, there or not, alone, likewise; the lock is the hidden file ``.NAME.lock`` beside it.

    Raises:
        UntrimError: As for `locked`.
    """
    refused = UntrimError("another run writes to this file", where=path, fix="wait for it, or name another file")
    with new_folder(path.parent), _lock(path.with_name(f".{path.name}.lock"), refused):
        yield


@contextmanager
def _lock(path: Path, refused: UntrimError) -> Iterator[None]:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise refused from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UntrimError("is a link, which a lock does not follow", where=path, fix="remove it") from error
        if error.errno not in _NO_SUCH_LOCKS:
            raise UntrimError(f"cannot be written: {error.strerror}", where=path.parent) from error
    try:
        yield
    finally:
        with suppress(OSError):  # While it is held: whoever has opened it looks whether it is still there.
            path.unlink()
        lock.release()
