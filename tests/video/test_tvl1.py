from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers import waves
from untrim.video.decode import VideoFile
from untrim.video.tvl1 import _minimise, central_gradient, full_precision, median3x3, pyramid, smooth, tvl1, warp

BORDER = 16


def texture(height: int, width: int, dx: float = 0, dy: float = 0, seed: int = 0) -> Tensor:
    return torch.from_numpy(waves(height, width, dx, dy, seed)).float().unsqueeze(0)


def mean_error(flow: Tensor, dx: float, dy: float) -> float:
    inner = flow[..., BORDER:-BORDER, BORDER:-BORDER]
    return float(torch.linalg.vector_norm(inner - torch.tensor([dx, dy]).view(2, 1, 1), dim=1).mean())


@settings(max_examples=5)
@given(dx=st.floats(-6, 6), dy=st.floats(-6, 6), seed=st.integers(0, 100))
def test_any_translation_is_recovered(dx: float, dy: float, seed: int) -> None:
    flow = tvl1(texture(64, 96, seed=seed), texture(64, 96, dx, dy, seed))
    assert mean_error(flow, dx, dy) < 0.1


@pytest.mark.parametrize("shift", [(8, 5), (16, -10), (-24, 12)])
def test_large_motion_of_a_real_frame_is_held(shared_data, shift: tuple[int, int]) -> None:
    with VideoFile(shared_data / "clips" / "anet_v_ZNVhz7ctTq0.mp4") as video:
        image = cv2.cvtColor(next(video.frames(size=(400, 320))).image, cv2.COLOR_RGB2GRAY)
    dx, dy = shift
    previous, following = (
        torch.from_numpy(image[32 - y : 288 - y, 30 - x : 370 - x].copy()) for x, y in ((0, 0), (dx, dy))
    )
    assert mean_error(tvl1(previous.unsqueeze(0), following.unsqueeze(0)), dx, dy) < 0.1


def test_two_objects_move_apart() -> None:
    left, right = texture(96, 128, seed=1), texture(96, 128, seed=2)
    first = torch.cat([left[..., :64], right[..., 64:]], dim=-1)
    second = torch.cat([texture(96, 128, 0, 3, 1)[..., :64], texture(96, 128, 0, -3, 2)[..., 64:]], dim=-1)
    down = tvl1(first, second)[0, 1, BORDER:-BORDER]
    assert float((down[:, 16:56] - 3).abs().mean()) < 0.1
    assert float((down[:, 72:112] + 3).abs().mean()) < 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 7), (31, 33), (47, 101)])
def test_any_size_has_a_finite_flow_and_still_images_none(size: tuple[int, int]) -> None:
    image, other = texture(*size), texture(*size, dx=1, seed=3)
    flow = tvl1(image, other)
    assert flow.shape == (1, 2, *size)
    assert flow.isfinite().all()
    assert float(tvl1(image, image).abs().max()) < 1e-4


def test_constant_images_do_not_move_even_if_they_brighten() -> None:
    dark, bright = torch.full((1, 40, 50), 20, dtype=torch.uint8), torch.full((1, 40, 50), 220, dtype=torch.uint8)
    assert float(tvl1(dark, bright).abs().max()) < 1e-3


def test_a_pair_has_one_flow_alone_in_a_batch_and_again() -> None:
    images = torch.cat([texture(61, 83, 2 * i, -i) for i in range(4)])
    together = tvl1(images[:-1], images[1:])
    for flow, (previous, following) in zip(together, pairwise(images), strict=True):
        torch.testing.assert_close(flow, tvl1(previous[None], following[None])[0], rtol=0, atol=1e-3)
    assert torch.equal(tvl1(images[:-1], images[1:]), together)


