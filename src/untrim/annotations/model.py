"""What is known about a set of videos: subset, duration, labels, and where known, when they happen."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from untrim.annotations.drawing import MOST_VIDEOS, DrawnVideo, TimelineBar, draw_timelines
from untrim.errors import UntrimError, listing, numbered
from untrim.support.names import standard, without_ending
from untrim.timeline import LONGEST, Instance, Point, Segment, is_finite

SLACK = 1.0
"""Seconds by which annotators and containers may differ; they do by less in nearly every video."""


@dataclass(frozen=True, slots=True)
class Video:
    """One annotated video. Names are kept in one form (`untrim.support.names`).

    Args:
        name: Name, which is also the stem of its feature file.
        subset: ``training``, ``validation``, ``test`` or the like; empty if the file does not say.
        duration: Seconds, or None if unknown; what is not positive is unknown, as many tools write it.
        labels: Video-level labels, sorted, each once; holds the labels of all `instances` and `points`. What is not
            among them does not happen in the video.
        instances: Instances with known times; empty where only labels are known.
        ambiguous: Spans of which nobody can say what they show (THUMOS14); no instance, and no background either.
        fps: Frames per second of the video file, or None if unknown, likewise.
        points: Moments at which something happens, of instances that are marked or not.
        exhaustive: The classes of which `instances` are all that there are, sorted, each once; True for every class. A
            video without labels that is exhaustive is one in which nothing happens.
        rejected: Stretches in which a class does not happen, as a person said of what was found there.

    Raises:
        UntrimError: The duration or the fps is not finite, or the duration is longer than any video's; a point lies
            outside the video; all instances of a label are said to be marked, and there is none.
    """

    name: str
    subset: str = ""
    duration: float | None = None
    labels: tuple[str, ...] = ()
    instances: tuple[Instance, ...] = ()
    ambiguous: tuple[Segment, ...] = ()
    fps: float | None = None
    points: tuple[Point, ...] = ()
    exhaustive: bool | tuple[str, ...] = False
    rejected: tuple[Instance, ...] = ()

    def __post_init__(self) -> None:
        if self.duration is not None and not (is_finite(self.duration) and abs(self.duration) <= LONGEST):
            raise UntrimError(f"video '{self.name}' lasts {self.duration!r:.40} s, which is not within {LONGEST:g}")
        if isinstance(self.labels, str):
            raise UntrimError(f"labels of '{self.name}' are {self.labels!r:.40}", fix="give a list of labels")
        if self.fps is not None and not is_finite(self.fps):
            raise UntrimError(f"video '{self.name}' has {self.fps!r:.40} fps, which is not finite")
        instances = tuple(replace(instance, label=standard(instance.label)) for instance in self.instances)
        points = tuple(replace(point, label=standard(point.label)) for point in self.points)
        labels = {*map(standard, self.labels), *(i.label for i in instances), *(point.label for point in points)}
        known = {key: value for key in ("duration", "fps") if (value := getattr(self, key)) is not None}
        changed = {
            "name": standard(self.name),
            "subset": standard(self.subset),
            "labels": tuple(sorted(labels)),
            "instances": instances,
            "points": points,
            "exhaustive": self._all_marked(),
            "rejected": tuple(replace(instance, label=standard(instance.label)) for instance in self.rejected),
            **{key: value if value > 0 else None for key, value in known.items()},
        }
        for key, value in changed.items():
            object.__setattr__(self, key, value)
        self._check_marks()

    @property
    def timed_labels(self) -> frozenset[str]:
        """Labels of which a time is known: a segment or a point."""
        return frozenset([*(i.label for i in self.instances), *(point.label for point in self.points)])

    @property
    def nothing_happens(self) -> bool:
        """Whether somebody looked, and there is nothing; else a video without labels is one that nobody labelled."""
        return not self.labels and self.exhaustive is True

    def is_exhaustive(self, label: str) -> bool:
        """Whether the instances of this class are all that there are, none included."""
        return self.exhaustive if isinstance(self.exhaustive, bool) else label in self.exhaustive

    def _all_marked(self) -> bool | tuple[str, ...]:
        if isinstance(self.exhaustive, bool):
            return self.exhaustive
        if isinstance(self.exhaustive, str) or not all(isinstance(label, str) for label in self.exhaustive):
            raise UntrimError(f"exhaustive of '{self.name}' is {self.exhaustive!r:.40}", fix="give True, or classes")
        return tuple(sorted({*map(standard, self.exhaustive)})) or False

    def _check_marks(self) -> None:
        end = math.inf if self.duration is None else self.duration + SLACK
        for point in self.points:
            if not 0 <= point.time <= end:
                lasting = "" if self.duration is None else f", which lasts {self.duration:g} s"
                what = f"a point of '{point.label}' at {point.time:g} s is outside video '{self.name}'{lasting}"
                raise UntrimError(what, fix="correct the point, or the duration")
        for label in {*self.labels} - {instance.label for instance in self.instances}:
            if self.is_exhaustive(label):
                what = f"all instances of '{label}' in '{self.name}' are said to be marked, and none is"
                raise UntrimError(what, fix="mark them, or take back `exhaustive`")

    def __repr__(self) -> str:
        known = [self.subset or "no subset"]
        known += [] if self.duration is None else [f"{self.duration:.1f} s"]
        known += [numbered(len(self.instances), "instance", "instances")] if self.instances else []
        known += [numbered(len(self.points), "point", "points")] if self.points else []
        known += ["nothing happens"] if self.nothing_happens else ["exhaustive"] if self.exhaustive else []
        return f"Video({self.name!r}, {', '.join(known)}; labels: {listing(self.labels) or 'none'})"

    def _repr_html_(self) -> str:
        """A timeline, for a notebook."""
        return draw_timelines(repr(self), {self.name: _drawn(self)})


class Annotations(Mapping[str, Video]):
    """Videos by name, in the order of the file.

    Args:
        videos: The videos, each once; ``clip`` and ``clip.mp4`` are one.
        source: Where they come from, for error messages.
        notes: How the source was taken where it could be taken otherwise: a sentence each.

    Raises:
        UntrimError: A video is listed twice, or is no `Video`.
    """

    def __init__(self, videos: Iterable[Video], source: object = None, notes: Iterable[str] = ()) -> None:
        self._videos: dict[str, Video] = {}
        self.source, self.notes = source, tuple(notes)
        bare: dict[str, str] = {}
        for video in videos:
            if not isinstance(video, Video):
                raise UntrimError(f"annotations are made of untrim.Video, not {video!r:.60}", where=source)
            if (other := bare.setdefault(without_ending(video.name), video.name)) != video.name:
                what = f"video '{other}' is listed as '{video.name}' too"
                raise UntrimError(what, where=source, fix="use one name for it, that of the file without its ending")
            if video.name in self._videos:
                raise UntrimError(f"video '{video.name}' is listed twice", where=source, fix="merge the two entries")
            self._videos[video.name] = video

    def __repr__(self) -> str:
        origin = "" if self.source is None else f"; from {self.source}"
        return f"Annotations({numbered(len(self), 'video', 'videos')}, {classes(self.labels)}{origin})"

    def _repr_html_(self) -> str:
        """Timelines of the first videos, for a notebook."""
        drawn: dict[str, DrawnVideo] = dict.fromkeys(self._videos, (None, (), ""))
        for name in list(drawn)[:MOST_VIDEOS]:
            drawn[name] = _drawn(self._videos[name])
        return draw_timelines(repr(self), drawn)

    def __getitem__(self, name: str) -> Video:
        return self._videos[standard(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._videos)

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({label for video in self.values() for label in video.labels}))

    def without_segments(self, subset: str) -> Annotations:
        """The same annotations with the videos of one subset reduced to their labels: weak supervision."""
        return self.changed([_untimed(video) if video.subset == subset else video for video in self.values()])

    def changed(self, videos: Iterable[Video]) -> Annotations:
        """Other videos, or the same ones changed, from the same source."""
        return Annotations(videos, self.source, self.notes)

    def subset(self, name: str) -> Annotations:
        """The videos of one subset.

        Raises:
            UntrimError: There is none; names the subsets that there are.
        """
        chosen = [video for video in self.values() if video.subset == name]
        if not chosen:
            there = listing({video.subset or "(none)" for video in self.values()}, most=6) or "no videos at all"
            raise UntrimError(f"no video in subset '{name}'", where=self.source, fix=f"name one of these: {there}")
        return self.changed(chosen)


def _untimed(video: Video) -> Video:
    return replace(video, instances=(), points=(), rejected=(), exhaustive=video.nothing_happens)


def _drawn(video: Video) -> DrawnVideo:
    """Length, marks, and the labels without times, of a timeline."""
    bars = [TimelineBar(one.label, one.segment.start, one.segment.end) for one in video.instances]
    bars += [TimelineBar(point.label, point.time, point.time, note="a point") for point in video.points]
    untimed = [label for label in video.labels if label not in video.timed_labels]
    said = [video.subset] if video.subset else []
    said += [f"without times: {listing(untimed)}"] if untimed else []
    return video.duration, bars, ", ".join(said)


def classes(labels: Collection[str]) -> str:
    """``5 classes: jump, run, throw and 2 more``."""
    return numbered(len(labels), "class", "classes") + (f": {listing(labels)}" if labels else "")
