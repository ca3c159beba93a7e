"""How detections come about in one video, step by step (WSBM, Fig. 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from untrim.annotations import Video
from untrim.errors import UntrimError
from untrim.localization.grouping import connected_components
from untrim.methods.streams import StreamActivations, StreamsMethod
from untrim.reports.stacked import RIGHT, WRONG, name_row, shade
from untrim.reproduction.figure_runs import FigureRun
from untrim.support.array_types import Float64
from untrim.timeline import Detection, Segment

COLUMNS = ("what", "name", "start", "end", "value")
"""Columns of `steps_rows`."""


@dataclass(frozen=True)
class DetectionSteps:
    """The steps for one class of one video.

    Args:
        video: Name of the video.
        label: The class.
        duration: Length of the time axis in seconds.
        truth: Where the class happens.
        edges: Where the snippets begin, and where the last one ends, in seconds, (T + 1,).
        classes: Probability of each class in the video.
        class_threshold: The one from which classes are localized.
        proposed: The sequence that thresholds are laid on, (R, T).
        proposals: Threshold and segment of each proposal.
        scored: The sequence that proposals are scored by, (T,).
        found: The detections that are left, with their scores.
    """

    video: str
    label: str
    duration: float
    truth: tuple[Segment, ...]
    edges: Float64
    classes: dict[str, float]
    class_threshold: float
    proposed: Float64
    proposals: tuple[tuple[float, Segment], ...]
    scored: Float64
    found: tuple[Detection, ...]


def steps_of(run: FigureRun, video: Video, label: str) -> DetectionSteps:
    """The steps of a run for one class of one video.

    Raises:
        UntrimError: The method of the run has no such steps.
    """
    said, model = run.ask(video.name), run.model
    if not isinstance(model, StreamsMethod) or not isinstance(said, StreamActivations):
        raise UntrimError(f"{run.job.method} has no attention of streams to lay thresholds on")
    proposed, scored = model.sequences(said, np.array([model.labels.index(label)]))
    edges = run.edges(video.name, scored.shape[1])
    proposals = []
    for threshold in model.thresholds:
        _, first, stop = connected_components(proposed > threshold)
        ends = zip(edges[first].tolist(), edges[stop].tolist(), strict=True)
        proposals += [(float(threshold), Segment(max(start, 0.0), end)) for start, end in ends]
    found = sorted(run.detections.get(video.name, ()), key=lambda one: one.score)
    return DetectionSteps(
        video=video.name,
        label=label,
        duration=run.duration(video),
        truth=tuple(instance.segment for instance in video.instances if instance.label == label),
        edges=edges,
        classes=dict(zip(model.labels, said.video_scores[0].tolist(), strict=True)),
        class_threshold=model.config.class_threshold,
        proposed=proposed,
        proposals=tuple(proposals),
        scored=scored[0],
        found=tuple(one for one in found if one.label == label),
    )


def steps_rows(steps: DetectionSteps) -> Iterator[tuple[object, ...]]:
    """Everything in the picture as rows of `COLUMNS`."""
    for label, probability in steps.classes.items():
        yield "class", label, "", "", f"{probability:.4g}"
    spans = [(f"{start:.3f}", f"{end:.3f}") for start, end in zip(steps.edges, steps.edges[1:], strict=False)]
    for what, lines in (("proposed", steps.proposed), ("scored", steps.scored[None])):
        for line in lines:
            for span, value in zip(spans, line, strict=True):
                yield what, steps.label, *span, f"{value:.4g}"
    for threshold, segment in steps.proposals:
        yield "proposal", steps.label, f"{segment.start:.3f}", f"{segment.end:.3f}", f"{threshold:g}"
    for segment in steps.truth:
        yield "ground truth", steps.label, f"{segment.start:.3f}", f"{segment.end:.3f}", ""
    for one in steps.found:
        yield "detection", one.label, f"{one.segment.start:.3f}", f"{one.segment.end:.3f}", f"{one.score:.4g}"


def draw_steps(steps: DetectionSteps) -> Figure:
    """Class probabilities on the left; thresholds, proposals, the scored sequence and the detections over time."""
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 3.2], squeeze=False)[0]
    _draw_classes(left.subplots(), steps)
    rows = right.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [1.2, 1.2, 1, 1]})
    centers = (steps.edges[:-1] + steps.edges[1:]) / 2
    thresholds = sorted({threshold for threshold, _ in steps.proposals})
    for line in steps.proposed:
        rows[0].plot(centers, line, color="#333333", linewidth=1)
    rows[0].hlines(thresholds, 0, steps.duration, color=WRONG, linewidth=0.4, alpha=0.7)
    step = min(np.diff(thresholds), default=0.025)
    for threshold, segment in steps.proposals:
        rows[1].barh(threshold, segment.duration, 0.7 * step, left=segment.start, color=WRONG, linewidth=0)
    rows[2].plot(centers, steps.scored, color="#333333", linewidth=1)
    for one in steps.found:
        rows[3].bar(
            one.segment.start, one.score, one.segment.duration, align="edge", color=RIGHT, alpha=0.55, edgecolor="white"
        )
    names = ("2. thresholds", "3. proposals", "4. what scores\nthem", "5. detections,\nby score")
    for axes, name in zip(rows, names, strict=True):
        shade(axes, steps.truth)
        name_row(axes, name)
        axes.set_xlim(0, steps.duration)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7, length=2)
    title = f"{steps.label} in {steps.video}; the pale bands are the ground truth"
    rows[0].set_title(title, fontsize=9, loc="left", parse_math=False)
    rows[-1].set_xlabel("seconds", fontsize=8)
    right.align_ylabels(list(rows))
    return figure


def _draw_classes(axes: Axes, steps: DetectionSteps) -> None:
    labels, values = list(steps.classes), list(steps.classes.values())
    hues = [RIGHT if value >= steps.class_threshold else "#bbbbbb" for value in values]
    axes.barh(range(len(labels)), values, color=hues)
    axes.set_yticks(range(len(labels)), labels, fontsize=7, parse_math=False)
    axes.axvline(steps.class_threshold, color=WRONG, linestyle="--", linewidth=1)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title("1. classes of the video", fontsize=9, loc="left")
    axes.set_xlabel("probability", fontsize=8)
