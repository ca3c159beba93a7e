"""Run and rehearsal at the same time: the second in a process of its own."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from untrim.annotations import Annotations
from untrim.errors import Stopped
from untrim.features.store import FeatureFolder
from untrim.support.system import is_running
from untrim.training import beside
from untrim.training.beside import Task
from untrim.training.loop import train

Corpus = tuple[FeatureFolder, Annotations]
SETTINGS = {"iterations": 12, "hidden": 8}
STEPS = "train wsad, rehearsal"


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def rehearsed_here(corpus: Corpus, run: Path) -> int:
    """Train into `run`; how many steps of the rehearsal were done by this process."""
    done: list[int] = []

    def progress(what: str, step: int, total: int, note: str, /) -> None:
        assert torch.get_num_threads() == 1
        if what == STEPS:
            done.append(step)

    train("wsad", [corpus], run, settings=SETTINGS, progress=progress)
    return done[-1] - done[0]


def outcome(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "outcome.json").read_text())
    return found


def test_numbers_are_the_same_whoever_rehearses(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rehearsed_here(corpus, tmp_path / "after") == 6  # There was no time for two.
    monkeypatch.setattr(beside, "_SECONDS_ALONE", 0.0)
    assert rehearsed_here(corpus, tmp_path / "beside") == 0
    assert outcome(tmp_path / "after") == outcome(tmp_path / "beside")
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("after", "beside"))
    assert first == second
    assert not (tmp_path / "beside" / "rehearsal").exists()


@pytest.mark.parametrize("command", [[sys.executable, "-c", "raise SystemExit(1)"], ["no-such-program"]])
def test_what_the_process_cannot_do_is_done_after_the_run(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(beside, "_SECONDS_ALONE", 0.0)
    monkeypatch.setattr(beside, "_COMMAND", command)
    assert rehearsed_here(corpus, tmp_path / "run") == 6


def test_a_training_that_stops_ends_the_process(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(beside, "_SECONDS_ALONE", 0.0)
    monkeypatch.setattr(beside, "_COMMAND", [sys.executable, "-c", "import time; time.sleep(600)"])
    monkeypatch.setattr(subprocess, "Popen", Seen)
    with pytest.raises(Stopped):
        train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, should_stop=lambda: bool(started))
    assert started[0].poll() is not None


def test_a_training_that_stops_early_waits_for_nothing(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "_SECONDS_ALONE", 600.0)  # Else this takes ten minutes.
    with pytest.raises(Stopped):
        train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, should_stop=lambda: True)


def test_the_process_ends_with_the_one_that_started_it() -> None:
    script = """
import subprocess, sys, time
code = "import time; from untrim.training import beside; beside.end_with_parent(); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def test_a_class_that_only_another_subset_has_is_no_reason_to_stop(corpus: Corpus, tmp_path: Path) -> None:
    folder, annotations = corpus
    first, *others = annotations.subset("training").values()
    marked = Annotations([replace(first, exhaustive=("swim",)), *others])
    run = train("wsad", [corpus], tmp_path / "run", settings={"iterations": 1}, rehearsal=False)
    Task(run, [(folder, marked)], run.build().input).write()
    assert dict(Task.read(run.path).sources[0][1]) == dict(marked)