def test_more_iterations_lower_the_energy_that_is_minimised() -> None:
    """Equation (1) of the module, as it stands, of the flow of one linearisation around zero."""
    lambda_data, theta = 0.15, 0.1
    previous, following = texture(15, 20), texture(15, 20, 0.4, -0.3)  # One level: no coarser one is large enough.
    (first,), (second,) = pyramid(previous.unsqueeze(1)), pyramid(following.unsqueeze(1))
    g = ((central_gradient(first) + central_gradient(second)) / 2)[0]
    square = g.square().sum(0) + 1e-6

    def energy(u: Tensor) -> float:
        right, down = torch.zeros_like(u), torch.zeros_like(u)
        right[..., :-1], down[:, :-1] = u[..., 1:] - u[..., :-1], u[:, 1:] - u[:, :-1]
        rho = (second - first)[0, 0] + (g * u).sum(0)
        # The least over v lies along g: a quadratic, as far as lambda theta |g|^2, and then linear.
        data = torch.where(
            rho.abs() <= lambda_data * theta * square,
            rho.square() / (2 * theta * square),
            lambda_data * rho.abs() - lambda_data**2 * theta * square / 2,
        )
        return float((torch.hypot(right, down).sum() + data.sum()).double())

    found = []
    for tau, iterations in (0.2, 20), (0.2, 2000), (0.05, 4000):
        u, p = torch.zeros(2, 1, 15, 20), torch.zeros(2, 2, 1, 15, 20)
        _minimise(u, p, (second - first)[:, 0], g.unsqueeze(1), lambda_data, theta, tau, iterations)
        assert float(torch.hypot(p[0], p[1]).max()) < 1 + 1e-5
        found.append(energy(u[:, 0]))
    assert energy(torch.zeros(2, 15, 20)) > found[0] > found[1]
    assert found[1] == pytest.approx(found[2], rel=1e-4)  # The minimum, whatever the step lengths.
    away = 0.01 * torch.randn(2, 15, 20, generator=torch.Generator().manual_seed(0))
    assert energy(u[:, 0] + away) > found[2]


@pytest.mark.parametrize("size", [(1, 1), (4, 9), (20, 31)])
def test_the_median_is_that_of_opencv(size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=size).astype(np.float32)
    found = median3x3(torch.from_numpy(values).expand(2, 1, *size))
    np.testing.assert_array_equal(found[0, 0].numpy(), cv2.medianBlur(values, 3).reshape(size))


def test_gradient_and_smoothing_know_a_ramp() -> None:
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    ramp = (3 * x - 2 * y).view(1, 1, 30, 40)
    torch.testing.assert_close(smooth(ramp, 0.8)[..., 5:-5, 5:-5], ramp[..., 5:-5, 5:-5])
    gradient = central_gradient(ramp)[0, :, 2:-2, 2:-2]
    torch.testing.assert_close(gradient, torch.tensor([3.0, -2.0]).view(2, 1, 1).expand_as(gradient))


def test_warping_looks_along_the_flow_and_says_where_it_left_the_image() -> None:
    image = texture(20, 30).unsqueeze(1)
    u = torch.tensor([2.0, -1.0]).view(2, 1, 1, 1).expand(2, 1, 20, 30)
    warped, inside = warp(image, u)
    torch.testing.assert_close(warped[0, 0, 1:, :-2], image[0, 0, :-1, 2:], rtol=0, atol=1e-2)
    assert inside[0, 1:, :-2].all()
    assert not inside[0, 0].any()
    assert not inside[0, :, -2:].any()


def test_a_gpu_computes_in_full_precision_and_all_else_there_as_before() -> None:
    assert torch.backends.cudnn.allow_tf32, "as torch has it"
    with full_precision(torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.enabled
    assert torch.backends.cudnn.allow_tf32
    with full_precision(torch.device("cpu")):
        assert torch.backends.cudnn.allow_tf32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_finds_the_same_flow() -> None:
    images = torch.cat([texture(96, 128, 2 * i, -i) for i in range(4)])
    found = tvl1(images[:-1].cuda(), images[1:].cuda()).cpu()
    assert float((found - tvl1(images[:-1], images[1:])).abs().mean()) < 1e-3
