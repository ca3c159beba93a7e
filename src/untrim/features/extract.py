"""``untrim extract``: video files in, a feature folder out; resumes by itself.

A video counts as done when its ``.npy`` is there and ``features.json`` lists it with the file it was made from
(`untrim.features.source_files`). A file that has changed since is extracted again.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2

from untrim.errors import UntrimError, WorkFailed, listing, numbered, unforeseen
from untrim.features.backbones import Backbone, BackboneConfig, load_backbone
from untrim.features.source_files import State, adopt_renamed, late_pictures, made_of, state_of
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, VideoInfo
from untrim.features.writing import WritingReport
from untrim.support.array_types import Image
from untrim.support.files import remove_leftovers, write_text
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.named_files import names_in
from untrim.support.names import standard
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress, ShouldStop, count_steps, warn_each
from untrim.support.workers import Died, Engine, HowFar, Local, work_off
from untrim.video.decode import Frame, VideoFile
from untrim.video.files import FoundVideos, find_videos

FAILURES_NAME = "failures.jsonl"

_SECONDS_BETWEEN_SAVES = 1.0
_PAUSES = 20  # Times as long as it takes to write features.json it is left alone.


class VideoJob(NamedTuple):
    """A video to be done: its name, and its file."""

    name: str
    path: Path


Outcomes = Generator[tuple[VideoJob, VideoInfo | str | WorkFailed | Died] | None]


def extract(
    videos: Path | str | Sequence[Path | str],
    output: Path | str,
    backbone: str = "hoghof",
    settings: Mapping[str, object] | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> WritingReport:
    """Extract features of video files into a feature folder; videos already present are left as they are.

    A video that cannot be done stops no other: it is reported, and listed in ``failures.jsonl`` in `output` until a
    run has no failures. Works in processes that start afresh, so that a script which calls this needs the usual
    ``if __name__ == "__main__":``. One run at a time works in a folder.

    Args:
        videos: Video files, and folders that hold some; or one of them.
        output: Feature folder, new or of the same recipe.
        backbone: Name of a backbone (`untrim.features.backbones`).
        settings: Values of its config that differ from the defaults.
        workers: Processes, each with one thread; None for as many as the engine has room for.
        engine: Where they run; None for this machine.
        progress: Told of each video; None for silence.
        should_stop: Asked about once a second, from the thread that calls, whether to stop.

    Raises:
        UntrimError: No videos, two with the same name, unknown backbone or setting, or `output` cannot be written,
            holds something else or features of another recipe, or is worked in by another run.
        WorkFailed: No space left, or processes cannot be started. What is done is kept.
        Stopped: `should_stop` said so. What is done is kept, and the same call resumes.
    """
    output, engine = as_path(output, "output"), engine or Local()
    check_kind(output, "features")
    found = find_videos(as_paths(videos, "videos"))
    if workers is not None and workers < 1:
        raise UntrimError(f"{workers} workers", fix="use at least 1")
    info = load_backbone(backbone, settings).info(backbone)
    with locked(output):
        folder = _open(output, info)
        task = _Extractor(output, backbone, settings)
        return _complete(folder, found, task, workers, engine, progress, should_stop)


def _complete(
    folder: FeatureFolder,
    found: FoundVideos,
    task: _Extractor,
    workers: int | None,
    engine: Engine,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> WritingReport:
    """Extract those of the videos `found` whose features are not in `folder`, which no other run works in."""
    remove_leftovers(folder.path)
    adopt_renamed(found.files, folder)
    sizes, states, failed = _looked_at(found.files, folder)
    missing = [job for job, state in states.items() if state is State.MISSING]
    _forget(missing, folder)
    missing.sort(key=sizes.__getitem__, reverse=True)  # So that no worker is left alone with a long one at the end.
    done: list[str] = []
    if workers is None:  # Then all cores are to be used, also by fewer videos than there are cores.
        workers = engine.room
        task.threads = engine.threads(min(workers, len(missing)))
    how_far = _SecondsDone(progress, missing[0].name) if len(sizes) == len(missing) == 1 else None
    outcomes = work_off(task, missing, workers, engine, should_stop, how_far)
    try:
        advance = how_far.end if how_far else count_steps(progress, "extract", len(sizes), len(sizes) - len(missing))
        with closing(outcomes):
            for job, result in _recorded(outcomes, folder):
                if isinstance(result, VideoInfo):
                    done.append(job.name)
                else:
                    failed[job.name] = result
                    warn_each(None, [f"failed: {result}"])
                advance(job.name)
    finally:
        remove_leftovers(folder.path)
        folder.save_info()
        _write_failures(
            folder.path, {VideoJob(*job): failed[job[0]] for job in found.files.items() if job[0] in failed}
        )
    skipped = sorted(job.name for job in states if job not in set(missing))
    unsure = [job.name for job, state in states.items() if state is State.PERHAPS_CHANGED]
    notes = (
        *found.notes(),
        *_unsure(unsure, folder),
        *_left_behind(found, folder),
        *late_pictures(folder.info, found.files),
    )
    return WritingReport(tuple(sorted(done)), tuple(skipped), dict(sorted(failed.items())), notes)


class _SecondsDone:
    """Progress of a single video, whose seconds are the steps."""

    def __init__(self, progress: Progress | None, name: str) -> None:
        self._progress, self._name = progress, name
        self._done, self._total = 0, 0

    def __call__(self, done: int, total: int) -> None:
        """Tell of each second up to `done` of `total`."""
        if not self._total:
            self._total = total
            self._tell("")
        while self._done < min(done, self._total):
            self._done += 1
            self._tell(f"seconds of {self._name}" if total > 1 else self._name)

    def end(self, _: str) -> None:
        """The video is done, or cannot be done."""
        self(max(1, self._total), max(1, self._total))

    def _tell(self, note: str) -> None:
        if self._progress is not None:
            self._progress("extract", self._done, self._total, note)


class _Extractor:
    """What a worker does with a video; the backbone is built in the worker, once."""

    def __init__(self, output: Path, name: str, settings: Mapping[str, object] | None) -> None:
        self._output, self._name, self._settings = output, name, settings
        self.threads = 1
        self.how_far: HowFar | None = None

    @cached_property
    def _backbone(self) -> Backbone[BackboneConfig]:
        cv2.setNumThreads(1)
        try:
            return load_backbone(self._name, self._settings)
        except UntrimError as error:  # It could be loaded where the run was started: this machine lacks something.
            raise WorkFailed(f"in a worker: {error.what}", where=error.where, fix=error.fix) from error

    def __call__(self, job: VideoJob) -> VideoInfo | str | WorkFailed:
        """Write the features of a video; gives what is known of it, why it cannot be done, or why no video can."""
        try:
            return self._extract(job)
        except WorkFailed as error:
            return error
        except UntrimError as error:
            return str(error)
        except Exception as error:  # A file may be broken in a way that no library foresees: it must stop no other.
            return f"{job.path}: {unforeseen(error)}"

    def _extract(self, job: VideoJob) -> VideoInfo:
        config = self._backbone.config
        with VideoFile(job.path, limits=config.limits) as file:
            before = job.path.stat()
            self._backbone.threads = self.threads
            frames = file.frames(fps=config.fps, size=config.short_side)
            features = self._backbone.features(self._counted(frames, config.fps, file.info.duration))
            notes = [f"{file.broken_packets} broken packets"] if file.broken_packets else []
            info = VideoInfo(
                duration=file.duration, offset_seconds=file.offset, notes=notes, **made_of(job.path, before)
            )
        FeatureFolder(self._output, self._backbone.info(self._name)).save(job.name, features)
        return info

    def _counted(self, frames: Iterator[Frame], fps: float, stated: float | None) -> Iterator[Image]:
        """The images of a video; every second of it is told, if its container states how many there are."""
        told, total = -1, math.ceil(stated or 0)
        for index, frame in enumerate(frames):
            if self.how_far is not None and told < int(index / fps) < total:
                told = int(index / fps)
                self.how_far(told, total)
            yield frame.image


def _open(path: Path, info: FeatureInfo) -> FeatureFolder:
    """The folder at `path`, an empty one or one of features of the recipe `info`."""
    if not (path / INFO_NAME).exists():
        if names_in(path, ".npy"):
            raise UntrimError(f"holds .npy files without {INFO_NAME}", where=path, fix="name a new or empty folder")
        folder = FeatureFolder(path, info)
        folder.save_info()
    folder = FeatureFolder.open(path)
    if difference := folder.info.disagreement(info):
        raise UntrimError(
            f"the folder holds features of another recipe: {difference}",
            where=path / INFO_NAME,
            fix="name another folder, or extract with the same settings",
        )
    return folder


def _looked_at(
    files: Mapping[str, Path], folder: FeatureFolder
) -> tuple[dict[VideoJob, int], dict[VideoJob, State], dict[str, str]]:
    """Bytes of each video, and whether it is done; without those that are gone or whose names cannot name features,
    with the reason by name."""
    sizes, states, refused = {}, {}, {}
    for name, path in files.items():
        try:
            folder.file(name)
            size, state = path.stat().st_size, state_of(name, path, folder)
        except UntrimError as error:
            refused[name] = str(error)
        except OSError as error:
            refused[name] = f"{path}: {error.strerror}"
        else:
            sizes[VideoJob(name, path)], states[VideoJob(name, path)] = size, state
    return sizes, states, refused


def _forget(jobs: Sequence[VideoJob], folder: FeatureFolder) -> None:
    """Drop what the folder has of some videos: features of files that changed, or that nothing is known of."""
    for job in jobs:
        folder.info.videos.pop(job.name, None)
    folder.save_info()
    for job in jobs:
        folder.file(job.name).unlink(missing_ok=True)


def _unsure(names: Sequence[str], folder: FeatureFolder) -> tuple[str, ...]:
    """A note on videos that may have changed since an older untrim extracted them."""
    if not names:
        return ()
    videos = numbered(len(names), "video", "videos")
    return (
        f"{videos} changed after an older untrim made the features, which knew their size alone: {listing(names)}. "
        f"The size is the same, so the features were kept; to extract again, first remove {folder.file(names[0])}",
    )


def _left_behind(found: FoundVideos, folder: FeatureFolder) -> tuple[str, ...]:
    """A note on features of a plain name that several of the files have now."""
    plain = {standard(file.stem) for file in found.files.values()} - found.files.keys()
    if not (left := [name for name in plain if name in folder.info.videos]):
        return ()
    return (
        f"several files are called {listing(left)} now and go by their paths; remove the features of the plain name "
        f"if they are of one of those: {folder.file(min(left))}",
    )


def _recorded(outcomes: Outcomes, folder: FeatureFolder) -> Iterator[tuple[VideoJob, VideoInfo | str]]:
    """Pass outcomes on, and keep ``features.json`` about a second behind them; more where it is long."""
    saved, interval, pending = time.monotonic(), _SECONDS_BETWEEN_SAVES, False
    for outcome in outcomes:
        if outcome is not None:
            job, result = outcome
            if isinstance(result, WorkFailed):
                raise result
            if isinstance(result, VideoInfo):
                folder.info.videos[job.name] = result
                pending = True
            yield job, f"{job.path}: {result.reason}" if isinstance(result, Died) else result
        began = time.monotonic()
        if pending and began - saved >= interval:
            folder.save_info()
            saved, pending = time.monotonic(), False
            interval = max(_SECONDS_BETWEEN_SAVES, _PAUSES * (saved - began))


def _write_failures(folder: Path, failed: Mapping[VideoJob, str]) -> None:
    if failed:
        lines = [
            json.dumps({"schema": 1, "video": job.name, "source": str(job.path), "reason": reason})
            for job, reason in failed.items()
        ]
        write_text(folder / FAILURES_NAME, "\n".join(lines) + "\n")
    else:
        (folder / FAILURES_NAME).unlink(missing_ok=True)
