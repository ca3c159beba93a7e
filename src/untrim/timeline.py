"""Time: segments in seconds, labelled and scored, and the grid on which snippets lie.

`SnippetGrid` is the only place where seconds become snippets and back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TypeGuard

from untrim.errors import UntrimError

LONGEST = 1e9
"""Seconds beyond which a time, before or after 0, is taken for damage: 31 years. Sums of such times stay exact."""


def is_finite(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that a float can hold: not NaN, not infinite, and no whole number beyond 1.8e308."""
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:
        return False


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A span of time ``[start, end]`` in seconds; within `LONGEST`, and ``start <= end``."""

    start: float
    end: float

    def __post_init__(self) -> None:
        try:
            within = -LONGEST <= self.start <= LONGEST and -LONGEST <= self.end <= LONGEST
        except TypeError:
            within = False
        if not within:
            raise UntrimError(
                f"segment [{self.start!r:.40}, {self.end!r:.40}] is not finite, or not within {LONGEST:g} seconds of 0"
            )
        if self.start > self.end:
            raise UntrimError(f"segment [{self.start}, {self.end}] ends before it starts")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    def intersection(self, other: Segment) -> float:
        """Seconds that both segments cover."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def tiou(self, other: Segment) -> float:
        """Temporal intersection over union in [0, 1]; two empty segments have 0."""
        inner = self.intersection(other)
        union = self.duration + other.duration - inner
        return inner / union if union > 0 else 0.0

    def clip(self, low: float, high: float) -> Segment:
        """The part inside ``[low, high]``; an empty segment at the nearer border if there is none."""
        return Segment(min(max(self.start, low), high), min(max(self.end, low), high))


@dataclass(frozen=True, slots=True, order=True)
class Instance:
    """One action instance: a label and when it happens."""

    label: str
    segment: Segment


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One moment while an action happens: a label and a time in seconds, within `LONGEST`."""

    label: str
    time: float

    def __post_init__(self) -> None:
        try:
            within = -LONGEST <= self.time <= LONGEST
        except TypeError:
            within = False
        if not within:
            raise UntrimError(f"point {self.time!r:.40} is not finite, or not within {LONGEST:g} seconds of 0")


@dataclass(frozen=True, slots=True, order=True)
class Detection:
    """A predicted instance; a higher score is more certain. Scores compare within one set of detections only."""

    label: str
    segment: Segment
    score: float


@dataclass(frozen=True, slots=True)
class SnippetGrid:
    """Where the snippets of a video are in time.

    Snippet ``i`` is made of `snippet_frames` frames at `fps`, is centred at
    ``first_center_seconds + i * stride_seconds``, and covers the cell of one stride around its centre:
    cells tile the time line without gap or overlap, whatever the snippet length.

    Args:
        snippet_frames: Frames that one snippet sees, at least 1.
        stride_frames: Frames from one snippet to the next, at least 1.
        fps: Frames per second that both are counted in, above 0.
        first_center_seconds: Centre of snippet 0 in seconds.
    """

    snippet_frames: int
    stride_frames: int
    fps: float
    first_center_seconds: float

    def __post_init__(self) -> None:
        if self.snippet_frames < 1 or self.stride_frames < 1:
            raise UntrimError(
                f"snippet_frames {self.snippet_frames} and stride_frames {self.stride_frames} must be at least 1"
            )
        if not (is_finite(self.fps) and self.fps > 0):
            raise UntrimError(f"fps {self.fps!r:.40} must be a positive number")
        if not is_finite(self.first_center_seconds):
            raise UntrimError(f"first_center_seconds {self.first_center_seconds!r:.40} must be finite")

    @classmethod
    def regular(cls, snippet_frames: int, stride_frames: int, fps: float) -> SnippetGrid:
        """The grid whose first snippet starts with the video: centre at half a snippet."""
        return cls(snippet_frames, stride_frames, fps, snippet_frames / 2 / fps)

    @property
    def stride_seconds(self) -> float:
        """Seconds from one snippet centre to the next; also the length of a cell."""
        return self.stride_frames / self.fps

    def center(self, index: float) -> float:
        """Centre of snippet `index` in seconds."""
        return self.first_center_seconds + index * self.stride_seconds

    def boundary(self, index: float) -> float:
        """Where the cell of snippet `index` begins, in seconds (and the cell before it ends)."""
        return self.center(index - 0.5)

    def index(self, seconds: float) -> int:
        """The snippet whose cell holds `seconds`; negative before the first cell."""
        guess = math.floor((seconds - self.boundary(0)) / self.stride_seconds)
        return guess + 1 if self.boundary(guess + 1) <= seconds else guess

    def segment(self, first: int, stop: int, duration: float | None = None) -> Segment:
        """The time that snippets ``first <= i < stop`` cover, kept inside ``[0, duration]``."""
        if not 0 <= first < stop:
            raise UntrimError(f"snippets [{first}, {stop}) are not a run")
        high = math.inf if duration is None else duration
        low, end = max(self.boundary(first), 0.0), self.boundary(stop)
        return Segment(min(low, high), max(min(end, high), min(low, high)))

    def resampled(self, count: int, length: int) -> SnippetGrid:
        """The grid of `length` equal cells over the time of the first `count` snippets; this one if these are equal."""
        if length == count:
            return self
        cell = self.stride_seconds * count / length
        return SnippetGrid(1, 1, 1 / cell, self.boundary(0) + cell / 2)

    def snippets(self, segment: Segment, count: int) -> range:
        """The snippets among the first `count` whose centres are in `segment` (start included, end not)."""
        first = math.ceil((segment.start - self.first_center_seconds) / self.stride_seconds)
        stop = math.ceil((segment.end - self.first_center_seconds) / self.stride_seconds)
        return range(min(max(first, 0), count), min(max(stop, 0), count))

    def count(self, frames: int) -> int:
        """Snippets of a video of `frames` frames (at `fps`): enough that every frame that a snippet can reach
        is in one, so that the last snippet may be partial; never one without a frame; at least 1."""
        covering = 1 + math.ceil(max(frames - self.snippet_frames, 0) / self.stride_frames)
        return max(1, min(covering, math.ceil(frames / self.stride_frames)))

    def frames(self, index: int) -> range:
        """Frames (at `fps`) that snippet `index` sees, counted from the start of a `regular` grid."""
        start = index * self.stride_frames
        return range(start, start + self.snippet_frames)
