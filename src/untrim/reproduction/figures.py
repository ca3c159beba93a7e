"""The picture of a measured table, one function for each kind of figure, and the numbers that are in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from matplotlib.figure import Figure

from untrim.annotations import read_annotations
from untrim.errors import UntrimError, nearest
from untrim.reports.stacked import COLUMNS, RunOverVideo, StackedVideo, draw_stacked, stacked_rows
from untrim.reproduction.effort_figure import draw_effort
from untrim.reproduction.figure_runs import FigureRun, chosen_videos, drawable, main_class
from untrim.reproduction.measuring import Job, TableData
from untrim.reproduction.published import Table
from untrim.reproduction.published.figures import AverageOver, FeatureMap, RunsOverVideos, Steps
from untrim.reproduction.runner import Measured
from untrim.support.extras import optional

_WHY = {
    "even": "evenly chosen from the best to the worst",
    "worst": "the lowest mAP, each of another class, first where that was found",
    "gain": "where '{last}' is furthest ahead of {others}",
}


@dataclass(frozen=True)
class Drawn:
    """A picture.

    Args:
        figure: The picture.
        caption: What it shows; empty for a picture of the table's own numbers.
        columns: Names of the columns of `rows`.
        rows: The numbers that are in the picture and not in the table; empty for none.
    """

    figure: Figure
    caption: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()


def check_figure(table: Table, data: TableData, videos: Sequence[str]) -> None:
    """Check that a table can be drawn, before anything is trained.

    Args:
        table: What to draw.
        data: What it is measured on.
        videos: Videos to draw instead of chosen ones.

    Raises:
        UntrimError: A named video is not evaluated or cannot be drawn, no video can be drawn, or a library is missing.
    """
    spec = table.figure
    if videos and not isinstance(spec, RunsOverVideos | Steps):
        raise UntrimError("no single video is drawn here", fix="leave out --video")
    if isinstance(spec, Steps) and len(videos) > 1:
        raise UntrimError(f"{len(videos)} videos are named, and one is drawn", fix="name one with --video")
    if not isinstance(spec, RunsOverVideos | Steps | FeatureMap):
        return
    evaluated = read_annotations(data.annotations[0]).subset(data.validation)
    known = {label for file in data.annotations for label in read_annotations(file).subset(data.training).labels}
    if not videos and not drawable(evaluated, known):
        what = "no evaluated video has segments of all of its classes, and only classes that are trained"
        raise UntrimError(what, where=evaluated.source, fix="evaluate another subset")
    for name in videos:
        if name not in evaluated:
            raise UntrimError(f"no video '{name}' in subset '{data.validation}'", fix=nearest(name, evaluated))
        if not evaluated[name].instances:
            raise UntrimError(f"video '{name}' has no segments to draw", where=evaluated.source, fix="name another")
        if (label := main_class(evaluated[name])) not in known:
            raise UntrimError(f"video '{name}' shows '{label}', which no training video has", fix="name another")
    if isinstance(spec, FeatureMap):
        optional("sklearn")


def draw(table: Table, measured: Sequence[Measured], jobs: Sequence[Job], videos: Sequence[str]) -> Drawn:
    """The picture of a table.

    Args:
        table: What to draw.
        measured: Its rows that were run.
        jobs: All jobs of these rows, done.
        videos: Videos to draw instead of chosen ones.

    Raises:
        UntrimError: A row has no run that can be drawn.
    """
    spec = table.figure
    if spec is None:
        return _over_iou(table, measured)
    if isinstance(spec, AverageOver):
        return _average_over(spec, measured)
    runs = [FigureRun(next(job for job in jobs if job.row == row.row.name)) for row in measured]
    with _one_thread():
        if isinstance(spec, RunsOverVideos):
            return _runs_over_videos(spec, runs, videos)
        if isinstance(spec, Steps):
            return _steps(runs[0], videos)
        return _feature_map(spec, runs[0])


@contextmanager
def _one_thread() -> Iterator[None]:
    """Numbers that do not depend on the number of cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _over_iou(table: Table, measured: Sequence[Measured]) -> Drawn:
    """mAP over a person's time, else over tIoU, or over rows if there is only one threshold; bars are the deviation."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    effort = any(row.minutes is not None for row in measured)
    if effort:
        draw_effort(axes, measured, table.iou)
    elif len(table.iou) > 1:
        for row in measured:
            means, spreads = zip(*(row.at(index) for index in range(len(table.iou))), strict=True)
            axes.errorbar(table.iou, means, spreads, label=row.row.name, capsize=2, marker="o", markersize=3)
        axes.set_xlabel("tIoU")
        figure.legend(loc="outside right upper", fontsize=8)
    else:
        means, spreads = zip(*(row.at(0) for row in measured), strict=True)
        axes.bar([row.row.name for row in measured], means, yerr=spreads, capsize=3)
        axes.tick_params(axis="x", rotation=20)
    axes.set_ylabel("mAP in %")
    if not effort:  # What a person's minutes gain would look flat.
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    return Drawn(figure)


def _average_over(spec: AverageOver, measured: Sequence[Measured]) -> Drawn:
    """The mean over the thresholds over an option; bars are the deviation over the seeds."""
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    values = [row.row.settings[spec.over] for row in measured]
    means, spreads = zip(*(row.average for row in measured), strict=True)
    places = range(len(values))  # Evenly: the paper's values double.
    axes.errorbar(places, means, spreads, capsize=3, marker="o", markersize=4)
    for place, mean in zip(places, means, strict=True):
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # Else the line runs through the number.
        axes.annotate(f"{mean:.1f}", (place, mean), textcoords="offset points", xytext=(6, 6), fontsize=8, bbox=ground)
    axes.set_xticks(list(places), [str(value) for value in values])
    axes.margins(x=0.1, y=0.25)
    axes.set_xlabel(spec.over)
    axes.set_ylabel("average mAP in %")
    axes.grid(alpha=0.3)
    rows = tuple((v, f"{mean:.2f}", f"{spread:.2f}") for v, mean, spread in zip(values, means, spreads, strict=True))
    return Drawn(figure, f"Average mAP over {spec.over}.", (spec.over, "average mAP", "deviation"), rows)


def _runs_over_videos(spec: RunsOverVideos, runs: Sequence[FigureRun], videos: Sequence[str]) -> Drawn:
    named = videos or (spec.named if all(name in runs[0].quality for name in spec.named) else ())
    choose = "even" if len(runs) == 1 and spec.choose == "gain" else spec.choose  # Then there is nothing to gain on.
    chosen = chosen_videos(runs, choose, spec.videos, named)
    stacked = []
    for video in chosen:
        label = main_class(video)
        truth = tuple(instance.segment for instance in video.instances if instance.label == label)
        parts = tuple(_run_over_video(spec, run, video.name, label) for run in runs)
        stacked.append(StackedVideo(video.name, label, runs[0].duration(video), truth, parts))
    names = [run.job.row for run in runs]
    listed = " and ".join(f"'{name}'" for name in names[:-1])
    why = "as named" if named else _WHY[choose].format(last=names[-1], others=listed)
    caption = f"Videos: {why}. Below a run's name: average mAP of the video alone."
    return Drawn(draw_stacked(stacked), caption, COLUMNS, tuple(stacked_rows(stacked)))


def _run_over_video(spec: RunsOverVideos, run: FigureRun, video: str, label: str) -> RunOverVideo:
    from untrim.reproduction.figure_curves import panel_of

    said = run.ask(video)
    index = run.model.labels.index(label)
    found = [one for one in run.detections.get(video, ()) if one.label == label]
    panels = tuple(panel_of(curve, run.model, said, index) for curve in spec.curves)
    note = f"mAP {100 * run.quality[video]:.1f}" if video in run.quality else ""
    return RunOverVideo(run.job.row, found, note, run.edges(video, said.mask.shape[1]), panels)


def _steps(run: FigureRun, videos: Sequence[str]) -> Drawn:
    from untrim.reproduction.steps_figure import COLUMNS, draw_steps, steps_of, steps_rows

    video = chosen_videos([run], "even", 1, videos)[0]
    steps = steps_of(run, video, main_class(video))
    caption = f"The steps of detection in {video.name}{'' if videos else ', the video with the best mAP'}."
    return Drawn(draw_steps(steps), caption, COLUMNS, tuple(steps_rows(steps)))


def _feature_map(spec: FeatureMap, run: FigureRun) -> Drawn:
    from untrim.reproduction.features_figure import COLUMNS, draw_features, features_on_plane

    points = features_on_plane(run, spec.snippets)
    videos = len({point.video for point in points})
    return Drawn(
        draw_features(points),
        f"Features of {videos} videos by t-SNE of their cosine distances. The pre-classification stream classifies the "
        "snippets, of which some are shown, the post-classification stream the aggregated features, of which all are.",
        COLUMNS,
        tuple(point.row for point in points),
    )
