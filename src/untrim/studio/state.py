"""The state of an open project: what every route asks and changes, one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Self

from untrim.annotations import Annotations, Video, read_annotations
from untrim.annotations.reviews import Review
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.studio.choosing import reason_to_look
from untrim.studio.classes import complete_list, renamed_content, renamed_list
from untrim.studio.events import Events
from untrim.studio.found import FoundByRun, decisions_about, readable, runs_of
from untrim.studio.ledger import Ledger
from untrim.studio.pictures import Cache
from untrim.studio.project import ANNOTATIONS, ClassList, Project, ProjectVideo
from untrim.studio.rows import row_of
from untrim.studio.shapes import Shapes
from untrim.studio.workshop import Order, Workshop
from untrim.support.locks import locked
from untrim.support.validation import validate
from untrim.timeline import Detection

VideoRow = dict[str, Any]


class Unknown(Exception):
    """There is no such video, run, operation or job."""


class Studio:
    """An open project; a context manager. Its methods may be called from any thread.

    Args:
        project: The project.
        events: Told of every change.

    Raises:
        UntrimError: Another studio has the project open, or a file in it is wrong.
    """

    def __init__(self, project: Project, events: Events) -> None:
        self.project, self.events = project, events
        self.cache = Cache(project.cache)
        self._lock = threading.RLock()
        self._resources = ExitStack()
        self._rows: dict[str, VideoRow] = {}

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            try:
                resources.enter_context(locked(self.project.reviews))
            except UntrimError as error:
                if "another run works" not in error.what:
                    raise
                fix = "use the page that is open, or stop that studio first"
                raise UntrimError("is open in another studio", where=self.project.folder, fix=fix) from None
            self.truth = self._read_annotations()
            self.runs = runs_of(self.project)
            self.ledger = Ledger(self.project.reviews, self.project.content.classes, self._keep_classes, self._unsaved)
            self.shapes = Shapes(self.project.cache / "shapes.json")
            resources.callback(self.shapes.close)
            self.workshop, self.studies = Workshop(self._made), Workshop(self._made)
            resources.callback(self.workshop.close)
            resources.callback(self.studies.close)
            self._by_name = {video.name: video for video in self.project.videos.values()}
            self.refresh()
            self._resources = resources.pop_all()
        self.shapes.look_all_up(list(self.project.videos.values()), self._looked_up)
        return self

    def __exit__(self, *about: object) -> None:
        self._resources.__exit__(None, None, None)

    # Reading

    def video(self, key: str) -> ProjectVideo:
        """The video of a key.

        Raises:
            Unknown: There is none.
        """
        if key not in self.project.videos:
            raise Unknown(f"no video '{key[:40]}'")
        return self.project.videos[key]

    def run(self, key: str | None) -> FoundByRun | None:
        """The run of a key; the newest without one; None if there is none at all.

        Raises:
            Unknown: There is no run of this key.
        """
        if key is None:
            return next(reversed(self.runs.values()), None)
        if key not in self.runs:
            raise Unknown(f"no run '{key[:40]}'")
        return self.runs[key]

    def renamed(self, source: str) -> Mapping[str, str]:
        """What classes of a run, or of `ANNOTATIONS`, are called now."""
        return self.ledger.classes.renamed.get(source, {})

    def rows(self, run: str | None = None) -> list[VideoRow]:
        """The rows of all videos, in the order of their names."""
        with self._lock:
            return [self.row(video, run) for video in self.project.videos.values()]

    def row(self, video: ProjectVideo, run: str | None = None) -> VideoRow:
        """The row of a video; kept until something about it changes."""
        with self._lock:
            newest = run is None
            if newest and video.id in self._rows:
                return self._rows[video.id]
            review, source = self.ledger.review(video.name), self.run(run)
            found = self.detections(video, source)
            about = decisions_about(found, review.segments)
            left = [one for one, decided in zip(found, about, strict=True) if decided is None]
            shape = self.shapes.known(video)
            row = row_of(
                video.id,
                review,
                left,
                duration=shape.duration if shape is not None and shape.duration else review.duration,
                features=video.name in self._features,
                problem=self.shapes.problem(video),
                reason=reason_to_look(review, found, left, self._scale(source)),
            )
            if newest:
                self._rows[video.id] = row
            return row

    def detections(self, video: ProjectVideo, run: FoundByRun | None) -> list[Detection]:
        """What a run found in a video, best first, under the names that classes have now."""
        if run is None:
            return []
        names = self.renamed(run.key)
        found = [replace(one, label=names.get(one.label, one.label)) for one in run.detections.get(video.name, [])]
        return sorted(found, key=lambda one: -one.score)

    def known_labels(self) -> set[str]:
        """All classes of reviews, annotations and runs, under the names that they have now."""
        with self._lock:
            reviews = [self.ledger.review(video.name) for video in self.project.videos.values()]
            labels = {label for review in reviews for label in review.labels}
            labels |= {segment.label for review in reviews for segment in review.segments}
            names = self.renamed(ANNOTATIONS)
            labels |= {names.get(label, label) for label in (() if self.truth is None else self.truth.labels)}
            for run in self.runs.values():
                names = self.renamed(run.key)
                labels |= {names.get(label, label) for label in run.labels}
            return labels

    def classes(self) -> ClassList:
        """The classes in the order of the page, with those that were not listed yet."""
        with self._lock:
            return complete_list(self.ledger.classes, self.known_labels())

    def labels_of_run(self) -> set[str]:
        """Classes of the newest run."""
        run = self.run(None)
        names = {} if run is None else self.renamed(run.key)
        return {names.get(label, label) for label in (() if run is None else run.labels)}

    def counts(self) -> dict[str, dict[str, int]]:
        """For each class the videos with its tag, its segments and points, and its detections in the newest run."""
        with self._lock:
            labels = {*self.known_labels(), *(entry.label for entry in self.ledger.classes.classes)}
            counts = {label: dict.fromkeys(("videos", "segments", "points", "found"), 0) for label in labels}
            run = self.run(None)
            for video in self.project.videos.values():
                review = self.ledger.review(video.name)
                for label in review.labels:
                    counts[label]["videos"] += 1
                for segment in review.segments:
                    counts[segment.label]["segments"] += segment.holds
                for point in review.points:
                    counts[point.label]["points"] += 1
                for found in self.detections(video, run):
                    counts[found.label]["found"] += 1
            return counts

    def next_video(self) -> dict[str, Any] | None:
        """The video to look at next, and why; None if none deserves it."""
        with self._lock:
            best = max(self.rows(), key=lambda row: row["need"], default=None)
            if best is None or best["reason"] is None:
                return None
            return {"id": best["id"], "reason": best["reason"], "picked": None}

    # Changing

    def save(self, video: ProjectVideo, values: Mapping[str, Any], revision: int) -> Review:
        """Save a review; see `Ledger.save`."""
        with self._lock:
            shape = self.shapes.known(video)
            known = {} if shape is None or shape.duration is None else {"duration": shape.duration}
            review = self.ledger.save(video.name, {**values, **known}, revision)
            self.changed([video])
            return review

    def tag(
        self, videos: Sequence[ProjectVideo], add: Sequence[str], remove: Sequence[str], none: bool
    ) -> tuple[str, list[dict[str, str]]]:
        """Tag many videos at once.

        Returns:
            Name of the operation, and the tags that were to be removed and stay, since something is marked with them.
        """
        with self._lock:
            contents: dict[str, dict[str, Any]] = {}
            kept = []
            for video in videos:
                review = self.ledger.review(video.name)
                marked = {segment.label for segment in review.segments if segment.holds}
                marked |= {point.label for point in review.points}
                gone = set(review.labels) if none else set(remove)
                kept += [
                    {"id": video.id, "label": label, "why": "something is marked with it"}
                    for label in sorted(gone & marked & set(review.labels))
                ]
                labels = ((set(review.labels) - gone) | (marked & set(review.labels))) | set(add)
                exhaustive: Any = review.exhaustive
                if none and not labels:
                    exhaustive = True
                elif exhaustive is True and labels - marked:  # Of a new tag, nothing is marked yet.
                    exhaustive = sorted(labels & marked)
                contents[video.name] = {"labels": sorted(labels), "exhaustive": exhaustive}
            operation = self.ledger.change(contents)
            self.changed(videos)
            return operation, kept

    def rename(self, old: Sequence[str], new: str) -> tuple[str, list[ProjectVideo]]:
        """Call classes otherwise, everywhere; several, or a name that is there, become one.

        Returns:
            Name of the operation, and the videos whose reviews it changed.
        """
        with self._lock:
            classes = renamed_list(self.classes(), old, new, [ANNOTATIONS, *self.runs])
            names = dict.fromkeys(old, new)
            contents = {}
            for video in self.project.videos.values():
                content = renamed_content(self.ledger.review(video.name), names)
                if content is not None:
                    contents[video.name] = content
            operation = self.ledger.change(contents, classes)
            self.refresh()
            return operation, [self._by_name[name] for name in contents]

    def undo(self, operation: str) -> tuple[str, list[ProjectVideo]]:
        """Take an operation back; see `Ledger.undo`.

        Raises:
            Unknown: There is no such operation.
        """
        with self._lock:
            try:
                name, videos = self.ledger.undo(operation)
            except UntrimError as error:
                raise Unknown(error.what) from None
            self.refresh()
            return name, [self._by_name[video] for video in videos if video in self._by_name]

    def set_classes(self, classes: Sequence[Mapping[str, Any]], revision: int) -> None:
        """Keep order, colours, cues and keys of classes; those in use that are not listed stay, at the end."""
        with self._lock:
            known = self.ledger.classes
            given = validate(ClassList, {"classes": list(classes)}, "the classes")
            listed = complete_list(given, self.known_labels())
            self.ledger.set_classes(known.model_copy(update={"classes": listed.classes}), revision)
            self.events.tell("classes", {"revision": self.ledger.classes.revision})

    def measured(self, video: ProjectVideo, seconds: float) -> None:
        """Take note of how long a video is by its frames."""
        with self._lock:
            if self.shapes.measured(video, seconds):
                self.changed([video])

    def changed(self, videos: Sequence[ProjectVideo]) -> None:
        """Forget what was kept of some videos, and tell the pages."""
        with self._lock:
            for video in videos:
                self._rows.pop(video.id, None)
            if len(videos) > 20:
                self.events.tell("videos", {})
            else:
                for video in videos:
                    self.events.tell("video", self.row(video))

    def refresh(self) -> None:
        """Forget all that was kept of the videos, and look anew at features and runs."""
        with self._lock:
            self._rows.clear()
            self._scales: dict[str, Mapping[str, tuple[float, float]]] = {}
            for key, run in list(self.runs.items()):
                if (why := readable(run)) is not None:
                    self.project.notes.append(why)
                    del self.runs[key]
            self._features = self._named_features()
            self.events.tell("videos", {})
            self.events.tell("classes", {"revision": self.ledger.classes.revision})

    def _scale(self, run: FoundByRun | None) -> Mapping[str, tuple[float, float]]:
        """Lowest and highest score of each class in a run."""
        if run is None:
            return {}
        if run.key not in self._scales:
            names, scores = self.renamed(run.key), dict[str, list[float]]()
            for own in run.detections.values():
                for one in own:
                    scores.setdefault(names.get(one.label, one.label), []).append(one.score)
            self._scales[run.key] = {label: (min(own), max(own)) for label, own in scores.items()}
        return self._scales[run.key]

    def _named_features(self) -> frozenset[str]:
        try:
            return frozenset(FeatureFolder.open(self.project.features).names())
        except UntrimError:
            return frozenset()

    def _read_annotations(self) -> Annotations | None:
        path = self.project.content.annotations
        return None if path is None else read_annotations(self.project.at(path))

    def truth_of(self, video: ProjectVideo) -> Video | None:
        """What the annotations say of a video."""
        return self.truth.get(video.name) if self.truth is not None else None

    def _unsaved(self, name: str) -> Review:
        names, known = self.renamed(ANNOTATIONS), self.truth.get(name) if self.truth is not None else None
        video = self._by_name.get(name)
        shape = None if video is None else self.shapes.known(video)
        duration = None if shape is None else shape.duration
        if known is None:
            return Review(video=name, duration=duration)
        labels = tuple(names.get(label, label) for label in known.labels)
        return Review(video=name, subset=known.subset or "training", duration=known.duration or duration, labels=labels)

    def _keep_classes(self, classes: ClassList) -> None:
        self.project.content.classes = classes
        self.project.save()

    def _looked_up(self, video: ProjectVideo) -> None:
        self.changed([video])

    def _made(self, order: Order) -> None:
        kind, key, *rest = order.key
        if kind == "sprite" and order.state == "done":
            self.events.tell("sprite", {"id": key, "tiles": int(rest[0])})
        if kind == "proxy" and order.state != "waiting":
            about = {"state": order.state, "done": order.done, "seconds_left": order.seconds_left, "error": order.error}
            self.events.tell("proxy", {"id": key, **about})
