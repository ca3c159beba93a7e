"""What looks wrong in annotations: nothing that stops reading them, but worth knowing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from untrim.annotations.model import Annotations, Video
from untrim.errors import listing
from untrim.support.names import labels_in, spelled_alike

_SLACK = 1.0  # seconds; annotators and containers differ by less in nearly every video


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
    """Empty and repeated instances, ones beyond the end of the video, and videos without labels."""
    found = []
    for kind, what, count_in in _CHECKS:
        counts = {name: count for name, video in annotations.items() if (count := count_in(video))}
        if counts:
            found.append(Oddity(kind, what, tuple(counts), sum(counts.values())))
    return found


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


def _empty(video: Video) -> int:
    return sum(instance.segment.duration == 0 for instance in video.instances)


def _beyond(video: Video) -> int:
    if video.duration is None:
        return 0
    return sum(instance.segment.end > video.duration + _SLACK for instance in video.instances)


def _repeated(video: Video) -> int:
    return len(video.instances) - len(set(video.instances))


def _overlapping(video: Video) -> int:
    ordered = sorted(set(video.instances))  # by label, then by start
    return sum(
        first.label == second.label and first.segment.intersection(second.segment) > 0
        for first, second in pairwise(ordered)
    )


def _untimed(video: Video) -> int:
    return len({*video.labels} - {instance.label for instance in video.instances}) if video.instances else 0


def _unlabelled(video: Video) -> int:
    return not video.labels


_CHECKS: tuple[tuple[str, str, Callable[[Video], int]], ...] = (
    ("unlabelled", "videos without a label", _unlabelled),
    ("empty", "instances of no length, which nothing can overlap", _empty),
    ("beyond", f"instances that end more than {_SLACK:g} s after their video", _beyond),
    ("untimed", "labels without a time in videos where others have one", _untimed),
    ("repeated", "instances that are listed twice", _repeated),
    ("overlapping", "instances that overlap another of their own class", _overlapping),
)
