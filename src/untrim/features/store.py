"""The feature folder: one ``<video>.npy`` of shape (T, D) per video and one ``features.json`` for all.

A video whose name is a path, ``cam1/clip``, has its file in a folder in the folder (see `untrim.video.files`).

Files are written to a temporary name and renamed, so a killed writer leaves no half file. Per-video facts
(duration, source, an fps of its own) are under ``videos`` in ``features.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from untrim.errors import UntrimError, listing, numbered
from untrim.support.arrays import read_array, write_array
from untrim.support.files import write_json
from untrim.support.named_files import file_of, names_in
from untrim.support.names import in_one_form, standard, there_as
from untrim.support.paths import as_path, similar
from untrim.support.schema import read_object
from untrim.support.validation import validate
from untrim.timeline import LONGEST, SnippetGrid

INFO_NAME = "features.json"
PUT_ASIDE = ".importing.json"
_FASTEST, _MOST_FRAMES = 1e6, 10**9
"""Frames per second, and frames of a snippet, beyond which a number is taken for damage."""

Seconds = Annotated[float, Field(ge=-LONGEST, le=LONGEST)]


class VideoInfo(BaseModel):
    """What is known of one video.

    Args:
        fps: Its own frames per second, where they differ.
        duration: Seconds; what is not positive is unknown, as many tools write it.
        offset_seconds: What a player shows at the first frame (`untrim.video.frames`); None if unknown.
        source: Name of the file that the features were made of.
        source_bytes: Its size.
        source_changed_ns: When it was last changed, nanoseconds since 1970.
        source_blake2b: Digest of its content, for a file whose time changed and whose content perhaps did not.
        notes: Sentences about the file.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    fps: float | None = Field(default=None, gt=0, le=_FASTEST)
    duration: Annotated[
        Seconds | None, AfterValidator(lambda seconds: seconds if seconds and seconds > 0 else None)
    ] = None
    offset_seconds: Seconds | None = None
    source: str | None = None
    source_bytes: int | None = Field(default=None, ge=0)
    source_changed_ns: int | None = None
    source_blake2b: str | None = None
    notes: list[str] = []


