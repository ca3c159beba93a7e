"""What a file of any tool holds, in one typed form: marks, each a label of a video with its time, if it has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from untrim.annotations import Annotations, Detections, Video
from untrim.errors import UntrimError
from untrim.support.names import standard
from untrim.timeline import Detection, Instance, Point, Segment


@dataclass(frozen=True, slots=True)
class LabelMark:
    """One label of one video.

    Args:
        video: Name of the video.
        label: Name of the action.
        time: A segment or a point, in seconds; None where only the label is known.
        score: How certain it is, if a method found it.
        state: What a person decided of it: ``accepted``, ``adjusted`` or ``added``; empty if nobody did.
    """

    video: str
    label: str
    time: Segment | float | None = None
    score: float | None = None
    state: str = ""


@dataclass(frozen=True)
class Contents:
    """What a file holds, or is going to hold.

    Args:
        marks: All marks; the order counts within a video only.
        videos: What is known of each video beside its marks: a `Video` without labels; of those without
            marks too.
        found: Whether the marks are detections: each has a segment and a score.
        notes: How the file was taken where it could be taken otherwise, and what was left out: a sentence each.
        lost: What was left out, counted as in `untrim.exchange.losses.Losses`.
    """

    marks: tuple[LabelMark, ...]
    videos: Mapping[str, Video]
    found: bool = False
    notes: tuple[str, ...] = ()
    source: object = field(default=None, compare=False)
    lost: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def gathered(
        cls,
        marks: Iterable[LabelMark],
        videos: Iterable[Video] = (),
        *,
        source: object = None,
        notes: Iterable[str] = (),
        lost: Mapping[tuple[str, str], int] | None = None,
    ) -> Contents:
        """Marks of other people's files: names in their one form, a `Video` for each; found if all have scores.

        Raises:
            UntrimError: A video or a label has no name.
        """
        own = [replace(mark, video=standard(mark.video), label=standard(mark.label)) for mark in marks]
        known = {video.name: video for video in videos}
        for mark in own:
            if not mark.video or not mark.label:
                raise UntrimError(f"a mark has no {'label' if mark.video else 'video'}: {mark!r:.120}", where=source)
            known.setdefault(mark.video, Video(mark.video))
        if "" in known:
            raise UntrimError("a video has no name", where=source)
        found = bool(own) and all(mark.score is not None and isinstance(mark.time, Segment) for mark in own)
        return cls(tuple(own), known, found, tuple(notes), source, lost or {})

    @classmethod
    def of(cls, given: Annotations | Detections) -> Contents:
        """Annotations or detections as marks."""
        if isinstance(given, Detections):
            marks = [LabelMark(name, d.label, d.segment, d.score) for name, own in given.items() for d in own]
            return cls(tuple(marks), {name: Video(name) for name in given}, True, given.notes)
        marks, videos = [], {}
        for name, video in given.items():
            timed = [LabelMark(name, i.label, i.segment) for i in video.instances]
            timed += [LabelMark(name, point.label, point.time) for point in video.points]
            marks += [*timed, *(LabelMark(name, label) for label in video.labels if label not in video.timed_labels)]
            videos[name] = replace(video, labels=(), instances=(), points=())
        return cls(tuple(marks), videos, False, given.notes, given.source)

    def renamed(self, names: Mapping[str, str]) -> Contents:
        """The same marks of videos with new names, given for all of them.

        Raises:
            UntrimError: Two videos would have the same name.
        """
        old_of: dict[str, str] = {}
        for old in self.videos:
            if (other := old_of.setdefault(names[old], old)) != old:
                what = f"'{other}' and '{old}' are one video, '{names[old]}'"
                raise UntrimError(what, where=self.source, fix="use one name for it")
        marks = tuple(replace(mark, video=names[mark.video]) for mark in self.marks)
        videos = {names[name]: replace(video, name=names[name]) for name, video in self.videos.items()}
        return replace(self, marks=marks, videos=videos)

    def by_video(self) -> dict[str, list[LabelMark]]:
        """The marks of each video, in their order; of videos without marks too."""
        gathered: dict[str, list[LabelMark]] = {name: [] for name in self.videos}
        for mark in self.marks:
            gathered[mark.video].append(mark)
        return gathered

    def to_annotations(self) -> Annotations:
        """The marks as annotations; scores and states are left out."""
        videos = []
        for name, own in self.by_video().items():
            instances = tuple(Instance(mark.label, mark.time) for mark in own if isinstance(mark.time, Segment))
            points = tuple(Point(mark.label, mark.time) for mark in own if isinstance(mark.time, float))
            labels = tuple(mark.label for mark in own)
            videos.append(replace(self.videos[name], labels=labels, instances=instances, points=points))
        return Annotations(videos, self.source, self.notes)

    def to_detections(self) -> Detections:
        """The marks as detections.

        Raises:
            UntrimError: One of them has no segment or no score.
        """
        found: dict[str, list[Detection]] = {name: [] for name in self.videos}
        for mark in self.marks:
            if mark.score is None or not isinstance(mark.time, Segment):
                raise UntrimError(f"'{mark.label}' of '{mark.video}' has no score or no segment", where=self.source)
            found[mark.video].append(Detection(mark.label, mark.time, mark.score))
        return Detections.of(found, self.notes)
