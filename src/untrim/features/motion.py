"""Where things move in a picture: optical flow less the motion of the camera.

Wang, Schmid: Action recognition with improved trajectories, ICCV 2013 (motion less the camera's). Efros, Berg, Mori,
Malik: Recognizing action at a distance, ICCV 2003 (a window that follows the actor).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from untrim.features.snippets import with_flow
from untrim.support.array_types import Float32, Image
from untrim.video.flow import Flow, OpticalFlow

STILL = 0.4
"""Slower motion, in pixels per frame of a short side of 120, is none."""
_RIDGE = 1e-6 * np.eye(3)  # So that few places are enough.
_MIDDLE = [95, 96]  # Of 192 places.
_SHORT_SIDE, _CELLS = 120, 12  # Of the pictures that motion is looked for in: pixels, and cells along it.


def motions(images: Iterable[Image]) -> Iterator[Float32]:
    """Where things move from each image (H, W, 3) to the next: mean pixels per frame in about square cells, (12, n) of
    a landscape, (n, 12) of a portrait. The last image has the motion of the one before it."""
    for image, flow in with_flow(map(_small, images), OpticalFlow("dis")):
        rows, columns = (round(_CELLS * side / min(image.shape[:2])) for side in image.shape[:2])
        speed = cv2.magnitude(*own_motion(flow))
        speed[speed < STILL] = 0
        yield np.asarray(cv2.resize(speed, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def own_motion(flow: Flow) -> Float32:
    """The flow (H, W, 2) less the camera's: motion to the right, and downwards, (2, H, W).

    The camera's is the affine motion that most of the flow follows: iteratively reweighted least squares.
    """
    coarse = cv2.resize(flow, (16, 12), interpolation=cv2.INTER_AREA).reshape(-1, 2).T  # (2, places)
    known = np.concatenate([_affine_basis(12, 16), coarse], dtype=np.float64)  # (3 + 2, places)
    basis, moved = known[:3], known[3:]
    middle = np.partition(coarse, _MIDDLE, axis=1)[:, _MIDDLE]
    fit = np.zeros((2, 3))
    fit[:, 0] = middle.mean(1)  # The median.
    for scale in (1.0, 0.5, 0.25):  # Pixels per frame off the fit from which on a place counts for little.
        misfit = moved - fit @ basis
        misfit *= misfit
        far = misfit[0] + misfit[1]
        far /= scale * scale
        far += 1
        far *= far
        products = (basis / far) @ known.T  # (3, 3 + 2)
        fit = cv2.solve(products[:, :3] + _RIDGE, products[:, 3:])[1].T
    own = np.empty((2, *flow.shape[:2]), np.float32)
    np.matmul(-fit.astype(np.float32), _affine_basis(*flow.shape[:2]), out=own.reshape(2, -1))
    own += flow.transpose(2, 0, 1)
    return own


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


@lru_cache(maxsize=8)
def _affine_basis(height: int, width: int) -> Float32:
    """1, x and y of each pixel, row by row, (3, height * width), from -0.5 to 0.5."""
    y, x = np.mgrid[:height, :width]
    return (
        np.stack([np.ones(x.shape), (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5])
        .reshape(3, -1)
        .astype(np.float32)
    )
