"""HOG, HOF and MBH: the classical local descriptors of appearance and motion, without any download.

Laptev, Marszalek, Schmid, Rozenfeld: Learning realistic human actions from movies, CVPR 2008 (HOG and HOF in cells of
space and time). Wang, Kläser, Schmid, Liu: Dense trajectories and motion boundary descriptors, IJCV 2013 (MBH, the bin
of no motion). Wang, Schmid: Action recognition with improved trajectories, ICCV 2013 (motion less the camera's).
Efros, Berg, Mori, Malik: Recognizing action at a distance, ICCV 2003 (a window that follows the actor).

    stream   histogram    bins    of
    rgb      HOG          8       the gradient of the grey image
    flow     HOF          8 + 1   the flow less the camera's; the last bin is the share of pixels that are still
             MBHx, MBHy   8, 8    the gradients of the two components of that flow

A histogram sums magnitudes by direction, each shared between the two nearest bins. It is taken of each frame in six
cells: the whole, the quarters, and a soft window around the centre of the snippet's motion. It is brought to sum 1,
unless so little is in it that it may be noise, and its root taken. A snippet is described by the means over its parts
in time and by the standard deviation over its frames.

Two grids add where things are (`grids`): all histograms in 5 x 5 soft cells around the centre of the snippet's motion,
and HOG in 6 x 10 cells of the picture, averaged with that of its mirror image.

An action and its mirror image mostly are one action. If left is not to be told from right (`left_right`), a video and
its mirror image have the same features: each column is added to the one that has its value in the mirror image.

What all this is worth: docs/results/real-video.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from math import prod
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from untrim.features.backbones import Backbone, BackboneConfig, Features
from untrim.features.motion import STILL, motion_centre
from untrim.features.snippets import for_each, to_grey, windows, with_flow
from untrim.support.array_types import Float32, Image
from untrim.video.camera import own_motion
from untrim.video.flow import PAIRS_AT_ONCE, Flow, FlowAlgorithm, OpticalFlow

_BINS = 8
_HOG, _HOF, _MBHX, _MBHY = slice(0, 8), slice(8, 17), slice(17, 25), slice(25, 33)
_MOVING, _STILL = slice(8, 16), 16  # The parts of HOF.
_STREAMS = {"rgb": slice(0, 8), "flow": slice(8, 33)}
_ACROSS, _DOWN = (4 - np.arange(8)) % 8, -np.arange(8) % 8  # Bins of directions: left for right, up for down.
_MIRRORED_BINS = np.concatenate([_ACROSS, 8 + _ACROSS, [16], 17 + _DOWN, 25 + _ACROSS])
"""The bin that each bin of a histogram is in the mirror image. There the flow across changes its sign; its derivative
across, in MBHx, does so twice, and its derivative downwards once."""
_FLOORS = ((_HOG, 2.0), (_HOF, 1e-6), (_MBHX, 0.05), (_MBHY, 0.05))  # Mean magnitudes that may be noise.
_CELLS = 6
_MIRRORED_CELLS = np.array([0, 2, 1, 4, 3, 5])
_FINE = 12  # Fine cells along the short side of a frame, which the cells are made of.
_WINDOW = 0.2  # Standard deviation of the window, as a part of the short side.
_AROUND = (5, 5)  # Rows and columns of the grid around the motion,
_APART = 0.15  # how far apart its cells are, as a part of the short side,
_SOFT = 0.6  # and the standard deviation of each, as a part of that.
_SOBEL = 8  # A gradient by OpenCV's kernel is so many grey levels a pixel for each that there is.
_NOTHING = 1e-20  # A smaller weight adds nothing, and its products may be so small that a processor is slow with them.
_PICTURE = (6, 10)  # Rows and columns of the grid of the picture; every other column is the mirror image of one.


class HogHofConfig(BackboneConfig):
    """Values of the backbone `hoghof`."""

    before: ClassVar[Mapping[str, object]] = {"grids": False, "left_right": True, "luma": False, "every": 1}

    snippet_frames: int = Field(default=24, ge=1, le=10_000)
    """Frames that one snippet sees."""
    stride_frames: int = Field(default=8, ge=1, le=10_000)
    """Frames from one snippet to the next."""
    short_side: int = Field(default=120, ge=32, le=4096)
    """Pixels of the shorter side that frames are scaled to; the other keeps the aspect."""
    flow: FlowAlgorithm = "dis-moving"
    """Optical flow algorithm."""
    parts: int = Field(default=2, ge=1, le=16)
    """Parts in time that a snippet is cut into."""
    grids: bool = True
    """Whether a snippet is also described by the grids, around the motion and of the picture."""
    left_right: bool = True
    """Whether left is told from right; if not, a video and its mirror image have the same features."""
    luma: bool = True
    """Whether brightness is read from a file as it is stored there; if not, it is computed from the colours."""
    every: int = Field(default=1, ge=1, le=16)
    """Of how many frames only the first is described, with the flow from it to the next frame; it counts for all."""


class HogHof(Backbone[HogHofConfig]):
    """Histograms of gradients, flow and motion boundaries.

    Windows follow the motion, so that there is flow to compute whichever streams are chosen.
    """

    Config = HogHofConfig

    @property
    def grey(self) -> bool:
        """Brightness is all that it looks at."""
        return self.config.luma

    @property
    def streams(self) -> dict[str, int]:
        """Width of each chosen stream."""
        columns = {name: _mirrored_columns(name, self.config) for name in self.config.streams}
        if self.config.left_right:
            return {name: len(mirrored) for name, mirrored in columns.items()}
        return {name: int((mirrored >= np.arange(len(mirrored))).sum()) for name, mirrored in columns.items()}

    @classmethod
    def mirrored(cls, config: HogHofConfig) -> npt.NDArray[np.intp] | None:
        """Cells and directions change sides."""
        if not config.left_right:
            return None
        streams = [_mirrored_columns(name, config) for name in config.streams]
        starts = np.cumsum([0, *map(len, streams[:-1])])
        return np.concatenate([start + columns for start, columns in zip(starts, streams, strict=True)])

    def features(self, images: Iterable[Image]) -> Features:
        """Features of one video, float32 (T, D), in [0, 1], or in [0, 1.42] if left is not told from right.

        In a stream the parts in order, the deviation, the grid around the motion, and in rgb that of the picture. If
        left is not told from right, of two columns that are each other's in the mirror image the first one is kept.
        """
        return np.concatenate(list(self.blocks(images)))

    def blocks(self, images: Iterable[Image]) -> Iterator[Features]:
        """The same, a snippet at a time."""
        fine = for_each(map(to_grey, images), self.config.every, self._described)
        return (self._pool(np.stack(window, axis=1))[None] for window in windows(fine, self.grid))

    def _described(self, greys: Iterator[Image]) -> Iterator[Float32]:
        every = self.config.every
        greys_with_flow = with_flow(greys, OpticalFlow(self.config.flow, half=True), every)
        return fine_histograms(greys_with_flow, max(PAIRS_AT_ONCE // every, 1))

    def _pool(self, fine: Float32) -> Float32:
        """Features (D,) of one snippet from the fine histograms (33, F, rows, columns) of its frames."""
        rows, columns = fine.shape[2:]
        centre = motion_centre(fine[_MOVING].sum(0).mean(0))
        cells = [_fixed_cells(rows, columns), soft_cells(centre, _WINDOW * _FINE, rows, columns)]
        if self.config.grids:
            cells.append(soft_cells(centre + _grid_around(), _SOFT * _APART * _FINE, rows, columns))
        frames = normalise(fine.reshape(*fine.shape[:2], -1) @ np.concatenate(cells).T)  # (33, F, 6 or 31)
        means = _parts(fine.shape[1], self.config.parts) @ frames  # (33, parts + 1, 6 or 31)
        off = frames[..., :_CELLS] - means[:, -1:, :_CELLS]
        pools = [*means[:, :-1, :_CELLS].swapaxes(0, 1), np.sqrt(np.square(off).mean(1)), means[:, -1, _CELLS:]]
        found = {name: [pool[_STREAMS[name]].T.ravel() for pool in pools] for name in self.config.streams}
        if self.config.grids and "rgb" in found:
            found["rgb"].append(picture_grid(fine[_HOG].mean(1)).ravel())
        rows = {name: np.concatenate(parts) for name, parts in found.items()}
        if not self.config.left_right:
            rows = {name: with_mirror_image(row, _mirrored_columns(name, self.config)) for name, row in rows.items()}
        return np.concatenate(list(rows.values()))


def fine_histograms(frames: Iterable[tuple[Image, Flow]], at_once: int = PAIRS_AT_ONCE) -> Iterator[Float32]:
    """Histograms of each frame in fine cells, (33, rows, columns): HOG, HOF, MBHx, MBHy.

    Fine cells are about square, 12 along the short side. Values are magnitudes a pixel: grey levels, pixels per frame
    (and, last in HOF, a share of pixels), and 1 per frame.

    Args:
        frames: Images of one size, RGB (H, W, 3) or grey (H, W), each with the flow from it to the next,
            (H // 2, W // 2, 2), in pixels per frame of the whole size. Flow is smooth: at half the size its histograms
            are the same and four times faster.
        at_once: How many to take at a time.
    """
    rest: Iterator[tuple[Image, Flow]] = iter(frames)
    described: _Frames | None = None
    while together := list(islice(rest, at_once)):
        described = described or _Frames(*together[0][0].shape[:2])
        motions = own_motion(np.stack([flow for _, flow in together]))
        yield from (described.histograms(image, motion) for (image, _), motion in zip(together, motions, strict=True))


def soft_cells(centres: npt.NDArray[np.float64], deviation: float, rows: int, columns: int) -> Float32:
    """Weights (n, rows * columns) of fine cells, of sum 1 each: Gaussians around `centres`, rows and columns (n, 2)."""
    y, x = np.arange(rows)[:, None] + 0.5, np.arange(columns) + 0.5
    square = np.square(y - centres[:, 0, None, None]) + np.square(x - centres[:, 1, None, None])
    weights = np.exp(square / (-2 * deviation**2)).astype(np.float32).reshape(len(centres), -1)
    weights[weights < _NOTHING] = 0
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def picture_grid(hog: Float32) -> Float32:
    """HOG (6, 5, 8) in the left half of a grid of 6 x 10 cells, averaged with the mirror image's; from that in fine
    cells (8, rows, columns)."""
    down, across = (_overlaps(size, count) for size, count in zip(hog.shape[1:], _PICTURE, strict=True))
    grid = down @ hog @ across.T
    grid = np.sqrt(grid / (grid.sum(0) + _FLOORS[0][1]))
    mirrored = grid[(_BINS // 2 - np.arange(_BINS)) % _BINS, :, ::-1]  # What brightens to the right, to the left.
    return np.asarray((grid + mirrored)[..., : _PICTURE[1] // 2].transpose(1, 2, 0) / 2, np.float32)


def normalise(histograms: Float32) -> Float32:
    """Square roots of histograms (33, ...), each brought to sum 1 or, where next to nothing is in it, to less."""
    out = np.empty_like(histograms)
    for rows, floor in _FLOORS:
        part = histograms[rows]
        np.sqrt(part / (part.sum(0) + floor), out=out[rows])
    return out


def with_mirror_image(features: Float32, mirrored: npt.NDArray[np.intp]) -> Float32:
    """Features (D,) plus those of the mirror image: each column plus that in `mirrored` (D,), the first of each two.

    The sum is divided by the root of 2, so that its square is what the two squares are together where both are the
    same. A column that is its own mirror image stays as it is.
    """
    columns = np.arange(len(mirrored))
    both = (features + features[mirrored]) * np.where(mirrored == columns, 0.5, 0.5**0.5).astype(np.float32)
    return both[mirrored >= columns]


@lru_cache(maxsize=8)
def _mirrored_columns(stream: str, config: HogHofConfig) -> npt.NDArray[np.intp]:
    """The column that each column of a stream is in the mirror image, (D,), if left is told from right.

    For the quarters, nearly so where the fine columns are odd in number: the middle one counts to the left.
    """
    bins = _MIRRORED_BINS[_STREAMS[stream]] - _STREAMS[stream].start
    cells = (np.arange(config.parts + 1)[:, None] * _CELLS + _MIRRORED_CELLS).ravel()
    if config.grids:
        cells = np.concatenate([cells, len(cells) + np.arange(prod(_AROUND)).reshape(_AROUND)[:, ::-1].ravel()])
    columns = (cells[:, None] * len(bins) + bins).ravel()
    if config.grids and stream == "rgb":
        columns = np.concatenate([columns, len(columns) + np.arange(prod(_PICTURE) // 2 * _BINS)])
    return np.asarray(columns, np.intp)


@lru_cache(maxsize=8)
def _parts(frames: int, count: int) -> Float32:
    """Weights (count + 1, frames) of sum 1 of the frames in equal parts in time, and of all of them.

    A frame on a border, or of fewer frames than parts, is in both.
    """
    weights = np.ones((count + 1, frames), np.float32)
    for part in range(count):
        weights[part, : part * frames // count] = 0
        weights[part, -(-(part + 1) * frames // count) :] = 0
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


class _Cells(NamedTuple):
    """Where the vectors of some planes belong, row by row and one plane after the other.

    `of_pixel` is the place of bin 0 of the cell in the histograms of all the planes, `of_first` the cell of each pixel
    of the first plane, and `sizes` (1, cells) the pixels of each cell.
    """

    of_pixel: npt.NDArray[np.int32]
    of_first: npt.NDArray[np.intp]
    sizes: npt.NDArray[np.float64]


class _Memory(NamedTuple):
    """What is computed of the N vectors of some planes: x and y (2, N), length and angle (2, N), bins (N,), and what
    goes to them and to the next ones (2, N). Kept from frame to frame: to get it anew would take as long."""

    vectors: Float32
    polar: Float32
    bins: npt.NDArray[np.int32]
    places: npt.NDArray[np.intp]
    shares: npt.NDArray[np.float64]

    @classmethod
    def of(cls, count: int) -> _Memory:
        pairs, bins = np.empty((2, 2, count), np.float32), np.empty(count, np.int32)
        return cls(pairs[0], pairs[1], bins, np.empty(count, np.intp), np.empty((2, count)))


class _Frames:
    """Histograms of frames of one size, with the same memory for each."""

    def __init__(self, height: int, width: int) -> None:
        short = min(height, width)
        self._grid = round(_FINE * height / short), round(_FINE * width / short)
        self._of_picture = _fine_cells(height, width, *self._grid, 1)
        self._of_flow = _fine_cells(height // 2, width // 2, *self._grid, 3)
        self._memory = _Memory.of(max(len(cells.of_pixel) for cells in (self._of_picture, self._of_flow)))

    def histograms(self, image: Image, motion: Float32) -> Float32:
        """As `fine_histograms` gives them, of one frame and its motion less the camera's (2, H // 2, W // 2)."""
        fine = np.empty((33, prod(self._grid)), np.float32)
        vectors, polar = self._vectors(self._of_picture)
        for gradient, out in zip(cv2.spatialGradient(to_grey(image)), vectors, strict=True):
            out[:] = gradient.ravel()
        cv2.cartToPolar(*vectors[:, None], *polar[:, None])  # Written in place.
        fine[_HOG] = self._by_direction(self._of_picture)[0] / _SOBEL
        vectors, polar = self._vectors(self._of_flow)
        _motion_vectors(motion, vectors.reshape(2, 3, *motion.shape[1:]))
        cv2.cartToPolar(*vectors[:, None], *polar[:, None])
        speed = polar[0, : motion[0].size]
        moving = speed >= STILL
        speed *= moving
        fine[_MOVING], fine[_MBHX], fine[_MBHY] = self._by_direction(self._of_flow)
        fine[_STILL] = 1 - np.bincount(self._of_flow.of_first, moving, fine.shape[1]) / self._of_flow.sizes[0]
        return fine.reshape(33, *self._grid)

    def _vectors(self, cells: _Cells) -> tuple[Float32, Float32]:
        count = len(cells.of_pixel)
        return self._memory.vectors[:, :count], self._memory.polar[:, :count]

    def _by_direction(self, cells: _Cells) -> npt.NDArray[np.float64]:
        """Histograms (n, 8, cells) of directions: mean magnitudes. Bin 0 is to the right, bin 2 downwards."""
        count, (_, size) = len(cells.of_pixel), cells.sizes.shape
        magnitude, place = self._memory.polar[:, :count]
        bins, places, whole = (
            part[:count] for part in (self._memory.bins, self._memory.places, self._memory.vectors[0])
        )
        place *= np.float32(_BINS / (2 * np.pi))
        np.copyto(bins, place, casting="unsafe")
        np.copyto(whole, bins, casting="unsafe")
        place -= whole
        place *= magnitude  # What goes to the next bin.
        magnitude -= place
        bins *= np.int32(size)
        bins += cells.of_pixel
        places[:] = bins
        planes = count // len(cells.of_first)
        shape = planes, _BINS + 2, size  # Angles may be 2 pi, rounded.
        shares = self._memory.shares[:, :count]
        shares[0], shares[1] = magnitude, place
        here, there = (np.bincount(places, share, prod(shape)).reshape(shape) for share in shares)
        here[:, 1:] += there[:, :-1]
        here[:, :2] += here[:, _BINS:]
        return here[:, :_BINS] / cells.sizes


def _motion_vectors(motion: Float32, vectors: Float32) -> None:
    """Writes to `vectors`, (2, 3, H, W), motion (2, H, W) at half the size, and the derivatives of its two components,
    to the right and downwards, per pixel of the whole size."""
    vectors[:, 0] = motion
    for axis in (0, 1):
        for component in (0, 1):
            cv2.Sobel(
                motion[component],
                cv2.CV_32F,
                1 - axis,
                axis,
                dst=vectors[axis, 1 + component],  # Written in place.
                ksize=3,
                scale=1 / 16,
            )


def _fine_cells(height: int, width: int, rows: int, columns: int, planes: int) -> _Cells:
    """The fine cells of some planes of one size."""
    row, column = np.arange(height) * rows // height, np.arange(width) * columns // width
    cells = (row[:, None] * columns + column).ravel()
    starts = np.arange(planes) * (_BINS + 2) * rows * columns
    sizes = np.maximum(np.bincount(cells, minlength=rows * columns), 1.0)
    return _Cells((starts[:, None] + cells).ravel().astype(np.int32), cells, sizes[None])


@lru_cache(maxsize=8)
def _fixed_cells(rows: int, columns: int) -> Float32:
    """Weights (5, rows * columns) of fine cells, of sum 1 each: the whole frame, then its quarters by rows."""
    quarter = (2 * np.arange(rows) // rows)[:, None] * 2 + 2 * np.arange(columns) // columns
    members = np.stack([quarter >= 0, *(quarter == i for i in range(4))]).reshape(5, -1)
    return np.asarray(members / members.sum(1, keepdims=True), np.float32)


@lru_cache(maxsize=1)
def _grid_around() -> npt.NDArray[np.float64]:
    """Rows and columns (25, 2) of the cells around the motion, in fine cells off its centre."""
    places = np.stack(np.meshgrid(*map(np.arange, _AROUND), indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray((places - (np.array(_AROUND) - 1) / 2) * _APART * _FINE)


@lru_cache(maxsize=8)
def _overlaps(size: int, count: int) -> Float32:
    """The share of each of `count` cells that each of `size` has, where both tile one length; (count, size)."""
    ends = np.arange(size + 1) / size * count
    cells = np.arange(count)[:, None]
    return np.asarray(np.clip(np.minimum(ends[1:], cells + 1) - np.maximum(ends[:-1], cells), 0, None), np.float32)
