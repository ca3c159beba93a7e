"""Pictures at a rate of one's own: at each moment the one whose time is nearest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import av
import numpy as np

from untrim.errors import UntrimError
from untrim.support.array_types import Image
from untrim.timeline import is_finite
from untrim.video.clock import Clock
from untrim.video.images import converter

T = TypeVar("T")

_TIE = 1e-6  # seconds; less than this is rounding
_FORMS = {(3,): "rgb24", (): "gray"}  # FFmpeg's names, by the shape of a pixel


def nearest_in_time(moments: Iterable[float], timed: Iterator[tuple[float, T]]) -> Iterator[tuple[float, T]]:
    """The picture nearest to each of the `moments`, which ascend, the earlier of two; looks one picture ahead.

    Args:
        moments: Seconds.
        timed: Pictures with their seconds, which ascend; at least one.
    """
    shown, following = next(timed), next(timed, None)
    for moment in moments:
        while following is not None and moment > (shown[0] + following[0]) / 2 + _TIE:
            shown, following = following, next(timed, None)
        yield moment, shown[1]


def at_rate(timed: Iterator[tuple[float, T]], clock: Callable[[], Clock], fps: float) -> Iterator[tuple[float, T]]:
    """At each time ``k / fps`` the picture nearest to it, as `untrim.video.decode.VideoFile.frames` says.

    Args:
        timed: Pictures with their seconds, at least one.
        clock: Gives the clock that those seconds are from; its latest picture is the latest of `timed`.
        fps: Pictures per second that are wanted.
    """
    for moment, picture in nearest_in_time((step / fps for step in itertools.count()), timed):
        if moment > clock().end - min(1 / fps, clock().length) / 2 + _TIE:
            return
        yield moment, picture


class FrameSource:
    """Pictures of a steady rate, from anywhere, as `VideoFile.frames` gives those of a file: resampled and scaled.

    Args:
        frames: RGB uint8 (H, W, 3) or grey (H, W), all of one size; at least one.
        rate: Pictures per second that they are.

    Attributes:
        duration: Seconds of the pictures that have been taken.

    Raises:
        UntrimError: `rate` is not positive, or `frames` is not iterable.
    """

    def __init__(self, frames: Iterable[Image], rate: float) -> None:
        if not (is_finite(rate) and rate > 0):
            raise UntrimError(f"fps {rate!r:.40} of the frames must be a positive number")
        if not isinstance(frames, Iterable):
            raise UntrimError(f"not frames: {frames!r:.60}", fix="give images, RGB uint8 (H, W, 3)")
        self._frames, self._rate = frames, float(rate)
        self._clock = Clock(self._rate, broadcast=False)

    @property
    def duration(self) -> float:
        """Seconds of the pictures that have been taken."""
        return self._clock.end

    def images(self, fps: float, short_side: int, *, grey: bool = False) -> Iterator[Image]:
        """The pictures at `fps` per second, their shorter side `short_side` pixels; only once.

        Args:
            fps: Frames per second.
            short_side: Pixels.
            grey: Whether they may be grey, (H, W).

        Raises:
            UntrimError: There are none, or one is no such picture, or of another size than the first.
        """
        for _, image in at_rate(self._timed(short_side, grey), lambda: self._clock, fps):
            yield image

    def _timed(self, short_side: int, grey: bool) -> Iterator[tuple[float, Image]]:
        shape: tuple[int, ...] | None = None
        for index, image in enumerate(self._frames):
            form = _FORMS.get(image.shape[2:]) if isinstance(image, np.ndarray) and image.dtype == np.uint8 else None
            if form is None or image.ndim < 2 or not image.size or (form == "gray" and not grey):
                wanted = "RGB uint8 (H, W, 3)" + ", or grey (H, W)" * grey
                raise UntrimError(f"frame {index} is {_described(image)}, wanted {wanted}")
            if shape is None:
                shape, scale = image.shape, short_side / min(image.shape[:2])
                height, width = (max(1, round(side * scale)) for side in shape[:2])
                convert = converter(width, height, 0, False, grey=form == "gray")
            if image.shape != shape:
                raise UntrimError(f"frame {index} is {image.shape}, the first one was {shape}", fix="give one size")
            if image.shape[:2] != (height, width):
                image = convert(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=form))
            yield self._clock.time(index / self._rate, 1 / self._rate), image
        if shape is None:
            raise UntrimError("there is no frame")


def _described(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
