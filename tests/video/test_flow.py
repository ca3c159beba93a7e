from itertools import pairwise
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import waves
from untrim.errors import UntrimError
from untrim.video.dis import _boxes, halved
from untrim.video.flow import Flow, FlowAlgorithm, Grey, OpticalFlow, clip_flow, optical_flow

ALGORITHMS = get_args(FlowAlgorithm)
HEIGHT, WIDTH, BORDER = 64, 96, 12
# Mean error in pixels that each may have on a smooth moving texture, away from the border.
TOLERANCE = {"tvl1": 0.05, "tvl1-opencv": 0.1, "farneback": 0.15, "dis": 0.05, "dis-light": 0.07, "dis-moving": 0.15}


def texture(dx: float, dy: float, seed: int = 0) -> Grey:
    return waves(HEIGHT, WIDTH, dx, dy, seed).round().astype(np.uint8)


def mean_error(flow: Flow, dx: float, dy: float) -> float:
    inner = flow[BORDER:-BORDER, BORDER:-BORDER]
    return float(np.linalg.norm(inner - (dx, dy), axis=-1).mean())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shift", [(3, 2), (-4, 1), (0.5, 0.25), (-0.3, -0.7)])
def test_a_known_translation_is_recovered(algorithm: FlowAlgorithm, shift: tuple[float, float]) -> None:
    flow = optical_flow(texture(0, 0), texture(*shift), algorithm)
    assert flow.dtype == np.float32
    assert flow.shape == (HEIGHT, WIDTH, 2)
    assert mean_error(flow, *shift) < TOLERANCE[algorithm]


@settings(max_examples=25)
@given(dx=st.floats(-5, 5), dy=st.floats(-5, 5), seed=st.integers(0, 100))
def test_dis_recovers_any_small_translation(dx: float, dy: float, seed: int) -> None:
    assert mean_error(optical_flow(texture(0, 0, seed), texture(dx, dy, seed)), dx, dy) < 0.1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_right_and_down_are_positive(algorithm: FlowAlgorithm) -> None:
    still = texture(0, 0)
    right, down = optical_flow(still, texture(2, 0), algorithm), optical_flow(still, texture(0, 2), algorithm)
    assert np.median(right[..., 0]) == pytest.approx(2, abs=0.1)
    assert np.median(right[..., 1]) == pytest.approx(0, abs=0.1)
    assert np.median(down[..., 1]) == pytest.approx(2, abs=0.1)
    assert np.median(down[..., 0]) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_moves_between_identical_frames(algorithm: FlowAlgorithm) -> None:
    assert mean_error(optical_flow(texture(0, 0), texture(0, 0), algorithm), 0, 0) < 1e-3


@pytest.mark.parametrize("preset", ["dis", "dis-light", "dis-moving"])
@pytest.mark.parametrize("size", [(16, 16), (16, 90), (48, 64), (120, 160)])
def test_dis_finds_exactly_nothing_between_identical_frames_so_that_it_need_not_look(
    preset: FlowAlgorithm, size: tuple[int, int]
) -> None:
    engine, random = OpticalFlow(preset), np.random.default_rng(0)
    for image in (random.integers(0, 256, size, np.uint8), texture(0, 0)[:16], np.full(size, 255, np.uint8)):
        (found,) = engine._flows([(image, image.copy())])
        assert not found.any()
        assert not np.signbit(found).any()
        np.testing.assert_array_equal(engine(image, image.copy()), found)
        assert engine(image, image).dtype == np.float32


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_pair_has_one_flow_whatever_came_before_and_however_many_threads(algorithm: FlowAlgorithm) -> None:
    pair = texture(0, 0), texture(2, 1)
    alone, engine, threads = optical_flow(*pair, algorithm), OpticalFlow(algorithm), cv2.getNumThreads()
    engine(texture(0, 0), texture(-5, 3))
    try:
        cv2.setNumThreads(1)
        one = engine(*pair)
        cv2.setNumThreads(4)
        four = engine(*pair)
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(one, alone)
    np.testing.assert_array_equal(four, alone)


