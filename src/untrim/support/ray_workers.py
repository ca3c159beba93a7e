"""Processes on the machines of a Ray cluster, for `untrim.support.workers.work_off`: actors, one job at a time each."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from untrim.errors import UntrimError, WorkFailed
from untrim.support.extras import optional
from untrim.support.workers import Died, Engine, Worker

ray = optional("ray")
RayError = ray.exceptions.RayError

J = TypeVar("J")
R = TypeVar("R")

_SECONDS_TO_ANSWER = 10
_START = "start one with `ray start --head`"


@contextmanager
def ray_engine(address: str | None = None, gpus: float = 0) -> Iterator[Engine]:
    """Processes on a Ray cluster.

    Its machines must have `untrim` installed, and the folder that this process works in, with all files that jobs
    name, at the same place.

    Args:
        address: Of a running cluster, ``host:port`` or ``auto``; None to start one on this machine, which ends with
            the context.
        gpus: Of each process; 0.25 lets four share one, 0 hides them all.

    Raises:
        UntrimError: No cluster at the address, or without that many GPUs.
        WorkFailed: None can be started here.
    """
    if ray.is_initialized():
        yield _Ray(gpus)
        return
    if address is not None:
        _knock(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Nothing is sent to anyone.
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, RayError, RuntimeError, ValueError) as error:
        if address is not None:
            raise UntrimError(f"no Ray cluster at '{address}': {error}", fix=_START) from error
        raise WorkFailed(f"Ray cannot be started: {error}") from error
    try:
        yield _Ray(gpus)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Check that something listens at ``host:port``: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise UntrimError(f"no Ray cluster answers at '{address}': {error}", fix=_START) from error


class _Ray(Engine):
    remedy = "every machine of the cluster needs `untrim`, and this folder at the same place"

    def __init__(self, gpus: float) -> None:
        there = ray.cluster_resources().get("GPU", 0)
        if gpus > there:  # Ray would wait for them.
            raise UntrimError(f"{gpus:g} GPUs for each process, but the cluster has {there:g}", fix="use fewer --gpus")
        self._gpus = gpus

    @property
    def room(self) -> int:
        there = ray.cluster_resources()
        places = [there.get("CPU", 1), *([there.get("GPU", 0) / self._gpus] if self._gpus else [])]
        return max(1, int(min(places)))

    def start(self, task: Callable[[J], R]) -> Worker[J, R]:
        return _ActorWorker(task, self._gpus)

    def wait(self, crew: Sequence[Worker[J, R]], seconds: float) -> list[Worker[J, R]]:
        awaited = {cast(_ActorWorker[J, R], worker).reference: worker for worker in crew}
        ready, rest = ray.wait(list(awaited), num_returns=1, timeout=seconds)
        if ready and rest:  # All of them, so that no worker waits for its turn.
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return [awaited[reference] for reference in ready]


class _ActorWorker(Worker[J, R]):
    """An actor, and the reference to what it says next."""

    def __init__(self, task: Callable[[J], R], gpus: float) -> None:
        # Jobs of a lost actor are given to another by `work_off`, as on one machine: Ray itself repeats nothing.
        remote = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(_Actor)
        self._actor: Any = remote.remote(task, Path.cwd())
        self.reference = self._actor.ready.remote()

    def started(self) -> Died | None:
        said = self._hear()
        return said if isinstance(said, Died) else None

    def send(self, job: J) -> None:
        self.reference = self._actor.work.remote(job)

    def receive(self) -> R | Died:
        return self._hear()

    def end(self) -> None:
        self.kill()  # It has nothing to do any more.

    def kill(self) -> None:
        ray.kill(self._actor)

    def _hear(self) -> R | Died:
        try:
            message: R = ray.get(self.reference)
        except RayError as error:
            self.kill()
            return Died(f"its process was lost: {_gist(str(error))}")
        return message


def _gist(report: str) -> str:
    """The one line of a report of Ray that says what happened."""
    first, *rest = report.strip().splitlines()
    return rest[-1] if "ray::" in first and rest else first  # A traceback from there ends with the error.


class _Actor(Generic[J, R]):
    """What runs on a machine of the cluster: the task, with what it keeps from one job to the next, a model say."""

    def __init__(self, task: Callable[[J], R], folder: Path) -> None:
        os.chdir(folder)
        self._task = task

    def ready(self) -> None:
        """Say that it has started."""

    def work(self, job: J) -> R:
        """Do one job."""
        return self._task(job)
