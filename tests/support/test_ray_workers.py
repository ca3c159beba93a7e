"""Jobs are Python expressions and the task is `eval`, as in the tests of local workers."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from untrim.errors import UntrimError
from untrim.features.extract import extract
from untrim.support.workers import Died, work_off

ray = pytest.importorskip("ray")


def test_no_cluster_is_said_at_once() -> None:
    from untrim.support.ray_workers import ray_engine

    with socket.socket() as taken:  # A port that nobody listens at.
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UntrimError, match="ray start"), ray_engine(address):
            pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two cores on this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


def test_jobs_of_lost_workers_are_done_by_others(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from untrim.support.ray_workers import ray_engine

    monkeypatch.chdir(tmp_path)
    kill = "__import__('os').kill(__import__('os').getpid(), 9)"
    mark = "__import__('pathlib').Path('tried')"  # In the folder that this process works in.
    once = f"'done' if {mark}.exists() else ({mark}.touch(), {kill})"
    with ray_engine() as engine:
        assert engine.room == 2
        found = dict(filter(None, work_off(eval, ["1 + 1", once, kill, "1 / 0"], 3, engine)))
    assert ray.is_initialized()  # It was there before.
    assert found.pop("1 + 1") == 2
    assert found.pop(once) == "done"
    for died in found.values():
        assert isinstance(died, Died)
        assert "\n" not in died.reason
    assert found["1 / 0"].reason == "its process was lost: ZeroDivisionError: division by zero"


def test_workers_share_a_gpu_where_they_are_told_to(address: str) -> None:
    from untrim.support.ray_workers import ray_engine

    seen = "__import__('os').environ.get('CUDA_VISIBLE_DEVICES')"
    with ray_engine(gpus=0.5) as engine:
        assert engine.room == 2
        assert dict(filter(None, work_off(eval, [seen], 1, engine))) == {seen: "0"}
    with ray_engine(gpus=1) as engine:
        assert engine.room == 1
    with pytest.raises(UntrimError, match="the cluster has 1"), ray_engine(gpus=2):
        pass


def test_extraction_joins_a_cluster_and_outlives_a_worker(
    address: str, write_video: Callable[..., Path], tmp_path: Path
) -> None:
    videos, output = tmp_path / "videos", tmp_path / "features"
    videos.mkdir()
    for index in range(4):
        write_video(videos / f"video{index}.mp4", 40 + 10 * index, seed=index)
    (videos / "bad.mp4").touch()
    command = ["extract", "videos", "-o", "features", "--set", "short_side=48", "--engine", "ray", "--address", address]
    with subprocess.Popen([sys.executable, "-m", "untrim", *command], cwd=tmp_path, stderr=subprocess.PIPE) as run:
        deadline = time.monotonic() + 120
        while not list(output.glob("*.npy")) and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        workers = actors(os.getpid())
        assert workers
        os.kill(workers[0], signal.SIGKILL)
        _, error = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "1 video failed, listed in" in error.decode()
    assert (output / "failures.jsonl").exists()
    (videos / "bad.mp4").unlink()
    assert len(extract([videos], output, settings={"short_side": 48}).skipped) == 4  # Another engine, the same folder.
    extract([videos], tmp_path / "undisturbed", settings={"short_side": 48}, workers=1)
    assert {file.name: file.read_bytes() for file in output.iterdir()} == {
        file.name: file.read_bytes() for file in (tmp_path / "undisturbed").iterdir()
    }


def actors(ancestor: int) -> list[int]:
    """Processes of actors that descend from a process."""
    parents, found = {}, []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"ray::_Actor" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue

    def descends(pid: int) -> bool:
        return pid == ancestor or (pid in parents and descends(parents[pid]))

    return [pid for pid in found if descends(pid)]