class FeatureInfo(BaseModel):
    """Contents of ``features.json``: the snippet grid, and what made the features."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)

    version: Literal[1] = Field(default=1, alias="schema")
    snippet_frames: int = Field(ge=1, le=_MOST_FRAMES)
    stride_frames: int = Field(ge=1, le=_MOST_FRAMES)
    fps: float = Field(gt=0, le=_FASTEST)
    first_center_seconds: float = Field(ge=-LONGEST, le=LONGEST)
    dim: int = Field(ge=1)
    streams: dict[str, tuple[int, int]] = Field(description="stream -> [first column, one past the last]")
    backbone: str
    weights_sha256: str | None = None
    flow_algorithm: str | None = None
    recipe: dict[str, str | int | float | bool] = Field(
        default={}, description="settings of the backbone, enough to extract more features like these"
    )
    videos: dict[str, VideoInfo] = {}

    @field_validator("videos")
    @classmethod
    def _by_standard_name(cls, videos: dict[str, VideoInfo]) -> dict[str, VideoInfo]:
        try:
            return in_one_form(videos)
        except UntrimError as error:  # pydantic wants a ValueError.
            raise ValueError(error.what) from error

    @model_validator(mode="after")
    def _streams_tile_dim(self) -> FeatureInfo:
        position = 0
        for name, (first, stop) in sorted(self.streams.items(), key=lambda item: item[1]):
            if first != position or stop <= first:
                raise ValueError(f"stream '{name}' [{first}, {stop}] does not follow column {position}")
            position = stop
        if position != self.dim:
            raise ValueError(f"streams end at column {position}, dim is {self.dim}")
        return self

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {stop - first}" for name, (first, stop) in self.streams.items())
        frames = f"{self.snippet_frames} frames every {self.stride_frames} at {self.fps:g} fps"
        return f"FeatureInfo({self.backbone}, {self.dim} columns: {parts}; {frames})"

    __str__ = __repr__

    def grid(self, video: str | None = None) -> SnippetGrid:
        """The snippet grid of all videos, or of one video that may have its own fps."""
        own = self.videos.get(standard(video)) if video is not None else None
        fps = own.fps if own is not None and own.fps is not None else self.fps
        # The first centre is a frame position: at another fps it moves with it.
        return SnippetGrid(self.snippet_frames, self.stride_frames, fps, self.first_center_seconds * self.fps / fps)

    def with_stride(self, frames: int) -> FeatureInfo:
        """The same, with so many frames from one snippet to the next."""
        recipe = {**self.recipe, "stride_frames": frames} if "stride_frames" in self.recipe else self.recipe
        return self.model_copy(update={"stride_frames": frames, "recipe": recipe})

    def disagreement(self, other: FeatureInfo) -> str | None:
        """The first thing in which two recipes differ, as ``key: mine against theirs``; None if they agree.

        Where one backbone gives features of two widths, the setting that differs is named too.
        """
        for key in type(self).model_fields:
            mine, theirs = getattr(self, key), getattr(other, key)
            if key in ("version", "videos") or mine == theirs:
                continue
            if key == "recipe" and " " in self.backbone and not (mine and theirs):
                continue  # Combined, the one by an older version, which kept no recipe.
            if key == "recipe":
                return f"recipe.{_first_difference(mine, theirs)}"
            chosen = key == "dim" and self.backbone == other.backbone and self.recipe != other.recipe
            why = f", by {_first_difference(self.recipe, other.recipe)}" if chosen else ""
            return f"{key}: {mine} against {theirs}{why}"
        return None


def _first_difference(mine: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    """The first setting in which two recipes differ, as ``key: mine against theirs``."""
    name = min(name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name))
    return f"{name}: {mine.get(name, 'not set')} against {theirs.get(name, 'not set')}"


def read_info(path: Path) -> FeatureInfo:
    """The contents of a ``features.json``.

    Raises:
        UntrimError: Missing, wrong, or written by a newer untrim.
    """
    return validate(FeatureInfo, read_object(path), path)


def column_ranges(widths: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """First column of each stream, and one past its last, from the streams' widths in the order of the columns."""
    ranges, first = {}, 0
    for stream, width in widths.items():
        ranges[stream] = (first, first + width)
        first += width
    return ranges


