"""Read numpy arrays out of a pickle without running what is in it.

A pickle is a program. Here it may build numbers, texts, plain containers and numpy arrays, and do nothing else: the few
functions of numpy that array pickles name are replaced by ones of this module that check what they are given, since
numpy itself trusts the item size and flags that a pickled dtype claims.

A pickle of a few bytes can also ask for all memory or for years of time. So there are bounds: on steps, on containers
within containers, on what is taken to be longer than the file, and on what may be the key of a dict.
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, BinaryIO, ClassVar, cast

import numpy as np

from untrim.errors import UntrimError
from untrim.support.array_types import Array

OnArray = Callable[[Array], object]
Step = Callable[[Any], None]

_MOST_STEPS = 5_000_000  # Each makes an object of some hundred bytes at most, apart from what the file itself holds.
_MOST_CONTAINERS = 1_000_000
_DEEPEST = 100  # Containers within containers.
_COPIES, _SPARE = 4, 1 << 20  # Arrays may have so many times the bytes of the file, and so many more.
_PARTS = 32  # Things in the memo that belong to one array, at most.


def load_arrays(stream: BinaryIO, where: object = None, on_array: OnArray | None = None) -> object:
    """The numbers, texts, lists, tuples, dicts and numpy arrays in a pickle, of Python 2 or 3.

    Args:
        stream: At the start of the pickle; afterwards at its end.
        where: The file, for messages.
        on_array: Called with each array of numbers as soon as it is read, in the order of the file; what it returns
            takes the array's place. Thus the pickle of a whole dataset is read with one array in memory at a time.

    Raises:
        UntrimError: There is anything else in it, or it is damaged; and whatever `on_array` raises.
    """
    try:
        found = _ArrayUnpickler(_Measured(stream), on_array).load()
        _check_nesting(found)
        return found
    except _Refused as error:
        raise UntrimError(str(error), where=where, fix="do not trust this file") from None
    except UntrimError:
        raise
    except Exception as error:  # A damaged pickle can raise anything.
        raise UntrimError(f"is not a readable pickle of arrays: {type(error).__name__}", where=where) from error


class _Refused(Exception):
    """What was asked for is none of the things that may be built."""


_NDARRAY = "numpy.ndarray"  # Replaces the class, which `_reconstruct` is told to build and nobody may call.


def _reconstruct(cls: object, shape: object, code: object) -> Array:
    if cls is not _NDARRAY:
        raise _Refused("asks for a subclass of numpy's arrays")
    return np.empty(0, dtype=np.int8)


def _dtype(code: str, align: object = False, copy: object = True) -> np.dtype[Any]:
    if not isinstance(code, str) or code[:1] not in "?bBhHiIlLqQefdgOSUuiV" or not code[1:].isdigit():
        raise _Refused(f"asks for the dtype {code!r:.40}")
    return np.dtype(code, False, True)


def _scalar(dtype: np.dtype[Any], raw: str | bytes) -> object:
    _check_plain(dtype)
    content = raw.encode("latin1") if isinstance(raw, str) else raw
    return np.frombuffer(content, dtype=dtype, count=1)[0]


def _frombuffer(raw: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str) -> Array:
    _check_plain(dtype)
    return np.frombuffer(raw, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1" if encoding in ("latin1", "latin-1") else "utf-8")


def _no_bytes() -> bytes:
    return b""


def _check_plain(dtype: object) -> None:
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise _Refused("asks for an array of objects out of raw bytes")


_BUILDERS: dict[str, object] = {
    "numpy.ndarray": _NDARRAY,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    **{f"{module}.bytes": _no_bytes for module in ("builtins", "__builtin__")},
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _frombuffer for core in ("core", "_core")},
}


class _Measured:
    """A stream of which no more can be asked for than there is.

    Python sets memory aside for what it is asked to read before it looks whether that is there.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, start = stream, stream.tell()
        self._end = stream.seek(0, os.SEEK_END)
        self.size = self._end - start
        stream.seek(start)

    def read(self, size: int) -> bytes:
        self._check(size)
        return self._stream.read(size)

    def readinto(self, buffer: bytearray) -> int:
        self._check(len(buffer))
        buffer[:] = self._stream.read(len(buffer))
        return len(buffer)

    def readline(self) -> bytes:
        return self._stream.readline()

    def _check(self, size: int) -> None:
        if size > self._end - self._stream.tell():
            raise EOFError(f"{size} bytes more are announced")


_KEYED: dict[int, Callable[[list[Any]], list[Any]]] = {
    pickle.SETITEM[0]: lambda stack: stack[-2:-1],
    pickle.SETITEMS[0]: lambda stack: stack[::2],
    pickle.DICT[0]: lambda stack: stack[::2],
    pickle.ADDITEMS[0]: list,
    pickle.FROZENSET[0]: list,
}
"""What of the stack becomes keys of a dict or members of a set, by the code of the step that does it."""


