"""What every layout writes into: a feature folder that grows by one video at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from untrim.annotations import Annotations
from untrim.errors import UntrimError, listing
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, VideoInfo, read_info

Array = npt.NDArray[Any]

JOINT = "joint"
"""Name of columns of which the layout does not say which stream they belong to."""

_TWO_STREAM_I3D = 2048
_MOST_EXTRA_SNIPPETS = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """When the snippets of a layout are.

    Args:
        snippet_frames: Frames that a snippet sees.
        stride_frames: Frames from one snippet to the next.
        fps: Frames per second that both are counted in.
        center_frames: Frames from the start of the video to the middle of the first snippet; None for half a snippet.
        own_fps: Whether frames are those of the video, whose fps the annotations may know, and `fps` is only what is
            taken where they do not; else every video was brought to `fps` first.
    """

    snippet_frames: int
    stride_frames: int
    fps: float
    center_frames: float | None = None
    own_fps: bool = False

    def changed(self, **values: float | None) -> Timing:
        """The same with those of `values` that are not None; an fps that is given holds for every video."""
        given = {key: value for key, value in values.items() if value is not None}
        return replace(self, **given, own_fps=self.own_fps and "fps" not in given)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ImportReport:
    """What became of the videos.

    Args:
        info: Contents of the ``features.json`` that was written.
        done: Names of those that were written now.
        skipped: Names of those whose features were there, the same.
        failed: Names of those that could not be imported, with the reason.
        notes: What is worth knowing, a sentence each.
    """

    info: FeatureInfo
    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report for a terminal."""
        info = self.info
        streams = ", ".join(f"{name} [{first}, {stop})" for name, (first, stop) in info.streams.items())
        grid = f"snippets of {info.snippet_frames} frames every {info.stride_frames} at {info.fps:g} fps"
        return [
            f"{len(self.done)} written, {len(self.skipped)} were there",
            f"{info.dim} columns: {streams}; {grid}, the first centred at {info.first_center_seconds:g} s",
            *self.notes,
        ]


@dataclass
class Target:
    """The feature folder that is written, one video at a time.

    Args:
        folder: Where; may hold what an import before, or one that was killed, left.
        timing: When the snippets are.
        backbone: What made the features, in words.
        streams: Columns a stream, in order, where the user says so.
        annotations: Labels that know durations, and fps; their names of videos are used.
    """

    folder: Path
    timing: Timing
    backbone: str
    streams: Mapping[str, int] = field(default_factory=dict)
    annotations: Annotations | None = None

    def __post_init__(self) -> None:
        # While videos come in that features.json does not tell of, the folder has none, so that nobody reads it.
        self._put_aside = self.folder / ".importing.json"
        if (self.folder / INFO_NAME).is_file():
            FeatureFolder.open(self.folder)
            os.replace(self.folder / INFO_NAME, self._put_aside)
        there = self._put_aside.is_file()
        self._before = read_info(self._put_aside) if there else None
        self._now: FeatureFolder | None = None
        self._written: dict[str, bool] = {}
        self.failed: dict[str, str] = {}

    def save(
        self,
        name: str,
        parts: Mapping[str, Array],
        fps: float | None = None,
        duration: float | None = None,
        rescaled: bool = False,
    ) -> None:
        """Take over one video; one that cannot be is noted, and stops no other.

        Args:
            name: Name of the video.
            parts: Features (T, D) of each stream, in the order of their columns; or of `JOINT` alone.
            fps: Its own frames per second, if the layout says.
            duration: Its seconds, if the layout says.
            rescaled: Whether the snippets were stretched to a number that is the same for all videos.

        Raises:
            UntrimError: The place cannot be written, or holds other features.
        """
        name = self.known(name)
        if name in self.failed or name in self._written:
            self.failed[name] = f"{name}: stands twice"
            return
        try:
            features, notes = _joined(parts)
            own = self.annotations.get(name) if self.annotations is not None else None
            if own is not None:
                duration = duration if own.duration is None else own.duration
                fps = fps or own.fps
            folder = self._opened({stream: part.shape[-1] for stream, part in parts.items()}, features.shape[1])
            _check_name(folder, name)
            entry = VideoInfo(duration=duration, notes=notes, fps=self._fps(len(features), fps, duration, rescaled))
            written = not _same(folder, name, features)
            if written:
                _check_values(features)
                folder.save(name, features)
        except _NotTaken as error:
            self.failed[name] = f"{name}: {error}"
            return
        except ValidationError as error:
            self.failed[name] = f"{name}: {error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}"
            return
        folder.info.videos[name] = entry
        self._written[name] = written

    def fail(self, name: str, reason: str) -> None:
        """Note that a video could not be read."""
        self.failed[self.known(name)] = f"{name}: {reason}"

    def close(self) -> None:
        """Write ``features.json`` for what was taken, even if the import ends in an error."""
        if self._now is not None:
            before = {} if self._before is None else self._before.videos
            self._now.info.videos = {**before, **self._now.info.videos}
            self._now.save_info()
            self._put_aside.unlink(missing_ok=True)
        elif self._before is not None:
            os.replace(self._put_aside, self.folder / INFO_NAME)

    def report(self, notes: tuple[str, ...] = ()) -> ImportReport:
        """What became of the videos.

        Raises:
            UntrimError: There was no video that could be taken.
        """
        if self._now is None:
            reason = next(iter(self.failed.values()), "there is none")
            raise UntrimError(f"no video could be imported: {reason}", where=self.folder)
        return ImportReport(
            self._now.info,
            tuple(sorted(name for name, written in self._written.items() if written)),
            tuple(sorted(name for name, written in self._written.items() if not written)),
            dict(sorted(self.failed.items())),
            (*notes, *self._compared(set(self._written))),
        )

    def known(self, name: str) -> str:
        """The name of a video in the annotations: some features carry, or lack, ActivityNet's ``v_``."""
        if self.annotations is not None and name not in self.annotations:
            for other in (name.removeprefix("v_"), f"v_{name}"):
                if other in self.annotations:
                    return other
        return name

    def _compared(self, taken: set[str]) -> list[str]:
        timed = any(entry.duration for entry in self._now.info.videos.values()) if self._now is not None else True
        notes = [] if timed else ["no durations are known: detections end with the last snippet, not with the video"]
        if self.annotations is None:
            return notes
        if missing := [name for name in self.annotations if name not in taken]:
            notes.append(f"{len(missing)} annotated videos have no features here: {listing(missing)}")
        if extra := [name for name in taken if name not in self.annotations]:
            notes.append(f"{len(extra)} videos have no annotations: {listing(extra)}")
        return notes

    def _fps(self, count: int, fps: float | None, duration: float | None, rescaled: bool) -> float | None:
        """The fps to record for a video, if it is another than that of all."""
        if rescaled:
            if not duration:
                raise _NotTaken("stretched over a duration that is not known; give the annotations with -a")
            fps = count * self.timing.stride_frames / duration
        elif not self.timing.own_fps:
            return None
        return None if fps is None or math.isclose(fps, self.timing.fps) else fps

    def _opened(self, widths: Mapping[str, int], dim: int) -> FeatureFolder:
        if self._now is not None:
            if dim != self._now.info.dim:
                raise _NotTaken(f"has {dim} columns, the others {self._now.info.dim}")
            return self._now
        timing = self.timing
        center = timing.snippet_frames / 2 if timing.center_frames is None else timing.center_frames
        info = FeatureInfo(
            snippet_frames=timing.snippet_frames,
            stride_frames=timing.stride_frames,
            fps=timing.fps,
            first_center_seconds=center / timing.fps,
            dim=dim,
            streams=_columns(self.streams or widths, dim, self.folder),
            backbone=self.backbone,
        )
        if self._before is not None and (difference := self._before.disagreement(info)):
            raise UntrimError(
                f"holds other features: {difference}", where=self.folder, fix="name another folder for the output"
            )
        self._now = FeatureFolder(self.folder, info)
        return self._now


