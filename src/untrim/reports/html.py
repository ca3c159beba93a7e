"""The report: one self-contained page with what a run found in videos and, where the truth is known, its mAP."""

from __future__ import annotations

import math
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from markupsafe import Markup

from untrim.activations import ActivationFolder, activations_of
from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.errors import UntrimError, listing
from untrim.evaluation.detection import iou_thresholds
from untrim.evaluation.found import HIT_IOU, least_score
from untrim.methods import load_method
from untrim.reports import timelines
from untrim.reports.inputs import Evaluation, read_evaluations
from untrim.reports.plots import BOX, Chart, line_chart
from untrim.reports.segments import segment_table
from untrim.support.array_types import Float64
from untrim.support.colors import colors
from untrim.support.kinds import check_file
from untrim.support.pages import write_page
from untrim.support.paths import as_path, as_paths
from untrim.support.schema import read_object
from untrim.timeline import Detection
from untrim.training.checkpoint import Run
from untrim.training.metrics import METRICS, read_metrics
from untrim.training.ready_runs import find_run
from untrim.video.files import find_videos

_SCRIPT = Path(__file__).with_name("report.js")
_PAGE = 50  # timelines at once
_IOU = "0.1:0.7:0.1"  # What videos are ranked by where there is no evaluation.

Found = Mapping[str, Sequence[Detection]]


@dataclass(frozen=True)
class ClassResult:
    """Average precision of one class at each threshold, as fractions; None if it is not defined."""

    label: str
    color: str
    instances: int
    values: tuple[float | None, ...]

    @property
    def average(self) -> float | None:
        """Mean over the thresholds."""
        defined = [value for value in self.values if value is not None]
        return sum(defined) / len(defined) if defined else None


def write_report(
    run: Run | Path | str,
    *,
    detections: Path | str,
    annotations: Path | str | None = None,
    evaluation: Path | str | None = None,
    videos: Path | str | Sequence[Path | str] | None = None,
    output: Path | str,
    subset: str = "validation",
    comparisons: Mapping[str, Path | str] | None = None,
    max_videos: int | None = None,
    min_score: float | None = None,
) -> Path:
    """Write the report on a run: one HTML file. Equal input gives equal bytes.

    It loads nothing but the video files, which it plays where they are, by their paths seen from `output`.

    Args:
        run: The run, or its folder.
        detections: What the run found; activation sequences are taken from ``<name>-activations/`` beside it, or from
            ``activations/``.
        annotations: Ground truth; None shows all videos of the detections, without a word on what is right.
        evaluation: What `untrim evaluate --json` wrote; None leaves the tables out.
        videos: Video files, and folders that hold some, for thumbnails and to play them; or one of them. None leaves
            both out.
        output: The file to write.
        subset: Subset of the annotations.
        comparisons: Name -> evaluation of something else, shown beside the run's.
        max_videos: Number of timelines to draw, at least 0: evenly chosen from the best to the worst video; None for
            all.
        min_score: The score from which detections count as found and are shown first; None for the operating point.

    Returns:
        `output`.

    Raises:
        UntrimError: An input is missing or wrong, the inputs do not belong together, or `output` cannot be written.
    """
    if max_videos is not None and max_videos < 0:
        raise UntrimError(f"{max_videos} videos cannot be drawn", fix="name 0 or more")
    detections = as_path(detections, "detections")
    known = None if annotations is None else as_path(annotations, "annotations")
    films, output = [] if videos is None else as_paths(videos, "videos"), as_path(output, "output")
    check_file(output, "report")
    trained, every = find_run(run), read_detections(detections)
    truth = Annotations([Video(name) for name in every]) if known is None else read_annotations(known).subset(subset)
    found = _in_subset(every, truth, detections)
    results = _results(trained.method_name, evaluation, comparisons or {}, subset)
    metrics = read_metrics(trained.path / METRICS)
    palette = _palette(trained, truth, found, results)
    quality = timelines.own_maps(found, truth, results[0][1].iou if results else iou_thresholds(_IOU).tolist())
    least = least_score(found, min_score)
    scores = (least, 1.0) if math.isfinite(least) and least < 1 else timelines.score_range(found)
    canvas = timelines.Canvas(trained.labels, palette, trained.features.grid(), scores, least)
    chosen = [truth[name] for name in timelines.pick_videos(truth, quality, max_videos)]
    drawn = _timelines(canvas, chosen, found, quality, ActivationFolder(activations_of(detections)), films, output)
    instances = sum(len(video.instances) for video in truth.values())
    script = _SCRIPT.read_text(encoding="utf-8")
    return write_page(
        output,
        "untrim.reports",
        "report.html.j2",
        run=trained,
        supervision=load_method(trained.method).supervision,
        subset=None if known is None else subset,
        truth=truth,
        annotations=None if known is None else known.name,
        length=sum(video.duration or 0.0 for video in truth.values()),
        instances=instances,
        detections=sum(map(len, found.values())),
        counting=sum(one.score >= least for own in found.values() for one in own),
        least=least if math.isfinite(least) else None,
        results=results,
        headline=_headline(results[0][1]) if results else None,
        classes=_classes(results[0][1], truth, palette) if results else [],
        map_chart=_map_chart(results),
        loss_chart=_loss_chart(metrics),
        seconds=metrics["seconds"][-1] if metrics else None,
        environment=_environment(trained.path / "environment.json"),
        notes=_notes(trained, found, truth, instances, results, known is not None),
        pages=[drawn[first : first + _PAGE] for first in range(0, len(drawn), _PAGE)],
        drawn=len(drawn),
        ambiguous=any(video.ambiguous for video in drawn),
        playable=any(video.film for video in drawn),
        shared_notes=[note for note in drawn[0].notes if all(note in other.notes for other in drawn)] if drawn else [],
        ranked=bool(quality),
        segments=segment_table(found, truth, palette, least),
        timelines=timelines,
        hit_iou=HIT_IOU,
        box=BOX,
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode("ascii"),
    )


