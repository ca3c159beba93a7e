"""OpenCV's DIS flow: as its medium preset has it, lighter, and in detail only where something moves.

Kroeger, Timofte, Dai, Van Gool: Fast optical flow using dense inverse search, ECCV 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from untrim.support.array_types import Array, Float32, Image, Indices
from untrim.video.camera import own_motion

_LEAST_SIDES = (48, 92)  # Pixels of the shorter and the longer side from which on OpenCV goes down to a quarter.
_MOVES = 0.4 / 120  # Motion less the camera's, in short sides per frame: what is faster is looked at in detail,
_AROUND = 2  # with so much around it, in pixels of a quarter of the size,
_LEAST_BOX = 24  # and at least so many pixels each way, of half the size.


def dis(stride: int = 3, descent: int = 25, refinement: int = 5, finest: int = 1) -> cv2.DISOpticalFlow:
    """OpenCV's medium preset, or less of it.

    Args:
        stride: Pixels from one patch to the next.
        descent: Steps of gradient descent.
        refinement: Steps of refinement.
        finest: The last level of the pyramid: the flow is looked for in pictures halved so many times.
    """
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    engine.setPatchStride(stride)
    engine.setGradientDescentIterations(descent)
    engine.setVariationalRefinementIterations(refinement)
    engine.setFinestScale(finest)
    return engine


class MovingDis:
    """Flow at a quarter of the size, and from there at half the size in a box around all that moves less the camera.

    With 8 steps of descent and 2 of refinement. Pictures are halved before, and flows left so.
    """

    def __init__(self) -> None:
        self._quarter = dis(stride=4, descent=8, refinement=2)
        self._half, self._whole = (dis(descent=8, refinement=2, finest=finest) for finest in (0, 1))

    def between(self, pairs: Sequence[tuple[Image, Image]]) -> list[Float32]:
        """The flow from the first to the second image, uint8 (H, W) and contiguous, of some pairs of one size.

        That of a pair does not depend on the others.

        Returns:
            float32 (H // 2, W // 2, 2), in pixels of the whole size.
        """
        if not pairs:
            return []
        shape = pairs[0][0].shape
        if min(shape) < _LEAST_SIDES[0] or max(shape) < _LEAST_SIDES[1]:
            return [halved(_calc(self._whole, *pair)) for pair in pairs]
        images = {id(image): image for pair in pairs for image in pair}  # Most are in two pairs.
        half = {key: halved(image) for key, image in images.items()}
        pairs = [(half[id(previous)], half[id(following)]) for previous, following in pairs]
        flows = [_calc(self._quarter, *pair) for pair in pairs]
        for (previous, following), flow, box in zip(pairs, flows, _boxes(flows), strict=True):
            if box is not None:
                there = np.ascontiguousarray(previous[box]), np.ascontiguousarray(following[box])
                flow[box] = _calc(self._half, *there, flow[box].copy())
            flow *= 2
        return flows


def halved(image: Array) -> Array:
    """An image or a flow (H, W, ...) at half the size, (H // 2, W // 2, ...); the values are means."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


def _calc(engine: cv2.DISOpticalFlow, previous: Image, following: Image, start: Float32 | None = None) -> Float32:
    return np.asarray(engine.calc(previous, following, start), np.float32)  # type: ignore[arg-type]


def _boxes(flows: Sequence[Float32]) -> list[tuple[slice, slice] | None]:
    """Rows and columns of a box around all that moves less the camera, for each flow (H, W, 2), which is at half the
    size; None if nothing does."""
    height, width = flows[0].shape[:2]
    quarter = np.stack(list(map(halved, flows)))
    motion = own_motion(quarter)
    motion *= motion
    moves = motion[:, 0] + motion[:, 1] > (_MOVES * min(height, width)) ** 2
    fastest = np.abs(quarter).reshape(len(quarter), -1).max(1)
    margins = (_AROUND + np.rint(fastest / 2)).astype(int).tolist()  # What moves out of the box cannot be followed.
    return [
        (_around(rows.nonzero()[0], margin, height), _around(columns.nonzero()[0], margin, width))
        if rows.any()
        else None
        for rows, columns, margin in zip(moves.any(2), moves.any(1), margins, strict=True)
    ]


def _around(places: Indices, margin: int, size: int) -> slice:
    """Pixels around some places that ascend, at half of the size; the places are at a quarter."""
    start, stop = 2 * max(int(places[0]) - margin, 0), min(2 * (int(places[-1]) + 1 + margin), size)
    start = max(min(start, size - _LEAST_BOX), 0)
    return slice(start, max(stop, start + _LEAST_BOX))
