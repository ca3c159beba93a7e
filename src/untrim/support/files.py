"""Files that are either whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from untrim.errors import Place, UntrimError, WorkFailed
from untrim.support.documents import parse_json
from untrim.support.paths import similar
from untrim.support.system import is_running

_SUFFIX = ".tmp"
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, *([errno.EDQUOT] if hasattr(errno, "EDQUOT") else []))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; renamed to `path` on success, removed on failure.

    The temporary file is there, empty, and no other writer has its name. A file that is replaced keeps its permissions;
    a new one gets the usual ones. A link is replaced by a file (see `linked_file`). What is no regular file (a device,
    a pipe) stays: the content, once it is whole, is written into it.

    Raises:
        UntrimError: The place cannot be written.
        WorkFailed: The disk is full.
    """
    with writing(path):
        if _takes_a_stream(path):
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder) / "content"
                _pour(Path(folder) / "content", path)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _new_beside(path)
        try:
            mode = stat.S_IMODE((path if path.is_file() and not path.is_symlink() else temporary).stat().st_mode)
            yield temporary
            with open(temporary, "rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(mode)  # Some libraries write files that nobody else may read.
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the operating system, while `path` is written, into one line each.

    Raises:
        UntrimError: The place cannot be written.
        WorkFailed: The disk is full.
    """
    try:
        yield
    except OSError as error:
        raise unwritten(error, path) from error


def unwritten(error: OSError, path: Path) -> UntrimError:
    """The line that says why `path` could not be written."""
    if error.errno in _NO_SPACE:
        what = f"the disk is full: {error.strerror}"
        return WorkFailed(what, where=path, fix="free some space; the same command resumes")
    if error.errno == errno.ENAMETOOLONG:
        size = len(os.fsencode(path.name))
        what = f"the name is too long for the file system: {size} bytes, {path.name[:40]}…"
        return UntrimError(what, where=path.parent, fix="rename it")
    return UntrimError(
        f"cannot be written: {error.strerror or error}", where=path, fix="choose another place for the output"
    )


def linked_file(path: Path) -> Path:
    """The file that a person means who names `path` as an output: where it is a link, what the link leads to.

    Thus the link stays. Inside folders of ours, links are not followed: whoever made the folder could have them lead to
    any file.
    """
    while path.is_symlink() and not _of_kernel(path):
        if os.path.realpath(path) == str(path):  # A loop.
            break
        path = Path(os.path.normpath(path.parent.resolve() / os.readlink(path)))
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all.

    Raises:
        UntrimError: The place cannot be written, or the text holds half of a character.
        WorkFailed: The disk is full.
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        what = f"half of a character cannot be written: {text[max(0, error.start - 30) : error.end]!r}"
        raise UntrimError(what, where=path, fix="rename what is called so") from None
    write_bytes(path, content)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: Path) -> str:
    """Text of a UTF-8 file (a byte order mark is dropped).

    Raises:
        UntrimError: Missing, unreadable or not UTF-8.
    """
    with reading(path):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        what = "is UTF-16, not UTF-8" if utf_16 else f"is not UTF-8: byte 0x{error.object[error.start]:02x}"
        place = Place(path, content[: error.start].count(b"\n") + 1)
        raise UntrimError(what, where=place, fix="save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of the operating system, while `path` is opened or read, into one line each.

    Raises:
        UntrimError: Missing, or it cannot be read; the reason is said (a permission that lacks, a folder).
    """
    try:
        yield
    except FileNotFoundError as error:
        raise UntrimError("no such file", where=path, fix=similar(path)) from error
    except OSError as error:
        fix = "ask its owner, or change its permissions" if isinstance(error, PermissionError) else None
        raise UntrimError(f"cannot be read: {error.strerror or error}", where=path, fix=fix) from error


def read_json(path: Path) -> object:
    """Value in a JSON file.

    Raises:
        UntrimError: Missing, unreadable, not JSON, or a name is listed twice in it.
    """
    return parse_json(read_text(path), path)


def check_output(path: Path, endings: Collection[str] = ()) -> None:
    """Check that a file can be written at `path`, before the work whose result it is; nothing is made.

    Args:
        path: The file that is going to be written.
        endings: Those that it may have; empty for any.

    Raises:
        UntrimError: It has another ending, is a folder, or its place cannot be written.
    """
    if endings and path.suffix.lower() not in endings:
        raise UntrimError(f"has ending '{path.suffix}'", where=path, fix=f"use {' or '.join(endings)}")
    if path.is_dir():
        raise UntrimError("is a folder, and a file is to be written", where=path, fix="name a file in it")
    if _takes_a_stream(path):
        return
    folder = linked_file(path).absolute().parent
    there = next(place for place in (folder, *folder.parents) if place.exists() or place.is_symlink())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "it is no folder" if not there.is_dir() else "it is not yours to write in"
        raise UntrimError(f"no file can be made in {there}: {why}", where=path, fix="choose another place")


def make_folder(path: Path) -> None:
    """Create the folder `path`, and check that files can be made in it, before long work starts."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        _new_beside(path / "writable").unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """As `make_folder`; the folders that were made are removed again if nothing is in them at the end."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    make_folder(path)
    try:
        yield
    finally:
        with suppress(OSError):  # Of the first that is not empty.
            for folder in made:
                folder.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that processes of this machine, dead by now, left in `folder` and the folders in it."""
    for place, _, names in os.walk(folder):
        for name in names:
            if name.startswith(".") and name.endswith(_SUFFIX):
                host, _, pid = name.removesuffix(_SUFFIX).rpartition(".")[2].partition("-")
                if host == _host() and (pid := pid.partition("-")[0]).isdecimal() and not is_running(int(pid)):
                    (Path(place) / name).unlink(missing_ok=True)


def _new_beside(path: Path) -> Path:
    """A new, empty file in the folder of `path`, whose name is short however long that of `path` is."""
    while True:
        stem = hashlib.blake2b(os.fsencode(path.name), digest_size=4).hexdigest()
        own = path.with_name(f".{stem}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
        with suppress(FileExistsError):
            os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666))
            return own


def _host() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()


def _of_kernel(path: Path) -> bool:
    """Whether `path` is a name that the system gives to something open, such as ``/dev/stdout``."""
    folder = path.absolute().parent
    return folder in (Path("/dev"), Path("/dev/fd")) or folder.is_relative_to("/proc")


def _takes_a_stream(path: Path) -> bool:
    """Whether `path` is there and is to be written into, not replaced: it is neither a file, a folder nor a link."""
    if path.is_symlink():
        return _of_kernel(path) and path.exists()
    return path.exists() and not path.is_file() and not path.is_dir()


def _pour(content: Path, path: Path) -> None:
    """Write a file into a device, a pipe, or what this process has open under the name `path`."""
    streams = {"/dev/stdout": sys.stdout, "/dev/fd/1": sys.stdout, "/dev/stderr": sys.stderr, "/dev/fd/2": sys.stderr}
    shared = streams.get(str(path))
    if shared is not None:
        shared.flush()
    # What is open already is written to where it stands: opened anew, a file would be begun anew.
    target = os.dup(shared.fileno()) if shared is not None else os.open(path, os.O_WRONLY)
    with open(content, "rb") as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink)
