"""Processes that work off a list of jobs, and are replaced when a job kills them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import ClassVar, Generic, Protocol, TypeVar, cast, runtime_checkable

from untrim.errors import WorkFailed
from untrim.support.progress import LOG, ShouldStop, stop_if
from untrim.support.system import cores, end_if_still_importing

J = TypeVar("J")
R = TypeVar("R")

_ATTEMPTS = 2
_TICK_SECONDS = 1.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Died:
    """Instead of a result: the job ended its process each time it was tried; `reason` says how."""

    reason: str


@dataclass(frozen=True, slots=True)
class Partly:
    """Before the result of a job: how far it is."""

    done: int
    total: int


HowFar = Callable[[int, int], object]
"""Told how much of a job is done, and how much it is in all; the total of a job never changes."""


@runtime_checkable
class Telling(Protocol):
    """A task that tells how far it is, if there is somebody to tell."""

    how_far: HowFar | None


class Worker(ABC, Generic[J, R]):
    """A process that does one job at a time, seen from the one that gives the jobs.

    What it says first is that it has started; then it has one job after the other, and says the result of each.
    """

    @abstractmethod
    def started(self) -> Died | None:
        """Hear what it says first: nothing is wrong, or it has died."""

    @abstractmethod
    def send(self, job: J) -> None:
        """Give the process its next job."""

    @abstractmethod
    def receive(self) -> R | Died | Partly:
        """Hear the result of its job, how far it is, or that it has died."""

    @abstractmethod
    def end(self) -> None:
        """Let the process end by itself: there is no more work for it."""

    @abstractmethod
    def kill(self) -> None:
        """End the process at whatever it is."""


class Engine(ABC):
    """Where processes run: on this machine (`Local`), or on those of a cluster (`untrim.support.ray_workers`)."""

    remedy: ClassVar[str]
    """What to do when none can be started."""

    @property
    @abstractmethod
    def room(self) -> int:
        """How many processes can run at a time, one per core."""

    def threads(self, processes: int) -> int:
        """Threads that each of so many processes may keep busy."""
        return 1

    @abstractmethod
    def start(self, task: Callable[[J], R]) -> Worker[J, R]:
        """A new process for `task`; it takes jobs from when it has started."""

    @abstractmethod
    def wait(self, crew: Sequence[Worker[J, R]], seconds: float) -> list[Worker[J, R]]:
        """Those of `crew` that have something to say, as soon as there are any, or none after `seconds`."""


def work_off(
    task: Callable[[J], R],
    jobs: Iterable[J],
    workers: int,
    engine: Engine | None = None,
    should_stop: ShouldStop | None = None,
    how_far: HowFar | None = None,
) -> Generator[tuple[J, R | Died] | None]:
    """Run `task` on every job, in processes of their own.

    A process that dies takes nothing with it but its job, which is tried once more in another one. They end with
    their parent, however it ends. On this machine processes are started afresh, not forked, so that a script which
    leads here needs the usual ``if __name__ == "__main__":``.

    Args:
        task: Called in the processes; it, the jobs and the results must be picklable. It should not raise.
        jobs: Hashable, and different from each other.
        workers: Most processes at a time, at least 1.
        engine: Where the processes run; None for this machine.
        should_stop: Asked about once a second, and after each job.
        how_far: Told how far the jobs are, of a task that tells so (`Telling`) on this machine; None for silence.

    Yields:
        Each job with its result, in the order in which they are done; None about once a second while none is.

    Raises:
        WorkFailed: Processes cannot be started: the first that ended had not started, or too many in a row had not.
        Stopped: It should stop: the processes end at whatever they are.
    """
    end_if_still_importing()
    crew = _Crew(task, jobs, workers, engine or Local(), how_far)
    try:
        while crew.waiting or crew.busy:
            stop_if(should_stop)
            crew.hire()
            ready = crew.engine.wait([*crew.starting, *crew.busy], _TICK_SECONDS)
            if not ready:
                yield None
            for worker in ready:
                outcome = crew.hear(worker)
                if outcome is not None:
                    yield outcome
    finally:
        for worker in [*crew.starting, *crew.busy]:
            worker.kill()


class _Crew(Generic[J, R]):
    """The workers, those that are not ready yet and those at a job, and the jobs that wait for one."""

    def __init__(
        self, task: Callable[[J], R], jobs: Iterable[J], workers: int, engine: Engine, how_far: HowFar | None
    ) -> None:
        self.engine, self._task, self._most, self._how_far = engine, task, workers, how_far
        self.waiting = deque(jobs)
        self.starting: list[Worker[J, R]] = []
        self.busy: dict[Worker[J, R], J] = {}
        self._tries = Counter[J]()
        self._ever_started, self._failed_starts = False, 0

    def hire(self) -> None:
        """Start as many workers as there are jobs for and may be."""
        while len(self.starting) < len(self.waiting) and len(self.starting) + len(self.busy) < self._most:
            self.starting.append(self.engine.start(self._task))

    def hear(self, worker: Worker[J, R]) -> tuple[J, R | Died] | None:
        """Listen to a worker and give it its next job; the job that it has done with, if it has."""
        if worker in self.starting:
            self.starting.remove(worker)
            died = worker.started()
            self._count_start(died)
            if died is None:
                self._occupy(worker)
            return None
        job, result = self.busy[worker], worker.receive()
        if isinstance(result, Partly):
            if self._how_far is not None:
                self._how_far(result.done, result.total)
            return None
        del self.busy[worker]
        if not isinstance(result, Died):
            self._occupy(worker)
            return job, result
        self._tries[job] += 1
        LOG.warning("%s, at %s", result.reason, job)
        if self._tries[job] < _ATTEMPTS:
            self.waiting.append(job)
            return None
        return job, result

    def _occupy(self, worker: Worker[J, R]) -> None:
        if self.waiting:
            self.busy[worker] = self.waiting.popleft()
            worker.send(self.busy[worker])
        else:
            worker.end()

    def _count_start(self, died: Died | None) -> None:
        if died is None:
            self._ever_started, self._failed_starts = True, 0
            return
        self._failed_starts += 1
        if not self._ever_started or self._failed_starts > self._most:
            raise WorkFailed(f"no worker process could be started: {died.reason}", fix=self.engine.remedy)


class Local(Engine):
    """Processes on this machine."""

    remedy = 'in a script, call this under `if __name__ == "__main__":`'

    @property
    def room(self) -> int:
        """The cores that this process may use."""
        return cores()

    def threads(self, processes: int) -> int:
        """The cores that are left over if there are fewer processes, shared among them."""
        return max(1, self.room // max(1, processes))

    def start(self, task: Callable[[J], R]) -> Worker[J, R]:
        """A new process for `task`; it takes jobs from when it has started."""
        return _Process(task)

    def wait(self, crew: Sequence[Worker[J, R]], seconds: float) -> list[Worker[J, R]]:
        """Those of `crew` that have something to say, as soon as there are any, or none after `seconds`."""
        lines = {cast(_Process[J, R], worker).connection: worker for worker in crew}
        return [lines[cast(Connection, line)] for line in wait(list(lines), seconds)]


class _Process(Worker[J, R]):
    """A process, and the line to it."""

    def __init__(self, task: Callable[[J], R]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(task, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, job: J) -> None:
        with suppress(BrokenPipeError):  # It has died in between; `receive` says so.
            self.connection.send(job)

    def started(self) -> Died | None:
        said = self._hear()
        return said if isinstance(said, Died) else None

    def receive(self) -> R | Died | Partly:
        return self._hear()

    def end(self) -> None:
        self.connection.close()
        self._process.join()

    def kill(self) -> None:
        self._process.kill()
        self.end()

    def _hear(self) -> R | Died:
        try:
            message: R = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return Died(_describe(self._process.exitcode or 0))
        return message


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
    # Set up in the process that serves, not in the caller's: a terminal sends Ctrl-C to it too, but it is the parent
    # that stops, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # For libraries that a task loads; a task may start threads itself.
    if isinstance(task, Telling):
        task.how_far = lambda done, total: connection.send(Partly(done, total))
    connection.send(None)  # It has started.
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(task(job))


def _end_with_parent() -> None:
    """A killed parent cannot tell its processes: they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
