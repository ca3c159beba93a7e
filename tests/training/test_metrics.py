import errno
import json
from pathlib import Path

import pytest

from untrim.errors import UntrimError, WorkFailed
from untrim.training.metrics import Metrics, read_metrics


def line(iteration: int, **values: float) -> str:
    return json.dumps({"iteration": iteration, "seconds": 0.5, "loss": 1.0, **values}) + "\n"


def test_metrics_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, metric=0.25) + line(2, metric=0.125))
    metrics = read_metrics(path)
    assert {key: values.tolist() for key, values in metrics.items()} == {
        "iteration": [1, 2],
        "seconds": [0.5, 0.5],
        "loss": [1, 1],
        "metric": [0.25, 0.125],
    }


def test_half_a_last_line_does_not_count(tmp_path: Path) -> None:
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
def test_wrong_metrics_are_refused_with_their_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(text)
    with pytest.raises(UntrimError, match=rf"metrics\.jsonl, line {text.count(chr(10))}: "):
        read_metrics(path)


def test_resuming_keeps_lines_up_to_its_iteration_and_their_clock(tmp_path: Path) -> None:
    """A line that a killed run left half written, and lines after the saved state, are dropped."""
    path = tmp_path / "metrics.jsonl"
    metrics = Metrics(path, 0)
    for iteration in (1, 2, 3):
        metrics.write(iteration, 2.0 * iteration, {"bce": 0.5, "metric": 0.25})
    with open(path, "a") as stream:
        stream.write('{"iteration": 4, "sec')
    Metrics(path, 2).write(3, 1.0, {"bce": 1.5, "metric": 0.25})
    assert {key: values.tolist() for key, values in read_metrics(path).items()} == {
        "iteration": [1, 2, 3],
        "seconds": [2.0, 4.0, 5.0],
        "loss": [0.75, 0.75, 1.75],
        "bce": [0.5, 0.5, 1.5],
        "metric": [0.25] * 3,
    }


def test_resuming_with_damaged_lines_says_where(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1) + "nonsense\n")
    with pytest.raises(UntrimError, match=r"metrics\.jsonl, line 2: is not valid JSON"):
        Metrics(path, 1)
    path.write_text(line(1, schema=2))
    with pytest.raises(UntrimError, match=r"metrics\.jsonl, line 1: was written by a newer untrim"):
        read_metrics(path)


@pytest.mark.parametrize("zeros", ["\0" * 4096, "\0" * 10])
def test_zeros_at_the_end_after_a_power_cut_count_for_nothing(tmp_path: Path, zeros: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1) + line(2) + zeros)
    assert read_metrics(path)["iteration"].tolist() == [1, 2]
    Metrics(path, 2)
    assert path.read_text() == line(1) + line(2)
    path.write_text(line(1) + zeros + line(2))
    with pytest.raises(UntrimError, match=r"line 2: is not valid JSON"):
        read_metrics(path)


def test_a_full_disk_while_a_line_is_written_is_work_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl", 0)

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(WorkFailed, match="the disk is full"):
        metrics.write(1, 1.0, {"mil": 1.0})
