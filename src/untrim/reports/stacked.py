"""Runs below each other over the same videos: ground truth, and for each run its detections and its curves.

So WSAD's Fig. 5, WSBM's Fig. 4 and 5, LPAT's Fig. 3 and ECM's Fig. 5 are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from untrim.evaluation.found import HIT_IOU, right_detections
from untrim.reports.timelines import MOST_BARS
from untrim.support.array_types import Flags, Float64
from untrim.support.colors import colors
from untrim.timeline import Detection, Instance, Segment

COLUMNS = ("video", "class", "run", "what", "start", "end", "value")
"""Columns of `stacked_rows`."""

RIGHT, WRONG, TRUTH = colors(3)
_CURVE, _THRESHOLD = "#333333", WRONG
_WIDTH = 9.0  # Inches, as are the heights of ground truth, detections, a curve, and a title with a time axis.
_TRUTH_BARS, _BARS, _PANEL, _AROUND = 0.28, 0.5, 0.72, 0.72
_MARGIN = 0.06  # Likewise, above the first title.
_LEAST_BAR = 0.07  # Share of the range of scores: even the least is to be seen.


@dataclass(frozen=True)
class CurvePanel:
    """A curve over time.

    Args:
        name: What it shows.
        values: (T,).
        threshold: What the run compares it with, (T,), drawn on the same scale; None for nothing.
    """

    name: str
    values: Float64
    threshold: Float64 | None = None


@dataclass(frozen=True)
class RunOverVideo:
    """What one run says of one class in one video.

    Args:
        name: Name of the run.
        found: Its detections of the class.
        note: Shown below its name.
        edges: Where its snippets begin, and where the last one ends, in seconds, (T + 1,).
        panels: Its curves.
    """

    name: str
    found: Sequence[Detection]
    note: str
    edges: Float64
    panels: tuple[CurvePanel, ...]

    @property
    def drawn(self) -> list[Detection]:
        """The detections that are drawn, best first."""
        return sorted(self.found, key=lambda one: -one.score)[:MOST_BARS]


@dataclass(frozen=True)
class StackedVideo:
    """One class in one video, over several runs.

    Args:
        name: Name of the video.
        label: The class.
        duration: Length of the time axis in seconds.
        truth: Where the class happens.
        runs: What each run says, from top to bottom.
    """

    name: str
    label: str
    duration: float
    truth: tuple[Segment, ...]
    runs: tuple[RunOverVideo, ...]


def draw_stacked(videos: Sequence[StackedVideo]) -> Figure:
    """The videos below each other, each with its own time axis and all of its runs. All have the same runs."""
    ratios = [[_TRUTH_BARS, *(_PANEL if panel else _BARS for _, panel in _rows(video))] for video in videos]
    height = sum(map(sum, ratios)) + _AROUND * len(videos) + 0.4
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    engine = figure.get_layout_engine()
    engine.set(h_pad=0.015, hspace=0.0, rect=(0, 0, 1, 1 - _MARGIN / height))  # type: ignore[union-attr, call-arg]
    # One grid for all: the time axes of all videos begin at the same place.
    grid = figure.add_gridspec(sum(map(len, ratios)), 1, height_ratios=[ratio for own in ratios for ratio in own])
    places = iter(grid)
    for video in videos:
        first = figure.add_subplot(next(places))
        _draw_video([first, *(figure.add_subplot(next(places), sharex=first) for _ in _rows(video))], video)
    figure.align_ylabels()
    figure.legend(handles=list(_legend(videos)), loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return figure


def stacked_rows(videos: Sequence[StackedVideo]) -> Iterator[tuple[object, ...]]:
    """Everything in the picture as rows of `COLUMNS`: the values of a curve are those of its snippets."""
    for video in videos:
        for segment in video.truth:
            yield video.name, video.label, "", "ground truth", f"{segment.start:.3f}", f"{segment.end:.3f}", ""
        for run in video.runs:
            known = video.name, video.label, run.name
            for one, right in zip(run.drawn, _right(video, run), strict=True):
                what = "right detection" if right else "wrong detection"
                yield *known, what, f"{one.segment.start:.3f}", f"{one.segment.end:.3f}", f"{one.score:.4g}"
            for panel in run.panels:
                lines = {panel.name: panel.values}
                if panel.threshold is not None:
                    lines["threshold"] = panel.threshold
                for what, values in lines.items():
                    for start, end, value in zip(run.edges, run.edges[1:], values, strict=False):
                        yield *known, what, f"{start:.3f}", f"{end:.3f}", f"{value:.4g}"


def shade(axes: Axes, truth: Sequence[Segment]) -> None:
    """A pale band where the class happens."""
    for segment in truth:
        axes.axvspan(segment.start, segment.end, color=TRUTH, alpha=0.13, linewidth=0)


def name_row(axes: Axes, name: str, *, bold: bool = False) -> None:
    """The name of a row, to the left of it."""
    weight = "bold" if bold else "normal"
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8, fontweight=weight, parse_math=False)


def _right(video: StackedVideo, run: RunOverVideo) -> Flags:
    return right_detections(run.drawn, [Instance(video.label, segment) for segment in video.truth])


def _rows(video: StackedVideo) -> list[tuple[RunOverVideo, CurvePanel | None]]:
    """Below the ground truth, from top to bottom: the detections of each run (None), then its curves."""
    return [(run, panel) for run in video.runs for panel in (None, *run.panels)]


def _draw_video(rows: Sequence[Axes], video: StackedVideo) -> None:
    first = rows[0]
    first.set_title(f"{video.label} in {video.name}", fontsize=9, loc="left", parse_math=False)
    name_row(first, "ground truth")
    _bars(first, video.truth, [1.0] * len(video.truth), [TRUTH] * len(video.truth))
    first.set_yticks([])
    for axes, (run, panel) in zip(rows[1:], _rows(video), strict=True):
        shade(axes, video.truth)
        if panel is not None:
            _curve(axes, panel, run.edges)
            continue
        name_row(axes, f"{run.name}\n{run.note}" if run.note else run.name, bold=True)
        weakest_first = list(zip(run.drawn, _right(video, run), strict=True))[::-1]
        hues = [RIGHT if right else WRONG for _, right in weakest_first]
        _bars(axes, [one.segment for one, _ in weakest_first], [one.score for one, _ in weakest_first], hues)
    for axes in rows:
        axes.set_xlim(0, video.duration)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7, length=2, labelbottom=axes is rows[-1])
    rows[-1].set_xlabel("seconds", fontsize=8)


def _bars(axes: Axes, segments: Sequence[Segment], heights: Sequence[float], hues: Sequence[str]) -> None:
    """Bars from a little below the lowest of their heights, which are scores, or below 0."""
    starts, lengths = [segment.start for segment in segments], [segment.duration for segment in segments]
    low, high = min([0.0, *heights]), max([0.0, *heights])
    span = (high - low) or 1.0
    low -= _LEAST_BAR * span
    tall = [height - low for height in heights]
    axes.bar(starts, tall, lengths, low, align="edge", color=list(hues), edgecolor="white", linewidth=0.4)
    axes.set_ylim(low, low + 1.12 * span)
    axes.locator_params(axis="y", nbins=2)


def _curve(axes: Axes, panel: CurvePanel, edges: Float64) -> None:
    centers = (edges[:-1] + edges[1:]) / 2
    axes.plot(centers, panel.values, color=_CURVE, linewidth=1.0)
    if panel.threshold is not None:
        axes.plot(centers, panel.threshold, color=_THRESHOLD, linewidth=1.0, linestyle="--")
        above = panel.values > panel.threshold
        axes.fill_between(
            centers, panel.values, panel.threshold, where=above, interpolate=True, color=RIGHT, alpha=0.3, linewidth=0
        )
    axes.margins(y=0.08)
    axes.locator_params(axis="y", nbins=3)
    axes.grid(axis="y", alpha=0.25)
    name_row(axes, panel.name)


def _legend(videos: Sequence[StackedVideo]) -> Iterator[Patch | Line2D]:
    yield Patch(color=TRUTH, label="ground truth")
    yield Patch(color=RIGHT, label=f"found, right (tIoU {HIT_IOU:g})")
    yield Patch(color=WRONG, label="found, wrong")
    if any(panel.threshold is not None for video in videos for run in video.runs for panel in run.panels):
        yield Line2D([], [], color=_CURVE, label="score")
        yield Line2D([], [], color=_THRESHOLD, linestyle="--", label="its threshold")
