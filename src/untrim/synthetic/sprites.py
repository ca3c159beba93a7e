"""Sprites of a rendered corpus: paper stickers of random shape, colour and pattern, and how they are pasted."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from untrim.support.array_types import Float64, Image

Mask = NDArray[np.bool_]

_BODY = 0.8  # Radius of a sticker with its white rim, as a part of half the picture; the rest is its soft shadow.
_RIM = 0.86  # Radius of the coloured part, relative to the rim's.
_SHIFT = 4  # Fractional bits of the coordinates that OpenCV draws at.
_OPAQUE = (255.0, 255.0, 255.0)


@dataclass(frozen=True, slots=True)
class Sticker:
    """A picture with soft edges, P pixels wide and high.

    Args:
        paint: RGB times opacity, (P, P, 3).
        cover: 255 minus opacity in each channel, (P, P, 3): how much of what lies below remains.
    """

    paint: Image
    cover: Image

    @property
    def middle(self) -> float:
        """Coordinate of the centre in pixels, the same in x and y."""
        return (len(self.paint) - 1) / 2

    @property
    def radius(self) -> float:
        """Radius of the sticker's body in pixels."""
        return _BODY * len(self.paint) / 2


def draw_sticker(rng: np.random.Generator, size: int) -> Sticker:
    """Draw a random sticker, `size` pixels wide and high. Nothing about it depends on what it will do."""
    theta = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    outline = _OUTLINES[rng.integers(len(_OUTLINES))](theta)
    outline = outline / np.abs(outline).max() * _BODY
    axis = np.linspace(-1, 1, size) / _BODY
    x, y = np.meshgrid(axis, axis)
    turn = rng.uniform(0, np.pi)
    across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    pattern = _PATTERNS[rng.integers(len(_PATTERNS))](across, along)

    hue, other = rng.uniform(0, 1), rng.uniform(0.08, 0.5)
    first = _rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.8, 1.0))
    second = _rgb(hue + other, rng.uniform(0.25, 0.65), rng.uniform(0.85, 1.0))
    shade = 1.08 - 0.2 * (x + y + 1)[..., None].clip(0, 1.5)
    inside = np.where(pattern[..., None], first, second) * shade
    body, rim = _fill(outline, size), _fill(outline * _RIM, size)
    colour = 255 * (1 - rim) + inside * rim
    colour = _draw_face(colour, size) if rng.random() < 0.75 else colour
    shadow = 0.45 * cv2.GaussianBlur(body, (0, 0), size / 28)[..., None]
    opacity = body + shadow * (1 - body)
    return Sticker(_bytes(colour * body), _bytes(np.repeat(255 * (1 - opacity), 3, axis=2)))


def paste(frame: Image, sticker: Sticker, matrix: Float64, box: NDArray[np.int64]) -> None:
    """Paste a sticker into `frame`, (H, W, 3), in place.

    Args:
        frame: The picture to paste into.
        sticker: What to paste.
        matrix: Affine map from sticker pixels to frame pixels, (2, 3).
        box: Part of the frame that the sticker may touch: left, top, right, bottom, inside the frame.
    """
    left, top, right, bottom = box.tolist()
    local = matrix - np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    size = (right - left, bottom - top)
    paint = cv2.warpAffine(sticker.paint, local, size)
    cover = cv2.warpAffine(sticker.cover, local, size, borderValue=_OPAQUE)
    below = frame[top:bottom, left:right]
    frame[top:bottom, left:right] = cv2.add(cv2.multiply(below, cover, scale=1 / 255), paint)


def _draw_face(colour: Float64, size: int) -> Float64:
    picture = _bytes(colour)
    unit = _BODY * size / 2 * 2**_SHIFT
    middle = (size - 1) / 2 * 2**_SHIFT
    for side in (-1, 1):
        eye = (round(middle + 0.24 * side * unit), round(middle - 0.12 * unit))
        cv2.circle(picture, eye, round(0.17 * unit), (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(picture, eye, round(0.1 * unit), (30, 30, 45), -1, cv2.LINE_AA, _SHIFT)
    mouth = (round(middle), round(middle + 0.14 * unit))
    axes = (round(0.16 * unit), round(0.13 * unit))
    cv2.ellipse(picture, mouth, axes, 0, 0, 180, (30, 30, 45), -1, cv2.LINE_AA, _SHIFT)
    return picture.astype(np.float64)


def _fill(outline: NDArray[np.complex128], size: int) -> Float64:
    """Opacity, (size, size, 1), of the inside of `outline`, whose points are in the unit square around 0."""
    points = np.stack([outline.real, outline.imag], 1) * size / 2 + (size - 1) / 2
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 2**_SHIFT).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask[..., None] / 255


def _rgb(hue: float, saturation: float, value: float) -> Float64:
    return 255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _bytes(picture: Float64) -> Image:
    return np.asarray(np.rint(picture.clip(0, 255)), dtype=np.uint8)


def _polar(radius: Callable[[Float64], Float64]) -> Callable[[Float64], NDArray[np.complex128]]:
    return lambda theta: np.asarray(radius(theta) * np.exp(1j * theta), dtype=np.complex128)


def _corners(count: int, theta: Float64) -> Float64:
    """Radius of a regular polygon with rounded corners."""
    wedge = (theta + np.pi / 2) % (2 * np.pi / count) - np.pi / count
    return np.asarray(0.8 * np.cos(np.pi / count) / np.cos(wedge) + 0.2)


def _heart(theta: Float64) -> NDArray[np.complex128]:
    height = 13 * np.cos(theta) - 5 * np.cos(2 * theta) - 2 * np.cos(3 * theta) - np.cos(4 * theta) + 2.5
    return np.asarray(16 * np.sin(theta) ** 3 - 1j * height)


_OUTLINES: tuple[Callable[[Float64], NDArray[np.complex128]], ...] = (
    _polar(np.ones_like),
    _polar(lambda theta: _corners(3, theta)),
    _polar(lambda theta: _corners(4, theta)),
    _polar(lambda theta: _corners(6, theta)),
    _polar(lambda theta: 0.76 - 0.24 * np.sin(5 * theta)),
    _polar(lambda theta: 0.86 + 0.14 * np.cos(6 * theta)),
    _polar(lambda theta: 0.87 + 0.13 * np.tanh(3 * np.sin(8 * theta))),
    _heart,
)
_PATTERNS: tuple[Callable[[Float64, Float64], Mask], ...] = (
    lambda x, y: np.sin(7 * x) > 0,
    lambda x, y: x > 0,
    lambda x, y: (x > 0) ^ (y > 0),
    lambda x, y: np.cos(6 * x) * np.cos(6 * y) > 0.3,
    lambda x, y: np.sin(3 * np.arctan2(y, x)) > 0,
)
