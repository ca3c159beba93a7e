"""Processes that work off a list of jobs, and are replaced when a job kills them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from untrim.errors import WorkFailed

J = TypeVar("J")
R = TypeVar("R")

_ATTEMPTS = 2
_TICK_SECONDS = 1.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Died:
    """Instead of a result: the job ended its process each time it was tried; `reason` says how."""

    reason: str


class _Started:
    """First message of a process: it is ready for its job."""


def work_off(task: Callable[[J], R], jobs: Iterable[J], workers: int) -> Generator[tuple[J, R | Died] | None]:
    """Run `task` on every job, in processes of their own.

    A process that dies takes nothing with it but its job, which is tried once more in a new one. Processes are
    started afresh, not forked, so that a script which leads here needs the usual ``if __name__ == "__main__":``.
    They end with their parent, however it ends.

    Args:
        task: Called in the processes; it, the jobs and the results must be picklable. It should not raise.
        jobs: Hashable, and different from each other.
        workers: Most processes at a time, at least 1.

    Yields:
        Each job with its result, in the order in which they are done; None about once a second while none is.

    Raises:
        WorkFailed: Processes cannot be started: the first that ended did so before it could take a job.
    """
    waiting, tries, started = deque(jobs), Counter[J](), False
    crew: list[_Worker[J, R]] = []
    try:
        while waiting or crew:
            while waiting and len(crew) < workers:
                crew.append(_Worker(task, waiting.popleft()))
            ready = wait([worker.connection for worker in crew], _TICK_SECONDS)
            if not ready:
                yield None
            for worker in [worker for worker in crew if worker.connection in ready]:
                job, result = worker.job, worker.receive()
                started |= not isinstance(result, Died)
                if isinstance(result, _Started):
                    continue
                if isinstance(result, Died):
                    crew.remove(worker)
                    if not started:
                        raise WorkFailed(
                            f"no worker process could be started: {result.reason}",
                            fix='in a script, call this under `if __name__ == "__main__":`',
                        )
                    tries[job] += 1
                    if tries[job] < _ATTEMPTS:
                        waiting.append(job)
                        continue
                elif waiting:
                    worker.send(waiting.popleft())
                else:
                    crew.remove(worker)
                    worker.end()
                yield job, result
    finally:
        for worker in crew:
            worker.kill()


class _Worker(Generic[J, R]):
    """A process, the job it is at, and the line to it."""

    def __init__(self, task: Callable[[J], R], job: J) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(task, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.send(job)

    def send(self, job: J) -> None:
        """Give the process its next job."""
        self.job = job
        with suppress(BrokenPipeError):  # It has died in between; `receive` says so.
            self.connection.send(job)

    def receive(self) -> R | Died | _Started:
        """What the process has to say, or that it has died."""
        try:
            message: R | _Started = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return Died(_describe(self._process.exitcode or 0))
        return message

    def end(self) -> None:
        """Let the process end by itself: there is no more work for it."""
        self.connection.close()
        self._process.join()

    def kill(self) -> None:
        """End the process at whatever it is."""
        self._process.kill()
        self.end()


def _describe(exit_code: int) -> str:
    if exit_code >= 0:
        return f"its process ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    remedy = "; out of memory? try fewer workers" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{remedy}"


def _serve(task: Callable[[J], R], connection: Connection) -> None:
    """Work off jobs from `connection` until the parent closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # For libraries that a task loads: each process has one core.
    connection.send(_Started())
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(task(job))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
