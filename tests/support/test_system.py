import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from untrim.support.system import cores, is_running, peak_memory_mb
from untrim.support.workers import Local
from untrim.synthetic import corpus
from untrim.synthetic.corpus import CorpusSpec, render_corpus


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not bind processes to cores")
def test_cores_are_those_that_the_process_may_use() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from untrim.support.system import cores; print(cores())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"1"


def test_where_processes_are_not_bound_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores() == Local().room == 5


def test_a_corpus_is_rendered_by_a_process_per_usable_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(task: object, jobs: object, workers: int, **_: object) -> None:
        seen.append(workers)
        raise InterruptedError

    seen: list[int] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    monkeypatch.setattr(corpus, "work_off", started)
    with pytest.raises(InterruptedError):
        render_corpus(tmp_path, CorpusSpec(training=1, validation=0))
    assert seen == [3]


@pytest.mark.skipif(peak_memory_mb() is None, reason="the system does not say")
def test_peak_memory_is_in_megabytes() -> None:
    code = "from untrim.support.system import peak_memory_mb; held = b'x' * 200_000_000; print(peak_memory_mb())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert 200 < float(found.stdout) < 20_000  # Linux counts what the parent held when it started it, too


def test_a_process_runs_until_it_has_ended() -> None:
    assert is_running(os.getpid())
    ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    ended.stdout.read()  # Its end is that of the process, which nobody waits for yet.
    deadline = time.monotonic() + 30
    while sys.platform == "linux" and is_running(ended.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ended.wait()
    assert not is_running(ended.pid)
    assert not is_running(1 << 70)
