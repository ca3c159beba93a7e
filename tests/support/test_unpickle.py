import contextlib
import io
import os
import pickle
import pickletools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.errors import UntrimError
from untrim.support.unpickle import load_arrays

DTYPES = ["<f4", ">f4", "<f2", "<f8", "<i8", "|u1", "|b1", "<U5", "|S3"]


def load(content: bytes) -> object:
    return load_arrays(io.BytesIO(content), where="file")


@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 4), max_size=3),
    protocol=st.integers(0, pickle.HIGHEST_PROTOCOL),
    fortran=st.booleans(),
)
def test_arrays_come_back(dtype: str, shape: list[int], protocol: int, fortran: bool) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    array = np.asfortranarray(array) if fortran else array
    content = pickle.dumps({"a": [array, array[..., None].copy()], "n": (1, 2.5, None, "x", True)}, protocol)
    found, wanted = load(content), pickle.loads(content)  # Python's own unpickler is the oracle.
    assert isinstance(found, dict)
    assert found["n"] == wanted["n"]
    for mine, theirs in zip(found["a"], wanted["a"], strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_object_arrays_and_scalars(protocol: int) -> None:
    array = np.array([np.ones((2, 3), np.float32), np.zeros((5, 3), np.float32), None], dtype=object)
    found = load(pickle.dumps([array, np.float64(2.5), np.int64(-3)], protocol))
    assert isinstance(found, list)
    assert [None if part is None else part.shape for part in found[0]] == [(2, 3), (5, 3), None]
    assert found[0].dtype == object
    assert found[1:] == [2.5, -3]


def test_an_array_of_python_2() -> None:
    """Raw data as a byte string, as protocol 2 of Python 2 wrote it."""
    raw = np.arange(4, dtype="<f4").tobytes()
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85U\x01b\x87Rq\x02"
        b"(K\x01K\x04\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U" + bytes([len(raw)]) + raw + b"tb."
    )
    np.testing.assert_array_equal(load(content), np.arange(4, dtype=np.float32))


class _Calls:
    def __init__(self, function: object, *arguments: object) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.called


@pytest.mark.parametrize(
    "hostile",
    [
        _Calls(os.system, "true"),
        _Calls(eval, "1"),
        _Calls(np.load, "x.npy"),
        np.ma.masked_array([1.0]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        {1, 2}.__class__,
        os.system,
    ],
    ids=["system", "eval", "load", "masked array", "structured array", "class", "function"],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_anything_else_is_refused(hostile: object, protocol: int) -> None:
    with pytest.raises(UntrimError, match=r"^file: "):
        load(pickle.dumps([hostile], protocol))


def _dtype_state(code: str, *state: object) -> bytes:
    """A pickle of a dtype with the state that it claims."""
    parts = pickle.dumps(state, 2)[2:-1]
    return b"\x80\x02cnumpy\ndtype\n" + pickle.dumps((code, False, True), 2)[2:-1] + b"R" + parts + b"b."


def test_a_dtype_is_what_it_claims() -> None:
    assert load(_dtype_state("f4", 3, ">", None, None, None, -1, -1, 0)) == np.dtype(">f4")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("f8", (3, "<", None, None, None, -1, -1, 63)),  # numbers that are pointers
        ("O8", (3, "|", None, None, None, -1, -1, 0)),  # objects that nobody counts
        ("f8", (3, "<", None, None, None, 1 << 30, -1, 0)),
        ("f8", (3, "<", None, ("a",), {"a": 1}, -1, -1, 0)),
        ("f8", (4, "<", None, None, None, -1, -1, 0, {})),
        ("i4,i4", (3, "<", None, None, None, -1, -1, 0)),
    ],
)
def test_a_dtype_that_lies_is_refused(code: str, state: tuple[object, ...]) -> None:
    with pytest.raises(UntrimError, match="do not trust"):
        load(_dtype_state(code, *state))


@given(data=st.data())
def test_damaged_pickles_are_one_error(data: st.DataObject) -> None:
    whole = pickle.dumps(np.array([np.ones((3, 2)), np.zeros(4), "text"], dtype=object), 3)
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UntrimError):
        load(bytes(content[: data.draw(st.integers(1, len(content)))]))


def test_one_array_at_a_time() -> None:
    arrays = np.empty(40, dtype=object)
    arrays[:] = [np.full((250, 100), index, dtype=np.float32) for index in range(40)]
    stream, seen = io.BytesIO(pickle.dumps(arrays, 3)), []
    tracemalloc.start()
    found = load_arrays(stream, on_array=lambda array: seen.append(float(array.sum() / array.size)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == list(range(40))
    assert isinstance(found, np.ndarray)
    assert list(found) == [None] * 40
    assert peak < 5 * arrays[0].nbytes
    assert "BINBYTES" in {op.name for op, _, _ in pickletools.genops(stream.getvalue())}


BIG = pickle.dumps("x" * 100_000, 2)[2:-1]  # Without its beginning and its end; it is the memo's first.
RAW = b"\x80\x02]q\x01c_codecs\nencode\nq\x02" + BIG


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x04" + b"]" * 6_000_000 + b".", "more than 5,000,000 steps"),
        (b"\x80\x04N" + b"\x94" * 6_000_000 + b".", "more than 5,000,000 steps"),
        (b"\x80\x04" + b"(" * 200 + b".", "more than 100 deep"),
        (b"\x80\x04N" + b"\x85" * 200 + b".", "more than 100 deep"),
        (b"\x80\x04]\x94h\x00a.", "more than 100 deep"),  # A list that holds itself.
        (b"\x80\x04)" + b"2\x86" * 60 + b".", "more than 1,000,000 containers"),  # Each a pair of the one before.
        (b"\x80\x04})" + b"2\x86" * 24 + b"Ns.", "keys are containers"),  # Hashed part by part.
        (b"\x80\x04\x8f()" + b"2\x86" * 24 + b"\x90.", "keys are containers"),
        (RAW + (b"h\x02h\x00X\x06\x00\x00\x00latin1\x86R") * 1000 + b".", "many times its size"),
    ],
    ids=["lists", "memo", "marks", "tuples", "circle", "pairs", "key", "set", "copies"],
)
def test_a_few_bytes_that_would_fill_the_memory_or_never_end(content: bytes, words: str) -> None:
    with pytest.raises(UntrimError, match=words):
        load(content)


@pytest.mark.parametrize("code", [b"\x8e", b"\x8d", b"\x96", b"\x95"], ids=["bytes", "text", "bytearray", "frame"])
def test_no_memory_is_set_aside_for_what_is_only_announced(code: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(UntrimError, match="is not a readable pickle"):
        load(b"\x80\x05" + code + (1 << 40).to_bytes(8, "little") + b"x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
