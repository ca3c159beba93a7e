"""From a trained run to detections: the same call for the command line and for Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from untrim.activations import ActivationFolder
from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError, listing, numbered
from untrim.features.backbones import load_backbone, load_backbone_class
from untrim.features.extract import extract
from untrim.features.lasting import slack
from untrim.features.source_files import durations_differ, late_labels, late_pictures
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.support.device import choose_device
from untrim.support.kinds import check_kind
from untrim.support.names import standard
from untrim.support.progress import Progress, ShouldStop, Tell, count_steps, stop_if, tell_each
from untrim.timeline import Detection
from untrim.training.checkpoint import FEATURES, Run


def localize(
    run: Run | Path | str,
    features: FeatureFolder | Path | str,
    videos: Annotations | str | Sequence[str] | None = None,
    *,
    activations: Path | str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    tell: Tell | None = None,
) -> dict[str, list[Detection]]:
    """Find the actions of a run in videos.

    Args:
        run: A finished run, or its folder.
        features: The folder of features, opened or not, of the kind the run was trained on.
        videos: The videos to look at, by name, or one of them; None for all in `features`. From annotations, durations
            are taken where the features know none, and nothing else.
        activations: Folder for the activation sequences (`untrim.activations`); None to write none.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Told of each video; None for silence.
        should_stop: Asked before each video, from the thread that calls, whether to stop.
        tell: Told what is worth knowing, a line at a time; None for silence.

    Returns:
        Detections by video, best first, inside the video's duration.

    Raises:
        UntrimError: The run is not finished; the features are missing, wrong or of another kind; or `activations` holds
            something else, is worked in by another process, or cannot be written.
        Stopped: `should_stop` said so; the activations of videos that are done are whole.
    """
    run, features = Run.of(run), FeatureFolder.of(features)
    folder = None if activations is None else ActivationFolder(activations)
    if folder is not None:
        check_kind(folder.path, "activations")
    run.check_features(features)
    given = features.names() if videos is None else [videos] if isinstance(videos, str) else list(videos)
    names = [standard(name) for name in given]
    if not names:
        raise UntrimError("has no features of any video", where=features.path, fix="run `untrim extract` first")
    features.require(names)
    where = choose_device(device)
    model = run.load_model(where)
    detections: dict[str, list[Detection]] = {}
    durations = _Durations(features, videos if isinstance(videos, Annotations) else {})
    advance = count_steps(progress, "localize", len(names))
    with torch.inference_mode(), nullcontext() if folder is None else folder.being_written():
        for name in names:
            stop_if(should_stop)
            array = features.load(name)
            batch = torch.from_numpy(array).unsqueeze(0).to(where)  # (1, T, D)
            found = model(batch, torch.ones(batch.shape[:2], dtype=torch.bool, device=where))
            if not (torch.isfinite(found.cas).all() and torch.isfinite(found.video_scores).all()):
                raise UntrimError(f"says NaN or infinity of video '{name}'", where=run.path, fix="train it again")
            grid = features.info.grid(name)
            detections[name] = _tidy(model.localize(found, grid), durations.of(name, len(array)))
            if folder is not None:
                folder.save(name, found, grid)
            advance("")
    tell_each(tell, durations.notes())
    if isinstance(videos, Annotations):
        tell_each(tell, late_pictures(features.info, late_labels(features.info, videos)))
    return detections


def localize_videos(
    run: Run | Path | str,
    videos: Path | str | Sequence[Path | str],
    features: Path | str,
    *,
    settings: Mapping[str, object] | None = None,
    activations: Path | str | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    tell: Tell | None = None,
) -> tuple[dict[str, list[Detection]], Mapping[str, str]]:
    """Find the actions of a run in video files, whose features are extracted by the recipe that the run knows.

    Args:
        run: A finished run, or its folder, trained on features that `untrim extract` made.
        videos: Video files, and folders that hold some; or one of them.
        features: Folder to keep the features in; what is there of them already is not extracted again.
        settings: Values of the backbone's config that the recipe does not hold, since they change no features: a
            device, the place of weights.
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
    run = Run.of(run)
    if not run.finished:
        raise UntrimError("is not trained to the end", where=run.path, fix="run `untrim train` with --resume")
    recipe = {**run.features.recipe, **(settings or {})}
    _check_recipe(run, settings or {}, recipe)
    report = extract(
        videos, features, run.features.backbone, recipe, workers, progress=progress, should_stop=should_stop
    )
    tell_each(tell, report.notes)
    names = sorted([*report.done, *report.skipped])
    if not names:
        return {}, report.failed
    found = localize(
        run,
        FeatureFolder.open(features),
        names,
        activations=activations,
        device=device,
        progress=progress,
        should_stop=should_stop,
        tell=tell,
    )
    return found, report.failed


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
    if difference := run.features.disagreement(info):
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
