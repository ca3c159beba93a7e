"""Jobs are Python expressions and the task is `eval`: processes that start afresh can import no test module."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from untrim.support.workers import Died, work_off

KILL = "__import__('os').kill(__import__('os').getpid(), 9)"


def results(jobs: Iterable[str], workers: int) -> dict[str, object]:
    return dict(done for done in work_off(eval, jobs, workers) if done is not None)


def test_each_job_gives_its_result_and_no_process_is_left() -> None:
    assert results([f"{i} ** 2" for i in range(10)], 3) == {f"{i} ** 2": i**2 for i in range(10)}
    assert multiprocessing.active_children() == []


def test_no_jobs_start_no_process() -> None:
    assert results([], 3) == {}


def test_a_worker_has_one_thread_and_leaves_ctrl_c_to_its_parent() -> None:
    threads, handler = "__import__('os').environ['OMP_NUM_THREADS']", "__import__('signal').getsignal(2).name"
    assert results([threads, handler], 1) == {threads: "1", handler: "SIG_IGN"}


def test_a_job_that_kills_its_process_fails_alone() -> None:
    found = results(["1", KILL, "2", "__import__('os')._exit(7)", "3"], 2)
    assert {found.pop(job) for job in "123"} == {1, 2, 3}
    first, second = found.values()
    assert isinstance(first, Died)
    assert isinstance(second, Died)
    reasons = {first.reason, second.reason}
    assert any("SIGKILL; out of memory" in reason for reason in reasons)
    assert any("exit code 7" in reason for reason in reasons)


def test_a_job_whose_process_was_killed_once_is_tried_again(tmp_path: Path) -> None:
    mark = f"__import__('pathlib').Path({str(tmp_path / 'tried')!r})"
    job = f"'done' if {mark}.exists() else ({mark}.touch(), {KILL})"
    assert results(["1", job], 1) == {"1": 1, job: "done"}


TELLING = """
class Telling:
    how_far = None

    def __call__(self, job):
        for step in range(job):
            self.how_far(step, job)
        return -job


if __name__ == "__main__":
    from untrim.support.workers import work_off

    told = []
    outcomes = work_off(Telling(), [3], 1, how_far=lambda *far: told.append(far))
    print([done for done in outcomes if done], told)
"""


def test_how_far_a_job_is_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(TELLING)
    ended = subprocess.run([sys.executable, tmp_path / "telling.py"], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[(3, -3)] [(0, 3), (1, 3), (2, 3)]"


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from untrim.support.workers import work_off\nprint(list(work_off(eval, ['1'], 2)))")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("untrim.errors.WorkFailed: no worker process could")
    assert "__main__" in ended.stderr.strip().splitlines()[-1]


def test_time_is_given_while_a_job_is_at_work() -> None:
    ticks = [done for done in work_off(eval, ["__import__('time').sleep(1.3)"], 1) if done is None]
    assert ticks


def test_leaving_early_ends_the_processes() -> None:
    outcomes = work_off(eval, ["1", "__import__('time').sleep(60)"], 2)
    assert next(done for done in outcomes if done is not None) == ("1", 1)
    children = multiprocessing.active_children()
    assert children
    outcomes.close()
    assert not any(child.is_alive() for child in children)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    job = f"(open({str(pids)!r}, 'a').write(f'{{__import__(\"os\").getpid()}}\\n'), __import__('time').sleep(60))"
    script = f"from untrim.support.workers import work_off\nlist(work_off(eval, [{job!r}, {job + ' '!r}], 2))"
    parent = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (pids.exists() and pids.read_text().count("\n") == 2):
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    workers = [int(line) for line in pids.read_text().split()]
    assert len(workers) == 2
    while time.monotonic() < deadline and any(_alive(pid) for pid in workers):
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
