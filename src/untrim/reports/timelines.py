"""Timelines of videos, stacked as in WSAD's Fig. 5: ground truth, detections, class activation sequence."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from untrim.activations import Sequences
from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError
from untrim.evaluation.detection import evaluate_detections
from untrim.evaluation.found import right_detections
from untrim.reports.pictures import MOST_PICTURES, Thumbnail, detection_thumbnails
from untrim.reports.plots import Tick, curve, time_ticks
from untrim.support.array_types import Float64
from untrim.timeline import Detection, Segment, SnippetGrid
from untrim.video.decode import VideoFile

TOP = MOST_PICTURES
"""At most this many detections get a picture. Where nothing says which detections count as found, their classes get the
rows."""
MOST_BARS = 30
"""The number of detections, the best, that are drawn per class and video."""

_SCORE_RANGE = (0.25, 0.98)
_CURVE_LOW = 0.1


@dataclass(frozen=True)
class Canvas:
    """What all timelines of a report have in common.

    Args:
        labels: Classes of the run, in its order.
        colors: Class -> colour, for every class that occurs.
        grid: Where the snippets are in time, for a video whose sequences do not say it.
        scores: The score that is drawn with the least height, and the one with the full height.
        least: The score from which a detection counts as found; minus infinity if nothing says.
    """

    labels: Sequence[str]
    colors: Mapping[str, str]
    grid: SnippetGrid
    scores: tuple[float, float]
    least: float = -math.inf


@dataclass(frozen=True)
class Film:
    """A video file that the page plays.

    Args:
        url: Where it is, seen from the page.
        offset: What a player shows at the video's own 0, in seconds.
    """

    url: str
    offset: float


@dataclass(frozen=True)
class Bar:
    """A segment as drawn: its place in percent of the time axis, and its text under the mouse pointer.

    Args:
        segment: In seconds.
        x: Its start in percent.
        width: Its length in percent.
        title: Its text.
        height: Height of a detection by its score, in [0, 1].
        hit: Whether a detection is right; None if there is no ground truth.
        lesser: Whether a detection does not count as found.
    """

    segment: Segment
    x: float
    width: float
    title: str
    height: float = 1.0
    hit: bool | None = None
    lesser: bool = False


@dataclass(frozen=True)
class ClassRow:
    """One class in one video: bars, and the path of its activation sequence, None if there is none."""

    label: str
    color: str
    truth: tuple[Bar, ...]
    found: tuple[Bar, ...]
    path: str | None

    @property
    def lesser(self) -> int:
        """Number of drawn detections that do not count as found."""
        return sum(bar.lesser for bar in self.found)


@dataclass(frozen=True)
class Timeline:
    """One video.

    Args:
        name: Its name.
        duration: Length of the time axis in seconds.
        own_map: mAP of this video alone; None without ground truth.
        ticks: Ticks of the time axis.
        rows: Its classes: those of the ground truth, then those that were only found; if there are none, that of the
            best detection.
        ambiguous: Ambiguous spans.
        overall: Paths of the sequences that have no class (attention, background), by name.
        thumbnails: Frames, in the order of time.
        notes: What is missing.
        left_out: Number of detections that are not drawn.
        found: Number of detections that count as found.
        film: The file to play; None if there is none.
    """

    name: str
    duration: float
    own_map: float | None
    ticks: tuple[Tick, ...]
    rows: tuple[ClassRow, ...]
    ambiguous: tuple[Bar, ...]
    overall: Mapping[str, str]
    thumbnails: tuple[Thumbnail, ...]
    notes: tuple[str, ...]
    left_out: int
    found: int
    film: Film | None


def score_range(detections: Mapping[str, Sequence[Detection]]) -> tuple[float, float]:
    """Scores to draw with the least and with the full height: quantiles, so that outliers do not flatten the rest."""
    scores = [found.score for own in detections.values() for found in own]
    low, high = np.quantile(scores, _SCORE_RANGE) if scores else (0.0, 1.0)
    return float(low), float(high)


def own_maps(
    detections: Mapping[str, Sequence[Detection]], annotations: Annotations, iou: Sequence[float]
) -> dict[str, float]:
    """mAP of each video with ground truth, over its own classes and `iou`."""
    maps = {}
    for name, video in annotations.items():
        if video.instances and set(video.labels) == {instance.label for instance in video.instances}:
            own = [found for found in detections.get(name, ()) if found.label in video.labels]
            maps[name] = evaluate_detections({name: own}, Annotations([video]), iou).average
    return maps


def pick_videos(annotations: Annotations, quality: Mapping[str, float], limit: int | None) -> list[str]:
    """At most `limit` videos, or all, evenly from the best to the worst; those without ground truth last, by name."""
    ranked = [*sorted(quality, key=lambda name: (-quality[name], name)), *sorted(annotations.keys() - quality.keys())]
    picks = np.linspace(0, len(ranked) - 1, len(ranked) if limit is None else min(limit, len(ranked)))
    return [ranked[i] for i in picks.round().astype(int)]


def timeline(
    canvas: Canvas,
    video: Video,
    detections: Sequence[Detection],
    sequences: Sequences | None,
    own_map: float | None,
    file: Path | None,
    page: Path | None = None,
) -> Timeline:
    """The timeline of one video.

    Args:
        canvas: What all timelines have in common.
        video: Its ground truth.
        detections: What was found in it.
        sequences: Its activations; None if there are none.
        own_map: mAP of this video alone.
        file: The video file; None if there is none.
        page: The page that plays the file; None for one that plays nothing.
    """
    ordered = sorted(detections, key=lambda found: -found.score)
    counting = [found for found in ordered if found.score >= canvas.least]
    notes = [] if sequences else ["No curves: there are no activation sequences (localize with --save-activations)."]
    film, length, broken = _film(file, page)
    duration = _duration(canvas.grid, video if video.duration else replace(video, duration=length), ordered, sequences)
    shown = ordered[:TOP] if math.isinf(canvas.least) else counting or ordered[:1]
    labels = list(dict.fromkeys([*video.labels, *(found.label for found in shown)]))
    bars = _found_bars(canvas, video, ordered, duration)
    paths, overall = _paths(canvas, labels, sequences, duration)
    rows = tuple(
        ClassRow(
            label,
            canvas.colors[label],
            tuple(_bar(i.segment, duration, f"{label}, ground truth") for i in video.instances if i.label == label),
            tuple(bar for found, bar in zip(ordered, bars, strict=True) if found.label == label)[:MOST_BARS],
            paths.get(label),
        )
        for label in labels
    )
    pictures: tuple[Thumbnail, ...] = ()
    try:
        if file is None or broken is not None:
            raise broken or UntrimError("is not there")
        drawable = [found for found in (counting or ordered)[:MOST_BARS] if found.label in labels]
        pictures = detection_thumbnails(file, drawable, labels, canvas.colors, duration)
    except UntrimError as error:
        notes.append(f"No thumbnails: the video file {error.what}.")
    return Timeline(
        name=video.name,
        duration=duration,
        own_map=own_map,
        ticks=time_ticks(duration),
        rows=rows,
        ambiguous=tuple(_bar(segment, duration, "ambiguous") for segment in video.ambiguous),
        overall=overall,
        thumbnails=pictures,
        notes=tuple(notes),
        left_out=len(ordered) - sum(len(row.found) for row in rows),
        found=len(counting),
        film=film,
    )


def _film(file: Path | None, page: Path | None) -> tuple[Film | None, float | None, UntrimError | None]:
    """What a page plays, how long that is in seconds if the file says, and why it cannot be read."""
    if file is None:
        return None, None, None
    try:
        with VideoFile(file) as video:
            offset, length = video.offset, video.info.duration
    except UntrimError as error:
        return None, None, error
    return (None if page is None else Film(_url(file, page), offset)), length, None


def _url(file: Path, page: Path) -> str:
    """The address of a file as a page names it: relative, with every sign escaped that is more than a letter."""
    place, folder = file.absolute(), page.absolute().parent
    try:
        return quote(os.fsencode(Path(os.path.relpath(place, folder)).as_posix()))
    except ValueError:  # Windows: on another drive.
        return place.as_uri()


def _duration(grid: SnippetGrid, video: Video, detections: Sequence[Detection], sequences: Sequences | None) -> float:
    """Length of the time axis in seconds: that of the video, or as far as anything is known. All bars fit in it."""
    known = 0.0
    if sequences:  # Up to the end of the last cell, whose half width is that of the one before.
        centers = _centers(grid, sequences)
        known = centers[-1] + (centers[-1] - centers[-2]) / 2 if len(centers) > 1 else grid.boundary(1)
    segments = [*video.ambiguous, *(entry.segment for entry in video.instances), *(d.segment for d in detections)]
    return max(video.duration or known, *(segment.end for segment in segments), 0.0) or 1.0


def _bar(segment: Segment, duration: float, title: str, height: float = 1.0, hit: bool | None = None) -> Bar:
    times = f"{title}: {segment.start:.2f}–{segment.end:.2f} s"
    return Bar(segment, 100 * segment.start / duration, 100 * segment.duration / duration, times, height, hit)


def _found_bars(canvas: Canvas, video: Video, ordered: Sequence[Detection], duration: float) -> list[Bar]:
    low, high = canvas.scores
    bars = []
    for found, hit in zip(ordered, _hits(video, ordered), strict=True):
        height = float(np.clip((found.score - low) / (high - low), 0, 1)) if high > low else 1.0
        verdict = {True: ", right", False: ", wrong", None: ""}[hit]
        title = f"{found.label}, found with score {found.score:.3g}{verdict}"
        bars.append(replace(_bar(found.segment, duration, title, height, hit), lesser=found.score < canvas.least))
    return bars


def _hits(video: Video, ordered: Sequence[Detection]) -> list[bool | None]:
    """Whether each detection, best first, is matched to an instance of its class."""
    if not video.instances:
        return [None] * len(ordered)
    return [bool(right) for right in right_detections(ordered, video.instances)]


def _paths(
    canvas: Canvas, labels: Sequence[str], sequences: Sequences | None, duration: float
) -> tuple[dict[str, str], dict[str, str]]:
    """Paths of the classes, all on one scale, and of the sequences without a class, each on its own scale."""
    if sequences is None:
        return {}, {}
    x = _centers(canvas.grid, sequences) / duration
    columns = {label: sequences.cas[:, canvas.labels.index(label)] for label in labels if label in canvas.labels}
    low, high = np.quantile(list(columns.values()), (_CURVE_LOW, 1.0)) if columns else (0.0, 1.0)
    return (
        {label: curve(x, _scaled(values, low, high)) for label, values in columns.items()},
        {name: curve(x, _scaled(values, values.min(), values.max())) for name, values in sequences.overall.items()},
    )


def _centers(grid: SnippetGrid, sequences: Sequences) -> Float64:
    """Times of the snippets of `sequences` in seconds, (T,)."""
    if sequences.centers is not None:
        return sequences.centers
    return np.array([grid.center(index) for index in range(len(sequences.cas))])


def _scaled(values: Float64, low: float, high: float) -> Float64:
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
