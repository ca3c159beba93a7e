"""Read numpy arrays out of a pickle without running what is in it.

A pickle is a program. Here it may build numbers, texts, plain containers and numpy arrays, and do nothing else: the few
functions of numpy that array pickles name are replaced by ones of this module that check what they are given, since
numpy itself trusts the item size and flags that a pickled dtype claims.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

import numpy as np

from untrim.errors import UntrimError
from untrim.support.array_types import Array

OnArray = Callable[[Array], object]


def load_arrays(stream: BinaryIO, where: object = None, on_array: OnArray | None = None) -> object:
    """The numbers, texts, lists, tuples, dicts and numpy arrays in a pickle, of Python 2 or 3.

    Args:
        stream: Stands at the start of the pickle; afterwards at its end.
        where: The file, for messages.
        on_array: Called with each array of numbers as soon as it is read, in the order of the file; what it returns
            takes the array's place. Thus the pickle of a whole dataset is read with one array in memory at a time.

    Raises:
        UntrimError: There is anything else in it, or it is damaged; and whatever `on_array` raises.
    """
    try:
        return _ArrayUnpickler(stream, on_array).load()
    except _Refused as error:
        raise UntrimError(str(error), where=where, fix="do not trust this file") from None
    except UntrimError:
        raise
    except Exception as error:  # A damaged pickle can raise anything.
        raise UntrimError(f"is not a readable pickle of arrays: {type(error).__name__}", where=where) from error


class _Refused(Exception):
    """What was asked for is none of the things that may be built."""


_NDARRAY = "numpy.ndarray"  # Stands for the class, which `_reconstruct` is told to build and nobody may call.


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


class _ArrayUnpickler(pickle._Unpickler):
    """The unpickler in Python, whose single steps can be checked (the one in C has no such seams)."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    memo: dict[int, Any]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]

    def __init__(self, stream: BinaryIO, on_array: OnArray | None) -> None:
        super().__init__(stream, encoding="latin1")  # what numpy's arrays of Python 2 need
        self._on_array = on_array

    def find_class(self, module: str, name: str) -> object:
        if (builder := _BUILDERS.get(f"{module}.{name}")) is None:
            raise _Refused(f"asks for {module}.{name}, which is no array")
        return builder

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
        if dtype.hasobject or self._on_array is None:
            built.__setstate__(state)
            return built
        fresh = np.empty(0, dtype=np.int8)  # The memo keeps the old one alive.
        fresh.__setstate__(state)
        self._forget(built, state)
        return self._on_array(fresh)

    def _forget(self, built: Array, state: Any) -> None:
        """Take the raw bytes of an array, used once, out of the memo, where they would stay to the end."""
        for key in reversed(self.memo):
            value = self.memo[key]
            if value is state or value is state[4]:
                self.memo[key] = None
            elif value is built:
                return

    dispatch[pickle.BUILD[0]] = load_build


def _check_dtype_state(dtype: np.dtype[Any], state: Any) -> None:
    """A pickled dtype may say its byte order, and must agree with its own name in the rest."""
    _, order, subdtype, names, fields, itemsize, alignment, flags = state[:8]
    agrees = itemsize in (-1, dtype.itemsize) and alignment in (-1, dtype.alignment) and flags == dtype.flags
    if order not in tuple("<>|=") or (subdtype, names, fields) != (None, None, None) or not agrees or len(state) > 8:
        raise _Refused("asks for a dtype that is none of numbers or texts")