def test_a_flow_is_not_overwritten_by_the_next_pair() -> None:
    engine = OpticalFlow("dis")
    first = engine(texture(0, 0), texture(2, 1))
    kept = first.copy()
    engine(texture(0, 0), texture(-3, 0))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("algorithm", "batch"), [("dis", 1), ("dis-moving", 8), ("tvl1", 1), ("tvl1", 4)])
def test_flow_between_consecutive_images_is_that_of_each_pair(algorithm: FlowAlgorithm, batch: int) -> None:
    images = [texture(0, 0), texture(2, 1), texture(3, -1)]
    engine = OpticalFlow(algorithm)
    engine.batch = batch
    flows = engine.between(images)
    assert len(flows) == 2
    for flow, pair in zip(flows, pairwise(images), strict=True):
        assert flow.flags.c_contiguous
        np.testing.assert_allclose(flow, optical_flow(*pair, algorithm), atol=1e-3)
    assert engine.between(images[:1]) == []
    with pytest.raises(UntrimError, match=r"\(64, 96\) and uint8 \(64, 95\)"):
        engine.between([*images, images[0][:, 1:]])


def test_of_several_pairs_the_first_that_differ_speak_for_the_others() -> None:
    still, moved, further = texture(0, 0), texture(2, 1), texture(3, -1)
    engine = OpticalFlow("dis")
    first, second = engine.between([still, moved, further])
    for images, flow in (
        ((still, moved, further), first),
        ((still, still, moved), first / 2),  # Of a slow video images are repeated.
        ((still, moved, moved), first / 2),
        ((moved, moved, further), second / 2),
        ((still, still, still), 0 * first),
    ):
        np.testing.assert_array_equal(engine.between(images, 2), [flow])
    three = engine.between([still, still, moved, further, further], 3)
    np.testing.assert_allclose(three, [first * 2 / 3, 0 * first], atol=1e-6)


def patch_moves(*shifts: tuple[int, int]) -> list[Grey]:
    """A textured picture (120, 160), then ones in which a patch of 30 x 30 has moved by each of `shifts`."""
    ground, paint = (waves(120, 160, 0, 0, seed).round().astype(np.uint8) for seed in (0, 1))
    images = []
    for right, down in [(0, 0), *shifts]:
        image = ground.copy()
        image[40 + down : 70 + down, 90 + right : 120 + right] = paint[:30, :30]
        images.append(image)
    return images


def test_where_something_moves_dis_moving_finds_what_dis_finds() -> None:
    images = patch_moves((2, 1))
    dis, moving, light = (optical_flow(*images, name) for name in ("dis", "dis-moving", "dis-light"))
    inside = np.s_[48:64, 98:114]
    off = np.linalg.norm(moving - dis, axis=-1)
    assert off[inside].mean() < 0.1
    assert off[inside].mean() < 0.5 * np.linalg.norm(light - dis, axis=-1)[inside].mean()
    assert np.linalg.norm(moving[:, :60], axis=-1).max() < 0.3


def test_a_pair_has_one_dis_moving_flow_whatever_moves_in_the_pairs_beside_it() -> None:
    images = patch_moves((2, 1), (2, 1), (-20, 9), (-19, 9))
    images.append(images[0])
    flows = OpticalFlow("dis-moving").between(images)
    for flow, pair in zip(flows, pairwise(images), strict=True):
        np.testing.assert_array_equal(flow, optical_flow(*pair, "dis-moving"))
    assert not flows[1].any()
    assert flows[2].any()


@pytest.mark.parametrize("pan", [0.0, 3.0])
def test_the_box_of_dis_moving_is_around_what_moves_less_the_camera(pan: float) -> None:
    def box_of(flow: Flow) -> tuple[slice, slice] | None:
        return _boxes([flow])[0]

    flow = np.full((60, 80, 2), pan, np.float32)  # Of half the size.
    assert box_of(flow) is None
    flow[30:40, 60:70, 0] += 1.0
    rows, columns = box_of(flow)
    assert rows.start <= 26 < 44 <= rows.stop
    assert columns.start <= 56 < 74 <= columns.stop
    assert (rows.stop - rows.start) * (columns.stop - columns.start) < 0.3 * 60 * 80
    flow[:4, :4, 1] += 1.0
    further = box_of(flow)
    assert [part.start for part in further] == [0, 0]
    assert further[0].stop >= 44
    assert further[1].stop >= 74
    flow[30:40, 60:70, 0] += 20.0  # What is fast goes far.
    assert [part.stop for part in box_of(flow)] == [60, 80]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [(64, 96), (63, 97)])
