"""What looks wrong in annotations: nothing that stops reading them, but worth knowing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from untrim.annotations.model import SLACK, Annotations, Video
from untrim.errors import UntrimError, listing, nearest, numbered
from untrim.support.names import labels_in, spelled_alike

UNLABELLED = (
    "label them, or take them out; of a video in which nothing happens, write a row with an empty label in a CSV, or "
    '"exhaustive": true in JSON'
)
"""What to do about training videos without a label."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something odd in the annotations of some videos.

    Args:
        kind: Its name.
        what: What it is.
        videos: Names of the videos.
        count: Number of instances, or of videos where it concerns whole videos.
    """

    kind: str
    what: str
    videos: tuple[str, ...]
    count: int

    def __str__(self) -> str:
        return f"{self.what}: {self.count} ({listing(self.videos)})"


def find_oddities(annotations: Annotations) -> list[Oddity]:
    """Empty and repeated instances, ones beyond the end of the video, videos without labels, and the like."""
    found = []
    for kind, what, count_in in _CHECKS:
        counts = {name: count for name, video in annotations.items() if (count := count_in(video))}
        if counts:
            found.append(Oddity(kind, what, tuple(counts), sum(counts.values())))
    return found


def beyond_the_end(annotations: Annotations, ends: Mapping[str, float]) -> Oddity | None:
    """Instances that end well after their video does, by what was measured of it; None if there is none.

    Args:
        annotations: The labels.
        ends: Seconds that the videos last, by name, as far as it is known.
    """
    lasting = [
        replace(video, duration=ends[name], points=()) for name, video in annotations.items() if ends.get(name, 0) > 0
    ]
    odd = find_oddities(Annotations(lasting, source=annotations.source))
    return next((oddity for oddity in odd if oddity.kind == "beyond"), None)


def refuse_unknown_classes(annotations: Annotations) -> None:
    """Refuse a video whose `exhaustive` names what is a class of no video: a slip of the keyboard.

    Raises:
        UntrimError: There is such a video.
    """
    known = {*annotations.labels}
    for name, video in annotations.items():
        if not isinstance(video.exhaustive, bool) and (strange := {*video.exhaustive} - known):
            what = f"'{name}' is exhaustive for '{min(strange)}', which no video is labelled with"
            raise UntrimError(what, where=annotations.source, fix=nearest(min(strange), known))


def doubtful_labels(labels: Iterable[str]) -> list[str]:
    """A sentence on each set of labels that are perhaps one, and on each label that perhaps holds several."""
    labels = sorted(labels)
    several = {label: parts for label in labels if (parts := labels_in(label, labels))}
    doubles = spelled_alike(label for label in labels if label not in several)
    found = [f"labels that differ in spelling alone: {listing(map(' = '.join, doubles))}"] if doubles else []
    found += [
        f"label '{label}' holds the labels {' and '.join(parts)}; write one row for each"
        for label, parts in several.items()
    ]
    return found


def left_out(annotations: Annotations, subset: str) -> str | None:
    """A sentence on videos whose subset is nearly `subset`, as ``Training`` and ``train`` are nearly ``training``."""
    name = subset.casefold()

    def alike(other: str) -> bool:
        return other.startswith(name) or (other != "" and name.startswith(other))

    others = (video.subset for video in annotations.values() if video.subset != subset)
    near = Counter(other for other in others if alike(other.casefold()))
    if not near:
        return None
    videos = numbered(near.total(), "video is", "videos are")
    return f"{videos} left out, whose subset is not '{subset}': {listing(map(repr, near))}"


def training_doubts(videos: Iterable[Video]) -> list[str]:
    """What looks wrong in the labels of videos to train on, or does not suffice: a sentence each."""
    videos = list(videos)
    alike = doubtful_labels({label for video in videos for label in video.labels})
    return [*alike, *(f"{what}; {remedy}" for what, remedy in untold_classes(videos))]


def untold_classes(videos: Iterable[Video]) -> list[tuple[str, str]]:
    """Classes that the labels of `videos` do not tell from all else, or from one another; and what to do about it.

    Labels do where a video has one class without the other, or where a time of each is known: a segment, right or
    rejected, or a point. A class of a single video is left out: too little is known of it anyway.
    """
    videos, places = list(videos), defaultdict[str, list[int]](list)
    for index, video in enumerate(videos):
        for label in video.labels:
            places[label].append(index)
    timed = {label for video in videos for label in video.timed_labels | {wrong.label for wrong in video.rejected}}
    together = defaultdict[tuple[int, ...], list[str]](list)
    for label, own in sorted(places.items()):
        together[tuple(own)].append(label)
    found = []
    for where, labels in together.items():
        untimed = [label for label in labels if label not in timed]
        if not untimed or len(where) == 1:
            continue
        if len(where) == len(videos):
            what = f"{listing(map(repr, untimed))}: in each training video, so labels do not tell what else there is"
            found.append((what, "add videos in which nothing happens, or mark moments (points)"))
        elif len(labels) > 1:
            named = f"{listing(map(repr, labels))}: in the same {len(where):,} training videos and no other"
            what = f"{named}, so labels do not tell one from another"
            found.append((what, "mark moments (points) of each, or add videos with one of them alone"))
    return found


def _empty(video: Video) -> int:
    return sum(instance.segment.duration == 0 for instance in video.instances)


def _beyond(video: Video) -> int:
    if video.duration is None:
        return 0
    return sum(instance.segment.end > video.duration + SLACK for instance in video.instances)


def _repeated(video: Video) -> int:
    return len(video.instances) - len(set(video.instances)) + len(video.points) - len(set(video.points))


def _overlapping(video: Video) -> int:
    ordered = sorted(set(video.instances))  # by label, then by start
    return sum(
        first.label == second.label and first.segment.intersection(second.segment) > 0
        for first, second in pairwise(ordered)
    )


def _untimed(video: Video) -> int:
    return len({*video.labels} - video.timed_labels) if video.timed_labels else 0


def _unlabelled(video: Video) -> int:
    return not video.labels and not video.nothing_happens


def _stray(video: Video) -> int:
    return sum(
        video.is_exhaustive(point.label)
        and not any(i.segment.start <= point.time <= i.segment.end for i in video.instances if i.label == point.label)
        for point in video.points
    )


_CHECKS: tuple[tuple[str, str, Callable[[Video], int]], ...] = (
    ("unlabelled", "videos without a label", _unlabelled),
    ("empty", "instances of no length, which nothing can overlap", _empty),
    ("beyond", f"instances that end more than {SLACK:g} s after their video", _beyond),
    ("untimed", "labels without a time in videos where others have one", _untimed),
    ("repeated", "instances or points that are listed twice", _repeated),
    ("overlapping", "instances that overlap another of their own class", _overlapping),
    ("stray", "points outside all instances of their class, though these are said to be all marked", _stray),
)
