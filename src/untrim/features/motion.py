"""Where things move in a picture: optical flow less the motion of the camera.

Efros, Berg, Mori, Malik: Recognizing action at a distance, ICCV 2003 (a window that follows the actor).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from untrim.features.snippets import with_flow
from untrim.support.array_types import Float32, Image
from untrim.video.camera import own_motion
from untrim.video.flow import OpticalFlow

STILL = 0.4
"""Slower motion, in pixels per frame of a short side of 120, is none."""
_SHORT_SIDE, _CELLS = 120, 12  # Of the pictures that motion is looked for in: pixels, and cells along it.


def motions(images: Iterable[Image]) -> Iterator[Float32]:
    """Where things move from each image (H, W, 3) to the next: mean pixels per frame in about square cells, (12, n) of
    a landscape, (n, 12) of a portrait. The last image has the motion of the one before it."""
    for image, flow in with_flow(map(_small, images), OpticalFlow("dis")):
        rows, columns = (round(_CELLS * side / min(image.shape[:2])) for side in image.shape[:2])
        speed = cv2.magnitude(*own_motion(flow[None])[0])
        speed[speed < STILL] = 0
        yield np.asarray(cv2.resize(speed, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def motion_centre(motion: Float32) -> npt.NDArray[np.float64]:
    """Row and column of the centre of `motion` in fine cells, (rows, columns); as (1, 2), and 0 is their outer edge."""
    rows, columns = motion.shape
    y, x = np.arange(rows)[:, None] + 0.5, np.arange(columns) + 0.5
    mass = np.square(motion + 1e-3)  # Squared: a little motion everywhere moves it less than a strong one somewhere.
    mass /= mass.sum()
    return np.array([[(mass * y).sum(), (mass * x).sum()]])


def _small(image: Image) -> Image:
    """The image at a short side of 120 pixels."""
    height, width = (round(_SHORT_SIDE * side / min(image.shape[:2])) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
