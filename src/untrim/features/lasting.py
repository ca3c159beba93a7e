"""Whether features last as long as their videos: T snippets of a stride beside a duration that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from untrim.errors import UntrimError, listing, numbered
from untrim.timeline import SnippetGrid

FACTOR = 1.5
"""How many times as long, or as short, as their video features may last before it is said; the doctor looks closer."""
_ONE_CAUSE = 0.05
"""Spread of the ratios, relative, up to which they have one cause."""
_ROUNDED = 0.03
"""Share of a duration by which features may be off: rates of frames are rounded, and containers count sound, too."""


def slack(grid: SnippetGrid, duration: float) -> float:
    """Seconds by which the features of a video may last longer or shorter than it does, though both are right."""
    return _ends(grid) + _ROUNDED * duration


def _ends(grid: SnippetGrid) -> float:
    """Seconds that snippets may reach beyond a video, or leave out at its end."""
    return (grid.snippet_frames + grid.stride_frames) / grid.fps


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long the features of one video last, and the video.

    Args:
        name: Name of the video.
        shape: Snippets and columns, (T, D).
        grid: When the snippets are.
        duration: Seconds of the video.
    """

    name: str
    shape: tuple[int, int]
    grid: SnippetGrid
    duration: float

    @property
    def ratio(self) -> float:
        """How many times as long as the video its features last."""
        return self.shape[0] * self.grid.stride_seconds / self.duration

    @property
    def fits(self) -> bool:
        """Whether they last about as long: no more than `FACTOR` and one snippet apart."""
        return self._fit(self.shape[0])

    @property
    def fits_transposed(self) -> bool:
        """The same, were D the snippets."""
        return self._fit(self.shape[1])

    def _fit(self, count: int) -> bool:
        covered = count * self.grid.stride_seconds
        ends = _ends(self.grid)
        return covered <= FACTOR * self.duration + ends and self.duration <= FACTOR * covered + ends


def lasting_notes(videos: Sequence[Lasting]) -> tuple[str, ...]:
    """Compare the features of all videos with the durations that are known, before any of them is taken.

    Returns:
        A sentence on those that last much longer or shorter than their videos; none if there are none. Shorter ones may
        be of the part of a video that was looked at.

    Raises:
        UntrimError: More than half last much longer than their videos, which no features do.
    """
    off = [video for video in videos if not video.fits]
    if not off:
        return ()
    worst = max(off, key=lambda video: abs(np.log(video.ratio)))
    covered = worst.shape[0] * worst.grid.stride_seconds
    what = (
        f"features of {len(off)} of {len(videos)} videos of known duration last much "
        f"{'longer' if worst.ratio > 1 else 'shorter'} than the videos; {worst.name}: "
        f"{numbered(worst.shape[0], 'snippet', 'snippets')} of {worst.grid.stride_seconds:.3g} s are {covered:.4g} s, "
        f"the video lasts {worst.duration:.4g} s"
    )
    if 2 * sum(video.ratio > 1 for video in off) > len(videos):
        raise UntrimError(what, fix=_cause(off))
    return (f"{what} ({_cause(off) if 2 * len(off) > len(videos) else listing(video.name for video in off)})",)


def _cause(off: Sequence[Lasting]) -> str:
    """What is likely wrong with features that do not last as long as their videos."""
    ratios = np.array([video.ratio for video in off])
    median = float(np.median(ratios))
    if len(off) > 1 and np.abs(ratios / median - 1).max() <= _ONE_CAUSE:
        grid = off[0].grid
        stride, fps = grid.stride_frames / median, grid.fps * median
        return f"perhaps another stride or fps: --stride-frames {max(1, round(stride))}, or --fps {fps:.4g}"
    if all(video.fits_transposed and video.ratio > 1 for video in off):
        return "perhaps they lie (D, T): transpose them, as numpy.save(file, array.T)"
    if len(off) > 1 and len({video.shape[0] for video in off}) == 1:
        count = off[0].shape[0]
        return f"all have {count} rows: perhaps they lie (D, T) and want array.T, or were stretched to {count} snippets"
    return "perhaps another stride or fps (--stride-frames, --fps), or features and durations are of other videos"
