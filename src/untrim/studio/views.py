"""What the page gets of a project, of a video and of the classes: objects for JSON."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from untrim.errors import UntrimError
from untrim.evaluation.levels import shown
from untrim.studio.found import FoundByRun, decisions_about
from untrim.studio.ledger import user
from untrim.studio.operations import Operation
from untrim.studio.pictures import SPRITES, TILE, plays
from untrim.studio.project import ANNOTATIONS, ProjectVideo
from untrim.studio.state import Studio

_TILES = 100


def project_view(studio: Studio) -> dict[str, Any]:
    """The project and its runs."""
    runs = [
        {
            "id": run.key,
            "made": run.made,
            "classes": list(run.labels),
            "trained_on": run.known.trained_on,
            "curves": run.known.activations is not None,
        }
        for run in studio.runs.values()
    ]
    with studio.held():
        undo, redo = studio.ledger.undo_and_redo()
    return {
        "name": studio.project.folder.name,
        "version": version("untrim"),
        "user": user(),
        "notes": studio.project.notes,
        "runs": runs,
        "run": runs[-1]["id"] if runs else None,
        "operations": {"undo": [operation_view(one) for one in undo], "redo": [operation_view(one) for one in redo]},
    }


def operation_view(operation: Operation | None) -> dict[str, Any] | None:
    """An operation that can be undone; None for none."""
    return None if operation is None else {"id": operation.name, "words": operation.words}


def video_view(studio: Studio, video: ProjectVideo, run: FoundByRun | None) -> dict[str, Any]:
    """All that is known of one video.

    Args:
        studio: The project.
        video: The video.
        run: The run whose findings are shown.
    """
    review = studio.ledger.review(video.name)
    return {
        "id": video.id,
        "name": video.name,
        **_shape(studio, video),
        "review": review.to_json(),
        "truth": _truth(studio, video),
        "run": None if run is None else run.key,
        "level": None if run is None else studio.level(run).score,
        "detections": _detections(studio, video, run),
        "curves": None if run is None else _curves(studio, video, run),
        "sprite": {"tiles": _TILES, "columns": SPRITES[_TILES], "width": TILE[0], "height": TILE[1]},
    }


def classes_view(studio: Studio) -> dict[str, Any]:
    """All classes, with how often each was tagged, marked and found."""
    with studio.held():
        listed, run = studio.classes(), studio.run(None)
        counts = {entry.label: dict.fromkeys(("videos", "segments", "points", "found"), 0) for entry in listed.classes}
        for video in studio.project.videos.values():
            review = studio.ledger.review(video.name)
            for label in review.labels:
                counts[label]["videos"] += 1
            for segment in review.segments:
                counts[segment.label]["segments"] += segment.holds
            for point in review.points:
                counts[point.label]["points"] += 1
            own = studio.detections(video, run)
            for found, see in zip(own, shown(own, studio.level(run), review.labels), strict=True):
                counts[found.label]["found"] += see
        names = {} if run is None else studio.renamed(run.key)
        in_run = {names.get(label, label) for label in (() if run is None else run.labels)}
        return {
            "revision": listed.revision,
            "classes": [
                {**entry.model_dump(), **counts[entry.label], "in_run": entry.label in in_run}
                for entry in listed.classes
            ],
        }


def _detections(studio: Studio, video: ProjectVideo, run: FoundByRun | None) -> list[dict[str, Any]]:
    review = studio.ledger.review(video.name)
    found = studio.detections(video, run)
    show, about = shown(found, studio.level(run), review.labels), decisions_about(found, review.segments)
    return [
        {
            "label": one.label,
            "start": one.segment.start,
            "end": one.segment.end,
            "score": one.score,
            "decided": decided,
            "shown": see,
        }
        for one, see, decided in zip(found, show, about, strict=True)
    ]


def _curves(studio: Studio, video: ProjectVideo, run: FoundByRun) -> dict[str, Any] | None:
    curves, names = run.curves(video.name), studio.renamed(run.key)
    if curves is None:
        return None
    return {
        "classes": [names.get(label, label) for label in curves.labels],
        "snippets": len(curves.centers),
        "threshold": None if curves.threshold is None else list(curves.threshold),
    }


def _truth(studio: Studio, video: ProjectVideo) -> list[dict[str, Any]]:
    known, names = studio.brought.get(video.name), studio.renamed(ANNOTATIONS)
    return [
        {"label": names.get(one.label, one.label), "start": one.segment.start, "end": one.segment.end}
        for one in (() if known is None else known.instances)
    ]


def _shape(studio: Studio, video: ProjectVideo) -> dict[str, Any]:
    """Length, size and rate of a video file."""
    unknown = dict.fromkeys(("frames", "fps", "constant_rate", "offset", "width", "height", "duration", "bytes"))
    shape = studio.shapes.look_up(video)
    problem = studio.shapes.problem(video)
    if shape is None or problem:
        return {**unknown, "play": "proxy", "problem": problem}
    try:
        table = studio.cache.table(video)
    except UntrimError as error:
        return {**unknown, "play": "proxy", "problem": str(error)}
    studio.measured(video, table.end)
    return {
        "frames": len(table),
        "fps": table.fps,
        "constant_rate": table.constant_rate,
        "offset": table.offset,
        "width": shape.width,
        "height": shape.height,
        "duration": table.end,
        "bytes": video.path.stat().st_size,
        "play": "original" if plays(video, shape, table.constant_rate) else "proxy",
        "problem": None,
    }
