"""Checks a run and video files, and whether features and labels fit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import torch

from untrim.annotations import Annotations
from untrim.doctor.finding import Finding, from_error
from untrim.doctor.labels import check_ends
from untrim.errors import UntrimError, listing, numbered
from untrim.features.store import FeatureFolder
from untrim.support.names import there_as
from untrim.support.progress import Progress, count_steps
from untrim.training.checkpoint import STATE, Run
from untrim.training.metrics import METRICS, read_metrics
from untrim.training.state import read_state
from untrim.video.decode import VideoFile
from untrim.video.files import find_videos


def check_run(run: Run, folder: FeatureFolder | None, annotations: Annotations | None) -> Iterator[Finding]:
    """Whether a run is whole, and made for these features and labels."""
    where = str(run.path)
    yield Finding("note", "run", f"{run.method}, {len(run.labels)} classes, trained on '{run.subset}'", where)
    if not run.finished:
        yield Finding("error", "unfinished", "is not trained to the end", where, "run `untrim train` with --resume")
    yield from _check_weights(run)
    if leftovers := sorted(file.name for file in run.path.rglob(".*.tmp")):
        what = f"{len(leftovers)} leftovers of work that was stopped: {listing(leftovers)}"
        yield Finding("warning", "leftovers", what, where, "remove them when nothing runs")
    try:
        read_metrics(run.path / METRICS)
    except UntrimError as error:
        yield from_error("metrics", error)
    if folder is not None:
        try:
            run.check_features(folder)
        except UntrimError as error:
            yield from_error("mismatch", error)
    if annotations is None:
        return
    if unknown := [label for label in annotations.labels if label not in run.labels]:
        concerned = tuple(name for name, video in annotations.items() if {*video.labels} & {*unknown})
        what = f"{len(unknown)} labels that the run does not know: {listing(unknown)}"
        what += f"; {hint}" if (hint := there_as(unknown, run.labels)) else ""
        yield Finding("warning", "unknown", what, where, "it cannot find them; train again with them", concerned)


def _check_weights(run: Run) -> Iterator[Finding]:
    """Whether the files of weights hold what the run's network needs, and finite numbers."""
    device = torch.device("cpu")
    reads: list[Callable[[], object]] = [partial(run.load_model, device)] if run.finished else []
    steps = sorted(int(file.stem) for file in (run.path / "checkpoints").glob("*.safetensors") if file.stem.isdecimal())
    reads += [partial(run.load_checkpoint, step, device) for step in steps]
    if (run.path / STATE).exists() and not run.finished:
        reads.append(partial(_read_state, run))
    for read in reads:
        try:
            read()
        except UntrimError as error:
            yield from_error("weights", error)


def _read_state(run: Run) -> None:
    model = run.build()
    read_state(run.path / STATE, model, model.optimizer(), torch.device("cpu"))


def check_videos(
    folder: Path,
    snippets: Mapping[str, int] | None,
    annotations: Annotations | None,
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """Whether video files can be read, and have features and labels."""
    try:
        found = find_videos([folder])
    except UntrimError as error:
        yield from_error("videos", error)
        return
    rates: dict[str, float | None] = {}
    ends: dict[str, float] = {}
    advance = count_steps(progress, "open videos", len(found.files))
    for name, file in found.files.items():
        try:
            with VideoFile(file) as video:
                rates[name] = video.info.fps
                if name not in (snippets or {}):  # Features tell where it ends more exactly than a file does.
                    ends[name] = video.info.duration or 0.0
        except UntrimError as error:
            yield from_error("video", error)
        advance(name)
    where = str(folder)
    yield Finding("note", "videos", "; ".join([f"{len(found.files)} video files", *found.notes()]), where)
    if snippets is not None and (missing := [name for name in found.files if name not in snippets]):
        what = f"{numbered(len(missing), 'video file has', 'video files have')} no features: {listing(missing)}"
        yield Finding(
            "warning", "unextracted", what, where, "run `untrim extract` again; it does what is missing", tuple(missing)
        )
    if annotations is None:
        return
    if missing := [name for name in annotations if name not in found.files]:
        what = f"{numbered(len(missing), 'labelled video has', 'labelled videos have')} no file: {listing(missing)}"
        what += f"; {hint}" if (hint := there_as(missing, found.files)) else ""
        yield Finding(
            "warning",
            "fileless",
            what,
            where,
            "names are the files' without ending, with their folders where two are alike",
            tuple(missing),
        )
    yield from check_ends(annotations, ends)
    known = {name: (rates[name], v.fps) for name, v in annotations.items() if rates.get(name) and v.fps}
    if off := [
        name for name, (mine, theirs) in known.items() if abs((mine or 0) - (theirs or 0)) > 0.01 * (theirs or 1)
    ]:
        mine, theirs = known[off[0]]
        what = f"fps of {len(off)} files differ from the labels': {off[0]} {mine:g} against {theirs:g}"
        remedy = "are these other encodings of the videos? times in seconds still hold, frame numbers do not"
        yield Finding("warning", "fps", what, where, remedy, tuple(off))
