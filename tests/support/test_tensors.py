import io
import json
import os
import pickle
import stat
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from untrim.errors import UntrimError
from untrim.support.tensors import read_metadata, read_safetensors, read_torch, write_safetensors, write_torch


class Hostile:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


def test_tensors_come_back_and_others_may_read_them(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor([1, 2])}
    write_safetensors(tmp_path / "a.safetensors", tensors)
    write_torch(tmp_path / "a.pt", {"step": 1, "model": tensors})
    found = read_safetensors(tmp_path / "a.safetensors")
    state = read_torch(tmp_path / "a.pt")
    assert isinstance(state, dict)
    assert state["step"] == 1
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
        assert torch.equal(state["model"][name], tensor)
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 1
    assert read_metadata(tmp_path / "a.safetensors") == {}


def header(content: object, size: int | None = None) -> bytes:
    text = json.dumps(content).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + bytes(8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        header({}, 1 << 62),
        header({}, 99_999_999),
        header([]),
        header({"a": {"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 8]}}),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}}),
        header({"a": {"dtype": "X9", "shape": [2], "data_offsets": [0, 8]}}),
        (2).to_bytes(8, "little") + b"\xff\xff",
    ],
)
def test_a_broken_safetensors_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    for read in (read_safetensors, read_metadata):
        with pytest.raises(UntrimError, match="is damaged") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def saved(value: object, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("legacy", [False, True])
def test_a_broken_torch_file_is_one_line_without_warnings(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "a.pt"
    whole = saved({"a": torch.ones(50), "n": [1, "x"]}, legacy)
    contents = [b"", b"text", pickle.dumps(1), pickle.dumps({"a": Hostile(tmp_path / "run")}), b"PK\x03\x04", b"\x80"]
    contents += [saved(Hostile(tmp_path / "run"), legacy)]
    contents += [whole[:size] for size in range(1, len(whole) - 1, 37)]
    contents += [whole[:place] + b"\xfe\xfd" + whole[place + 2 :] for place in range(0, 200, 7)]
    for content in contents:
        path.write_bytes(content)
        with suppress(UntrimError):  # A flipped bit may be one of a value.
            read_torch(path)
    assert not (tmp_path / "run").exists()
    path.write_bytes(contents[3])
    with pytest.raises(UntrimError, match="not opened"):
        read_torch(path)


def test_a_torch_file_that_unfolds_is_refused(tmp_path: Path) -> None:
    write_torch(tmp_path / "a.pt", {"a": torch.zeros(100_000)})
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as plain,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as b,
    ):
        for name in plain.namelist():
            b.writestr(name, plain.read(name))
    with pytest.raises(UntrimError, match="compressed"):
        read_torch(tmp_path / "b.pt")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a", {"a": torch.ones(1)})
    (tmp_path / "a").chmod(0)
    for read in (read_safetensors, read_torch):
        with pytest.raises(UntrimError, match="Permission denied"):
            read(tmp_path / "a")
