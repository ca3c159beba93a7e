import json
import re
from pathlib import Path

import numpy as np
import pytest

from untrim.errors import UntrimError
from untrim.reports.inputs import read_metrics, read_sequences


def line(iteration: int, **values: float) -> str:
    return json.dumps({"iteration": iteration, "seconds": 0.5, "loss": 1.0, **values}) + "\n"


def test_metrics_are_columns(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, metric=0.25) + line(2, metric=0.125))
    metrics = read_metrics(path)
    assert {key: values.tolist() for key, values in metrics.items()} == {
        "iteration": [1, 2],
        "seconds": [0.5, 0.5],
        "loss": [1, 1],
        "metric": [0.25, 0.125],
    }


def test_half_a_last_line_does_not_count(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1) + line(2)[:-9])
    assert read_metrics(path)["iteration"].tolist() == [1]
    path.write_text(line(1)[:-1])
    assert read_metrics(path) == {}
    assert read_metrics(tmp_path / "none.jsonl") == {}


@pytest.mark.parametrize(
    "text",
    ["[1]\n", "nonsense\n", "[" * 100_000 + "\n", '{"iteration": 1, "seconds": 1, "loss": NaN}\n']
    + ['{"iteration": 1, "seconds": 1, "loss": 1' + 400 * "0" + "}\n", '{"iteration": 1, "seconds": 1}\n']
    + [line(1) + line(2, extra=1.0), '{"iteration": 1, "seconds": "2", "loss": 1}\n'],
)
def test_wrong_metrics_are_refused_with_their_line(tmp_path: Path, text: str):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text)
    with pytest.raises(UntrimError, match=rf"metrics\.jsonl, line {text.count(chr(10))}: "):
        read_metrics(path)


def test_sequences_are_read_without_what_is_not_drawn(tmp_path: Path):
    cas, attention = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([0.0, 0.5, 1.0], np.float32)
    np.savez(tmp_path / "v.npz", cas=cas, attention=attention, video_scores=cas[0], more=np.zeros(7))
    sequences = read_sequences(tmp_path / "v.npz", 2)
    np.testing.assert_array_equal(sequences.cas, cas)
    assert sequences.overall.keys() == {"attention"}
    np.testing.assert_array_equal(sequences.overall["attention"], attention)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "'cas' is float64 (0,), wanted float (0, 2)"),
        ({"cas": np.zeros((3, 3), np.float32)}, "'cas' is float32 (3, 3), wanted float (3, 2)"),
        ({"cas": np.zeros((0, 2), np.float32)}, "'cas' is float32 (0, 2)"),
        ({"cas": np.float32(1)}, "'cas' is float32 ()"),
        ({"cas": np.zeros((3, 2), np.int64)}, "'cas' is int64"),
        ({"cas": np.full((3, 2), np.nan, np.float32)}, "'cas' holds NaN or infinity"),
        (
            {"cas": np.zeros((3, 2), np.float32), "background": np.zeros(4)},
            "'background' is float64 (4,), wanted float (3,)",
        ),
        (
            {"cas": np.zeros((3, 2), np.float32), "centers": np.zeros((3, 1))},
            "'centers' is float64 (3, 1), wanted float (3,)",
        ),
        ({"cas": np.array([{"a": 1}], dtype=object)}, "holds no readable arrays"),
    ],
)
def test_wrong_sequences_are_refused(tmp_path: Path, arrays, message: str):
    path = tmp_path / "v.npz"
    np.savez(path, **arrays)
    with pytest.raises(UntrimError, match=re.escape(message)):
        read_sequences(path, 2)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text", b"\x80\x04."])
def test_files_that_are_no_arrays_are_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "v.npz"
    path.write_bytes(content)
    with pytest.raises(UntrimError, match="holds no readable arrays"):
        read_sequences(path, 2)


def test_a_single_array_is_no_archive(tmp_path: Path):
    with open(tmp_path / "v.npz", "wb") as stream:
        np.save(stream, np.zeros((3, 2), np.float32))
    with pytest.raises(UntrimError, match="holds no readable arrays"):
        read_sequences(tmp_path / "v.npz", 2)
