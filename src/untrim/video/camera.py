"""Motion less that of the camera.

Wang, Schmid: Action recognition with improved trajectories, ICCV 2013.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from untrim.support.array_types import Float32

_RIDGE = 1e-6 * np.eye(3)  # So that few places are enough.
_MIDDLE = [95, 96]  # Of 192 places.


def own_motion(flow: Float32) -> Float32:
    """Flows (N, H, W, 2) less the camera's: motion to the right, and downwards, (N, 2, H, W).

    The camera's is the affine motion that most of a flow follows: iteratively reweighted least squares.
    """
    count, height, width = flow.shape[:3]
    coarse = np.stack([cv2.resize(each, (16, 12), interpolation=cv2.INTER_AREA).reshape(-1, 2).T for each in flow])
    known = np.empty((count, 5, coarse.shape[2]))
    known[:, :3], known[:, 3:] = _affine_basis(12, 16), coarse  # (N, 3 + 2, places)
    basis, moved = known[0, :3], known[:, 3:]
    fit = np.zeros((count, 2, 3))
    fit[..., 0] = np.sort(coarse)[..., _MIDDLE].mean(-1)  # The median.
    for scale in (1.0, 0.5, 0.25):  # Pixels per frame off the fit from which on a place counts for little.
        misfit = moved - fit @ basis
        misfit *= misfit
        far = misfit.sum(1, keepdims=True)
        far /= scale * scale
        far += 1
        far *= far
        products = (basis / far) @ known.swapaxes(1, 2)  # (N, 3, 3 + 2)
        fit = np.linalg.solve(products[..., :3] + _RIDGE, products[..., 3:]).swapaxes(1, 2)
    own = -fit.astype(np.float32) @ _affine_basis(height, width)
    own += flow.reshape(count, -1, 2).swapaxes(1, 2)
    return own.reshape(count, 2, height, width)


@lru_cache(maxsize=8)
def _affine_basis(height: int, width: int) -> Float32:
    """1, x and y of each pixel, row by row, (3, height * width), from -0.5 to 0.5."""
    y, x = np.mgrid[:height, :width]
    return (
        np.stack([np.ones(x.shape), (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5])
        .reshape(3, -1)
        .astype(np.float32)
    )
