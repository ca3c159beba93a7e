"""The backbones, by name, and what each of them is: frames of one video in, one feature row per snippet out.

A new backbone is one file with a subclass of `Backbone`, its config beside it, and one line in `BACKBONES`. Third
parties add theirs through the entry point group ``untrim.backbones``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from untrim.errors import UntrimError
from untrim.features.store import FeatureInfo, column_ranges
from untrim.support.array_types import Image
from untrim.support.registry import Registry
from untrim.support.validation import validate
from untrim.timeline import SnippetGrid
from untrim.video.flow import FlowAlgorithm
from untrim.video.limits import USUAL_LIMITS, Limits

BACKBONES = Registry(
    "backbone",
    "untrim.backbones",
    {
        "hoghof": "untrim.features.backbones.hoghof:HogHof",
        "i3d": "untrim.features.backbones.i3d:I3D",
        "hf": "untrim.features.backbones.hf:HuggingFace",
    },
)

Features = npt.NDArray[np.float32]
StreamName = Literal["rgb", "flow"]


def _in_order(streams: tuple[StreamName, ...]) -> tuple[StreamName, ...]:
    """Columns have one order, in whatever order streams are asked for."""
    if not streams:
        raise ValueError("name at least one stream")
    return tuple(sorted(set(streams), reverse=True))


Streams = Annotated[
    tuple[StreamName, ...],
    BeforeValidator(lambda value: tuple(value.split(",")) if isinstance(value, str) else value),
    AfterValidator(_in_order),
    PlainSerializer(",".join),
]


class BackboneConfig(BaseModel):
    """What one can choose of every backbone. A subclass sets the defaults and adds values of its own, all scalars."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    before: ClassVar[Mapping[str, object]] = {}
    """Settings that came later than the first features, with the value that features have whose recipe lacks them."""

    fps: float = Field(default=25.0, gt=0, le=1000)
    """Frames per second that videos are resampled to."""
    snippet_frames: int = Field(default=16, ge=1, le=10_000)
    """Frames that one snippet sees."""
    stride_frames: int = Field(default=16, ge=1, le=10_000)
    """Frames from one snippet to the next."""
    short_side: int = Field(default=256, ge=32, le=4096)
    """Pixels of the shorter side that frames are scaled to; the other keeps the aspect."""
    streams: Streams = ("rgb", "flow")
    """Parts of the features to write: `rgb` (appearance), `flow` (motion), or both, joined by a comma."""
    flow: FlowAlgorithm = "dis"
    """Optical flow algorithm."""
    max_pixels: int = Field(default=USUAL_LIMITS.max_pixels, ge=1, exclude=True)
    """Pixels of the largest picture that is decoded."""
    max_gap_seconds: float = Field(default=USUAL_LIMITS.max_gap_seconds, ge=0, exclude=True)
    """Seconds in all without pictures that are filled, counting gaps beyond ten seconds each."""

    @property
    def limits(self) -> Limits:
        """What is refused in a video file."""
        return Limits(self.max_pixels, self.max_gap_seconds)

    @model_serializer(mode="wrap")
    def _as_before(self, values: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Features like those from before a setting have the recipe that they had then."""
        before = self.before.items()
        return {key: value for key, value in values(self).items() if (key, value) not in before}


C = TypeVar("C", bound=BackboneConfig)


class Backbone(ABC, Generic[C]):
    """Turns the frames of one video into features. Weights, if any, are loaded when it is built.

    Args:
        config: Of the class's own `Config` type.
    """

    Config: ClassVar[type[BackboneConfig]]
    weights_sha256: str | None = None
    threads: int = 1
    """Snippets that may be computed at a time, on a CPU; the features are the same for any number."""

    def __init__(self, config: C) -> None:
        self.config = config

    @property
    def grey(self) -> bool:
        """Whether it asks for brightness alone where a file is read; it takes RGB, too."""
        return False

    @property
    @abstractmethod
    def streams(self) -> dict[str, int]:
        """Width of each chosen stream, in the order of the columns."""

    @classmethod
    def mirrored(cls, config: C) -> npt.NDArray[np.intp] | None:
        """The column that each column is in the mirror image of a video, (D,); None if mirror images are not known, or
        are the same."""
        return None

    @abstractmethod
    def features(self, images: Iterable[Image]) -> Features:
        """Features of one video, float32 (T, D), with T = ``grid.count(number of images)``.

        Takes the images one by one, looks at each once and keeps no more than one snippet sees
        (`untrim.features.snippets`), so that memory does not grow with the length of the video.

        Args:
            images: At least one: frames at `config.fps`, RGB uint8 (H, W, 3), shorter side `config.short_side`; from a
                file, grey (H, W) if it is `grey`.
        """

    def blocks(self, images: Iterable[Image]) -> Iterator[Features]:
        """The same features as soon as they are computed: of the next N snippets each, (N, D).

        A backbone that does not override it gives them all at the end, which is no use while a video still runs.
        """
        yield self.features(images)

    @property
    def dim(self) -> int:
        """Width of the features."""
        return sum(self.streams.values())

    @property
    def grid(self) -> SnippetGrid:
        """Where the snippets are in time; the first starts with the video."""
        return SnippetGrid.regular(self.config.snippet_frames, self.config.stride_frames, self.config.fps)

    def info(self, name: str) -> FeatureInfo:
        """What ``features.json`` says of features of this backbone, called `name`; without videos."""
        return FeatureInfo(
            snippet_frames=self.config.snippet_frames,
            stride_frames=self.config.stride_frames,
            fps=self.config.fps,
            first_center_seconds=self.grid.first_center_seconds,
            dim=self.dim,
            streams=column_ranges(self.streams),
            backbone=name,
            weights_sha256=self.weights_sha256,
            flow_algorithm=self.config.flow if "flow" in self.streams else None,
            recipe=self.config.model_dump(),
        )


def backbone_names() -> list[str]:
    """Names of all backbones, the project's own first."""
    return BACKBONES.names()


def load_backbone_class(name: str) -> type[Backbone[BackboneConfig]]:
    """The class of a backbone, named as for `load_backbone`.

    Raises:
        UntrimError: No such backbone, or it cannot be imported.
    """
    found: type[Backbone[BackboneConfig]] = BACKBONES.load(name.partition(":")[0])
    return found


def settings_like(info: FeatureInfo) -> dict[str, object]:
    """Settings with which the backbone of some features, by whichever untrim, extracts more features like these.

    Raises:
        UntrimError: No such backbone, or it cannot be imported.
    """
    return {**load_backbone_class(info.backbone).Config.before, **info.recipe}


def mirrored_columns(info: FeatureInfo) -> npt.NDArray[np.intp] | None:
    """The column of some features that each column is in the mirror image of a video, (D,); None if it is not known."""
    try:
        backbone = load_backbone_class(info.backbone)
        columns = backbone.mirrored(validate(backbone.Config, settings_like(info), "recipe"))
    except UntrimError:  # Features of somebody else, or of a later version.
        return None
    return columns if columns is not None and len(columns) == info.dim else None


def load_backbone(name: str, settings: Mapping[str, object] | None = None) -> Backbone[BackboneConfig]:
    """A backbone, ready to work.

    Args:
        name: One of `backbone_names`, or ``NAME:CHECKPOINT`` of one that runs checkpoints: its setting `checkpoint`.
        settings: Values of its config that differ from the defaults; `settings_like` has all those of
            some features.

    Raises:
        UntrimError: No such backbone, it cannot be imported, or the first setting that is unknown or out of bounds.
    """
    _, colon, checkpoint = name.partition(":")
    backbone = load_backbone_class(name)
    chosen = {**({"checkpoint": checkpoint} if colon else {}), **(settings or {})}
    return backbone(validate(backbone.Config, chosen, f"settings of {name}"))
