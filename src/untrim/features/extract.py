"""``untrim extract``: video files in, a feature folder out; resumes by itself.

A video counts as done when its ``.npy`` is there and ``features.json`` lists it with the name and size of the file it
was made from. A file that has changed its size since is extracted again.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path

import cv2

from untrim.errors import UntrimError, WorkFailed
from untrim.features.backbones import Backbone, BackboneConfig, load_backbone
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, VideoInfo
from untrim.features.writing import WritingReport
from untrim.support.files import new_folder, remove_leftovers, write_text
from untrim.support.locks import locked
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress, ShouldStop, count_steps
from untrim.support.workers import Died, Engine, Local, work_off
from untrim.video.decode import VideoFile
from untrim.video.files import find_videos

FAILURES_NAME = "failures.jsonl"

_SECONDS_BETWEEN_SAVES = 1.0
_PAUSES = 20  # Times as long as it takes to write features.json it is left alone.

Outcomes = Generator[tuple[Path, VideoInfo | str | WorkFailed | Died] | None]


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
    """Extract features of video files into a feature folder; what is there already is left as it is.

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
            holds features of another recipe, or is worked in by another run.
        WorkFailed: No space left, or processes cannot be started. What is done is kept.
        Stopped: `should_stop` said so. What is done is kept, and the same call resumes.
    """
    found = find_videos(as_paths(videos, "videos"))
    if workers is not None and workers < 1:
        raise UntrimError(f"{workers} workers", fix="use at least 1")
    info = load_backbone(backbone, settings).info(backbone)
    output, engine = as_path(output, "output"), engine or Local()
    with new_folder(output), locked(output):
        folder = _open(output, info)
        task = _Extractor(output, backbone, settings)
        return _complete(folder, found, task, workers or engine.room, engine, progress, should_stop)


def _complete(
    folder: FeatureFolder,
    found: Sequence[Path],
    task: _Extractor,
    workers: int,
    engine: Engine,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> WritingReport:
    """Extract those of the videos `found` whose features are not in `folder`, which no other run works in."""
    remove_leftovers(folder.path)
    sizes, failed = _looked_at(found, folder)
    missing = [video for video, size in sizes.items() if not _is_done(video, size, folder)]
    _forget(missing, folder)
    missing.sort(key=sizes.__getitem__, reverse=True)  # So that no worker is left alone with a long one at the end.
    done: list[str] = []
    outcomes = work_off(task, missing, workers, engine, should_stop)
    try:
        advance = count_steps(progress, "extract", len(sizes), len(sizes) - len(missing))
        with closing(outcomes):
            for video, result in _recorded(outcomes, folder):
                if isinstance(result, VideoInfo):
                    done.append(video.stem)
                else:
                    failed[video.stem] = result
                advance(video.stem)
    finally:
        remove_leftovers(folder.path)
        folder.save_info()
        _write_failures(folder.path, {video: failed[video.stem] for video in found if video.stem in failed})
    skipped = sorted({video.stem for video in sizes} - {video.stem for video in missing})
    return WritingReport(tuple(sorted(done)), tuple(skipped), dict(sorted(failed.items())))


class _Extractor:
    """What a worker does with a video; the backbone is built in the worker, once."""

    def __init__(self, output: Path, name: str, settings: Mapping[str, object] | None) -> None:
        self._output, self._name, self._settings = output, name, settings

    @cached_property
    def _backbone(self) -> Backbone[BackboneConfig]:
        cv2.setNumThreads(1)
        try:
            return load_backbone(self._name, self._settings)
        except UntrimError as error:  # It could be loaded where the run was started: this machine lacks something.
            raise WorkFailed(f"in a worker: {error.what}", where=error.where, fix=error.fix) from error

    def __call__(self, video: Path) -> VideoInfo | str | WorkFailed:
        """Write the features of `video`; gives what is known of it, why it cannot be done, or why no video can."""
        try:
            return self._extract(video)
        except WorkFailed as error:
            return error
        except UntrimError as error:
            return str(error)
        except Exception as error:  # A file may be broken in a way that no library foresees: it must stop no other.
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{video}: {type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
            return " ".join(what.split())

    def _extract(self, video: Path) -> VideoInfo:
        config = self._backbone.config
        with VideoFile(video) as file:
            size = video.stat().st_size
            features = self._backbone.features(
                frame.image for frame in file.frames(fps=config.fps, size=config.short_side)
            )
            notes = [f"{file.broken_packets} broken packets"] if file.broken_packets else []
            info = VideoInfo(duration=file.duration, source=video.name, source_bytes=size, notes=notes)
        FeatureFolder(self._output, self._backbone.info(self._name)).save(video.stem, features)
        return info


def _open(path: Path, info: FeatureInfo) -> FeatureFolder:
    """The folder at `path`, an empty one or one of features of the recipe `info`."""
    if not (path / INFO_NAME).exists():
        if any(path.glob("*.npy")):
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


def _looked_at(videos: Sequence[Path], folder: FeatureFolder) -> tuple[dict[Path, int], dict[str, str]]:
    """Bytes of each video; without those that are gone or whose names cannot name features, with the reason by name."""
    sizes, refused = {}, {}
    for video in videos:
        try:
            folder.file(video.stem)
            sizes[video] = video.stat().st_size
        except UntrimError as error:
            refused[video.stem] = str(error)
        except OSError as error:
            refused[video.stem] = f"{video}: {error.strerror}"
    return sizes, refused


def _is_done(video: Path, size: int, folder: FeatureFolder) -> bool:
    known = folder.info.videos.get(video.stem)
    return (
        known is not None
        and folder.file(video.stem).is_file()
        and known.source in (None, video.name)
        and known.source_bytes in (None, size)
    )


def _forget(videos: Sequence[Path], folder: FeatureFolder) -> None:
    """Drop what the folder has of `videos`: features of files that have changed, or that nothing is known of."""
    for video in videos:
        folder.info.videos.pop(video.stem, None)
    folder.save_info()
    for video in videos:
        folder.file(video.stem).unlink(missing_ok=True)


def _recorded(outcomes: Outcomes, folder: FeatureFolder) -> Iterator[tuple[Path, VideoInfo | str]]:
    """Pass outcomes on, and keep ``features.json`` about a second behind them; more where it is long."""
    saved, interval, pending = time.monotonic(), _SECONDS_BETWEEN_SAVES, False
    for outcome in outcomes:
        if outcome is not None:
            video, result = outcome
            if isinstance(result, WorkFailed):
                raise result
            if isinstance(result, VideoInfo):
                folder.info.videos[video.stem] = result
                pending = True
            yield video, f"{video}: {result.reason}" if isinstance(result, Died) else result
        began = time.monotonic()
        if pending and began - saved >= interval:
            folder.save_info()
            saved, pending = time.monotonic(), False
            interval = max(_SECONDS_BETWEEN_SAVES, _PAUSES * (saved - began))


def _write_failures(folder: Path, failed: Mapping[Path, str]) -> None:
    if failed:
        lines = [
            json.dumps({"schema": 1, "video": video.stem, "source": str(video), "reason": reason})
            for video, reason in failed.items()
        ]
        write_text(folder / FAILURES_NAME, "\n".join(lines) + "\n")
    else:
        (folder / FAILURES_NAME).unlink(missing_ok=True)
