"""TV-L1 optical flow, in torch: many pairs at a time, on the CPU or a GPU.

Zach, Pock, Bischof: A duality based approach for realtime TV-L1 optical flow, DAGM 2007 (the energy, the pyramid, the
thresholding). Chambolle, Pock: A first-order primal-dual algorithm for convex problems with applications to imaging,
JMIV 2011 (the iterations). Wedel, Pock, Zach, Bischof, Cremers: An improved algorithm for TV-L1 optical flow, 2009 (the
median of the flow between warps, the mean of both images' gradients).

The flow u = (u1, u2) from image I0 to image I1 has the least energy

    (1)  E(u) = sum over pixels of |grad u1| + |grad u2| + min over v of  lambda |rho(v)| + |u - v|^2 / (2 theta)
    (2)  rho(v) = I1(x + u0) - I0(x) + g . (v - u0)

that is: it is piecewise smooth, with sharp borders (total variation), and grey levels change little along it (an L1
norm, which bears with occlusions; theta makes it quadratic near zero, which bears with noise). rho is linear around a
flow u0 known so far, g the gradient of the image. With p the dual variable of grad u, one iteration of step lengths
sigma and tau is

    (3)  p  <-  q / max(1, |q|),  q = p + sigma grad w                         q: for u1 and u2 each
    (4)  u' <-  t - g clamp(tau / (tau + theta) rho(t) / |g|^2, +- tau lambda),  t = u + tau div p
    (5)  w  <-  2 u' - u,  u <- u'

(4) is the thresholding step of Zach et al. (their equation 15) of step length tau + theta, of which u goes the part
tau / (tau + theta). Unlike their alternation this converges for any theta, to the minimum of (1) itself.

From a pyramid's coarsest level, where large motion is small, to the finest, u0 is taken from what was found so far,
several times a level. All lengths are fixed, so that a pair has one flow.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALLEST = 16  # Pixels of the short side of the coarsest level, or more.
_NOISE = 0.8  # Standard deviation in pixels of the smoothing of both images.
_ANTIALIAS = 0.6  # Likewise, before a level is halved, whose pixels are smoothed already.
_NO_GRADIENT = 1e-6  # Squared grey levels a pixel, beside which the square of a gradient is none.


@torch.inference_mode()
def tvl1(
    previous: Tensor,
    following: Tensor,
    *,
    lambda_data: float = 0.15,
    theta: float = 0.1,
    tau: float = 0.2,
    warps: int = 5,
    iterations: int = 20,
) -> Tensor:
    """Motion of each pixel of `previous` towards `following`, for N pairs at once.

    Args:
        previous: Grey images, (N, H, W), 0 to 255, of any type and on any device.
        following: The image after each, likewise.
        lambda_data: Weight of the images against smoothness, lambda in (1), per grey level.
        theta: How far, in (1), the smooth flow may be from the flow that explains the images; pixels.
        tau: Step length of (4); that of (3) follows from it.
        warps: Times a level that rho is linearised anew.
        iterations: Iterations after each.

    Returns:
        float32 (N, 2, H, W): pixels to the right and downwards.
    """
    with full_precision(previous.device):
        first, second = pyramid(previous.float().unsqueeze(1)), pyramid(following.float().unsqueeze(1))
        u, p = first[-1].new_zeros(0), first[-1].new_zeros(0)
        for image, target in zip(reversed(first), reversed(second), strict=True):
            u, p = _finer(u, p, image)
            gradient = central_gradient(image)  # (N, 2, H, W)
            seen = torch.cat([target, central_gradient(target)], dim=1)  # (N, 3, H, W)
            for _ in range(warps):
                warped, inside = warp(seen, u)
                rho = (warped[:, 0] - image[:, 0]) * inside
                g = (warped[:, 1:] + gradient).transpose(0, 1) * (0.5 * inside)
                _minimise(u, p, rho, g, lambda_data, theta, tau, iterations)
                u = median3x3(u)
    return u.transpose(0, 1)


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Float32 convolutions of the full 24 bits, as on the CPU: a GPU otherwise takes 11 of them (TF32). All other
    settings of the library that computes them stay."""
    if device.type != "cuda":
        return nullcontext()
    now = torch.backends.cudnn
    return now.flags(enabled=now.enabled, benchmark=now.benchmark, deterministic=now.deterministic, allow_tf32=False)


def pyramid(images: Tensor) -> list[Tensor]:
    """Smoothed images (N, 1, H, W), then each level half the size of the one before."""
    levels = [smooth(images, _NOISE)]
    while (size := [math.ceil(side / 2) for side in levels[-1].shape[2:]]) and min(size) >= _SMALLEST:
        levels.append(F.interpolate(smooth(levels[-1], _ANTIALIAS), size, mode="bilinear"))
    return levels


