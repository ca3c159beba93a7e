"""A feature folder that grows by one video at a time, and the report on what became of the videos.

Importers and `untrim.features.combining` write so, because they hold the features of each video. `extract` does not:
its workers write the files, and the video file, not features, tells it what is done already.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from untrim.errors import UntrimError
from untrim.features.store import INFO_NAME, PUT_ASIDE, FeatureFolder, FeatureInfo, VideoInfo, read_info
from untrim.support.array_types import Array
from untrim.support.files import remove_leftovers
from untrim.support.locks import locked
from untrim.support.names import standard

_MOST_EXTRA_SNIPPETS = 2


class NotTaken(Exception):
    """Why the features of a video cannot be taken; no other video is affected."""


@dataclass(frozen=True, slots=True)
class WritingReport:
    """What became of the videos.

    Args:
        done: Names of those whose features were written now.
        skipped: Names of those whose features were already present.
        failed: Names of those that could not be done, with the reason.
        notes: What is worth knowing, a sentence each.
    """

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport(WritingReport):
    """What became of the videos whose features were taken from somewhere else.

    Args:
        info: Contents of the ``features.json`` that was written.
    """

    info: FeatureInfo = field(kw_only=True)

    def lines(self) -> list[str]:
        """The report for a terminal."""
        info = self.info
        streams = ", ".join(f"{name} [{first}, {stop})" for name, (first, stop) in info.streams.items())
        grid = f"snippets of {info.snippet_frames} frames every {info.stride_frames} at {info.fps:g} fps"
        return [
            f"{len(self.done)} written, {len(self.skipped)} already present",
            f"{info.dim} columns: {streams}; {grid}, the first centred at {info.first_center_seconds:g} s",
            *self.notes,
        ]


class GrowingFolder:
    """A feature folder to which videos are added; one that is present already, with the same features, is left alone.

    While videos come in that ``features.json`` does not list, that file is put aside, so that nobody reads the folder.
    `growing` opens and closes one.

    Args:
        path: An existing folder; may hold what a run before this one wrote, even one that was killed.

    Raises:
        UntrimError: Its ``features.json`` is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._put_aside = path / PUT_ASIDE
        if (path / INFO_NAME).is_file():
            FeatureFolder.open(path)
            os.replace(path / INFO_NAME, self._put_aside)
        self._before = read_info(self._put_aside) if self._put_aside.is_file() else None
        self._now: FeatureFolder | None = None
        self._written: dict[str, bool] = {}
        self._failed: dict[str, str] = {}

    @property
    def begun(self) -> bool:
        """Whether the folder knows what features it holds."""
        return self._now is not None

    def begin(self, info: FeatureInfo) -> None:
        """Say what the features that come in are.

        Raises:
            UntrimError: The folder holds other features.
        """
        if self._before is not None and (difference := self._before.disagreement(info)):
            raise UntrimError(
                f"holds other features: {difference}", where=self.path, fix="name another folder for the output"
            )
        self._now = FeatureFolder(self.path, info)

    def add(self, name: str, features: Array, entry: VideoInfo) -> None:
        """Write the features (T, D) of a video, unless the same are present.

        Args:
            name: Name of the video.
            features: Of the dimension that `begin` was told.
            entry: What ``features.json`` says of the video.

        Raises:
            NotTaken: The name or the features cannot be kept, or the video was added before.
            UntrimError: The place cannot be written.
        """
        assert self._now is not None, "begin comes first"
        name = standard(name)
        if name in self._written or name in self._failed:
            raise NotTaken("is listed twice")
        if features.shape[1] != self._now.info.dim:
            raise NotTaken(f"has {features.shape[1]} columns, the others {self._now.info.dim}")
        try:
            self._now.file(name)
        except UntrimError as error:
            raise NotTaken(error.what) from None
        written = not _same(self._now, name, features)
        if written:
            _check_values(features)
            self._now.save(name, features)
        self._now.info.videos[name] = entry
        self._written[name] = written

    def fail(self, name: str, reason: str) -> None:
        """Note why a video could not be taken."""
        self._failed[standard(name)] = f"{name}: {reason}"

    def close(self) -> None:
        """Write ``features.json`` for what was added, or put the one from before back where nothing was."""
        if self._now is not None:
            before = {} if self._before is None else self._before.videos
            self._now.info.videos = {**before, **self._now.info.videos}
            self._now.save_info()
            self._put_aside.unlink(missing_ok=True)
        elif self._before is not None:
            os.replace(self._put_aside, self.path / INFO_NAME)

    def report(self, notes: tuple[str, ...] = ()) -> ImportReport:
        """What became of the videos, once the folder is closed.

        Args:
            notes: What else is worth knowing, a sentence each.

        Raises:
            UntrimError: There was no video whose features could be taken.
        """
        if self._now is None:
            reason = next(iter(self._failed.values()), "there is none")
            raise UntrimError(f"no video could be imported: {reason}", where=self.path)
        if not any(entry.duration for entry in self._now.info.videos.values()):
            notes += ("no durations are known: detections end with the last snippet, not with the video",)
        return ImportReport(
            tuple(sorted(name for name, written in self._written.items() if written)),
            tuple(sorted(name for name, written in self._written.items() if not written)),
            dict(sorted(self._failed.items())),
            notes,
            info=self._now.info,
        )


