"""A rehearsal in a process of its own, while the run itself is trained.

A network of this size hardly trains faster on two cores than on one. So training takes half of the threads, and the
rehearsal the other half, at the same time. The process finds what it needs in the folder of the
rehearsal, and keeps its state there, where `untrim.training.rehearsal.rehearse` resumes from: what it could not do, for
whatever reason, is done after the run.

It is not one of `untrim.support.workers`: these read the caller's script once more, which may do much before it trains.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from untrim.annotations import write_annotations
from untrim.annotations.activitynet import read_annotations_json
from untrim.data.holdout import Sources
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods.base import InputScale
from untrim.support.files import make_folder, write_json
from untrim.support.progress import ShouldStop, stop_if
from untrim.support.schema import read_object
from untrim.support.tensors import lay_over, read_safetensors, write_safetensors
from untrim.training.checkpoint import Run
from untrim.training.parallel import World
from untrim.training.rehearsal import REHEARSAL, Rehearsal, rehearse

_SECONDS_ALONE = 10.0
"""What is trained in less is not worth a process."""
_TICK_SECONDS = 0.2
_COMMAND = [sys.executable, "-m", __name__]
_TASK, _SCALE = "task.json", "scale.safetensors"


@dataclass(frozen=True)
class Task:
    """What is rehearsed.

    Args:
        run: The run, begun.
        sources: What it is trained on: feature folders, each with its annotations.
        scale: The run's own scaling of the input.
    """

    run: Run
    sources: Sources
    scale: InputScale

    def write(self) -> None:
        """Write it to the folder of the rehearsal, which is removed at the end of the training."""
        folder = self.run.path / REHEARSAL
        make_folder(folder)
        for number, (_, labelled) in enumerate(self.sources):
            write_annotations(labelled, _labels(folder, number))
        write_safetensors(folder / _SCALE, self.scale.state_dict())
        write_json(folder / _TASK, {"features": [str(features.path.resolve()) for features, _ in self.sources]})

    @classmethod
    def read(cls, path: Path) -> Task:
        """What `write` wrote for the run in `path`."""
        run, folder = Run.open(path), path / REHEARSAL
        features = read_object(folder / _TASK)["features"]
        assert isinstance(features, list)
        sources = [
            (FeatureFolder.open(Path(place)), read_annotations_json(_labels(folder, number)))
            for number, place in enumerate(features)
        ]
        scale = InputScale(run.features.dim)
        lay_over(scale, read_safetensors(folder / _SCALE), folder / _SCALE, "the run")
        return cls(run, sources, scale)


@contextmanager
def half_of_the_threads(world: World, device: torch.device) -> Iterator[int]:
    """Compute with half of the threads, and give how many another process may have; 0 if there is none to spare.

    With a rehearsal or without, and however long it takes: the weights do not depend on that.

    Args:
        world: The processes that train; several leave no threads.
        device: Where this process computes; only a processor is shared.
    """
    before = torch.get_num_threads()
    half = before // 2 if device.type == "cpu" and world.size == 1 else 0
    torch.set_num_threads(half or before)
    try:
        yield half
    finally:
        torch.set_num_threads(before)


def train_and_rehearse(
    train: Callable[[], None],
    remaining: Callable[[], Rehearsal | None],
    task: Task,
    threads: int,
    should_stop: ShouldStop | None,
) -> Rehearsal | None:
    """Train a run and rehearse it, at the same time if there are threads for both.

    Args:
        train: Trains the run to its end.
        remaining: Does what remains of the rehearsal.
        task: What is rehearsed.
        threads: Threads of the process that rehearses; 0: none does.
        should_stop: Asked while the other process is waited for.

    Returns:
        That of `remaining`.

    Raises:
        Stopped: `should_stop` said so; states are saved.
        WorkFailed: As for the training itself.
    """
    trained, over = threading.Event(), threading.Event()
    other = threading.Thread(target=_see_to, args=(task, threads, trained, over), daemon=True)
    try:
        if threads:
            other.start()
        train()
        trained.set()
        while other.is_alive():
            stop_if(should_stop)
            other.join(_TICK_SECONDS)
        return remaining()
    finally:
        over.set()
        trained.set()  # Nobody waits for more.
        if threads:
            other.join()


def _see_to(task: Task, threads: int, trained: threading.Event, over: threading.Event) -> None:
    """Start the process if that is worth it, wait for it, and end it early when all is `over`."""
    if trained.wait(_SECONDS_ALONE) or over.is_set():
        return
    command = [*_COMMAND, str(task.run.path), str(threads)]
    pipe, silent = subprocess.PIPE, subprocess.DEVNULL
    with suppress(OSError, UntrimError):
        task.write()
        with subprocess.Popen(command, stdin=pipe, stdout=silent, stderr=silent, start_new_session=True) as process:
            while process.poll() is None and not over.wait(_TICK_SECONDS):
                pass
            process.kill()


def _main(path: str, threads: str) -> None:
    """Rehearse the run in `path`. The process that started this one keeps its standard input open, and ends it so."""
    end_with_parent()
    torch.set_num_threads(int(threads))
    task = Task.read(Path(path))
    rehearse(task.run, task.sources, task.scale, World(), torch.device("cpu"), None, None)


def end_with_parent() -> None:
    """End this process when the one that holds the other end of its standard input ends."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _labels(folder: Path, number: int) -> Path:
    return folder / f"labels-{number}.json"


if __name__ == "__main__":
    _main(*sys.argv[1:])
