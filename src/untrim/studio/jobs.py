"""The long work of a project: features, training, localization, each job in a process of its own.

One job works at a time, the others wait. A job is a folder in ``jobs/``; its process goes on when the server is killed,
and the next server finds it by its lock.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from untrim.annotations import Annotations, write_annotations
from untrim.errors import UntrimError
from untrim.studio.child import JOB, LABELS, LOG, OUTCOME, PROGRESS, STARTING, STOP
from untrim.studio.ledger import now_in_utc
from untrim.support.files import write_json
from untrim.support.locks import locked
from untrim.support.schema import read_object
from untrim.training.metrics import METRICS, read_metrics

_LOOK_SECONDS = 0.4
_MOST_LOSSES = 200
_STARTING_SECONDS = 60.0


@dataclass
class StudioJob:
    """One job, as the server knows it.

    Args:
        folder: Its folder.
        order: What ``job.json`` says.
        process: Its process, if this server started it.
        told: What the pages were told last.
    """

    folder: Path
    order: Mapping[str, Any]
    process: subprocess.Popen[bytes] | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name."""
        return self.folder.name


class Jobs:
    """The jobs of a project.

    Args:
        folder: Folder of the project.
        tell: Told of each change of a job.
        ended: Told of each job that was done, or has made something that the list of videos shows.
    """

    def __init__(
        self, folder: Path, tell: Callable[[dict[str, Any]], None], ended: Callable[[StudioJob, bool], None]
    ) -> None:
        self._project, self._folder = folder, folder / "jobs"
        self._tell, self._ended = tell, ended
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._jobs: dict[str, StudioJob] = {}
        self._waiting: list[StudioJob] = []
        self._running: list[StudioJob] = []
        for place in sorted(self._folder.glob("j*/" + JOB), key=lambda path: int(path.parent.name[1:] or 0)):
            job = StudioJob(place.parent, read_object(place))
            self._jobs[job.key] = job
            if (job.folder / OUTCOME).exists():
                continue
            if _works(job.folder):
                self._running.append(job)
            else:
                _stopped(job.folder, "it ended with the studio or the machine; it can be resumed")
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking at the jobs; those that work go on."""
        self._over.set()
        self._thread.join()

    def all(self) -> list[dict[str, Any]]:
        """All jobs, the newest first."""
        with self._lock:
            return [self.describe(job) for job in reversed(self._jobs.values())]

    def done(self) -> list[StudioJob]:
        """The jobs that came to their end, the oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if _outcome(job).get("state") == "done"]

    def busy(self, kind: str) -> bool:
        """Whether a job of a kind works or waits."""
        with self._lock:
            return any(job.order["kind"] == kind for job in (*self._running, *self._waiting))

    def start(self, order: Mapping[str, Any], known: Annotations | None = None) -> dict[str, Any]:
        """Begin a job, or have it wait for the one that works.

        Args:
            order: ``kind``, and what `untrim.studio.child` needs for it.
            known: Labels to train on.

        Raises:
            UntrimError: One of its kind works or waits, or its folder cannot be written.
        """
        with self._lock:
            if self.busy(order["kind"]):
                raise UntrimError(f"a job of the kind '{order['kind']}' is under way")
            number = 1 + max((int(key[1:]) for key in self._jobs), default=0)
            job = StudioJob(self._folder / f"j{number}", {**order, "started": now_in_utc()})
            if known is not None:
                write_annotations(known, job.folder / LABELS)
            write_json(job.folder / JOB, {"schema": 1, **job.order})
            self._jobs[job.key] = job
            return self._queue(job)

    def resume(self, key: str) -> dict[str, Any]:
        """Continue a job that was stopped or has failed.

        Raises:
            KeyError: There is none of this name.
            UntrimError: It is done, or one of its kind works or waits.
        """
        with self._lock:
            job = self._jobs[key]
            if self.busy(job.order["kind"]) or _outcome(job).get("state") == "done":
                raise UntrimError(f"{key} is done, or a job of its kind is under way")
            for name in (OUTCOME, STOP, PROGRESS):
                (job.folder / name).unlink(missing_ok=True)
            return self._queue(job)

    def stop(self, key: str) -> dict[str, Any]:
        """Ask a job to stop; what is done is kept.

        Raises:
            KeyError: There is none of this name.
        """
        with self._lock:
            job = self._jobs[key]
            if job in self._waiting:
                self._waiting.remove(job)
                _stopped(job.folder)
            elif job in self._running:
                (job.folder / STOP).touch()
            return self.describe(job)

    def describe(self, job: StudioJob) -> dict[str, Any]:
        """A job, as the page gets it."""
        outcome, progress = _outcome(job), _read(job.folder / PROGRESS)
        state = outcome.get("state", "stopped")
        if job in self._running:
            state = "running"
        elif job in self._waiting:
            state = "waiting"
        ended = job.folder / OUTCOME
        changed = ended.stat().st_mtime if ended.exists() else None
        return {
            "id": job.key,
            "kind": job.order["kind"],
            "state": state,
            "what": progress.get("what", job.order["kind"]),
            "done": progress.get("done", 0),
            "total": progress.get("total", 0),
            "note": progress.get("note", ""),
            "seconds_left": progress.get("seconds_left") if state == "running" else None,
            "started": job.order.get("started"),
            "ended": None if changed is None else datetime.fromtimestamp(changed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "error": outcome.get("error"),
            "notes": outcome.get("notes", []),
            "run": Path(job.order["run"]).name if job.order.get("run") else None,
            "trained_on": job.order.get("trained_on"),
            "losses": self._losses(job),
        }

    def _losses(self, job: StudioJob) -> list[list[float]]:
        """Some steps of a training, each with its loss."""
        path = self._project / job.order["run"] / METRICS if job.order["kind"] == "train" else None
        if path is None or not path.exists():
            return []
        try:
            columns = read_metrics(path)
        except UntrimError:  # It is being written.
            return []
        if "loss" not in columns:
            return []
        pairs = list(zip(columns["iteration"].tolist(), columns["loss"].tolist(), strict=True))
        return [list(pair) for pair in pairs[:: max(1, len(pairs) // _MOST_LOSSES)]]

    def _queue(self, job: StudioJob) -> dict[str, Any]:
        self._waiting.append(job)
        self._begin()
        described = self.describe(job)
        self._tell(described)
        return described

    def _begin(self) -> None:
        """Start the job that waits longest, if none works."""
        if self._running or not self._waiting:
            return
        job = self._waiting.pop(0)
        (job.folder / STARTING).touch()
        with open(job.folder / LOG, "ab") as log:
            job.process = subprocess.Popen(
                [sys.executable, "-m", "untrim.studio.child", str(job.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # It goes on after the server, whatever ends that.
            )
        self._running.append(job)

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            news: list[tuple[StudioJob, bool]] = []
            with suppress(OSError, UntrimError):  # A disk that is full now may have room again.
                with self._lock:
                    for job in list(self._running):
                        news += self._look(job)
                    self._begin()
                for job, over in news:
                    self._ended(job, over)

    def _look(self, job: StudioJob) -> list[tuple[StudioJob, bool]]:
        """Look at a job that works; gives it, and whether it is over, if it has made something."""
        works = job.process.poll() is None if job.process is not None else _works(job.folder)
        if not works:
            self._running.remove(job)
            (job.folder / STARTING).unlink(missing_ok=True)
            if not (job.folder / OUTCOME).exists():  # It was killed.
                _stopped(job.folder, "its process was ended from outside; it can be resumed")
        described = self.describe(job)
        if described != job.told:
            news = described["done"] != job.told.get("done") or described["what"] != job.told.get("what")
            job.told = described
            self._tell(described)
            if not works or (news and described["what"] == "extract"):
                return [(job, not works)]
        return []


def _works(folder: Path) -> bool:
    """Whether a process does the job of a folder, or was started a moment ago and will."""
    try:
        if time.time() - (folder / STARTING).stat().st_mtime < _STARTING_SECONDS:
            return True
    except FileNotFoundError:  # It holds the folder by now, if it works.
        pass
    try:
        with locked(folder):
            return False
    except UntrimError:
        return True


def _stopped(folder: Path, why: str | None = None) -> None:
    write_json(folder / OUTCOME, {"schema": 1, "state": "stopped", "error": why, "notes": []})


def _outcome(job: StudioJob) -> dict[str, Any]:
    return _read(job.folder / OUTCOME)


def _read(path: Path) -> dict[str, Any]:
    with suppress(UntrimError):
        return read_object(path)
    return {}
