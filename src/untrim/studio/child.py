"""The process that does a job of the studio; it goes on when the page is closed and when the server is killed.

Everything it needs is in its folder, ``job.json`` and ``labels.json``; everything it says is written there too:
``progress.json``, and ``outcome.json`` at the end. It stops when there is a file ``stop``, and the same job resumes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from untrim.annotations import read_annotations, write_detections
from untrim.errors import Stopped, UntrimError
from untrim.features.extract import extract
from untrim.features.store import FeatureFolder
from untrim.studio.project import inside
from untrim.studio.suggested import SUGGESTED, write_suggested
from untrim.support.files import write_json
from untrim.support.locks import locked
from untrim.support.schema import read_object

JOB, STARTING, PROGRESS, OUTCOME, STOP, LABELS, LOG = (
    "job.json", "starting", "progress.json", "outcome.json", "stop", "labels.json", "log.txt",
)  # fmt: skip
_TOLD_SECONDS = 0.3
_NICE = 5


class Work:
    """One job.

    Args:
        folder: Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, folder.parent.parent
        self.job: dict[str, Any] = read_object(folder / JOB)
        for name in ("features", "run", "detections", "activations"):
            if name in self.job and (name != "run" or self.job["kind"] == "train"):  # Other runs are read.
                inside(self.project, str(self.job[name]))
        self._began: dict[str, tuple[float, int]] = {}
        self._notes: dict[str, str] = {}
        self._told = 0.0

    def do(self) -> list[str]:
        """Do the job; gives what is worth knowing, a line each.

        Raises:
            UntrimError: It failed.
            Stopped: It was asked to stop.
        """
        kinds: dict[str, Callable[[], list[str]]] = {
            "extract": self._extract,
            "train": self._train,
            "localize": self._localize,
            "suggest": self._suggest,
        }
        return kinds[self.job["kind"]]()

    def should_stop(self) -> bool:
        """Whether somebody asked to stop."""
        return (self.folder / STOP).exists()

    def progress(self, what: str, done: int, total: int, note: str, /) -> None:
        """Write how far the work is, a few times a second."""
        now = time.monotonic()
        began, first = self._began.setdefault(what, (now, done))
        if now - self._told < _TOLD_SECONDS and done < total:
            return
        self._told = now
        note = self._notes[what] = note or self._notes.get(what, "")
        left = (now - began) / (done - first) * (total - done) if done > first else None
        content = {"what": what, "done": done, "total": total, "note": note, "seconds_left": left}
        write_json(self.folder / PROGRESS, {"schema": 1, **content})

    def _extract(self) -> list[str]:
        features = self.project / self.job["features"]
        recipe: tuple[Any, ...] = (self.job["backbone"],)
        if (features / "features.json").is_file():
            info = FeatureFolder.open(features).info
            recipe = (info.backbone, dict(info.recipe))
        report = extract(
            [self.project / place for place in self.job["videos"]],
            features,
            *recipe,
            leave_out=self._left_out(),
            progress=self.progress,
            should_stop=self.should_stop,
        )
        return [*report.notes, *report.failed.values()]

    def _left_out(self) -> list[Path]:
        """What is no place to look for videos in; older jobs do not say."""
        return [self.project / place for place in self.job.get("leave_out", [])]

    def _train(self) -> list[str]:
        from untrim.studio.rounds import begin_round
        from untrim.training.loop import train

        notes = self._extract()
        features = FeatureFolder.open(self.project / self.job["features"])
        there, known = set(features.names()), read_annotations(self.folder / LABELS)
        usable = known.changed([video for name, video in known.items() if name in there])
        start, note = begin_round(self.folder / JOB, features, usable)
        train(
            self.job["method"],
            [(features, usable)],
            self.project / self.job["run"],
            settings=self.job["settings"],
            resume=True,
            start=start,
            progress=self.progress,
            should_stop=self.should_stop,
        )
        return [*notes, note, *self._found()]

    def _localize(self) -> list[str]:
        return self._extract() + self._found()

    def _suggest(self) -> list[str]:
        from untrim.pipeline import suggest

        notes: list[str] = []
        found, failed = suggest(
            self.job["run"],
            [self.project / place for place in self.job["videos"]],
            inside(self.project, self.job["features"]),
            leave_out=self._left_out(),
            progress=self.progress,
            should_stop=self.should_stop,
            tell=notes.append,
        )
        write_suggested(self.project / SUGGESTED, found)
        return [*notes, *failed.values()]

    def _found(self) -> list[str]:
        from untrim.pipeline import localize

        notes: list[str] = []
        found = localize(
            self.project / self.job["run"],
            self.project / self.job["features"],
            activations=self.project / self.job["activations"],
            progress=self.progress,
            should_stop=self.should_stop,
            tell=notes.append,
        )
        write_detections(found, self.project / self.job["detections"])
        return notes


def main(folder: Path) -> None:
    """Do the job of a folder, and write how it ended."""
    with suppress(OSError):
        os.nice(_NICE)  # The page comes first.
    with locked(folder):
        (folder / STARTING).unlink(missing_ok=True)
        error, notes = None, list[str]()
        try:
            notes, state = Work(folder).do(), "done"
        except Stopped:
            state = "stopped"
        except UntrimError as failure:
            state, error = "failed", str(failure)
        except Exception as failure:
            state, error = "failed", f"{type(failure).__name__}: {failure}"
            write_json(folder / OUTCOME, {"schema": 1, "state": state, "error": error, "notes": notes})
            raise  # The whole of it is in the log.
        write_json(folder / OUTCOME, {"schema": 1, "state": state, "error": error, "notes": notes})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
