import re
from pathlib import Path

import numpy as np
import pytest
import torch

from untrim.activations import ActivationFolder
from untrim.errors import UntrimError
from untrim.methods.base import Activations
from untrim.timeline import SnippetGrid

GRID = SnippetGrid.regular(16, 16, 25)
WHOLE = {"cas": np.zeros((3, 2), np.float32), "video_scores": np.zeros(2, np.float32)}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    cas, attention = torch.randn(1, 5, 2, generator=generator), torch.rand(1, 5, generator=generator)
    found = Activations(torch.ones(1, 5, dtype=torch.bool), cas, cas.amax(dim=1), embedded=cas, attention=attention)
    folder = ActivationFolder(tmp_path / "activations")
    assert folder.names() == []
    folder.save("v", found, GRID, cas - 1)
    assert folder.names() == ["v"]
    assert repr(folder) == f"ActivationFolder(1 video; from {folder.path})"
    loaded = folder.load("v", 2)
    np.testing.assert_array_equal(loaded.cas, cas[0])
    np.testing.assert_array_equal(loaded.logits, cas[0] - 1)
    np.testing.assert_array_equal(loaded.video_scores, cas[0].amax(dim=0))
    assert loaded.overall.keys() == {"attention"}
    np.testing.assert_array_equal(loaded.overall["attention"], attention[0])
    np.testing.assert_allclose(loaded.centers, [0.32, 0.96, 1.6, 2.24, 2.88])


def test_files_without_a_schema_are_read_and_what_is_not_drawn_is_left_alone(tmp_path: Path) -> None:
    cas = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.savez(tmp_path / "v.npz", cas=cas, video_scores=cas[0], more=np.zeros(7))
    loaded = ActivationFolder(tmp_path).load("v", 2)
    np.testing.assert_array_equal(loaded.cas, cas)
    assert (loaded.overall, loaded.centers, loaded.logits) == ({}, None, None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "'cas' is float64 (0,), wanted float (0, 2)"),
        ({"cas": np.zeros((3, 3), np.float32)}, "'cas' is float32 (3, 3), wanted float (3, 2)"),
        ({"cas": np.zeros((0, 2), np.float32)}, "'cas' is float32 (0, 2)"),
        ({"cas": np.float32(1)}, "'cas' is float32 ()"),
        ({"cas": np.zeros((3, 2), np.int64)}, "'cas' is int64"),
        ({"cas": np.full((3, 2), np.nan, np.float32)}, "'cas' holds NaN or infinity"),
        ({"cas": np.zeros((3, 2), np.float32)}, "'video_scores' is float64 (0,), wanted float (2,)"),
        ({**WHOLE, "background": np.zeros(4)}, "'background' is float64 (4,), wanted float (3,)"),
        ({**WHOLE, "centers": np.zeros((3, 1))}, "'centers' is float64 (3, 1), wanted float (3,)"),
        ({"cas": np.array([{"a": 1}], dtype=object)}, "is not a readable"),
        ({**WHOLE, "schema": np.array(2)}, "was written by a newer untrim: 'schema' is 2"),
        ({**WHOLE, "schema": np.zeros(3)}, "'schema' is [0.0, 0.0, 0.0]"),
    ],
)
def test_wrong_sequences_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(UntrimError, match=re.escape(message)):
        ActivationFolder(tmp_path).load("v", 2)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text", b"\x80\x04."])
def test_files_that_are_no_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.npz").write_bytes(content)
    with pytest.raises(UntrimError, match=r"v\.npz: is not a readable.*--save-activations"):
        ActivationFolder(tmp_path).load("v", 2)


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    with open(tmp_path / "v.npz", "wb") as stream:
        np.save(stream, np.zeros((3, 2), np.float32))
    with pytest.raises(UntrimError, match="is not a readable"):
        ActivationFolder(tmp_path).load("v", 2)
