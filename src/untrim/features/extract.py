"""``untrim extract``: video files in, a feature folder out; resumes by itself.

A video counts as done when its ``.npy`` is there and ``features.json`` lists it with the name and size of the file it
was made from. A file that has changed its size since is extracted again.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2

from untrim.errors import UntrimError
from untrim.features.backbones import Backbone, BackboneConfig, load_backbone
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, VideoInfo
from untrim.features.workers import Died, work_off
from untrim.files import make_folder, remove_leftovers, write_text
from untrim.progress import progress
from untrim.video.decode import VideoFile, find_videos

FAILURES_NAME = "failures.jsonl"

_SECONDS_BETWEEN_SAVES = 1.0


@dataclass(frozen=True, slots=True)
class ExtractionReport:
    """What became of the videos.

    Args:
        done: Names of those whose features were extracted now.
        skipped: Names of those whose features were there.
        failed: Names of those that could not be done, with the reason.
    """

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]


def extract(
    videos: Sequence[Path],
    output: Path,
    backbone: str = "hoghof",
    options: Mapping[str, object] | None = None,
    workers: int | None = None,
) -> ExtractionReport:
    """Extract features of video files into a feature folder; what is there already is left as it is.

    A video that cannot be done stops no other: it is reported, and listed in ``failures.jsonl`` in `output` until a
    run has no failures. Works in processes that start afresh, so that a script which calls this needs the usual
    ``if __name__ == "__main__":``.

    Args:
        videos: Video files, and folders that hold some.
        output: Feature folder, new or of the same recipe.
        backbone: Name of a backbone (`untrim.features.backbones`).
        options: Values of its config that differ from the defaults.
        workers: Processes, each with one thread; None for one a core.

    Raises:
        UntrimError: No videos, two with the same name, unknown backbone or option, or `output` cannot be written
            or holds features of another recipe.
        WorkFailed: Worker processes cannot be started.
    """
    found = find_videos([Path(video) for video in videos])
    if workers is not None and workers < 1:
        raise UntrimError(f"{workers} workers", fix="use at least 1")
    folder = _open(Path(output), load_backbone(backbone, options).info(backbone))
    remove_leftovers(folder.path)
    failed = _refused(found, folder)
    candidates = [video for video in found if video.stem not in failed]
    missing = [video for video in candidates if not _is_done(video, folder)]
    _forget(missing, folder)
    missing.sort(key=_bytes, reverse=True)  # So that no worker is left alone with a long one at the end.
    done: list[str] = []
    outcomes = work_off(_Extractor(folder.path, backbone, options), missing, workers or _cores())
    try:
        with closing(outcomes), progress("extract", len(candidates), len(candidates) - len(missing)) as advance:
            for video, result in _recorded(outcomes, folder):
                if isinstance(result, VideoInfo):
                    done.append(video.stem)
                else:
                    failed[video.stem] = result
                advance(video.stem)
    finally:
        folder.save_info()
        _write_failures(folder.path, {video: failed[video.stem] for video in found if video.stem in failed})
        remove_leftovers(folder.path)
    skipped = sorted({video.stem for video in candidates} - {video.stem for video in missing})
    return ExtractionReport(tuple(sorted(done)), tuple(skipped), dict(sorted(failed.items())))


class _Extractor:
    """What a worker does with a video; the backbone is built in the worker, once."""

    def __init__(self, output: Path, name: str, options: Mapping[str, object] | None) -> None:
        self._output, self._name, self._options = output, name, options

    @cached_property
    def _backbone(self) -> Backbone[BackboneConfig]:
        cv2.setNumThreads(1)
        return load_backbone(self._name, self._options)

    def __call__(self, video: Path) -> VideoInfo | str:
        """Write the features of `video`; gives what is known of it, or why it cannot be done."""
        try:
            return self._extract(video)
        except UntrimError as error:
            return str(error)
        except Exception as error:  # A file may be broken in a way that no library foresees: it must stop no other.
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
            return " ".join(what.split())

    def _extract(self, video: Path) -> VideoInfo:
        config, size = self._backbone.config, _bytes(video)
        with VideoFile(video) as file:
            features = self._backbone.features(
                frame.image for frame in file.frames(fps=config.fps, size=config.short_side)
            )
            notes = [f"{file.broken_packets} broken packets"] if file.broken_packets else []
            info = VideoInfo(duration=file.duration, source=video.name, source_bytes=size, notes=notes)
        FeatureFolder(self._output, self._backbone.info(self._name)).save(video.stem, features)
        return info


def _open(path: Path, info: FeatureInfo) -> FeatureFolder:
    """The folder at `path`, made if need be, for features of the recipe `info`."""
    make_folder(path)
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
            fix="name another folder, or extract with the same options",
        )
    return folder


def _refused(videos: Sequence[Path], folder: FeatureFolder) -> dict[str, str]:
    """Videos whose names cannot name features, with the reason."""
    refused = {}
    for video in videos:
        try:
            folder.file(video.stem)
        except UntrimError as error:
            refused[video.stem] = str(error)
    return refused


def _is_done(video: Path, folder: FeatureFolder) -> bool:
    known = folder.info.videos.get(video.stem)
    return (
        known is not None
        and folder.file(video.stem).is_file()
        and known.source in (None, video.name)
        and known.source_bytes in (None, _bytes(video))
    )


def _forget(videos: Sequence[Path], folder: FeatureFolder) -> None:
    """Drop what the folder has of `videos`: features of files that have changed, or that nothing is known of."""
    for video in videos:
        folder.info.videos.pop(video.stem, None)
    folder.save_info()
    for video in videos:
        folder.file(video.stem).unlink(missing_ok=True)


def _recorded(
    outcomes: Iterable[tuple[Path, VideoInfo | str | Died] | None], folder: FeatureFolder
) -> Iterator[tuple[Path, VideoInfo | str]]:
    """Pass outcomes on, and keep ``features.json`` no more than about a second behind them."""
    saved, pending = time.monotonic(), False
    for outcome in outcomes:
        if outcome is not None:
            video, result = outcome
            if isinstance(result, VideoInfo):
                folder.info.videos[video.stem] = result
                pending = True
            yield video, result.reason if isinstance(result, Died) else result
        if pending and time.monotonic() - saved >= _SECONDS_BETWEEN_SAVES:
            folder.save_info()
            saved, pending = time.monotonic(), False


def _write_failures(folder: Path, failed: Mapping[Path, str]) -> None:
    if failed:
        lines = [
            json.dumps({"video": video.stem, "source": str(video), "reason": reason})
            for video, reason in failed.items()
        ]
        write_text(folder / FAILURES_NAME, "\n".join(lines) + "\n")
    else:
        (folder / FAILURES_NAME).unlink(missing_ok=True)


def _bytes(video: Path) -> int:
    return video.stat().st_size


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
