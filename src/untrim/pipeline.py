"""From a trained run to detections: the same call for the command line and for Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from untrim.activations import ActivationFolder
from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError, listing, nearest, numbered
from untrim.features.backbones import load_backbone, load_backbone_class
from untrim.features.extract import extract
from untrim.features.lasting import slack
from untrim.features.source_files import durations_differ, late_labels, late_pictures
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.methods.base import Activations, Method
from untrim.support.device import choose_device
from untrim.support.kinds import check_kind
from untrim.support.names import standard
from untrim.support.progress import Progress, ShouldStop, Tell, count_steps, stop_if, tell_each
from untrim.support.tables import write_rows
from untrim.timeline import Detection
from untrim.training.checkpoint import FEATURES, Run
from untrim.training.operating_point import read_operating_point
from untrim.training.ready_runs import open_run, own_settings


class Suggestion(NamedTuple):
    """A class that a video may show, and how likely it does: a score in [0, 1]."""

    label: str
    score: float


def localize(
    run: Run | Path | str,
    features: FeatureFolder | Path | str,
    videos: Annotations | str | Sequence[str] | None = None,
    *,
    only: str | Sequence[str] | None = None,
    activations: Path | str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    tell: Tell | None = None,
) -> dict[str, list[Detection]]:
    """Find the actions of a run in videos.

    Args:
        run: A finished run, its folder, or the name of a ready run (`untrim.training.ready_runs`).
        features: The folder of features, opened or not, of the kind the run was trained on.
        videos: The videos to look at, by name, or one of them; None for all in `features`. From annotations, durations
            are taken where the features know none, and nothing else.
        only: The classes to look for, or one of them; None for all that the run knows.
        activations: Folder for the activation sequences (`untrim.activations`); None to write none.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Told of each video; None for silence.
        should_stop: Asked before each video, from the thread that calls, whether to stop.
        tell: Told what is worth knowing, a line at a time; None for silence.

    Returns:
        Detections by video, best first, inside the video's duration. Scores are in [0, 1], and 0.5 is the run's
        operating point (`untrim.training.operating_point`); of a run without one they are the method's own.

    Raises:
        UntrimError: The run is not finished, or does not know a class of `only`; the features are missing, wrong or of
            another kind; or `activations` holds something else, is worked in by another process, or cannot be written.
        Stopped: `should_stop` said so; the activations of videos that are done are whole.
    """
    run, features = open_run(run, progress), FeatureFolder.of(features)
    wanted = _wanted(run, only)
    folder = None if activations is None else ActivationFolder(activations)
    if folder is not None:
        check_kind(folder.path, "activations")
    names = _names(run, features, videos)
    where, point = choose_device(device), read_operating_point(run)
    model = run.load_model(where)
    if wanted is not None:
        model.look_for(wanted)
    detections: dict[str, list[Detection]] = {}
    durations = _Durations(features, videos if isinstance(videos, Annotations) else {})
    advance = count_steps(progress, "localize", len(names))
    with torch.inference_mode(), nullcontext() if folder is None else folder.being_written():
        for name in names:
            stop_if(should_stop)
            found = _said(run, model, features, name, where)
            grid = features.info.grid(name)
            kept = [each for each in model.localize(found, grid) if wanted is None or each.label in wanted]
            detections[name] = _tidy(kept, durations.of(name, found.mask.shape[1]))
            if folder is not None:
                folder.save(name, found, grid, model.snippet_logits(found))
            advance("")
    tell_each(tell, durations.notes())
    if isinstance(videos, Annotations):
        tell_each(tell, late_pictures(features.info, late_labels(features.info, videos)))
    return detections if point is None else point.confidence.on(detections)


def localize_videos(
    run: Run | Path | str,
    videos: Path | str | Sequence[Path | str],
    features: Path | str,
    *,
    settings: Mapping[str, object] | None = None,
    only: str | Sequence[str] | None = None,
    activations: Path | str | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    tell: Tell | None = None,
) -> tuple[dict[str, list[Detection]], Mapping[str, str]]:
    """Find the actions of a run in video files, whose features are extracted by the recipe that the run knows.

    Args:
        run: A finished run, or its folder, trained on features that `untrim extract` made; or the name of a ready run.
        videos: Video files, and folders that hold some; or one of them.
        features: Folder to keep the features in; what is there of them already is not extracted again.
        settings: Values of the backbone's config that the recipe does not hold, since they change no features: a
            device, the place of weights. Of a run that takes features of any stride, also `stride_frames`.
        only: As in `localize`.
        activations: As in `localize`.
        device: As in `localize`.
        workers: Processes that extract; None for one per core.
        progress: As in `extract` and `localize`.
        should_stop: As in `extract` and `localize`.
        tell: As in `localize`; the notes of `extract` too.

    Returns:
        Detections by video, as `localize` gives them, and for each video that could not be done the reason.

    Raises:
        UntrimError: The run is not finished, its features cannot be extracted here, or as in `extract` and `localize`.
        WorkFailed: As in `extract`.
        Stopped: As in `extract`; the features of videos that are done are kept.
    """
    settings = {**own_settings(run), **(settings or {})}
    run = open_run(run, progress)
    _wanted(run, only)
    names, failed = _extracted(run, videos, features, settings, workers, progress, should_stop, tell)
    if not names:
        return {}, failed
    found = localize(
        run,
        FeatureFolder.open(features),
        names,
        only=only,
        activations=activations,
        device=device,
        progress=progress,
        should_stop=should_stop,
        tell=tell,
    )
    return found, failed


def suggest(
    run: Run | Path | str,
    videos: Path | str | Sequence[Path | str],
    features: Path | str,
    *,
    most: int = 5,
    least: float = 0.05,
    only: str | Sequence[str] | None = None,
    settings: Mapping[str, object] | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    tell: Tell | None = None,
) -> tuple[dict[str, list[Suggestion]], Mapping[str, str]]:
    """The classes that are likeliest in each video file, for a person to confirm: labels to train on.

    Args:
        run: As in `localize_videos`.
        videos: As in `localize_videos`.
        features: As in `localize_videos`.
        most: Classes per video, at least 1.
        least: Smallest score of a class in a video, in [0, 1]; the likeliest class is listed in any case.
        only: The classes to choose from, or one of them; None for all that the run knows.
        settings: As in `localize_videos`.
        device: As in `localize`.
        workers: As in `localize_videos`.
        progress: As in `localize_videos`.
        should_stop: As in `localize_videos`.
        tell: As in `localize_videos`.

    Returns:
        Suggestions by video, the likeliest first, and for each video that could not be done the reason.

    Raises:
        UntrimError: `most` or `least` is out of range, or as in `localize_videos`.
        WorkFailed: As in `extract`.
        Stopped: As in `localize_videos`.
    """
    if not (isinstance(most, int) and most >= 1 and 0 <= least <= 1):
        raise UntrimError(f"most {most}, least {least}", fix="give at least 1, and a score from 0 to 1")
    settings = {**own_settings(run), **(settings or {})}
    run = open_run(run, progress)
    wanted = _wanted(run, only)
    names, failed = _extracted(run, videos, features, settings, workers, progress, should_stop, tell)
    folder, where = FeatureFolder.open(features), choose_device(device)
    model, suggested = run.load_model(where), dict[str, list[Suggestion]]()
    advance = count_steps(progress, "suggest", len(names))
    with torch.inference_mode():
        for name in names:
            stop_if(should_stop)
            scores = _said(run, model, folder, name, where).video_scores[0].tolist()
            rows = [Suggestion(*pair) for pair in zip(run.labels, scores, strict=True)]
            rows = sorted((row for row in rows if wanted is None or row.label in wanted), key=lambda row: -row.score)
            suggested[name] = rows[:1] + [row for row in rows[1:most] if row.score >= least]
            advance("")
    return suggested, failed


def write_suggestions(suggested: Mapping[str, Sequence[Suggestion]], path: Path) -> None:
    """Write suggestions as labels, ``video,label,score``, which training reads without the score.

    Raises:
        UntrimError: `path` cannot be written.
    """
    rows = [[name, row.label, round(row.score, 3)] for name, rows in suggested.items() for row in rows]
    write_rows(path, ("video", "label", "score"), rows)


def _wanted(run: Run, only: str | Sequence[str] | None) -> frozenset[str] | None:
    """The classes to look for; None for all.

    Raises:
        UntrimError: None is named, or the run does not know one; says which is nearest.
    """
    if only is None:
        return None
    labels = [standard(label) for label in ([only] if isinstance(only, str) else only)]
    if "" in labels or not labels:
        raise UntrimError("a class without a name is asked for", fix="name at least one class, or none at all")
    for label in labels:
        if label not in run.labels:
            holding = [known for known in run.labels if label.casefold() in known.casefold()]
            fix = f"there are {listing(holding)}" if holding else nearest(label, run.labels)
            raise UntrimError(f"the run does not know '{label}'", where=run.path, fix=fix)
    return frozenset(labels)


def _names(run: Run, features: FeatureFolder, videos: Annotations | str | Sequence[str] | None) -> list[str]:
    """The videos to look at, whose features are there and fit the run."""
    run.check_features(features)
    given = features.names() if videos is None else [videos] if isinstance(videos, str) else list(videos)
    names = [standard(name) for name in given]
    if not names:
        raise UntrimError("has no features of any video", where=features.path, fix="run `untrim extract` first")
    features.require(names)
    return names


def _said(run: Run, model: Method, features: FeatureFolder, name: str, device: torch.device) -> Activations:
    """What the network says of one video."""
    batch = torch.from_numpy(features.load(name)).unsqueeze(0).to(device)  # (1, T, D)
    found: Activations = model(batch, torch.ones(batch.shape[:2], dtype=torch.bool, device=device))
    if not (torch.isfinite(found.cas).all() and torch.isfinite(found.video_scores).all()):
        raise UntrimError(f"says NaN or infinity of video '{name}'", where=run.path, fix="train it again")
    return found


def _extracted(
    run: Run,
    videos: Path | str | Sequence[Path | str],
    features: Path | str,
    settings: Mapping[str, object],
    workers: int | None,
    progress: Progress | None,
    should_stop: ShouldStop | None,
    tell: Tell | None,
) -> tuple[list[str], Mapping[str, str]]:
    """Extract the features of video files by the run's recipe; the videos that are done, and why others are not."""
    if not run.finished:
        raise UntrimError("is not trained to the end", where=run.path, fix="run `untrim train` with --resume")
    recipe = {**run.features.recipe, **settings}
    _check_recipe(run, settings, recipe)
    report = extract(
        videos, features, run.features.backbone, recipe, workers, progress=progress, should_stop=should_stop
    )
    tell_each(tell, report.notes)
    return sorted([*report.done, *report.skipped]), report.failed


