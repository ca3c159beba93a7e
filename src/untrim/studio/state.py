"""The state of an open project: what every route asks and changes, one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Self

from untrim.annotations import Annotations
from untrim.annotations.reviews import Review, ShownDetection
from untrim.errors import UntrimError, numbered
from untrim.evaluation.choosing import Reason, is_decided, next_to_look_at, reason_to_look
from untrim.evaluation.levels import Level, level_of, shown
from untrim.features.store import FeatureFolder
from untrim.studio.brought import brought_into
from untrim.studio.classes import complete_list, renamed_content, renamed_list
from untrim.studio.events import Events
from untrim.studio.found import FoundByRun, check_given, decisions_about, readable, runs_of
from untrim.studio.learning import known_videos
from untrim.studio.ledger import Ledger
from untrim.studio.operations import Operation
from untrim.studio.pictures import Cache
from untrim.studio.project import ANNOTATIONS, ClassList, Project, ProjectVideo
from untrim.studio.rows import row_of
from untrim.studio.shapes import Shapes
from untrim.studio.suggested import SUGGESTED, read_suggested
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
        UntrimError: Another studio has the project open, or a file in it, or one that was given, is wrong.
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
            self._by_name = {video.name: video for video in self.project.videos.values()}
            self.brought = brought_into(self.project)
            self.runs = runs_of(self.project)
            check_given(self.project, self.runs)
            self.project.save()
            self.ledger = Ledger(self.project.reviews, self.project.content.classes, self._keep_classes, self._unsaved)
            self.shapes = Shapes(self.project.cache / "shapes.json")
            resources.callback(self.shapes.close)
            self.workshop, self.studies = Workshop(self._made), Workshop(self._made)
            resources.callback(self.workshop.close)
            resources.callback(self.studies.close)
            self.project.notes += self.brought.notes(self.reviews())
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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep everything as it is for as long as the context lasts."""
        with self._lock:
            yield

    def reviews(self) -> list[Review]:
        """The reviews of all videos, in the order of their names."""
        return [self.ledger.review(video.name) for video in self.project.videos.values()]

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
            level = self.level(source)
            show, about = shown(found, level, review.labels), decisions_about(found, review.segments)
            left = [one for one, see, of in zip(found, show, about, strict=True) if see and of is None]
            reason = reason_to_look(review, found, left, level)
            if newest:
                self._reasons[video.id] = reason
            shape = self.shapes.known(video)
            row = row_of(
                video.id,
                review,
                left,
                shape=shape,
                features=video.name in self._features,
                problem=self.shapes.problem(video),
                reason=reason,
                suggested=[label for label in self._suggested.get(video.name, ()) if label not in review.labels],
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
            labels |= {names.get(label, label) for label in self.brought.labels}
            for run in self.runs.values():
                names = self.renamed(run.key)
                labels |= {names.get(label, label) for label in run.all_labels}
            return labels

    def classes(self) -> ClassList:
        """The classes in the order of the page, with those that were not listed yet."""
        with self._lock:
            return complete_list(self.ledger.classes, self.known_labels())

    def next_video(self) -> dict[str, Any] | None:
        """The video to look at next, and why; None if none deserves it."""
        with self._lock:
            found = self._next()
            if found is None:
                return None
            key, reason, at_random = found
            return {"id": key, "reason": reason.words, "picked": "random" if at_random else None}

    def _next(self) -> tuple[str, Reason, bool] | None:
        self.rows()  # So that there is a reason, or none, for each.
        problems = {video.id for video in self.project.videos.values() if self.shapes.problem(video)}
        reasons = {key: reason for key, reason in self._reasons.items() if reason is not None and key not in problems}
        decided: dict[str, int] = {}
        looked_at = 0
        for video in self.project.videos.values():
            review = self.ledger.review(video.name)
            looked_at += review.revision > 0 and (bool(review.segments) or is_decided(review))
            for segment in review.segments:
                decided[segment.label] = decided.get(segment.label, 0) + 1
        return next_to_look_at(reasons, decided, looked_at, self.project.folder.name)

    # Changing

    def save(self, video: ProjectVideo, values: Mapping[str, Any], revision: int) -> Review:
        """Save a review; see `Ledger.save`."""
        with self._lock:
            shape = self.shapes.look_up(video)
            known = {} if shape is None or shape.duration is None else {"duration": shape.duration}
            review = self.ledger.save(video.name, {**values, **known}, revision, self._shown_if_picked(video, values))
            self.changed([video])
            return review

    def _shown_if_picked(self, video: ProjectVideo, values: Mapping[str, Any]) -> list[ShownDetection] | None:
        """The detections that are shown of a video that was picked at random, when something in it is decided first."""
        before, run = self.ledger.review(video.name), self.run(None)
        if run is None or before.segments or before.picked or not (values.get("segments") or values.get("exhaustive")):
            return None
        chosen = self._next()
        if chosen is None or not chosen[2] or chosen[0] != video.id:
            return None
        found = self.detections(video, run)
        show = shown(found, self.level(run), before.labels)
        return [
            ShownDetection(run=run.key, label=one.label, start=one.segment.start, end=one.segment.end, score=one.score)
            for one, see in zip(found, show, strict=True)
            if see
        ]

    def tag(
        self, videos: Sequence[ProjectVideo], add: Sequence[str], remove: Sequence[str], none: bool
    ) -> tuple[Operation | None, list[dict[str, str]]]:
        """Tag many videos at once.

        Returns:
            The operation, None if nothing changed; and the tags that stay, since something is marked with them.
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
            done = "nothing happens here" if none else ", ".join([*add, *(f"{label} taken away" for label in remove)])
            operation = self.ledger.change(contents, f"{done}, {numbered(len(contents), 'video', 'videos')}")
            self.changed(videos)
            return operation, kept

    def rename(self, old: Sequence[str], new: str) -> tuple[Operation | None, list[ProjectVideo]]:
        """Call classes otherwise, everywhere; several, or a name that is there, become one.

        Returns:
            The operation, and the videos whose reviews it changed.
        """
        with self._lock:
            known = self.classes()
            classes = renamed_list(known, old, new, [ANNOTATIONS, *self.runs])
            merged = len(old) > 1 or new in {entry.label for entry in known.classes}
            names = dict.fromkeys(old, new)
            contents = {}
            for video in self.project.videos.values():
                content = renamed_content(self.ledger.review(video.name), names)
                if content is not None:
                    contents[video.name] = content
            words = f"{', '.join(old)} {'merged into' if merged else 'renamed to'} {new}"
            operation = self.ledger.change(contents, words, classes)
            self.refresh()
            return operation, [self._by_name[name] for name in contents]

    def undo(self, name: str) -> tuple[Operation | None, list[ProjectVideo]]:
        """Take an operation back; see `Ledger.undo`.

        Raises:
            Unknown: There is no such operation.
        """
        with self._lock:
            operation = self.ledger.operation(name)
            if operation is None:
                raise Unknown(f"no operation '{name[:40]}' that can be undone")
            done, videos = self.ledger.undo(operation)
            self.refresh()
            return done, [self._by_name[video] for video in videos if video in self._by_name]

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
            self._suggested = read_suggested(self.project.folder / SUGGESTED)
            self._levels: dict[str, Level] = {}
            self._reasons: dict[str, Reason | None] = {}
            for key, run in list(self.runs.items()):
                if (why := readable(run)) is not None:
                    self.project.notes.append(why)
                    del self.runs[key]
            self._features = self._named_features()
            self.events.tell("videos", {})
            self.events.tell("classes", {"revision": self.ledger.classes.revision})

    def level(self, run: FoundByRun | None) -> Level:
        """From which score on detections of a run are shown; kept until runs are looked at anew."""
        if run is None:
            return Level(0.0, 1.0)
        with self._lock:
            if run.key not in self._levels:
                videos = list(self.project.videos.values())
                reviews = {video.name: self.ledger.review(video.name) for video in videos}
                tags = {name: review.labels for name, review in reviews.items() if review.labels or review.none_happens}
                found = {video.name: self.detections(video, run) for video in videos}
                self._levels[run.key] = level_of(found, tags)
            return self._levels[run.key]

    def features_changed(self) -> None:
        """Look anew at which videos have features."""
        with self._lock:
            there = self._named_features()
            news, self._features = there ^ self._features, there
            self.changed([video for video in self.project.videos.values() if video.name in news])

    def _named_features(self) -> frozenset[str]:
        try:
            return frozenset(FeatureFolder.open(self.project.features).names())
        except UntrimError:
            return frozenset()

    def known(self) -> Annotations:
        """What is known of all videos about which something is, by reviews and by what was brought in."""
        with self._lock:
            return known_videos(self.reviews(), self.brought, self.renamed(ANNOTATIONS))

    def _unsaved(self, name: str, classes: ClassList) -> Review:
        video = self._by_name.get(name)
        shape = None if video is None else self.shapes.known(video)
        names = classes.renamed.get(ANNOTATIONS, {})
        return self.brought.review(name, names, None if shape is None else shape.duration)

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
