"""Frames from anywhere, at a rate and size of one's own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.errors import UntrimError
from untrim.support.array_types import Image
from untrim.video.resampling import FrameSource


def numbered(count: int) -> list[Image]:
    return [np.full((4, 6, 3), index, np.uint8) for index in range(count)]


@given(st.integers(1, 60), st.floats(1, 120), st.floats(1, 120))
def test_the_frame_shown_at_each_moment_is_the_nearest(count: int, rate: float, fps: float) -> None:
    source = FrameSource(numbered(count), rate)
    shown = [int(image[0, 0, 0]) for image in source.images(fps, 4)]
    assert source.duration == pytest.approx(count / rate)
    for step, index in enumerate(shown):
        assert abs(index / rate - step / fps) <= min(abs(other / rate - step / fps) for other in range(count)) + 1e-5
    assert abs(len(shown) - count * fps / rate) <= 1 + 1e-6


def test_frames_at_their_own_rate_and_size_stay_as_they_are() -> None:
    frames = numbered(7)
    assert all(map(np.array_equal, FrameSource(frames, 25).images(25, 4), frames))
    assert len(list(FrameSource(frames, 25).images(25, 4))) == 7


def test_frames_are_scaled_to_the_short_side_and_never_read_far_ahead() -> None:
    taken = []

    def frames():
        for image in numbered(50):
            taken.append(image)
            yield image

    images = FrameSource(frames(), 25).images(25, 32)
    assert next(images).shape == (32, 48, 3)
    assert len(taken) <= 3


def test_grey_frames_are_taken_where_they_may_be() -> None:
    frames = [image[..., 0] for image in numbered(3)]
    assert all(map(np.array_equal, FrameSource(frames, 25).images(25, 4, grey=True), frames))
    assert next(FrameSource(frames, 25).images(25, 8, grey=True)).shape == (8, 12)
    with pytest.raises(UntrimError, match=r"frame 0 is uint8 \(4, 6\), wanted RGB uint8 \(H, W, 3\)$"):
        next(FrameSource(frames, 25).images(25, 4))
    for odd in (np.zeros(6, np.uint8), np.zeros((4, 6, 1), np.uint8), np.zeros((0, 6), np.uint8)):
        with pytest.raises(UntrimError, match="or grey"):
            next(FrameSource([odd], 25).images(25, 4, grey=True))


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, None])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(UntrimError, match="must be a positive number"):
        FrameSource([], rate)
