"""Runs wrong inputs through the command line, in a forked process each, with bounds on memory and time.

What must hold of each: the exit code is 0, 1 or 2; there is no traceback; a refusal (2) is one line, leaves no file and
changes none; no temporary file is left; nothing hangs.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fuzz.inputs import make_input

SECONDS = 90  # One that trains a whole table takes 20 on a quiet machine.
MEMORY = 6 << 30

State = dict[str, tuple[int, int] | None]
"""Path -> size and time of change of a file; None for a folder."""


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Args:
        seed: Of the input; ``PYTHONPATH=tests python -m fuzz --seed SEED`` runs it again.
        call: The call.
        code: Exit code.
        broken: The promise that it broke; None if it kept them all.
        output: What was said.
    """

    seed: int
    call: list[str]
    code: int
    broken: str | None
    output: str

    def __str__(self) -> str:
        said = f"{self.broken or 'as it should be'}, exit code {self.code}"
        return f"seed {self.seed}: {said}\n  untrim {' '.join(map(repr, self.call))}\n  {self.output[-1500:]}"


def run_inputs(project: Path, scratch: Path, seeds: range) -> Iterator[Outcome]:
    """Run the inputs of those seeds on copies of `project` in `scratch`."""
    import untrim.cli
    import untrim.doctor
    import untrim.reports
    import untrim.training.tuning  # noqa: F401  Imported once, before the forks.

    with suppress(ImportError):
        import optuna.storages  # noqa: F401

    for seed in seeds:
        place = scratch / "work"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(project, place)
        yield run_input(seed, place, scratch / "output.txt")


def run_input(seed: int, place: Path, log: Path) -> Outcome:
    """Run one input in `place`."""
    here = Path.cwd()
    os.chdir(place)
    try:
        call = make_input(seed, place)
        before = _state(place)
        child = os.fork()
        if child == 0:
            _child(call, place, log)
        _, status = os.waitpid(child, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # Processes that it started.
        after = _state(place)
    finally:
        os.chdir(here)
    output, code = log.read_text(errors="replace"), os.waitstatus_to_exitcode(status)
    return Outcome(seed, call, code, _broken(call, code, output, before, after), output)


def _broken(call: list[str], code: int, output: str, before: State, after: State) -> str | None:
    """The promise that is broken, if one is."""
    if code == -signal.SIGALRM:
        return f"hangs: not done after {SECONDS} s"
    if code not in (0, 1, 2):
        return "no such exit code"
    if "Traceback (most recent call last)" in output:
        return "traceback"
    if temporary := [name for name in after if name.endswith(".tmp")]:
        return f"left {temporary[:3]}"
    lines = sum(line.startswith("untrim: ") for line in output.splitlines())
    if code == 2 and lines != 1:
        return f"refused in {lines} lines"
    changed = [name for name in after if name not in before or before[name] != after[name]]
    # Sequences are saved video by video, and each file is whole: they are kept where a later video is refused.
    kept = call[:1] == ["localize"]
    changed = [name for name in changed if not (kept and name.partition("/")[0].endswith("-activations"))]
    if code == 2 and (changed or before.keys() - after.keys()):
        return f"refused, and changed {changed[:3]}"
    return None


def _state(place: Path) -> State:
    found: State = {}
    for file in place.rglob("*"):
        if file.suffix != ".lock":
            facts = file.lstat()
            found[str(file.relative_to(place))] = None if file.is_dir() else (facts.st_size, facts.st_mtime_ns)
    return found


def _child(call: list[str], place: Path, log: Path) -> None:
    """Be `untrim` with that call, its output in `log`; never returns."""
    code = 70
    try:
        os.setsid()
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(target, stream)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.environ |= {"UNTRIM_CACHE": str(place / "weights"), "CUDA_VISIBLE_DEVICES": ""}
        os.environ |= {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
        sys.argv = ["untrim", *call]
        sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
        from untrim.cli import main

        main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 70
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
