"""Numpy's files, ``.npy`` and ``.npz``, read without trusting what they claim."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from untrim.errors import UntrimError
from untrim.support.array_types import Array
from untrim.support.files import reading, write_bytes

_LARGEST = 1 << 29  # bytes of all arrays; more is no video's, but a file that unfolds to fill the memory


def read_array(path: Path) -> Array:
    """The array in a ``.npy`` file, memory-mapped: a part is read when it is looked at.

    Raises:
        UntrimError: Missing, unreadable, cut off, not a ``.npy`` file, or an array of Python objects.
    """
    with reading(path), open(path, "rb") as stream:
        shape, dtype = read_header(stream, path)
        _refuse_objects(dtype, path)
        _check_size(shape, dtype, path, os.fstat(stream.fileno()).st_size - stream.tell())
    try:
        array: Array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError) as error:
        raise UntrimError(f"is not a readable .npy array: {error!s:.120}", where=path) from error
    return array


def read_header(stream: BinaryIO, where: object) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that a ``.npy`` file claims; afterwards `stream` is at the values.

    Raises:
        UntrimError: It is no such file, or one with a damaged beginning.
    """
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except Exception as error:  # Its text is parsed as Python, which can raise anything.
        start = "it is a .npz archive" if _is_zip(stream) else f"{error!s:.120}"
        raise UntrimError(f"is not a readable .npy array: {start}", where=where) from error
    if any(length < 0 for length in shape):
        raise UntrimError(f"is not a readable .npy array: it claims the shape {shape}", where=where)
    return shape, dtype


def write_array(path: Path, array: Array) -> None:
    """Write an array as ``.npy``, whole or not at all."""
    content = io.BytesIO()  # Into a file, numpy writes without saying that the disk is full.
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getvalue())


def write_archive(path: Path, **arrays: Array) -> None:
    """Write arrays by name as ``.npz``, whole or not at all."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def read_archive(path: Path, names: Collection[str]) -> dict[str, Array]:
    """Those of the arrays `names` that a ``.npz`` file holds.

    Raises:
        UntrimError: Missing, unreadable, not a ``.npz`` file, or an array in it is damaged, of Python objects, or
            they are larger than any video's.
    """
    found, total = dict[str, Array](), 0
    with reading(path), open(path, "rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                for entry in archive.infolist():
                    name = entry.filename.removesuffix(".npy")
                    if name not in names:
                        continue
                    if name in found:
                        raise UntrimError(f"'{name}' is listed twice", where=path)
                    total += entry.file_size
                    if total > _LARGEST:
                        raise UntrimError(f"unfolds to {total / 1e9:.1f} GB with '{name}'", where=path)
                    found[name] = _array(archive.read(entry), f"{path}, '{name}'")
        except UntrimError:
            raise
        except OSError:
            raise
        except Exception as error:  # Encrypted, packed by an unknown rule, damaged: zipfile has an error for each.
            raise UntrimError(f"is not a readable .npz archive: {error!s:.120}", where=path) from error
    return found


def _array(content: bytes, where: str) -> Array:
    stream = io.BytesIO(content)
    shape, dtype = read_header(stream, where)
    _refuse_objects(dtype, where)
    _check_size(shape, dtype, where, len(content) - stream.tell())
    stream.seek(0)
    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _refuse_objects(dtype: np.dtype[Any], where: object) -> None:
    if dtype.hasobject:
        fix = "save it as an array of numbers: numpy.save(file, numpy.stack(list(array)))"
        raise UntrimError(
            "is not a readable .npy array: it holds Python objects, which are not opened", where=where, fix=fix
        )


def _check_size(shape: tuple[int, ...], dtype: np.dtype[Any], where: object, size: int) -> None:
    """Refuse an array of which less is there than its header claims."""
    if (claimed := math.prod(shape) * dtype.itemsize) > size:
        what = f"is not a readable .npy array: it should hold {dtype} {shape}, {claimed} bytes, and has {size}"
        raise UntrimError(what, where=where)


def _is_zip(stream: BinaryIO) -> bool:
    stream.seek(0)
    return stream.read(2) == b"PK"
