"""The benchmark for a GPU has to run the first time there: each part compares the CPU with the CPU here, on little."""

import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ECM = {"iterations": 12, "hidden": 8, "max_snippets": 20, "test_snippets": 20, "batch_size": 4}


@pytest.fixture(scope="module")
def bench_gpu() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield import_module("bench_gpu")
        for name in ("bench_gpu", "bench_methods", "gpu_inputs", "plain_loops"):
            sys.modules.pop(name, None)


@pytest.fixture
def bench(bench_gpu: ModuleType, tmp_path: Path) -> Any:
    return bench_gpu.Bench(
        torch.device("cpu"),
        tmp_path,
        time.monotonic() + 1000,
        dim=8,
        classes=3,
        clips=1,
        height=40,
        width=56,
        crop=32,
        frames=6,
        compared=3,
        pairs=2,
        rounds=1,
        steps=(("wsad", 4, 20), ("stpn", 4, 20)),
        ecm=ECM,
    )


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("methods", ["consensus", "wsad", "wsbm", "lpat", "ecm", "stpn", "wtalc", "supervised"]),
        ("i3d", ["double precision: largest difference", "as extracted", "snippets per second; the CPU"]),
        ("tvl1", ["56 x 40: mean difference", "pairs per second; the CPU"]),
        ("amp", ["consensus    4 losses", "ecm          4 losses", "fp32: loss", "bf16: loss", "differs by"]),
        ("copies", ["as it is:", "pinned:"]),
        ("extraction", ["two streams of 3 frames", "6 frames: decoding", "from the file to the features"]),
        ("steps", ["wsad", "stpn"]),
        ("ecm", ["paper: 12 of 12 steps", "paper: average mAP", "official: 12 of 12 steps", "official: average mAP"]),
    ],
)
def test_each_part_runs_and_the_cpu_equals_itself(
    bench_gpu: ModuleType, bench: Any, part: str, says: list[str]
) -> None:
    assert set(bench_gpu.PARTS) >= {part}
    text = "\n".join(bench_gpu.PARTS[part](bench))
    assert [words for words in says if words not in text] == []


def test_what_differs_is_said(bench_gpu: ModuleType) -> None:
    wanted = torch.tensor([1.0, -4.0])
    assert bench_gpu.difference(torch.tensor([1.0, -4.04]), wanted, 0.02, "x") == pytest.approx(0.01)
    for other in ([1.0, -4.4], [1.0, float("nan")]):
        with pytest.raises(AssertionError, match="x: differs by"):
            bench_gpu.difference(torch.tensor(other), wanted, 0.02, "x")


def test_a_part_that_fails_does_not_end_the_others(
    bench_gpu: ModuleType, bench: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(_: object) -> Iterator[str]:
        yield "one line"
        raise RuntimeError("out of memory")

    monkeypatch.setattr(bench_gpu, "PARTS", {"first": wrong, "second": lambda _: iter(["fine"])})
    assert bench_gpu.measure(bench) == 1
    printed = capsys.readouterr().out
    assert "FAILED: out of memory" in printed
    assert "second      fine" in printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_without_a_gpu_it_says_so(
    bench_gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py"])
    assert bench_gpu.main() == 0
    assert capsys.readouterr().out == "no GPU is available to torch here: nothing to measure\n"
