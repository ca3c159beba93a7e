"""What every layout hands its videos to: first a survey of all, then the folder that they go into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import ValidationError

from untrim.annotations import Annotations
from untrim.errors import UntrimError, listing
from untrim.features.store import FeatureInfo, VideoInfo, column_ranges
from untrim.features.writing import GrowingFolder, ImportReport, NotTaken, side_by_side, two_axes
from untrim.support.array_types import Array
from untrim.support.names import standard

JOINT = "joint"
"""Name of columns of which the layout does not say which stream they belong to."""

_TWO_STREAM_I3D = 2048


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


@dataclass(frozen=True, slots=True)
class Incoming:
    """A video as a layout has it.

    Args:
        name: Name of the video.
        parts: Features (T, D) of each stream, in the order of their columns; or of `JOINT` alone.
        fps: Its own frames per second, if the layout says.
        duration: Its seconds, if the layout says.
        rescaled: Whether the snippets were stretched to a number that is the same for all videos.
    """

    name: str
    parts: Mapping[str, Array]
    fps: float | None = None
    duration: float | None = None
    rescaled: bool = False


class Taker(Protocol):
    """What a layout hands its videos to, one by one.

    Args:
        timing: When the snippets are.
    """

    timing: Timing

    def knows(self, name: str) -> bool:
        """Whether the annotations have a video of that name, with or without ActivityNet's ``v_``."""

    def save(self, video: Incoming) -> None:
        """Take over one video; one that cannot be is noted, and stops no other."""

    def fail(self, name: str, reason: str) -> None:
        """Note that a video could not be read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What annotations tell an importer of videos; their names of videos are used.

    Args:
        annotations: The annotations, if there are any.
    """

    annotations: Annotations | None

    def name(self, name: str) -> str:
        """The name of a video in the annotations: some features carry, or lack, ActivityNet's ``v_``."""
        name = standard(name)
        if self.annotations is not None and name not in self.annotations:
            for other in (name.removeprefix("v_"), f"v_{name}"):
                if other in self.annotations:
                    return other
        return name

    def has(self, name: str) -> bool:
        """Whether the annotations have that video."""
        return self.annotations is not None and self.name(name) in self.annotations

    def times(self, video: Incoming) -> tuple[float | None, float | None]:
        """Frames per second and duration of a video, from what the layout says and what the annotations do."""
        own = self.annotations.get(self.name(video.name)) if self.annotations is not None else None
        if own is None:
            return video.fps, video.duration
        return video.fps or own.fps, video.duration if own.duration is None else own.duration


class Target:
    """The feature folder of an import: checks what comes in, and adds it.

    Args:
        folder: Where the features go.
        timing: When the snippets are.
        backbone: What made the features, in words.
        streams: Columns per stream, in order, where the user says so.
        widths: Columns per stream, in order, of most of the videos.
        known: What annotations tell.
    """

    def __init__(
        self,
        folder: GrowingFolder,
        timing: Timing,
        backbone: str,
        streams: Mapping[str, int],
        widths: Mapping[str, int],
        known: Known,
    ) -> None:
        self.timing = timing
        self._folder, self._backbone, self._known = folder, backbone, known
        self._streams, self._widths = streams, widths

    def knows(self, name: str) -> bool:
        """As of `Taker`."""
        return self._known.has(name)

    def save(self, video: Incoming) -> None:
        """As of `Taker`.

        Raises:
            UntrimError: The place cannot be written, or holds other features.
        """
        (fps, duration), name = self._known.times(video), self._known.name(video.name)
        try:
            self._refuse_other_widths(video.parts)
            features, notes = side_by_side(video.parts)
            if not self._folder.begun:
                self._folder.begin(self._info(self._widths))
            own = self._fps(len(features), fps, duration, video.rescaled)
            entry = VideoInfo(duration=duration, notes=notes, fps=own)
            self._folder.add(name, features, entry)
        except NotTaken as error:
            self._folder.fail(name, str(error))
        except ValidationError as error:
            self._folder.fail(name, f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}")

    def fail(self, name: str, reason: str) -> None:
        """As of `Taker`."""
        self._folder.fail(self._known.name(name), reason)

    def report(self, notes: tuple[str, ...]) -> ImportReport:
        """What became of the videos, beside those that are annotated.

        Raises:
            UntrimError: There was no video that could be taken.
        """
        report, annotations = self._folder.report(notes), self._known.annotations
        if annotations is None:
            return report
        more, taken = [], {*report.done, *report.skipped}
        if missing := [name for name in annotations if name not in taken]:
            more.append(f"{len(missing)} annotated videos have no features here: {listing(missing)}")
        if extra := [name for name in taken if name not in annotations]:
            more.append(f"{len(extra)} videos have no annotations: {listing(extra)}")
        return replace(report, notes=(*report.notes, *more))

    def _refuse_other_widths(self, parts: Mapping[str, Array]) -> None:
        """Tell an array that lies (D, T) among others from one that is merely of another width."""
        for stream, part in parts.items():
            shape, width = two_axes(part.shape), self._widths.get(stream, sum(self._widths.values()))
            if shape is not None and shape[0] == width != shape[1]:
                raise NotTaken(f"lies (D, T), {shape}, where most lie (T, D) with D = {width}; transpose it")

    def _fps(self, count: int, fps: float | None, duration: float | None, rescaled: bool) -> float | None:
        """The fps to record for a video, if it is another than that of all."""
        if rescaled:
            if not duration:
                raise NotTaken("stretched over a duration that is not known; give the annotations with -a")
            fps = count * self.timing.stride_frames / duration
        elif not self.timing.own_fps:
            return None
        return None if fps is None or math.isclose(fps, self.timing.fps) else fps

    def _info(self, widths: Mapping[str, int]) -> FeatureInfo:
        """What ``features.json`` says; streams are as told, else two halves of I3D's 2,048 columns, or one stream."""
        dim, timing = sum(widths.values()), self.timing
        streams = self._streams or widths
        if list(streams) == [JOINT]:
            streams = {"rgb": dim // 2, "flow": dim // 2} if dim == _TWO_STREAM_I3D else {"rgb": dim}
        if (named := sum(streams.values())) != dim:
            raise UntrimError(f"streams have {named} columns together, the features {dim}", where=self._folder.path)
        center = timing.snippet_frames / 2 if timing.center_frames is None else timing.center_frames
        return FeatureInfo(
            snippet_frames=timing.snippet_frames,
            stride_frames=timing.stride_frames,
            fps=timing.fps,
            first_center_seconds=center / timing.fps,
            dim=dim,
            streams=column_ranges(streams),
            backbone=self._backbone,
        )