def _refuse_chosen_files(run: Run, settings: Mapping[str, object]) -> None:
    """Refuse a run that says which files are read as weights: whoever made it could have any file read.

    Weights are those of the cache, those of a name on the hub, or a path that the user gives.
    """
    checkpoint = run.features.backbone.partition(":")[2]
    kept = load_backbone_class(run.features.backbone).Config.model_fields
    if chosen := [key for key in run.features.recipe if key in kept and kept[key].exclude]:
        fix = f"take it out; if you trust the run, give it yourself: --set {chosen[0]}=…"
        raise UntrimError(f"'{chosen[0]}' is no part of a recipe", fix=fix)
    local = checkpoint.startswith((".", "/", "~")) or "\\" in checkpoint or Path(checkpoint).exists()
    if checkpoint and local and "checkpoint" not in settings:
        fix = f"if you trust the run, name the model yourself: --set checkpoint={checkpoint}"
        raise UntrimError(f"their model is a path that the run chooses, '{checkpoint}'", fix=fix)


def _check_recipe(run: Run, settings: Mapping[str, object], recipe: Mapping[str, object]) -> None:
    """Check that `recipe` makes features like those of the run, before long work starts."""
    remedy = "extract the features as the run's were made, and name their folder with -f alone"
    try:
        _refuse_chosen_files(run, settings)
        info = load_backbone(run.features.backbone, recipe).info(run.features.backbone)
    except UntrimError as error:
        raise UntrimError(
            f"features like those of the run cannot be extracted: {error}", where=run.path / FEATURES, fix=remedy
        ) from error
    if difference := run.disagreement(info):
        raise UntrimError(
            f"other features would be extracted than the run was trained on: {difference}",
            where=run.path / FEATURES,
            fix=remedy,
        )


