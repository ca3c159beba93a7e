"""Pictures as video files store them: brightness, and two planes of colour at half the size.

What goes from one video file into another stays in this form. A detour by RGB would cost time and colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from untrim.errors import UntrimError
from untrim.support.array_types import Image

_FORMAT = "yuv420p"
_FULL, _LIMITED = 2, 1  # FFmpeg's AVColorRange
_UNKNOWN = 2  # of AVColorSpace, AVColorPrimaries and AVColorTransferCharacteristic alike
_RGB, _BT601 = 0, 6  # of AVColorSpace


@dataclass(frozen=True, slots=True)
class ColorTags:
    """How the numbers of a picture become colours, in FFmpeg's numbers; 2 where nothing is said."""

    matrix: int = _UNKNOWN
    primaries: int = _UNKNOWN
    transfer: int = _UNKNOWN


class Planes:
    """A picture of even width and height: `y` (H, W), `u` and `v` (H / 2, W / 2), uint8, views of one buffer."""

    def __init__(self, width: int, height: int) -> None:
        luma = width * height
        self.size = width, height
        self.buffer = np.empty(luma * 3 // 2, np.uint8)
        self.y = self.buffer[:luma].reshape(height, width)
        self.u = self.buffer[luma : luma * 5 // 4].reshape(height // 2, width // 2)
        self.v = self.buffer[luma * 5 // 4 :].reshape(height // 2, width // 2)

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Planes:
        """A copy of a frame in that form."""
        planes = cls(frame.width, frame.height)
        planes.buffer[:] = cast(Image, frame.to_ndarray()).reshape(-1)
        return planes

    def frame(self) -> av.VideoFrame:
        """A copy as a frame for an encoder."""
        width, height = self.size
        return av.VideoFrame.from_ndarray(self.buffer.reshape(height * 3 // 2, width), format=_FORMAT)

    def paste(self, picture: Planes, x: int, y: int) -> None:
        """Copy `picture` into this one, its upper left corner at even (x, y)."""
        width, height = picture.size
        self.y[y : y + height, x : x + width] = picture.y
        half = np.s_[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
        self.u[half], self.v[half] = picture.u, picture.v

    def turned(self, rotation: int, mirrored: bool) -> Planes:
        """The picture, left and right swapped or not, then turned by `rotation` degrees counter-clockwise."""
        width, height = self.size
        turned = Planes(*((height, width) if rotation % 180 else (width, height)))
        for own, other in ((self.y, turned.y), (self.u, turned.u), (self.v, turned.v)):
            other[:] = np.rot90(own[:, ::-1] if mirrored else own, rotation // 90)
        return turned


def color_tags(frame: av.VideoFrame) -> ColorTags:
    """The tags that planes of this frame have. Of pictures in RGB, the matrix is the one that they are given."""
    return ColorTags(_matrix(frame), frame.color_primaries, frame.color_trc)


def even(width: int, height: int) -> tuple[int, int]:
    """The largest even size that is no larger, at least 2 x 2."""
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


def planes_converter(
    width: int, height: int, rotation: int, mirrored: bool, threads: int = 1, where: Path | None = None
) -> Callable[[av.VideoFrame], Planes]:
    """A function that gives decoded frames as planes of even size (width, height); for one thread at a time.

    Args:
        width: Pixels of the picture as shown, after turning; even.
        height: Pixels, likewise.
        rotation: Degrees, counter-clockwise, by which the stored picture is turned: 0, 90, 180 or 270.
        mirrored: Whether left and right of the stored picture are swapped before it is turned.
        threads: Threads for scaling; 0 lets FFmpeg choose.
        where: The file, for errors.

    Raises:
        UntrimError: In the function: the frame is of a form that cannot be converted.
    """
    if rotation % 180:
        width, height = height, width
    reformatter = VideoReformatter()

    def convert(frame: av.VideoFrame) -> Planes:
        full = frame.color_range == _FULL
        try:
            scaled = reformatter.reformat(
                frame,
                width,
                height,
                _FORMAT,
                dst_colorspace=_BT601 if _from_rgb(frame) else None,
                src_color_range=_FULL if full else None,
                dst_color_range=_LIMITED if full else None,
                threads=threads,
            )
        except av.FFmpegError as error:
            raise UntrimError(f"pictures of the form {frame.format.name} cannot be used", where=where) from error
        planes = Planes.of(scaled)
        return planes.turned(rotation, mirrored) if rotation or mirrored else planes

    return convert


def planes_painter(tags: ColorTags) -> Callable[[Image], Planes]:
    """A function that gives RGB pictures of even size, all of one size, in the planes of a video with these tags."""
    known = tags.matrix if tags.matrix not in (_UNKNOWN, _RGB) else _BT601
    reformatter = VideoReformatter()

    def paint(image: Image) -> Planes:
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        return Planes.of(
            reformatter.reformat(frame, format=_FORMAT, dst_colorspace=known, dst_color_range=_LIMITED, threads=1)
        )

    return paint


def _from_rgb(frame: av.VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette or frame.colorspace == _RGB


def _matrix(frame: av.VideoFrame) -> int:
    return _BT601 if _from_rgb(frame) else frame.colorspace
