import numpy as np
import pytest

from untrim.features.motion import motion_centre, motions


def walking(frames: int, speed: int, height: int = 120, width: int = 160) -> list[np.ndarray]:
    """A bright square that walks to the right over a dark ground."""
    images = [np.full((height, width, 3), 40, np.uint8) for _ in range(frames)]
    pattern = np.random.default_rng(0).integers(150, 255, (24, 24, 3), np.uint8)
    for index, image in enumerate(images):
        image[48:72, 40 + speed * index : 64 + speed * index] = pattern
    return images


@pytest.mark.parametrize(
    ("shape", "cells"), [((120, 160), (12, 16)), ((160, 120), (16, 12)), ((256, 455), (12, 21)), ((60, 60), (12, 12))]
)
def test_cells_are_about_square(shape: tuple[int, int], cells: tuple[int, int]) -> None:
    (motion,) = motions([np.zeros((*shape, 3), np.uint8)])
    assert motion.shape == cells
    assert motion.max() == 0  # Of an only image, nothing is known to move.


def test_motion_is_where_the_square_is() -> None:
    found = list(motions(walking(12, 2)))
    assert len(found) == 12
    np.testing.assert_array_equal(found[-1], found[-2])
    for index, motion in enumerate(found[:-1]):
        row, column = motion_centre(motion)[0]
        assert row == pytest.approx(6, abs=0.7)
        assert column == pytest.approx((52 + 2 * index) / 10, abs=0.9)


def test_what_moves_with_the_camera_does_not_move() -> None:
    ground = np.random.default_rng(1).integers(0, 255, (15, 25, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    panned = [ground[:, 2 * index : 160 + 2 * index] for index in range(8)]
    (still, *_), (walked, *_) = motions(panned), motions(walking(8, 2))
    assert still.mean() < 0.1 * walked.max()


def test_nothing_moves_in_equal_images() -> None:
    for motion in motions(walking(1, 0) * 4):
        assert motion.max() == 0
        np.testing.assert_allclose(motion_centre(motion), [[6, 8]], rtol=1e-5)  # The centre of the picture.