def test_flow_at_half_the_size_is_the_mean_in_pixels_of_the_whole(
    algorithm: FlowAlgorithm, size: tuple[int, int]
) -> None:
    pair = [np.pad(image, ((0, 8), (0, 8)), "edge")[: size[0], : size[1]] for image in (texture(0, 0), texture(2, 1))]
    whole, half = OpticalFlow(algorithm), OpticalFlow(algorithm, half=True)
    found = half(*pair)
    assert found.shape == half.nothing(pair[0]).shape == half(pair[0], pair[0]).shape == (*(np.array(size) // 2), 2)
    np.testing.assert_allclose(found, halved(whole(*pair)), atol=0.2 if algorithm == "dis-moving" else 0)
    assert mean_error(np.repeat(np.repeat(found, 2, 0), 2, 1), 2, 1) < 0.15


def test_only_a_device_that_is_there_is_taken() -> None:
    with pytest.raises(UntrimError, match="device 'abacus' cannot be used"):
        OpticalFlow("tvl1", device="abacus")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_images_need_not_be_contiguous(algorithm: FlowAlgorithm) -> None:
    first, second = texture(0, 0), texture(2, 1)
    flow = optical_flow(first[:, ::2], second[:, ::2], algorithm)
    np.testing.assert_array_equal(flow, optical_flow(first[:, ::2].copy(), second[:, ::2].copy(), algorithm))


def test_clipping_bounds_both_components_and_keeps_the_rest() -> None:
    flow = np.array([[[-35.0, 3.5], [20.5, -20.0]]], dtype=np.float32)
    np.testing.assert_array_equal(clip_flow(flow), np.array([[[-20, 3.5], [20, -20]]], dtype=np.float32))
    assert clip_flow(flow, 4).max() == 4
    assert clip_flow(flow).dtype == np.float32


@pytest.mark.parametrize("make", [OpticalFlow, lambda name: optical_flow(texture(0, 0), texture(0, 0), name)])
def test_an_unknown_algorithm_names_the_nearest(make) -> None:
    with pytest.raises(UntrimError, match=r"'tvl2'.*did you mean 'tvl1'"):
        make("tvl2")


@pytest.mark.parametrize(
    ("previous", "following"),
    [
        (np.zeros((20, 30), np.uint8), np.zeros((20, 31), np.uint8)),
        (np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)),
        (np.zeros((20, 30), np.float32), np.zeros((20, 30), np.float32)),
        (np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.uint8)),
        (np.zeros((5, 7), np.uint8), np.zeros((5, 7), np.uint8)),
    ],
)
def test_images_that_have_no_flow_are_refused_in_one_line(previous, following) -> None:
    with pytest.raises(UntrimError, match="flow") as caught:
        optical_flow(previous, following)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["dis", "dis-light", "dis-moving"])
@pytest.mark.parametrize("size", [(13, 90), (90, 14), (15, 15), (1, 200), (0, 90)])
def test_images_in_which_dis_would_end_the_process_are_refused(algorithm: FlowAlgorithm, size: tuple[int, int]) -> None:
    first, second = np.random.default_rng(0).integers(0, 256, (2, *size), np.uint8)
    with pytest.raises(UntrimError, match=f"{size[1]} x {size[0]} images .*at least 16 x 16"):
        optical_flow(first, second, algorithm)


def test_tvl1_refuses_images_without_a_pixel() -> None:
    with pytest.raises(UntrimError, match="without a pixel"):
        optical_flow(np.zeros((0, 7), np.uint8), np.zeros((0, 7), np.uint8), "tvl1")
