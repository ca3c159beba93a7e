import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from untrim.errors import UntrimError
from untrim.support.arrays import read_archive, read_array


def npy(array: npt.NDArray[np.generic], allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def headed(header: str) -> bytes:
    """A ``.npy`` with this header, and eight bytes of values."""
    text = header.encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(8)


def test_arrays_are_read(tmp_path: Path) -> None:
    for array in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.empty((0, 3))):
        (tmp_path / "a.npy").write_bytes(npy(array))
        assert np.array_equal(read_array(tmp_path / "a.npy"), array)


def broken() -> dict[str, bytes]:
    whole = npy(np.ones((4, 3)))
    archive = io.BytesIO()
    np.savez(archive, a=np.ones(3))
    objects = np.empty(1, dtype=object)
    return {
        "empty": b"",
        "text": b"1 2 3",
        "zip": archive.getvalue(),
        "header cut": whole[:20],
        "magic cut": whole[:7],
        "values cut": whole[:-1],
        "objects": npy(objects, allow_pickle=True),
        "no version": b"\x93NUMPY\x09\x00" + whole[8:],
        "absurd": headed("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000000, 8), }"),
        "huge": headed("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 10000), }"),
        "negative": headed("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 8), }"),
        "no numbers": headed("{'descr': '<f8', 'fortran_order': False, 'shape': ('a',), }"),
        "no dict": headed("[" * 300),
        "dtype": headed("{'descr': 'x9', 'fortran_order': False, 'shape': (1,), }"),
        "call": headed("{'descr': open('x'), 'fortran_order': False, 'shape': (1,), }"),
        "tuple": headed("{'descr': ('<f8', -1), 'fortran_order': False, 'shape': (1,), }"),
        "nul": headed("\0" * 20),
    }


@pytest.mark.parametrize("name", broken())
def test_a_broken_array_is_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(broken()[name])
    with pytest.raises(UntrimError) as caught:
        read_array(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", broken()[name])
    with pytest.raises(UntrimError):
        read_archive(tmp_path / "a.npz", ["a"])


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for read in (read_array, lambda path: read_archive(path, ["a"])):
        with pytest.raises(UntrimError, match="no such file"):
            read(tmp_path / "a")
        with pytest.raises(UntrimError, match="cannot be read"):
            read(tmp_path)


def test_an_archive_gives_what_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.ones(3), b=np.zeros(2), c=np.array(["x"]))
    found = read_archive(tmp_path / "a.npz", ["a", "c", "d"])
    assert list(found) == ["a", "c"]
    assert found["c"].tolist() == ["x"]


def test_an_archive_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    """None of the arrays alone is too large."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.npy", "b.npy", "c.npy"):
            content = io.BytesIO()
            np.save(content, np.zeros((200, 1 << 20), np.uint8))
            archive.writestr(name, content.getvalue())
    assert (tmp_path / "a.npz").stat().st_size < 1 << 20
    assert len(read_archive(tmp_path / "a.npz", ["a", "b"])) == 2
    with pytest.raises(UntrimError, match=r"unfolds to 0\.6 GB with 'c'"):
        read_archive(tmp_path / "a.npz", ["a", "b", "c"])


def test_an_archive_that_lists_a_name_twice_or_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(np.ones(3)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", npy(np.zeros(3)))
    with pytest.raises(UntrimError, match="listed twice"):
        read_archive(path, ["a"])
    np.savez(path, a=np.arange(100.0))
    whole = path.read_bytes()
    for content in (whole[:-30], whole[:200] + b"\xff" + whole[201:], b"", npy(np.ones(3))):
        path.write_bytes(content)
        with pytest.raises(UntrimError, match="archive"):
            read_archive(path, ["a"])