class _NotTaken(Exception):
    """Why a video cannot be imported."""


def _check_name(folder: FeatureFolder, name: str) -> None:
    try:
        folder.file(name)
    except UntrimError as error:
        raise _NotTaken(error.what) from None


def _check_values(features: Array) -> None:
    """Refuse what float16 cannot hold."""
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features)).any(axis=1).sum())
        raise _NotTaken(f"NaN or infinity in {bad} of {len(features)} snippets")
    if np.abs(features).max() > np.finfo(np.float16).max:
        raise _NotTaken("holds values beyond what float16 can")


def _same(folder: FeatureFolder, name: str, features: Array) -> bool:
    """Whether the same features are there already."""
    try:
        with np.errstate(over="ignore"):
            return np.array_equal(folder.stored(name), features.astype(np.float16))
    except UntrimError:
        return False


def _joined(parts: Mapping[str, Array]) -> tuple[Array, list[str]]:
    """Features of all streams side by side, (T, D), and what is worth noting of them."""
    arrays = []
    for name, array in parts.items():
        if array.ndim > 2 and math.prod(array.shape[1:-1]) == 1:
            array = array.reshape(len(array), array.shape[-1])  # (T, 1, 1, D) -> (T, D)
        if array.ndim != 2 or array.dtype.kind != "f" or 0 in array.shape:
            raise _NotTaken(f"{name} holds {array.dtype} {array.shape}, wanted float (T, D)")
        arrays.append(array)
    count = min(map(len, arrays))
    longest = max(map(len, arrays))
    if longest - count > _MOST_EXTRA_SNIPPETS:
        lengths = ", ".join(f"{len(array)} of {name}" for name, array in zip(parts, arrays, strict=True))
        raise _NotTaken(f"streams differ in length: {lengths}")
    notes = [f"cut to {count} snippets, the length of the shorter stream"] if longest > count else []
    return np.concatenate([np.asarray(array[:count]) for array in arrays], axis=1), notes


def _columns(widths: Mapping[str, int], dim: int, where: Path) -> dict[str, tuple[int, int]]:
    """First and last column of each stream: as the layout says, two halves of I3D's 2,048, or one stream."""
    if list(widths) == [JOINT]:
        half = dim // 2
        widths = {"rgb": half, "flow": half} if dim == _TWO_STREAM_I3D else {"rgb": dim}
    if sum(widths.values()) != dim:
        raise UntrimError(f"streams have {sum(widths.values())} columns together, the features {dim}", where=where)
    stops = np.cumsum(list(widths.values())).tolist()
    return {name: (stop - width, stop) for (name, width), stop in zip(widths.items(), stops, strict=True)}