class _Durations:
    """How long videos last, by who can know best: decoding; then labels; then where the last snippet ends.

    Args:
        features: What decoding found, or an import was told.
        labelled: What labels say.
    """

    def __init__(self, features: FeatureFolder, labelled: Mapping[str, Video]) -> None:
        self._features, self._labelled = features, labelled
        self._overruled: list[str] = []
        self._short: list[str] = []

    def of(self, name: str, snippets: int) -> float:
        """Seconds of a video of so many snippets."""
        known = self._features.info.videos.get(name, VideoInfo())
        said = self._labelled[name].duration if name in self._labelled else None
        if said and known.duration and durations_differ(said, known):
            self._overruled.append(f"{name} {known.duration:.4g} s, not {said:.4g} s")
        stated = known.duration or (said if said and said > 0 else None)
        grid = self._features.info.grid(name)
        covered = grid.boundary(snippets)
        measured = known.duration is not None and known.source is not None
        if stated is None or (not measured and covered - stated > slack(grid, stated)):
            if stated is not None:
                self._short.append(f"{name} {stated:.4g} s, features of {covered:.4g} s")
            return covered
        return stated

    def notes(self) -> list[str]:
        """Which durations were not believed, a line each."""
        notes = []
        if self._overruled:
            videos = numbered(len(self._overruled), "video lasts", "videos last")
            notes.append(f"{videos} longer or shorter by the features than by the labels: {listing(self._overruled)}")
        if self._short:
            videos = numbered(len(self._short), "video has", "videos have")
            notes.append(f"{videos} features beyond the stated duration, which is not used: {listing(self._short)}")
        return notes


def _tidy(detections: Sequence[Detection], duration: float) -> list[Detection]:
    """Best first, cut to the video; detections completely outside are dropped."""
    clipped = [replace(found, segment=found.segment.clip(0.0, duration)) for found in detections]
    return sorted((found for found in clipped if found.segment.duration > 0), key=lambda found: -found.score)
