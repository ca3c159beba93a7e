from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.synthetic.scenery import SCENERIES, paint_scenery
from untrim.synthetic.sprites import draw_sticker, paste


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(24, 90))
def test_sticker_is_solid_inside_and_clear_at_the_border(seed: int, size: int) -> None:
    sticker = draw_sticker(np.random.default_rng(seed), size)
    border = np.ones((size, size), bool)
    border[1:-1, 1:-1] = False
    middle = size // 2
    assert sticker.paint.shape == sticker.cover.shape == (size, size, 3)
    assert sticker.cover[border].min() > 225
    assert sticker.cover[middle - 2 : middle + 2, middle - 2 : middle + 2].max() == 0
    assert (sticker.paint.astype(int) + sticker.cover <= 255 + 1).all()  # Never more light than there is.


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_paste_changes_the_box_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sticker = draw_sticker(rng, 40)
    frame = np.full((80, 90, 3), 77, np.uint8)
    paste(frame, sticker, np.array([[1.0, 0, 30], [0, 1.0, 20]]), np.array([30, 20, 70, 60]))
    expected = np.rint(77 * (sticker.cover / 255.0)) + sticker.paint
    assert np.abs(frame[20:60, 30:70] - expected).max() <= 1
    frame[20:60, 30:70] = 77
    assert (frame == 77).all()


@pytest.mark.parametrize("name", SCENERIES)
def test_scenery_is_detailed_and_random(name: str) -> None:
    first, again, other = (paint_scenery(name, 240, 180, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (180, 240, 3)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 2
    assert first.std((0, 1)).min() > 8
