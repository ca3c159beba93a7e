"""I3D: two streams of an inflated Inception, the features that most papers on temporal localization start from.

Carreira, Zisserman: Quo vadis, action recognition? A new model and the Kinetics dataset, CVPR 2017.

    stream   columns   the network sees                                               weights
    rgb      1024      RGB from -1 to 1                                               `untrim weights pull`, or a file
    flow     1024      TV-L1 flow, clipped at 20 pixels per frame, from -1 to 1         a file

Frames are taken at 25 frames per second and scaled to a short side of 256. The flow is computed at that size. Then the
central 224 x 224 pixels are cut out, or those around the centre of the snippet's motion (`follow`). A snippet has 16
frames. If the last snippet is shorter, its last frame and flow are repeated. With ten crops, the features of the
corners, the centre and their mirror images are averaged.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice, repeat, tee
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from untrim.errors import UntrimError
from untrim.features.backbones import Backbone, BackboneConfig, Features, StreamName, Streams
from untrim.features.backbones.i3d_engines import ClipEngine, ClipShape, Runtime, load_engine
from untrim.features.backbones.i3d_network import FEATURES
from untrim.features.motion import motion_centre, motions
from untrim.features.prefetch import in_threads, prefetch
from untrim.features.snippets import windows, with_flow
from untrim.features.weights import file_sha256, weights_path
from untrim.support.array_types import Float32, Image
from untrim.timeline import SnippetGrid
from untrim.video.flow import Flow, FlowAlgorithm, OpticalFlow, clip_flow

Clips = dict[StreamName, Float32]
N = TypeVar("N", bound=np.generic)

RGB_WEIGHTS = "i3d-rgb-kinetics400"
CHANNELS: dict[StreamName, int] = {"rgb": 3, "flow": 2}


class I3DConfig(BackboneConfig):
    """Values of the backbone `i3d`. Those that say where weights lie, and what computes, are no part of the recipe:
    the weights themselves are known by their SHA-256, and every runtime gives the same features."""

    before: ClassVar[Mapping[str, object]] = {"follow": False}

    streams: Streams = ("rgb",)
    """Parts of the features: `rgb`, `flow`, or both, joined by a comma. If not given: `rgb`, and `flow` where
    `flow_weights` is given."""
    flow: FlowAlgorithm = "tvl1"
    """Optical flow algorithm; flow networks were trained on TV-L1."""
    crop: int = Field(default=224, ge=32, le=4096)
    """Pixels of the square that the network sees."""
    crops: Literal[1, 10] = 1
    """1: the centre. 10: also the corners, and all five mirrored; ten times the work."""
    follow: bool = False
    """Whether the square follows what moves, from snippet to snippet, as far as the picture goes."""
    flow_bound: float = Field(default=20.0, gt=0, le=1000)
    """Pixels per frame that flow is clipped at, and that become 1."""
    rgb_weights: Path | None = Field(default=None, exclude=True)
    """File of the RGB weights; none: those that `untrim weights pull i3d-rgb-kinetics400` gets."""
    flow_weights: Path | None = Field(default=None, exclude=True)
    """File of the flow weights, such as `flow_imagenet.pt`."""
    runtime: Runtime = Field(default="torch", exclude=True)
    """What computes: `torch`, or `openvino` (extra `fast`; only on a CPU)."""
    device: str = Field(default="auto", exclude=True)
    """Where the networks and TV-L1 compute: `auto`, `cpu`, `cuda` or `cuda:N`."""

    @model_validator(mode="before")
    @classmethod
    def _flow_where_there_are_weights(cls, values: Any) -> Any:
        if isinstance(values, dict) and "streams" not in values and values.get("flow_weights"):
            return values | {"streams": "rgb,flow"}
        return values

    @model_validator(mode="after")
    def _crop_fits(self) -> I3DConfig:
        if self.crop > self.short_side:
            raise ValueError(f"crop {self.crop} is larger than short_side {self.short_side}")
        if self.follow and self.crops > 1:
            raise ValueError("a square that follows the motion is one crop: give follow=true or crops=10")
        return self

    def clip_shape(self, stream: StreamName) -> ClipShape:
        """What the network of a stream sees: channels, frames, height, width."""
        return CHANNELS[stream], self.snippet_frames, self.crop, self.crop

    def weights(self, stream: StreamName) -> Path:
        """The file of a stream's weights.

        Raises:
            UntrimError: There are none; the error says how to get them.
        """
        if stream == "rgb":
            return weights_path(RGB_WEIGHTS) if self.rgb_weights is None else self.rgb_weights.expanduser()
        if self.flow_weights is None:
            raise UntrimError(
                "the flow stream of i3d has no weights that can be pulled",
                fix="give a file of the flow_imagenet.pt layout: --set flow_weights=FILE, or take --set streams=rgb",
            )
        return self.flow_weights.expanduser()


class I3D(Backbone[I3DConfig]):
    """Pooled features of the last Inception module, 1024 per stream."""

    Config = I3DConfig

    def __init__(self, config: I3DConfig) -> None:
        super().__init__(config)
        files = {stream: config.weights(stream) for stream in config.streams}
        self.weights_sha256 = ",".join(file_sha256(file) for file in files.values())
        self._engines: dict[StreamName, ClipEngine] = {
            stream: load_engine(file, config.clip_shape(stream), config.runtime, config.device)
            for stream, file in files.items()
        }

    @property
    def streams(self) -> dict[str, int]:
        """Width of each chosen stream."""
        return dict.fromkeys(self.config.streams, FEATURES)

    def features(self, images: Iterable[Image]) -> Features:
        """Features of one video, float32 (T, 1024 per stream), not negative.

        On a GPU or in several threads, the next snippets are decoded and their flow computed meanwhile.
        """
        return np.concatenate(list(self.blocks(images)))

    def blocks(self, images: Iterable[Image]) -> Iterator[Features]:
        """The same, a batch of snippets at a time."""
        most = max(engine.batch for engine in self._engines.values())
        snippets, at_once = clips(images, self.config), max(1, most // self.config.crops)
        threads = 1 if most > 1 else self.threads
        for engine in self._engines.values():
            engine.prepare(threads)
        with closing(prefetch(snippets, at_once) if most > 1 else snippets) as ready:
            batches = iter(lambda: list(islice(ready, at_once)), [])
            yield from in_threads(self._rows, batches, threads)

    def _rows(self, batch: Sequence[Clips]) -> Float32:
        """Features (N, D) of N snippets, averaged over their crops."""
        columns = []
        for stream, engine in self._engines.items():
            seen = np.concatenate([clip[stream] for clip in batch])  # (N crops, T, H, W, C)
            found = [engine(seen[first : first + engine.batch]) for first in range(0, len(seen), engine.batch)]
            columns.append(np.concatenate(found).reshape(len(batch), -1, FEATURES).mean(axis=1))
        return np.concatenate(columns, axis=1)


def clips(images: Iterable[Image], config: I3DConfig) -> Generator[Clips]:
    """What the networks see of one video, a snippet at a time: by stream, float32 (crops, T, H, W, channels).

    A frame's flow is computed once, however many snippets it is in.

    Args:
        images: Frames at `config.fps`, RGB uint8 (H, W, 3), shorter side `config.short_side`.
        config: Values of the backbone.
    """
    moves: Iterable[Float32 | None] = repeat(None)
    if config.follow:
        images, seen = tee(images)
        moves = motions(seen)
    frames: Iterable[tuple[Image, Flow | None]]
    if "flow" in config.streams:
        frames = with_flow(images, OpticalFlow(config.flow, config.device))
    else:
        frames = ((image, None) for image in images)
    grid = SnippetGrid.regular(config.snippet_frames, config.stride_frames, config.fps)
    for window in windows(zip(frames, moves, strict=False), grid):
        size, shape = config.crop, window[0][0][0].shape
        moved = [motion for _, motion in window if motion is not None]
        corners = [_around(np.mean(moved, axis=0), shape, size)] if moved else _fixed(shape, size, config.crops)
        full = [frame for frame, _ in window] + [window[-1][0]] * (config.snippet_frames - len(window))
        clip: Clips = {}
        if "rgb" in config.streams:
            squares = cut([image for image, _ in full], size, corners)
            clip["rgb"] = squares.astype(np.float32) / 127.5 - 1
        if "flow" in config.streams:
            flow = cut([flow for _, flow in full if flow is not None], size, corners)
            flow[5:, ..., 0] *= -1  # In a mirror, motion to the right is motion to the left.
            clip["flow"] = clip_flow(flow, config.flow_bound) / config.flow_bound
        yield clip


def cut(frames: Sequence[npt.NDArray[N]], size: int, corners: Sequence[tuple[int, int]]) -> npt.NDArray[N]:
    """Squares (crops, T, size, size, C) of T frames (H, W, C) with their top left at `corners`.

    Of several corners, then the same squares mirrored.
    """
    squares = np.stack([[frame[y : y + size, x : x + size] for frame in frames] for y, x in corners])
    return squares if len(corners) == 1 else np.concatenate([squares, squares[:, :, :, ::-1]])


def _fixed(shape: tuple[int, ...], size: int, crops: Literal[1, 10]) -> list[tuple[int, int]]:
    """The top left of the central square of a picture (H, W, …), and for ten crops of those in its corners: top left,
    top right, bottom left, bottom right."""
    bottom, right = (side - size for side in shape[:2])
    corners = [(bottom // 2, right // 2)]
    return corners if crops == 1 else [*corners, (0, 0), (0, right), (bottom, 0), (bottom, right)]


def _around(motion: Float32, shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """The top left of the square around the centre of motion in cells (rows, columns), inside a picture (H, W, …)."""
    centre = motion_centre(motion)[0] / motion.shape * shape[:2]
    y, x = (int(np.clip(round(at - size / 2), 0, side - size)) for at, side in zip(centre, shape, strict=False))
    return y, x
