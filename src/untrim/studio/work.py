"""The loop of a project: extract, train, localize, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from untrim.errors import UntrimError
from untrim.evaluation.choosing import is_decided
from untrim.evaluation.levels import shown
from untrim.studio.found import FoundByRun, runs_of
from untrim.studio.jobs import Jobs, StudioJob
from untrim.studio.learning import count_labelled
from untrim.studio.project import KnownRun
from untrim.studio.rightness import rightness, what_is_new
from untrim.studio.state import Studio, Unknown
from untrim.timeline import Detection, Segment

_READY_RUN = "kinetics400"
_SUGGESTED_FEATURES = "found/suggested/features"


class WorkInProject:
    """The jobs of an open project, and what the page shows of them.

    Args:
        studio: The project.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.jobs = Jobs(studio.project.folder, lambda job: studio.events.tell("job", job), self._ended)
        self._take_up(anew=False)

    def close(self) -> None:
        """Stop looking at the jobs; those that work go on."""
        self.jobs.close()

    def start(self, kind: str) -> dict[str, Any]:
        """Begin a job of a kind.

        Raises:
            UntrimError: Nothing can be done yet, or one of its kind works or waits.
        """
        content = self.studio.project.content
        order: dict[str, Any] = {
            "kind": kind,
            "videos": self.studio.project.places(),
            "features": content.features,
            "backbone": content.backbone,
            "leave_out": self.studio.project.own(),
        }
        if kind == "extract":
            return self.jobs.start(order)
        if kind == "suggest":
            return self.jobs.start({**order, "features": _SUGGESTED_FEATURES, "run": _READY_RUN})
        if kind == "localize":
            run = self.studio.run(None)
            if run is None or run.known.run is None:
                raise UntrimError("there is no run to localize with", fix="train one first")
            place = run.known.detections or f"found/{run.key}/detections.json"
            curves = run.known.activations or f"found/{run.key}/activations"
            return self.jobs.start({**order, "run": run.known.run, "detections": place, "activations": curves})
        if kind != "train":
            raise UntrimError(f"no kind of job '{kind[:40]}'", fix="extract, train, localize or suggest")
        if (why := self._why_not()) is not None:
            raise UntrimError(why)
        with self.studio.held():
            reviews = self.studio.reviews()
            known = self.studio.known()
            number = self._free_number()
            trained_on = str(count_labelled([review for review in reviews if review.subset == "training"]))
            runs = [found.run for found in content.runs if found.run is not None]
        return self.jobs.start(
            {
                **order,
                "start": runs[-1] if runs else None,
                "method": content.method,
                "settings": content.settings,
                "run": f"runs/{number}",
                "detections": f"found/{number}/detections.json",
                "activations": f"found/{number}/activations",
                "trained_on": trained_on,
            },
            known,
        )

    def describe(self) -> dict[str, Any]:
        """What training would be trained on, what the newest run changed, and how right it is."""
        studio = self.studio
        with studio.held():
            reviews = studio.reviews()
            training = [review for review in reviews if review.subset == "training"]
            counts = count_labelled(training)
            named = sum(counts_of for counts_of in (counts.tagged, counts.corrected, counts.none))
            cases = [
                (review, [Detection(one.label, Segment(one.start, one.end), one.score) for one in review.shown])
                for review in reviews
                if review.picked == "random" and is_decided(review)
            ]
            done = sum(row["features"] for row in studio.rows())
            return {
                "tagged": counts.tagged,
                "points": counts.points,
                "corrected": counts.corrected,
                "none": counts.none,
                "untagged": len(training) - named,
                "words": str(counts),
                "features": {"done": done, "total": len(reviews)},
                "can_train": self._why_not() is None,
                "why_not": self._why_not(),
                "changed": self._changed(),
                "accuracy": rightness(cases).to_json(),
            }

    def _why_not(self) -> str | None:
        """Why nothing can be trained yet; None if it can."""
        reviews = [review for review in self.studio.reviews() if review.subset == "training"]
        labels = {label for review in reviews for label in review.labels}
        if len(labels) < 2 and not any(review.none_happens for review in reviews):
            return "tag videos with at least two classes, or one class and videos in which it does not happen"
        return None if labels else "tag some videos first"

    def _changed(self) -> str | None:
        """What the newest run finds otherwise than the one before, in one line; None with fewer than two."""
        runs = list(self.studio.runs.values())[-2:]
        if len(runs) < 2:
            return None
        before, after = (self._shown(run) for run in runs)
        return what_is_new(before, after, runs[0].key)

    def _shown(self, run: FoundByRun) -> dict[str, list[Detection]]:
        level, found = self.studio.level(run), dict[str, list[Detection]]()
        for video in self.studio.project.videos.values():
            own = self.studio.detections(video, run)
            show = shown(own, level, self.studio.ledger.review(video.name).labels)
            found[video.name] = [one for one, see in zip(own, show, strict=True) if see]
        return found

    def _free_number(self) -> int:
        folder = self.studio.project.folder
        there = [path.name for place in ("runs", "found") for path in (folder / place).glob("*")]
        there += [Path(str(job["run"])).name for job in self.jobs.all() if job["run"]]
        return 1 + max((int(name) for name in there if name.isdecimal()), default=0)

    def _ended(self, job: StudioJob, over: bool) -> None:
        """Show what a job has made."""
        if over:
            self._take_up(anew=True)
        self.studio.features_changed()

    def _take_up(self, *, anew: bool) -> None:
        """Show the runs of jobs that are done and were not shown yet, also those that ended while no server ran.

        Args:
            anew: Whether to read what is shown already once more.
        """
        studio = self.studio
        with studio.held():
            content = studio.project.content
            before = list(content.runs)
            known = {run.run: run for run in before}
            for job in self.jobs.done():
                order = job.order
                if order["kind"] not in ("train", "localize"):
                    continue
                made = KnownRun(
                    run=order["run"],
                    detections=order["detections"],
                    activations=order["activations"],
                    trained_on=order.get("trained_on")
                    or (known[order["run"]].trained_on if order["run"] in known else ""),
                )
                if known.get(made.run) != made:
                    content.runs = [run for run in content.runs if run.run != made.run] + [made]
                    known[made.run] = made
                    studio.project.save()
            if anew or content.runs != before:
                studio.runs = runs_of(studio.project)
                studio.refresh()


def job_of(work: WorkInProject, key: str) -> str:
    """The name of a job, if there is one of that name.

    Raises:
        Unknown: There is none.
    """
    if key not in {job["id"] for job in work.jobs.all()}:
        raise Unknown(f"no job '{key[:40]}'")
    return key
