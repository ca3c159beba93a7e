"""How much is known of some videos, by kind of label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from untrim.annotations.model import Video
from untrim.errors import numbered


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many labels of each kind there are.

    Args:
        tagged: Videos with a label, whatever else is known of them.
        nothing_happens: Videos in which nothing happens.
        points: Points.
        segments: Segments.
        all_of_some: Videos in which something happens, and all instances of some classes are marked.
        some: Classes that all instances are marked of in one of those.
        all_of_every: The same, of every class.
    """

    tagged: int = 0
    nothing_happens: int = 0
    points: int = 0
    segments: int = 0
    all_of_some: int = 0
    some: int = 0
    all_of_every: int = 0

    @property
    def beyond_tags(self) -> bool:
        """Whether something is known that the papers do not use: more than labels and segments."""
        return bool(self.nothing_happens or self.points or self.all_of_some or self.all_of_every)

    def __str__(self) -> str:
        """``31 videos tagged, 9 in which nothing happens, 44 points``: the kinds that there are."""
        parts = [f"{numbered(self.tagged, 'video', 'videos')} tagged"]
        parts += [f"{self.nothing_happens:,} in which nothing happens"] if self.nothing_happens else []
        parts += [numbered(self.points, "point", "points")] if self.points else []
        parts += [numbered(self.segments, "segment", "segments")] if self.segments else []
        if self.all_of_some:
            videos, some = numbered(self.all_of_some, "video", "videos"), numbered(self.some, "class", "classes")
            parts.append(f"{videos} with all instances of {some}")
        if self.all_of_every:
            parts.append(f"{numbered(self.all_of_every, 'video', 'videos')} with all instances of every class")
        return ", ".join(parts)


def count_labels(videos: Iterable[Video]) -> LabelCounts:
    """How many labels of each kind `videos` have."""
    videos = list(videos)
    tagged = [video for video in videos if video.labels]
    partly = [video.exhaustive for video in tagged if not isinstance(video.exhaustive, bool)]
    return LabelCounts(
        tagged=len(tagged),
        nothing_happens=sum(video.nothing_happens for video in videos),
        points=sum(len(video.points) for video in videos),
        segments=sum(len(video.instances) for video in videos),
        all_of_some=len(partly),
        some=len({label for labels in partly for label in labels}),
        all_of_every=sum(video.exhaustive is True for video in tagged),
    )