def smooth(images: Tensor, deviation: float) -> Tensor:
    """Images (N, 1, H, W) under a Gaussian of that standard deviation in pixels; the border continues outside."""
    reach = math.ceil(3 * deviation)
    place = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.softmax(-place.square() / (2 * deviation**2), dim=0)
    images = F.conv2d(F.pad(images, (reach, reach, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    return F.conv2d(F.pad(images, (0, 0, reach, reach), mode="replicate"), kernel.view(1, 1, -1, 1))


def central_gradient(images: Tensor) -> Tensor:
    """Derivatives (N, 2, H, W) of images (N, 1, H, W) to the right and downwards: (1, -8, 0, 8, -1) / 12."""
    kernel = torch.tensor([1.0, -8.0, 0.0, 8.0, -1.0], device=images.device) / 12
    right = F.conv2d(F.pad(images, (2, 2, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    down = F.conv2d(F.pad(images, (0, 0, 2, 2), mode="replicate"), kernel.view(1, 1, -1, 1))
    return torch.cat([right, down], dim=1)


def warp(images: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) at x + u, bilinear, and where that is inside of them, 0 or 1 (N, H, W); u: (2, N, H, W)."""
    height, width = images.shape[2:]
    x = torch.arange(width, dtype=u.dtype, device=u.device)
    y = torch.arange(height, dtype=u.dtype, device=u.device).unsqueeze(1)
    place = torch.stack([(u[0] + x + 0.5) * (2 / width) - 1, (u[1] + y + 0.5) * (2 / height) - 1], dim=-1)
    inside = (place.abs() <= place.new_tensor([1 - 1 / width, 1 - 1 / height]) + 1e-6).all(dim=-1)
    return F.grid_sample(images, place, padding_mode="border", align_corners=False), inside.to(u.dtype)


def median3x3(u: Tensor) -> Tensor:
    """The median of each pixel and its eight neighbours, (..., H, W); the border continues outside.

    Sorted columns: the median is that of the largest of the least, the median of the medians, the least of the largest.
    """
    padded = F.pad(u, (1, 1, 1, 1), mode="replicate")
    top, middle, bottom = padded[..., :-2, :], padded[..., 1:-1, :], padded[..., 2:, :]
    low, high = torch.minimum(top, middle), torch.maximum(top, middle)
    least, rest = torch.minimum(low, bottom), torch.maximum(low, bottom)
    between, largest = torch.minimum(rest, high), torch.maximum(rest, high)
    least = torch.maximum(torch.maximum(least[..., :-2], least[..., 1:-1]), least[..., 2:])
    largest = torch.minimum(torch.minimum(largest[..., :-2], largest[..., 1:-1]), largest[..., 2:])
    between = _median(between[..., :-2], between[..., 1:-1], between[..., 2:])
    return _median(least, between, largest)


def _median(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))


def _finer(u: Tensor, p: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Flow (2, N, H, W) and dual (2, 2, N, H, W) brought to the size of `image` (N, 1, H, W); zeros if empty."""
    count, _, height, width = image.shape
    if not u.numel():
        return image.new_zeros(2, count, height, width), image.new_zeros(2, 2, count, height, width)
    scale = u.new_tensor([width / u.shape[3], height / u.shape[2]]).view(2, 1, 1, 1)
    p = F.interpolate(p.flatten(0, 1), (height, width), mode="bilinear").view(2, 2, count, height, width)
    p[0, ..., -1], p[1, ..., -1, :] = 0, 0  # There is nothing behind the border that u could differ from.
    return F.interpolate(u, (height, width), mode="bilinear") * scale, p


def _minimise(
    u: Tensor, p: Tensor, rho: Tensor, g: Tensor, lambda_data: float, theta: float, tau: float, iterations: int
) -> None:
    """Iterations (3) to (5), in place.

    Args:
        u: Flow, (2, N, H, W): around which rho is linear, and where to start.
        p: Dual, (2, 2, N, H, W): of the derivatives to the right, then downwards, of u1 and u2.
        rho: Of u, (N, H, W).
        g: Gradient of the image, (2, N, H, W).
        lambda_data: As in `tvl1`.
        theta: As in `tvl1`.
        tau: As in `tvl1`.
        iterations: How many.
    """
    sigma = 1 / (8 * tau)  # The most that converges, 8 being the bound of the squared norm of the gradient operator.
    h = g * (tau / (tau + theta) / (g.square().sum(0) + _NO_GRADIENT))  # With it, rho(t) is ready to be clamped:
    h1, h2 = h
    offset = rho * (tau / (tau + theta) / (g.square().sum(0) + _NO_GRADIENT)) - (h * u).sum(0)
    w, step, length = u.clone(), torch.empty_like(rho), torch.empty_like(u)
    px, py = p[0, ..., :-1], p[1, ..., :-1, :]
    for _ in range(iterations):
        px.add_(w[..., 1:], alpha=sigma).sub_(w[..., :-1], alpha=sigma)  # (3)
        py.add_(w[..., 1:, :], alpha=sigma).sub_(w[..., :-1, :], alpha=sigma)
        torch.mul(p[0], p[0], out=length).addcmul_(p[1], p[1])
        p.mul_(length.clamp_(min=1).rsqrt_())  # Not a root and a quotient: torch's root is forty times slower.
        torch.neg(u, out=w)
        u.add_(p[0], alpha=tau).add_(p[1], alpha=tau)  # (4)
        u[..., 1:].sub_(px, alpha=tau)
        u[..., 1:, :].sub_(py, alpha=tau)
        torch.addcmul(offset, h1, u[0], out=step).addcmul_(h2, u[1])
        u.addcmul_(g, step.clamp_(-tau * lambda_data, tau * lambda_data), value=-1)
        w.add_(u, alpha=2)  # (5)
