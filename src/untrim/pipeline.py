"""From a trained run to detections: the same call for the command line and for Python."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import torch

from untrim.activations import ActivationFolder
from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError, listing, numbered
from untrim.features.backbones import settings_like
from untrim.features.extract import extract
from untrim.features.lasting import slack
from untrim.features.source_files import durations_differ, late_labels, late_pictures
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.prediction.network import Network, wanted_classes
from untrim.prediction.recipe import backbone_of
from untrim.support.kinds import check_kind
from untrim.support.names import standard
from untrim.support.progress import Progress, ShouldStop, Tell, count_steps, stop_if, tell_each
from untrim.support.tables import write_rows
from untrim.timeline import Detection
from untrim.training.checkpoint import Run
from untrim.training.ready_runs import find_run, with_own_settings


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
    run, features = find_run(run, progress), FeatureFolder.of(features)
    wanted = wanted_classes(run, only)
    folder = None if activations is None else ActivationFolder(activations)
    if folder is not None:
        check_kind(folder.path, "activations")
    names = _names(run, features, videos)
    network = Network(run, device, wanted)
    detections: dict[str, list[Detection]] = {}
    durations = _Durations(features, videos if isinstance(videos, Annotations) else {})
    advance = count_steps(progress, "localize", len(names))
    with torch.inference_mode(), nullcontext() if folder is None else folder.being_written():
        for name in names:
            stop_if(should_stop)
            found = network.activations(features.load(name), name)
            grid = features.info.grid(name)
            detections[name] = network.detections(found, grid, 0.0, durations.of(name, found.mask.shape[1]))
            if folder is not None:
                folder.save(name, found, grid, network.model.snippet_logits(found))
            advance("")
    tell_each(tell, durations.notes())
    if isinstance(videos, Annotations):
        tell_each(tell, late_pictures(features.info, late_labels(features.info, videos)))
    return network.with_confidence(detections)


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
    settings = with_own_settings(run, settings)
    run = find_run(run, progress)
    wanted_classes(run, only)
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
    leave_out: Collection[Path] = (),
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
        leave_out: As in `extract`.
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
    settings = with_own_settings(run, settings)
    run = find_run(run, progress)
    wanted = wanted_classes(run, only)
    names, failed = _extracted(run, videos, features, settings, workers, progress, should_stop, tell, leave_out)
    folder, network = FeatureFolder.open(features), Network(run, device, None)
    suggested: dict[str, list[Suggestion]] = {}
    advance = count_steps(progress, "suggest", len(names))
    with torch.inference_mode():
        for name in names:
            stop_if(should_stop)
            scores = network.activations(folder.load(name), name).video_scores[0].tolist()
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


def _names(run: Run, features: FeatureFolder, videos: Annotations | str | Sequence[str] | None) -> list[str]:
    """The videos to look at, whose features are there and fit the run."""
    run.check_features(features)
    given = features.names() if videos is None else [videos] if isinstance(videos, str) else list(videos)
    names = [standard(name) for name in given]
    if not names:
        raise UntrimError("has no features of any video", where=features.path, fix="run `untrim extract` first")
    features.require(names)
    return names


def _extracted(
    run: Run,
    videos: Path | str | Sequence[Path | str],
    features: Path | str,
    settings: Mapping[str, object],
    workers: int | None,
    progress: Progress | None,
    should_stop: ShouldStop | None,
    tell: Tell | None,
    leave_out: Collection[Path] = (),
) -> tuple[list[str], Mapping[str, str]]:
    """Extract the features of video files by the run's recipe; the videos that are done, and why others are not."""
    backbone_of(run, settings)  # What it refuses is refused before long work starts.
    recipe = {**settings_like(run.features), **settings}
    report = extract(
        videos,
        features,
        run.features.backbone,
        recipe,
        workers,
        leave_out=leave_out,
        progress=progress,
        should_stop=should_stop,
    )
    tell_each(tell, report.notes)
    return sorted([*report.done, *report.skipped]), report.failed


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