def _bounded(code: int, step: Step) -> Step:
    """A step of the unpickler that is counted first, and whose keys are looked at."""
    keyed = _KEYED.get(code)

    def bounded(unpickler: Any) -> None:
        unpickler.count()
        if keyed is not None:
            _check_keys(keyed(unpickler.stack))
        step(unpickler)

    return bounded


_DISPATCH = cast(dict[int, Step], pickle._Unpickler.dispatch)


class _ArrayUnpickler(pickle._Unpickler):
    """The unpickler in Python, whose single steps can be checked (the one in C has no such seams)."""

    stack: list[Any]
    metastack: list[list[Any]]
    memo: dict[int, Any]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]

    def __init__(self, stream: _Measured, on_array: OnArray | None) -> None:
        super().__init__(stream, encoding="latin1")  # what numpy's arrays of Python 2 need
        self._on_array = on_array
        self._steps, self._bytes = 0, _COPIES * stream.size + _SPARE

    def count(self) -> None:
        """Take a step more."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _Refused(f"takes more than {_MOST_STEPS:,} steps to build")
        if len(self.metastack) > _DEEPEST:
            raise _Refused(f"holds containers within containers, more than {_DEEPEST} deep")

    def find_class(self, module: str, name: str) -> object:
        if (builder := _BUILDERS.get(f"{module}.{name}")) is None:
            raise _Refused(f"asks for {module}.{name}, which is no array")
        return self._encode if builder is _encode else builder

    def load_build(self) -> None:
        """Give an object its state: only arrays and dtypes have one."""
        state, built = self.stack.pop(), self.stack[-1]
        if isinstance(built, np.dtype):
            _check_dtype_state(built, state)
            built.__setstate__(state)  # type: ignore[attr-defined]
        elif isinstance(built, np.ndarray):
            self.stack[-1] = self._array(built, state)
        else:
            raise _Refused(f"gives a {type(built).__name__} a state")

    def _array(self, built: Array, state: Any) -> object:
        _, shape, dtype, _, raw = state
        if dtype.hasobject != isinstance(raw, list) or math.prod(shape) * dtype.itemsize != (
            len(raw) * (dtype.itemsize if dtype.hasobject else 1)
        ):
            raise _Refused("holds an array of another size than it claims")
        self._spend(len(raw))
        if dtype.hasobject or self._on_array is None:
            built.__setstate__(state)
            return built
        fresh = np.empty(0, dtype=np.int8)  # The memo keeps the old one alive.
        fresh.__setstate__(state)
        self._forget(built, state)
        return self._on_array(fresh)

    def _encode(self, text: str, encoding: str) -> bytes:
        self._spend(len(text))
        return _encode(text, encoding)

    def _spend(self, size: int) -> None:
        """Refuse what is built out of the same bytes over and over."""
        self._bytes -= size
        if self._bytes < 0:
            raise _Refused("unfolds to many times its size")

    def _forget(self, built: Array, state: Any) -> None:
        """Take the raw bytes of an array, used once, out of the memo, where they would stay to the end."""
        for key in islice(reversed(self.memo), _PARTS):
            value = self.memo[key]
            if value is state or value is state[4]:
                self.memo[key] = None
            elif value is built:
                return

    dispatch: ClassVar[dict[int, Step]] = {
        code: _bounded(code, step) for code, step in {**_DISPATCH, pickle.BUILD[0]: cast(Step, load_build)}.items()
    }


def _check_keys(keys: Iterable[object]) -> None:
    """Refuse keys that are containers: to hash one whose parts are the same over and over takes forever."""
    for key in keys:
        parts = key if isinstance(key, tuple) else (key,)
        if not all(part is None or isinstance(part, str | bytes | int | float | np.generic) for part in parts):
            raise _Refused("has a dict or set whose keys are containers")


def _check_nesting(found: object) -> None:
    """Refuse what cannot be walked through: too deep, in a circle, or with parts that are the same over and over."""
    waiting, seen = [(found, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _DEEPEST:
            raise _Refused(f"holds containers within containers, more than {_DEEPEST} deep")
        if seen + len(waiting) > _MOST_CONTAINERS:
            raise _Refused(f"unfolds to more than {_MOST_CONTAINERS:,} containers")
        waiting += [(part, depth + 1) for part in _inside(value)]


def _inside(value: object) -> list[object]:
    """The containers in a container."""
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        parts = value.flat
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    return [part for part in parts if isinstance(part, dict | list | tuple | set | frozenset | np.ndarray)]


def _check_dtype_state(dtype: np.dtype[Any], state: Any) -> None:
    """A pickled dtype may say its byte order, and must agree with its own name in the rest."""
    _, order, subdtype, names, fields, itemsize, alignment, flags = state[:8]
    agrees = itemsize in (-1, dtype.itemsize) and alignment in (-1, dtype.alignment) and flags == dtype.flags
    if order not in tuple("<>|=") or (subdtype, names, fields) != (None, None, None) or not agrees or len(state) > 8:
        raise _Refused("asks for a dtype that is none of numbers or texts")
