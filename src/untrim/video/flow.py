"""Dense optical flow by OpenCV, in pixels per frame.

How many threads work on a pair is OpenCV's one setting for the whole process (``cv2.setNumThreads``); the flow does not
depend on it.
"""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from untrim.errors import UntrimError, nearest

FlowAlgorithm = Literal["tvl1", "farneback", "dis"]
Flow = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]


class OpticalFlow:
    """Dense flow between two grey images; keeps OpenCV's working memory from one pair to the next.

    Args:
        algorithm: ``tvl1`` (Zach, Pock, Bischof 2007; slow, what flow networks were trained on), ``farneback``
            (Farnebäck 2003) or ``dis`` (Kroeger et al. 2016, medium preset); all with OpenCV's settings. ``tvl1``
            loses motion of more than about 8 pixels.

    Raises:
        UntrimError: No such algorithm.
    """

    def __init__(self, algorithm: FlowAlgorithm = "dis") -> None:
        self.algorithm = algorithm
        self._engine: cv2.DenseOpticalFlow
        if algorithm == "tvl1":
            self._engine = cv2.optflow.createOptFlow_DualTVL1()
        elif algorithm == "farneback":
            self._engine = cv2.FarnebackOpticalFlow.create()
        elif algorithm == "dis":
            self._engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        else:
            raise UntrimError(
                f"unknown flow algorithm '{algorithm}'", fix=nearest(str(algorithm), get_args(FlowAlgorithm))
            )

    def __call__(self, previous: Grey, following: Grey) -> Flow:
        """Motion of each pixel of `previous` towards `following`.

        Args:
            previous: Grey image, uint8 (H, W).
            following: The next one, of the same size.

        Returns:
            float32 (H, W, 2): pixels per frame to the right and downwards.

        Raises:
            UntrimError: The images are not grey uint8 of one size, or too small (``dis`` needs 12 pixels).
        """
        for image in previous, following:
            if image.ndim != 2 or image.dtype != np.uint8 or image.shape != previous.shape:
                raise UntrimError(
                    f"optical flow between {previous.dtype} {previous.shape} and {following.dtype} {following.shape}, "
                    "wanted two grey images uint8 (H, W) of one size"
                )
        try:
            # Without a flow to start from, so that a pair's flow does not depend on the pairs before it.
            flow = self._engine.calc(np.ascontiguousarray(previous), np.ascontiguousarray(following), None)  # type: ignore[call-overload]
        except cv2.error as error:
            height, width = previous.shape
            raise UntrimError(f"{self.algorithm} flow of {width} x {height} images: {error.err}") from error
        return np.asarray(flow, dtype=np.float32)


def optical_flow(previous: Grey, following: Grey, algorithm: FlowAlgorithm = "dis") -> Flow:
    """Flow of one pair, as `OpticalFlow` gives it; for many pairs of one size, make an `OpticalFlow` once."""
    return OpticalFlow(algorithm)(previous, following)


def clip_flow(flow: Flow, bound: float = 20.0) -> Flow:
    """Flow within +-`bound` pixels per frame, as networks are trained on (Carreira & Zisserman 2017)."""
    return np.clip(flow, -bound, bound)