@contextmanager
def growing(path: Path) -> Iterator[GrowingFolder]:
    """The feature folder at `path`, made if need be, for this run alone; what was added is kept even after an error.

    Raises:
        UntrimError: It cannot be written, another run works in it, or its ``features.json`` is wrong.
    """
    with locked(path):
        remove_leftovers(path)
        folder = GrowingFolder(path)
        try:
            yield folder
        finally:
            folder.close()


def side_by_side(parts: Mapping[str, Array]) -> tuple[Array, list[str]]:
    """Features of all streams in one array, (T, D), and what is worth noting of them.

    Args:
        parts: Features (T, D_s) of each stream, in the order of the columns. Lengths may differ by two snippets, as
            flow is a frame shorter than RGB; all are cut to the shortest.

    Raises:
        NotTaken: A stream is no such array, or much longer than another.
    """
    arrays = []
    for name, array in parts.items():
        shape = two_axes(array.shape)
        if shape is None or array.dtype.kind != "f" or 0 in shape:
            stream = f"{name} " if len(parts) > 1 else ""
            raise NotTaken(f"{stream}holds {array.dtype} {array.shape}, wanted float (T, D)")
        arrays.append(array.reshape(shape))
    count = min(map(len, arrays))
    longest = max(map(len, arrays))
    if longest - count > _MOST_EXTRA_SNIPPETS:
        lengths = ", ".join(f"{len(array)} of {name}" for name, array in zip(parts, arrays, strict=True))
        raise NotTaken(f"streams differ in length: {lengths}")
    notes = [f"cut to {count} snippets, the length of the shorter stream"] if longest > count else []
    return np.concatenate([np.asarray(array[:count]) for array in arrays], axis=1), notes


def two_axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """(T, D) of an array whose other axes are 1, as (1, T, D) or (T, 1, 1, D); None if it has no such two axes."""
    longer = [length for length in shape[:-1] if length != 1]
    return (math.prod(shape[:-1]), shape[-1]) if len(shape) > 1 and len(longer) <= 1 else None


def _check_values(features: Array) -> None:
    """Refuse what float16 cannot hold."""
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features)).any(axis=1).sum())
        raise NotTaken(f"NaN or infinity in {bad} of {len(features)} snippets")
    if np.abs(features).max() > np.finfo(np.float16).max:
        raise NotTaken("holds values beyond what float16 can")


def _same(folder: FeatureFolder, name: str, features: Array) -> bool:
    """Whether the same features are already present."""
    try:
        with np.errstate(over="ignore"):
            return np.array_equal(folder.stored(name), features.astype(np.float16))
    except UntrimError:
        return False
