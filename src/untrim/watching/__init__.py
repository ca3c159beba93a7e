"""A folder is watched: what is found in each new video is one line, once, whatever happens to the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from untrim.errors import UntrimError, WorkFailed, unforeseen
from untrim.evaluation.found import counting_as_found
from untrim.support.files import check_output
from untrim.support.paths import as_path
from untrim.support.progress import ShouldStop, Tell, stop_if, tell_each, warn_each
from untrim.timeline import Detection, is_finite
from untrim.watching.arrivals import Arrivals, FileState
from untrim.watching.journal import ENDING, Journal, found_line
from untrim.watching.predicting import open_predictor

if TYPE_CHECKING:
    from untrim.training.checkpoint import Run

Predict = Callable[[Path], Sequence[Detection]]

_SLICE = 0.2  # Seconds between questions whether to stop.
_PAUSES = 10  # Times as long as a look at the folder takes it is left alone.


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What became of the files that `watch` worked on.

    Args:
        done: How many lines were written.
        failed: Files that failed, each with the reason of the last attempt.
        unfinished: Files that were still being written, in the order of their names.
    """

    done: int
    failed: Mapping[str, str]
    unfinished: tuple[str, ...]


def watch(
    folder: Path | str,
    run: Run | Path | str,
    ledger: Path | str | None,
    *,
    each: Callable[[str], object] | None = None,
    once: bool = False,
    only: str | Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    device: str = "auto",
    settle: float = 5.0,
    poll: float = 2.0,
    retries: int = 3,
    retry_after: float = 30.0,
    should_stop: ShouldStop | None = None,
    tell: Tell | None = None,
) -> WatchReport:
    """Find the actions of a run in the video files of a folder, in each as soon as it is finished, and once.

    Each video that is done is a line of JSON in `ledger`, which is also what a later call knows it by: however this
    one ends, the next works on what has no line. A file that has changed since is a new one. One that fails is tried
    again later, and stops no other.

    Args:
        folder: The folder; what is in the folders in it counts too.
        run: A finished run, its folder, or the name of a ready run.
        ledger: The file of lines, ``.jsonl``; failures are listed in ``NAME-failures.jsonl`` beside it. None to keep
            nothing: then a later call works on every file again.
        each: Given each line before it is written; if the process is killed in between, it is given it once more.
        once: Whether to end when all files that are there and finished are done, without waiting for more attempts.
        only: The classes to look for, or one of them; None for all that the run knows.
        settings: Values of the backbone's config that the run does not hold.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        settle: Seconds without a change after which a file is finished.
        poll: Seconds from one look at the folder to the next, at least.
        retries: Further attempts at a file that failed.
        retry_after: Seconds before the first of them; each wait is four times as long as the one before.
        should_stop: Asked between files and while there is nothing to do, whether to stop.
        tell: Told what becomes of each file, and what is worth knowing, a line at a time; None for silence.

    Raises:
        UntrimError: The folder or the run is wrong, or `ledger` holds something else, cannot be written or is written
            to by another process.
        WorkFailed: The disk is full, or the run cannot be used on this machine.
        Stopped: `should_stop` said so; the same call resumes.
    """
    folder, path = as_path(folder, "folder"), None if ledger is None else as_path(ledger, "ledger")
    seconds = (settle, poll, retry_after)
    if not all(is_finite(value) and value >= 0 for value in seconds):
        raise UntrimError(f"settle, poll, retry_after {seconds!r:.80}", fix="give seconds, 0 or more")
    if not (isinstance(retries, Integral) and retries >= 0):
        raise UntrimError(f"retries {retries!r:.40}", fix="give a whole number, 0 or more")
    if not folder.is_dir():
        raise UntrimError("no such folder", where=folder, fix="name the folder that videos come to")
    if path is not None:
        check_output(path, (ENDING,))
    predict = open_predictor(run, only=only, settings=settings, device=device)
    journal = Journal(path, retries, retry_after)
    watcher = _Watcher(Arrivals(folder, settle), journal, predict, each, should_stop, tell)
    with journal.kept():
        return watcher.work(poll, once)


class _Watcher:
    """The loop: look, work on what is finished, wait."""

    def __init__(
        self,
        arrivals: Arrivals,
        journal: Journal,
        predict: Predict,
        each: Callable[[str], object] | None,
        should_stop: ShouldStop | None,
        tell: Tell | None,
    ) -> None:
        self._arrivals, self._journal, self._predict = arrivals, journal, predict
        self._each, self._should_stop, self._tell = each, should_stop, tell
        self._done, self._failed = 0, dict[str, str]()
        self._told: set[str] = set()

    def work(self, poll: float, once: bool) -> WatchReport:
        first_look: float | None = None
        while True:
            looked = time.monotonic()
            finished = self._arrivals.finished()
            took = time.monotonic() - looked
            first_look = first_look or looked + took
            self._tell_of_odd_places()
            changing = set(self._arrivals.unfinished)
            for state in finished:
                stop_if(self._should_stop)
                if self._journal.is_due(state, time.time()):
                    self._work_on(state)
                    if self._arrivals.state(state.file) not in (state, None):
                        changing.add(state.file)
            if once and (not changing or looked - first_look >= self._arrivals.settle):
                return WatchReport(self._done, self._failed, tuple(sorted(changing)))
            self._wait(max(poll, _PAUSES * took))

    def _work_on(self, state: FileState) -> None:
        """One attempt at a file, unless it has changed or gone since it was looked at."""
        with self._journal.begun(state):
            detections = self._attempt(state)
            if detections is None or self._arrivals.state(state.file) != state:
                return
            line = found_line(state, detections, time.time())
            if self._each is not None:
                self._each(line)
            self._journal.found(state, line)
        self._done += 1
        self._failed.pop(state.file, None)
        found = len(counting_as_found({state.video: detections})[state.video])
        more = f", {len(detections) - found} more in the line" if found < len(detections) else ""
        tell_each(self._tell, [f"{state.video}: {found} found{more}"])

    def _attempt(self, state: FileState) -> Sequence[Detection] | None:
        """What is found in a file; None if that failed, which is recorded, or if it is another file by now."""
        path = self._arrivals.folder / state.file
        if self._arrivals.state(state.file) != state:
            return None
        try:
            return self._predict(path)
        except WorkFailed:  # It would fail for every file.
            raise
        except UntrimError as error:
            reason = str(error)
        except Exception as error:  # A file may be broken in a way that no library foresees: it must stop no other.
            reason = f"{path}: {unforeseen(error)}"
        if self._arrivals.state(state.file) != state:  # It fails because it is still being written.
            return None
        failure = self._journal.failed(state, reason, now := time.time())
        self._failed[state.file] = reason
        wait = "it is not tried again" if failure.again is None else f"it is tried again in {failure.again - now:.0f} s"
        warn_each(self._tell, [f"failed: {reason}; {wait}"])
        return None

    def _tell_of_odd_places(self) -> None:
        """Say once what cannot be worked on: names that are no text, and a folder that is not there."""
        notes = [f"passed over {name}: its name is no text (rename it)" for name in sorted(self._arrivals.unnamed)]
        if not self._arrivals.folder.is_dir():
            notes.append(f"{self._arrivals.folder}: is not there at the moment")
        warn_each(self._tell, [note for note in notes if note not in self._told])
        self._told = set(notes)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            stop_if(self._should_stop)
            time.sleep(min(left, _SLICE))
        stop_if(self._should_stop)