class FeatureFolder:
    """A feature folder on disk.

    Args:
        path: The folder.
        info: Contents of its ``features.json``.
    """

    def __init__(self, path: Path | str, info: FeatureInfo) -> None:
        self.path, self.info = as_path(path, "features"), info

    @classmethod
    def of(cls, given: FeatureFolder | Path | str) -> FeatureFolder:
        """`given` itself, or the folder at that path.

        Raises:
            UntrimError: As for `open`.
        """
        return given if isinstance(given, FeatureFolder) else cls.open(given)

    @classmethod
    def open(cls, path: Path | str) -> FeatureFolder:
        """Open an existing folder.

        Raises:
            UntrimError: No such folder, or its ``features.json`` is missing or wrong.
        """
        path = as_path(path, "features")
        if path.is_file():
            raise UntrimError(
                "is a file, not a feature folder", where=path, fix="-f takes folders, -a takes annotations"
            )
        if (path / "model.safetensors").is_file():
            raise UntrimError(
                "is a run, not a feature folder", where=path, fix="name a folder that `untrim extract` wrote"
            )
        if not path.exists():
            raise UntrimError(f"has no {INFO_NAME}: there is no such folder", where=path, fix=similar(path))
        if not (path / INFO_NAME).is_file() and (path / PUT_ASIDE).is_file():
            what = "is being written to by an import or `combine`, or that was stopped"
            raise UntrimError(what, where=path, fix="wait for it, or run it again")
        if not (path / INFO_NAME).is_file():
            raise UntrimError(
                f"has no {INFO_NAME}", where=path, fix="name a feature folder that `untrim extract` wrote"
            )
        return cls(path, read_info(path / INFO_NAME))

    def __repr__(self) -> str:
        count = numbered(len(self.names()), "video", "videos")
        return f"FeatureFolder({count}, {self.info.backbone}, {self.info.dim} columns; from {self.path})"

    def save_info(self) -> None:
        """Write ``features.json``, whole or not at all."""
        content = json.loads(self.info.model_dump_json(by_alias=True))
        content["videos"] = {
            name: {k: v for k, v in entry.items() if v not in (None, [])}
            for name, entry in sorted(content["videos"].items())
        }
        write_json(self.path / INFO_NAME, content)

    def names(self) -> list[str]:
        """Names of the videos that have a feature file, sorted."""
        return names_in(self.path, ".npy")

    def file(self, name: str) -> Path:
        """Where the features of a video lie.

        Raises:
            UntrimError: The name would lead out of the folder, or is too long for a file.
        """
        return file_of(self.path, name, ".npy")

    def missing(self, names: list[str]) -> list[str]:
        """Those of `names` that have no feature file.

        Raises:
            UntrimError: As for `file`.
        """
        return [name for name in names if not self.file(name).is_file()]

    def require(self, names: list[str]) -> None:
        """Check that every video has features.

        Raises:
            UntrimError: Names three that have none, and says which videos they may be.
        """
        if not (missing := self.missing(names)):
            return
        what = f"features missing for {len(missing)} of {len(names)} videos: {listing(missing)}"
        if hint := there_as(missing, self.names()):
            raise UntrimError(f"{what}; {hint}", where=self.path, fix="use the same names in the labels")
        fix = "run `untrim extract` on them, or take them out of the annotations"
        raise UntrimError(what, where=self.path, fix=fix)

    def stored(self, name: str) -> npt.NDArray[np.floating]:
        """Features of one video as they are stored, (T, D), memory-mapped: a part is read when it is looked at.

        Raises:
            UntrimError: Missing, not a plain array, of another dimension, or empty.
        """
        file = self.file(name)
        if not file.exists():
            raise UntrimError("features missing", where=file, fix="run `untrim extract` on the video")
        try:
            array: npt.NDArray[np.floating] = read_array(file)
        except UntrimError as error:
            raise UntrimError(error.what, where=file, fix=error.fix or "extract it again") from error
        if array.ndim != 2 or array.shape[1] != self.info.dim or array.dtype.kind != "f":
            raise UntrimError(
                f"holds {array.dtype} {array.shape}, wanted float (T, {self.info.dim})",
                where=file,
                fix=f"features and {INFO_NAME} must belong together; extract it again",
            )
        if len(array) == 0:
            raise UntrimError("holds no snippets", where=file, fix="extract it again")
        return array

    def load(self, name: str) -> npt.NDArray[np.float32]:
        """Features of one video, float32 (T, D), checked.

        Raises:
            UntrimError: As for `stored`, or with NaN or infinity in it.
        """
        with np.errstate(over="ignore"):
            array = np.asarray(self.stored(name)).astype(np.float32)
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).any(axis=1).sum())
            where = self.file(name)
            raise UntrimError(f"NaN or infinity in {bad} of {len(array)} snippets", where=where, fix="extract it again")
        return array

    def digest(self, name: str) -> str:
        """What changes with the features of a video and with the times of its snippets, whatever the file's own times.

        Raises:
            UntrimError: As for `stored`.
        """
        array = np.ascontiguousarray(self.stored(name))
        head = f"{array.dtype.str} {array.shape} {self.info.grid(name).fps!r}"
        content = hashlib.sha256(head.encode())
        content.update(array.view(np.uint8).data)
        return content.hexdigest()[:16]

    def save(self, name: str, features: npt.NDArray[np.floating]) -> None:
        """Write the features (T, D) of one video as float16, whole or not at all.

        Raises:
            UntrimError: Not finite as float16, or the place cannot be written.
        """
        write_array(self.file(name), as_half(features, self.file(name)))

    def duration(self, name: str, snippets: int) -> float:
        """Seconds of a video: as recorded, else up to the end of its last snippet's cell."""
        own = self.info.videos.get(standard(name))
        if own is not None and own.duration is not None:
            return own.duration
        return self.info.grid(name).boundary(snippets)


def as_half(features: npt.NDArray[np.floating], where: object) -> npt.NDArray[np.float16]:
    """Features as they are stored, float16.

    Raises:
        UntrimError: Not finite as float16; `where` says of what.
    """
    with np.errstate(over="ignore"):
        half = features.astype(np.float16)
    if not np.isfinite(half).all():
        raise UntrimError("features are not finite, or beyond what float16 holds", where=where)
    return half
