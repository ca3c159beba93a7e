"""A rehearsal in a process of its own, while the run itself is trained.

A network of this size hardly trains faster on two cores than on one. So a run that is rehearsed takes half of the
threads, and the rehearsal the other half, at the same time. The process keeps the rehearsal's state where
`untrim.training.rehearsal.rehearse` resumes from: what it could not do, for whatever reason, is done after the run.

It is not one of `untrim.support.workers`: these read the caller's script once more, which may do much before it trains.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch

from untrim.data.holdout import Sources
from untrim.methods.base import InputScale
from untrim.support.progress import Progress, ShouldStop, stop_if
from untrim.training.checkpoint import Run
from untrim.training.parallel import World
from untrim.training.rehearsal import Rehearsal, rehearse

_SECONDS_ALONE = 10.0
"""What is trained in less is not worth a process."""
_TICK_SECONDS = 0.2
_COMMAND = [sys.executable, "-m", __name__]


@dataclass(frozen=True)
class _Task:
    """What the process is told through its standard input."""

    run: Run
    sources: Sources
    scale: InputScale
    threads: int


def train_and_rehearse(
    train: Callable[[], None],
    run: Run,
    sources: Sources,
    scale: InputScale,
    world: World,
    device: torch.device,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> Rehearsal | None:
    """Train a run and rehearse it, at the same time on the processor, if there are threads for both.

    Then each has half of them, whether there is time for two or not: no number depends on how long something takes.

    Args:
        train: Trains the run to its end.
        run: The run; the state of the rehearsal is kept in a folder of it.
        sources: What it is trained on: feature folders, each with its annotations.
        scale: The run's own scaling of the input.
        world: The processes that train; several leave no threads.
        device: Where this process computes.
        progress: Told of each step of the rehearsal that this process does; None for silence.
        should_stop: Asked before each of these, and while the other process is waited for.

    Returns:
        As `rehearse`.

    Raises:
        Stopped: `should_stop` said so; states are saved.
        WorkFailed: As for the training itself.
    """
    before = torch.get_num_threads()
    both = device.type == "cpu" and world.size == 1 and before > 1
    task = _Task(run, sources, scale, before // 2)
    trained, over = threading.Event(), threading.Event()
    other = threading.Thread(target=_see_to, args=(task, trained, over), daemon=True)
    try:
        if both:
            torch.set_num_threads(task.threads)
            other.start()
        train()
        trained.set()
        while other.is_alive():
            stop_if(should_stop)
            other.join(_TICK_SECONDS)
        return rehearse(run, sources, scale, world, device, progress, should_stop)
    finally:
        over.set()
        trained.set()  # Nobody waits for more.
        if both:
            other.join()
            torch.set_num_threads(before)


def _see_to(task: _Task, trained: threading.Event, over: threading.Event) -> None:
    """Start the process if that is worth it, wait for it, and end it early when all is `over`."""
    if trained.wait(_SECONDS_ALONE) or over.is_set():
        return
    with suppress(OSError, pickle.PicklingError, AttributeError, TypeError):
        told = pickle.dumps(task)
        pipe, silent = subprocess.PIPE, subprocess.DEVNULL
        with subprocess.Popen(_COMMAND, stdin=pipe, stdout=silent, stderr=silent, start_new_session=True) as process:
            assert process.stdin is not None
            try:
                process.stdin.write(told)
                process.stdin.flush()
                while process.poll() is None and not over.wait(_TICK_SECONDS):
                    pass
            finally:
                process.kill()


def _main() -> None:
    """Rehearse what standard input tells of. The process that started this one keeps it open: this one ends with it."""
    task: _Task = pickle.load(sys.stdin.buffer)
    end_with_parent()
    torch.set_num_threads(task.threads)
    rehearse(task.run, task.sources, task.scale, World(), torch.device("cpu"), None, None)


def end_with_parent() -> None:
    """End this process when the one that holds the other end of its standard input ends."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _main()