def _in_subset(found: Found, truth: Annotations, source: Path) -> dict[str, Sequence[Detection]]:
    """Detections in the videos that are shown."""
    inside = {name: own for name, own in found.items() if name in truth}
    if not inside:
        raise UntrimError(
            f"no video in common: detections of {listing(found) or 'none'}, annotations of {listing(truth)}",
            where=source,
            fix="check names and --subset",
        )
    return inside


def _results(
    own: str, evaluation: Path | str | None, comparisons: Mapping[str, Path | str], subset: str
) -> list[tuple[str, Evaluation]]:
    """Evaluations by name, the run's own first; empty if it has none."""
    if own in comparisons or (comparisons and evaluation is None):
        what = f"a comparison is named '{own}', as the run" if own in comparisons else "nothing to compare with"
        raise UntrimError(what, fix="give the run's own evaluation, and other names to the others")
    files = {} if evaluation is None else {own: evaluation, **comparisons}
    paths = {name: as_path(file, f"evaluation of {name}") for name, file in files.items()}
    return list(read_evaluations(paths, subset).items())


def _palette(run: Run, truth: Annotations, found: Found, results: Sequence[tuple[str, Evaluation]]) -> dict[str, str]:
    """A colour for every class: the classes of the run in its order, then all others that occur."""
    strangers = {detection.label for own in found.values() for detection in own}
    strangers |= {*truth.labels, *(label for _, result in results for label in result.per_class)}
    labels = list(dict.fromkeys([*run.labels, *sorted(strangers)]))
    return dict(zip(labels, colors(len(labels)), strict=True))


def _headline(result: Evaluation) -> tuple[float, float]:
    """tIoU and mAP to put first: at 0.5, as is usual in the field, or at the nearest threshold."""
    nearest = min(range(len(result.iou)), key=lambda i: abs(result.iou[i] - 0.5))
    return result.iou[nearest], result.mean[nearest]


def _classes(result: Evaluation, truth: Annotations, palette: Mapping[str, str]) -> list[ClassResult]:
    """Per-class results, the best first."""
    count = Counter(instance.label for video in truth.values() for instance in video.instances)
    rows = [
        ClassResult(label, palette[label], count[label], tuple(values)) for label, values in result.per_class.items()
    ]
    return sorted(rows, key=lambda row: (-(row.average or 0.0), row.label))


def _map_chart(results: Sequence[tuple[str, Evaluation]]) -> Chart | None:
    """mAP in percent over tIoU; None for a single threshold."""
    if not results or len(results[0][1].iou) < 2:
        return None
    order = np.argsort(results[0][1].iou)
    series = {name: 100 * np.array(result.mean)[order] for name, result in results}
    return line_chart(np.array(results[0][1].iou)[order], series, 0.0, 100.0)


def _loss_chart(metrics: Mapping[str, Float64]) -> Chart | None:
    """The loss and, if there are several, its terms; None if nothing was recorded."""
    if not metrics:
        return None
    terms = [key for key in metrics if key not in ("iteration", "seconds", "loss")]
    series = {key: metrics[key] for key in ("loss", *(terms if len(terms) > 1 else ()))}
    low, high = min(0.0, *map(np.min, series.values())), max(map(np.max, series.values()))
    return line_chart(metrics["iteration"], series, float(low), float(high) if high > low else low + 1.0)


def _environment(path: Path) -> dict[str, object]:
    """Facts from ``environment.json``, with lists of packages flattened; empty if there is no such file."""
    facts = read_object(path) if path.is_file() else {}
    packages = facts.pop("packages", {})
    return {**facts, **(packages if isinstance(packages, dict) else {})}


def _notes(
    run: Run,
    found: Found,
    truth: Annotations,
    instances: int,
    results: Sequence[tuple[str, Evaluation]],
    known: bool,
) -> list[str]:
    """What a reader should know before believing the page; `known`: there are annotations."""
    notes = []
    if not results and known:
        notes.append("No evaluation was given, so there are no tables: name with -e what evaluate --json wrote.")
    elif results and known and (results[0][1].videos, results[0][1].instances) != (len(truth), instances):
        result = results[0][1]
        notes.append(
            f"The evaluation counts {result.instances} instances in {result.videos} videos, the annotations hold "
            f"{instances} in {len(truth)}: they may not belong together."
        )
    if silent := sum(not found.get(name) for name in truth):
        notes.append(f"In {silent} of {len(truth)} videos nothing was found.")
    if strangers := set(truth.labels) - set(run.labels):
        notes.append(f"The run was not trained to find {listing(strangers)}, which the test videos hold.")
    return notes


def _timelines(
    canvas: timelines.Canvas,
    chosen: Sequence[Video],
    found: Found,
    quality: Mapping[str, float],
    activations: ActivationFolder,
    videos: Sequence[Path],
    page: Path,
) -> list[timelines.Timeline]:
    """Timelines of the chosen videos, with the files that exist. Names only select among existing files."""
    drawable = {*activations.names()}
    films = find_videos(videos).files if videos and chosen else {}
    return [
        timelines.timeline(
            canvas,
            video,
            found.get(video.name, ()),
            activations.load(video.name, len(canvas.labels)) if video.name in drawable else None,
            quality.get(video.name),
            films.get(video.name),
            page,
        )
        for video in chosen
    ]
