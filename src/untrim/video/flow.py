"""Dense optical flow, by OpenCV or, for ``tvl1``, in torch; in pixels per frame.

How many threads work on a pair is one setting for the whole process (``cv2.setNumThreads``, ``torch.set_num_threads``);
OpenCV's flow does not depend on it, torch's not beyond rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from untrim.errors import UntrimError, nearest
from untrim.support.array_types import Image
from untrim.video.dis import MovingDis, dis, halved

FlowAlgorithm = Literal["tvl1", "tvl1-opencv", "farneback", "dis", "dis-light", "dis-moving"]
Flow = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]

PAIRS_AT_ONCE = 8
"""Pairs that are best given at once. Between other work, a small pair takes a tenth longer: caches are filled anew."""
_PAIRS_ON_GPU = 32
_DIS: dict[str, Callable[[], cv2.DenseOpticalFlow | MovingDis]] = {
    "dis": dis,
    "dis-light": partial(dis, stride=5, refinement=1),
    "dis-moving": MovingDis,
}
_LEAST_FOR_DIS = 16  # Pixels, two patches: with less, OpenCV may read beyond the image and end the process.


class OpticalFlow:
    """Dense flow between two grey images; keeps OpenCV's working memory from one pair to the next.

    Args:
        algorithm: ``tvl1`` (Zach, Pock, Bischof 2007, in `untrim.video.tvl1`; what flow networks were trained on),
            ``farneback`` (Farnebäck 2003) with OpenCV's settings, ``dis`` (Kroeger et al. 2016) with those of OpenCV's
            medium preset, ``dis-light``, the same with fewer patches and one step of refinement, ``dis-moving``, which
            looks closely only where something moves (`untrim.video.dis`), or ``tvl1-opencv``, OpenCV's TV-L1 with its
            settings: many times slower, and lost in motion of more than about 8 pixels.
        device: Where ``tvl1`` computes: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; the others know only the CPU.
        half: Whether flows are given at half the size: means of (H // 2, W // 2), still in pixels of the whole size.

    Raises:
        UntrimError: No such algorithm or device.
    """

    def __init__(self, algorithm: FlowAlgorithm = "dis", device: str = "cpu", half: bool = False) -> None:
        self.algorithm, self._is_half = algorithm, half
        self.batch = PAIRS_AT_ONCE
        """Pairs that are best given at once."""
        self._engine: cv2.DenseOpticalFlow | MovingDis | None = None
        if algorithm == "tvl1":
            from untrim.support.device import choose_device  # Only here, so that the others do not wait for torch.

            self._device = choose_device(device)
            self.batch = 1 if self._device.type == "cpu" else _PAIRS_ON_GPU
        elif algorithm == "tvl1-opencv":
            self._engine = cv2.optflow.createOptFlow_DualTVL1()
        elif algorithm == "farneback":
            self._engine = cv2.FarnebackOpticalFlow.create()
        elif algorithm in _DIS:
            self._engine = _DIS[algorithm]()
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
            float32 (H, W, 2), or at half the size if so chosen: pixels per frame to the right and downwards.

        Raises:
            UntrimError: The images are not grey uint8 of one size, or too small (``dis`` and its variants need 16
                pixels each way).
        """
        return self.between([previous, following])[0]

    def between(self, images: Sequence[Grey], every: int = 1) -> list[Flow]:
        """The flow from each of some consecutive images to the next; ``tvl1`` computes all at once on a GPU.

        Args:
            images: Grey, uint8 (H, W), of one size.
            every: Of so many pairs, only the first whose images differ is looked at, and speaks for all that differ.
                What is given is the mean of these and of the others, in which nothing moves.

        Raises:
            UntrimError: As for a pair.
        """
        if len(images) < 2:
            return []
        _check(images)
        pairs = list(pairwise(map(np.ascontiguousarray, images)))
        looked_at = [_speaking(pairs[start : start + every]) for start in range(0, len(pairs), every)]
        flows = self._flows([pair for pair, _ in looked_at])
        return [flow * np.float32(share) for flow, (_, share) in zip(flows, looked_at, strict=True)]

    def nothing(self, image: Image) -> Flow:
        """The flow of an image (H, W, ...) in which nothing moves."""
        height, width = image.shape[:2]
        return np.zeros((height // 2, width // 2, 2) if self._is_half else (height, width, 2), np.float32)

    def _flows(self, pairs: list[tuple[Grey, Grey]]) -> list[Flow]:
        if self._engine is None:
            at_once = [pairs] if self.batch > 1 else [[pair] for pair in pairs]
            return [self._sized(flow) for some in at_once for flow in self._tvl1(some)]
        height, width = pairs[0][0].shape
        if self.algorithm in _DIS and min(height, width) < _LEAST_FOR_DIS:
            what = f"{self.algorithm} flow of {width} x {height} images"
            raise UntrimError(what, fix=f"give at least {_LEAST_FOR_DIS} x {_LEAST_FOR_DIS} pixels")
        # Many pairs are equal: slow videos are resampled by repeating frames. DIS finds nothing there, exactly.
        equal = [self.algorithm in _DIS and np.array_equal(*pair) for pair in pairs]
        try:
            found = iter(self._computed([pair for pair, same in zip(pairs, equal, strict=True) if not same]))
        except cv2.error as error:
            raise UntrimError(f"{self.algorithm} flow of {width} x {height} images: {error.err}") from error
        return [self.nothing(pairs[0][0]) if same else next(found) for same in equal]

    def _computed(self, pairs: list[tuple[Grey, Grey]]) -> list[Flow]:
        if isinstance(self._engine, MovingDis):
            flows = self._engine.between(pairs)
            return flows if self._is_half else [_as_large(flow, pairs[0][0]) for flow in flows]
        # Without a flow to start from, so that a pair's flow does not depend on the pairs before it.
        return [self._sized(self._engine.calc(*pair, None)) for pair in pairs]  # type: ignore[union-attr,call-overload]

    def _sized(self, flow: Flow) -> Flow:
        return np.asarray(halved(flow) if self._is_half else flow, np.float32)

    def _tvl1(self, pairs: list[tuple[Grey, Grey]]) -> list[Flow]:
        import torch

        from untrim.video.tvl1 import tvl1

        if not pairs[0][0].size:
            raise UntrimError("tvl1 flow of images without a pixel")
        previous, following = (
            torch.from_numpy(np.stack(images)).to(self._device) for images in zip(*pairs, strict=True)
        )
        flow = tvl1(previous, following).permute(0, 2, 3, 1)  # (N, H, W, 2)
        return list(np.ascontiguousarray(flow.cpu().numpy()))


def _speaking(pairs: Sequence[tuple[Grey, Grey]]) -> tuple[tuple[Grey, Grey], float]:
    """The first pair whose images differ, and the share of such pairs; if there is none, the first pair, and 1."""
    differing = pairs if len(pairs) == 1 else [pair for pair in pairs if not np.array_equal(*pair)]
    return (differing[0], len(differing) / len(pairs)) if differing else (pairs[0], 1)


def _as_large(flow: Flow, image: Grey) -> Flow:
    return np.asarray(cv2.resize(flow, image.shape[::-1]), np.float32)


def _check(images: Sequence[Grey]) -> None:
    first = images[0]
    for image in images:
        if image.ndim != 2 or image.dtype != np.uint8 or image.shape != first.shape:
            raise UntrimError(
                f"optical flow between {first.dtype} {first.shape} and {image.dtype} {image.shape}, "
                "wanted two grey images uint8 (H, W) of one size"
            )


def optical_flow(previous: Grey, following: Grey, algorithm: FlowAlgorithm = "dis") -> Flow:
    """Flow of one pair, as `OpticalFlow` gives it; for many pairs of one size, make an `OpticalFlow` once."""
    return OpticalFlow(algorithm)(previous, following)


def clip_flow(flow: Flow, bound: float = 20.0) -> Flow:
    """Flow within +-`bound` pixels per frame, as networks are trained on (Carreira & Zisserman 2017)."""
    return np.clip(flow, -bound, bound)
