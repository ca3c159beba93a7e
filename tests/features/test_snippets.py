import weakref
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.features.snippets import for_each, to_grey, windows, with_flow
from untrim.timeline import SnippetGrid
from untrim.video.flow import OpticalFlow


class Item:
    """Something that can be followed until nothing holds it."""


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 80))
def test_windows_are_what_the_grid_says(snippet: int, stride: int, frames: int) -> None:
    grid = SnippetGrid.regular(snippet, stride, 25.0)
    wanted = [[i for i in grid.frames(index) if i < frames] for index in range(grid.count(frames))]
    assert list(windows(iter(range(frames)), grid)) == (wanted if frames else [])


@given(st.integers(1, 12), st.integers(1, 12))
def test_windows_come_at_once_and_hold_one_snippet(snippet: int, stride: int) -> None:
    grid, alive, taken = SnippetGrid.regular(snippet, stride, 25.0), weakref.WeakSet[Item](), 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for _ in range(100):
            assert len(alive) <= snippet + 1  # and the one in hand
            item = Item()
            alive.add(item)
            taken += 1
            yield item
            del item

    index = 0
    for window in windows(items(), grid):
        assert taken == min(grid.frames(index).stop, 100)
        assert len(set(window)) == len(window) == len([i for i in grid.frames(index) if i < 100])
        index += 1
        del window
    assert index == grid.count(100)


def test_each_image_comes_with_the_flow_to_the_next() -> None:
    images = [np.full((40, 50, 3), value, np.uint8) for value in (10, 20, 40)]
    pairs = []

    class Recorder(OpticalFlow):
        def between(self, images: Sequence[np.ndarray], every: int = 1) -> list[np.ndarray]:
            assert every == 1
            pairs.extend((int(previous[0, 0]), int(following[0, 0])) for previous, following in pairwise(images))
            return [np.full((*image.shape, 2), image[0, 0], np.float32) for image in images[1:]]

    found = list(with_flow(iter(images), Recorder()))
    assert pairs == [(10, 20), (20, 40)]
    assert [int(image[0, 0, 0]) for image, _ in found] == [10, 20, 40]
    assert [float(flow[0, 0, 0]) for _, flow in found] == [20, 40, 40]


@pytest.mark.parametrize("count", [1, 8, 9, 30])
def test_images_are_looked_at_a_batch_ahead_and_not_kept(count: int) -> None:
    images, flow, taken = np.random.default_rng(0).integers(0, 256, (count, 20, 24, 3), np.uint8), OpticalFlow(), 0

    def some() -> Iterator[np.ndarray]:
        nonlocal taken
        for image in images:
            taken += 1
            yield image

    for index, (image, motion) in enumerate(with_flow(some(), flow)):
        assert taken == min(1 + (index // flow.batch + 1) * flow.batch, count)
        np.testing.assert_array_equal(image, images[index])
        if index + 1 < count:
            np.testing.assert_array_equal(motion, flow(to_grey(image), to_grey(images[index + 1])))
    assert index + 1 == count


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 16, 17, 18, 19, 25])
def test_of_several_images_the_first_comes_with_the_flow_to_the_next(count: int, every: int) -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (count, 20, 24), np.uint8))
    each = list(with_flow(images, OpticalFlow()))[::every]
    found = list(with_flow(iter(images), OpticalFlow(), every))
    assert len(found) == len(each) == -(-count // every)
    for index, ((image, motion), (wanted, flow)) in enumerate(zip(found, each, strict=True)):
        np.testing.assert_array_equal(image, wanted)
        if index * every + 1 < count:
            np.testing.assert_array_equal(motion, flow)
        elif count > 1:  # From the last image nothing moves on.
            np.testing.assert_array_equal(motion, found[-2][1])


@given(st.integers(0, 60), st.integers(1, 7), st.integers(0, 5))
def test_each_item_has_what_is_found_of_the_first_of_several(count: int, every: int, ahead: int) -> None:
    def describe(items: Iterator[int]) -> Iterator[int]:
        held = list(islice(items, every * (1 + ahead)))
        while held:
            yield held[0]
            held = held[every:] + list(islice(items, every))

    found = list(for_each(range(count), every, describe))
    assert found == [index - index % every for index in range(count)]


def test_grey_images_have_the_flow_of_those_in_colour() -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), np.uint8))
    grey = list(map(to_grey, images))
    for (image, motion), (_, wanted), expected in zip(
        with_flow(grey, OpticalFlow()), with_flow(images, OpticalFlow()), grey, strict=True
    ):
        np.testing.assert_array_equal(image, expected)
        np.testing.assert_array_equal(motion, wanted)


def test_an_only_image_does_not_move() -> None:
    ((image, flow),) = with_flow([np.zeros((40, 50, 3), np.uint8)], OpticalFlow())
    assert image.shape == (40, 50, 3)
    assert flow.shape == (40, 50, 2)
    assert flow.dtype == np.float32
    assert not flow.any()


def test_grey_is_the_brightness_of_red_green_and_blue() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    np.testing.assert_allclose(to_grey(colours), [[76, 150, 29, 255]], atol=1)
