"""Detections while a video still runs: the network looks, again and again, at the latest seconds.

Methods look at whole videos. Of a stream they see the last `window` seconds as if that were the video. Borders and
scores near its end still change when more is seen, so that a detection is given when its end is older than `margin`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from untrim.errors import UntrimError
from untrim.prediction.network import Network
from untrim.support.array_types import Float32
from untrim.timeline import Detection, SnippetGrid, is_finite

_SAME = 0.3
"""tIoU from which on a detection is one that was given before, with borders that have moved since."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stream is looked at; all in seconds.

    Args:
        window: What the network sees: the latest so many seconds.
        margin: How old a detection's end is before it is given.
        step: From one look to the next.

    Raises:
        UntrimError: One is not positive, or `margin` and `step` do not fit into `window`.
    """

    window: float
    margin: float
    step: float

    def __post_init__(self) -> None:
        seconds = (self.window, self.margin, self.step)
        if not all(is_finite(value) and value > 0 for value in seconds):
            raise UntrimError(f"window, margin, step {seconds!r:.80}: they must be positive seconds")
        if self.margin + self.step > self.window:
            raise UntrimError(
                f"margin {self.margin} and step {self.step} do not fit into a window of {self.window} seconds",
                fix="take a longer window",
            )


def stream_detections(
    network: Network, blocks: Iterable[Float32], grid: SnippetGrid, pace: Pace, duration: Callable[[], float]
) -> Iterator[Detection]:
    """Detections of a stream in the order in which they are sure, each once, in seconds from its start.

    A detection is given at the first look after its end is older than the margin, unless one of its class that
    overlaps it was given before. At the end of the stream, what is left is given.

    Args:
        network: The network of a run.
        blocks: Features of the snippets as they are known, (N, D) each.
        grid: Where the snippets are in time.
        pace: How the stream is looked at.
        duration: Tells, when the stream has ended, how long it was.
    """
    kept, looks = _Latest(grid, pace.window), _Looks(network, grid, pace)
    due = pace.margin + pace.step
    for block in blocks:
        for row in block:
            kept.add(row)
            if kept.end >= due:
                yield from looks.at(kept, kept.end, kept.end - pace.margin)
                due = kept.end + pace.step
    if kept.rows:
        yield from looks.at(kept, duration(), math.inf)


class _Latest:
    """The snippets of the latest seconds."""

    def __init__(self, grid: SnippetGrid, seconds: float) -> None:
        self._grid, self._most = grid, max(1, round(seconds / grid.stride_seconds))
        self.rows: deque[Float32] = deque(maxlen=self._most)
        self._seen = 0

    def add(self, row: Float32) -> None:
        self.rows.append(row)
        self._seen += 1

    @property
    def begin(self) -> float:
        """Where they begin, in seconds from the start of the stream."""
        first = self._seen - len(self.rows)
        return max(0.0, self._grid.boundary(first)) if first else 0.0

    @property
    def end(self) -> float:
        """Where they end."""
        return self._grid.boundary(self._seen)

    @property
    def grid(self) -> SnippetGrid:
        """Where they are in time."""
        return replace(self._grid, first_center_seconds=self._grid.center(self._seen - len(self.rows)))


class _Looks:
    """What was given so far, and what is new at each look."""

    def __init__(self, network: Network, grid: SnippetGrid, pace: Pace) -> None:
        self._network, self._pace = network, pace
        self._before = -math.inf
        self._given: deque[Detection] = deque()

    def at(self, latest: _Latest, end: float, until: float) -> list[Detection]:
        """Detections, cut at `end`, that end by `until` and were not given yet; in the order of their ends."""
        found = self._network.activations(np.stack(latest.rows), "stream")
        every = self._network.detections(found, latest.grid, latest.begin, end)
        every = self._network.with_confidence({"": every})[""]
        since, self._before = self._before - self._pace.margin, until
        new = [one for one in every if since < one.segment.end <= until and not self._is_given(one)]
        while self._given and self._given[0].segment.end < latest.begin:
            self._given.popleft()
        self._given.extend(new)
        return sorted(new, key=lambda one: one.segment.end)

    def _is_given(self, one: Detection) -> bool:
        return any(one.label == other.label and one.segment.tiou(other.segment) >= _SAME for other in self._given)
