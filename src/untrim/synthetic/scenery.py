"""Landscapes behind the sprites of a rendered corpus: painted at random, one painter per kind of scenery."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from untrim.support.array_types import Image

Colour = tuple[float, float, float]

_SUPERSAMPLE = 2
_SHIFT = 4  # Fractional bits of the coordinates that OpenCV draws at.


def paint_scenery(name: str, width: int, height: int, rng: np.random.Generator) -> Image:
    """Paint one scenery of the kind `name`, a key of `SCENERIES`.

    Returns:
        The picture, RGB of shape (height, width, 3).
    """
    canvas = _Canvas(width * _SUPERSAMPLE, height * _SUPERSAMPLE, rng)
    SCENERIES[name](canvas)
    picture = cv2.resize(canvas.image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, dtype=np.uint8)


class _Canvas:
    """Drawing in fractions of the picture: x runs from 0 to 1 to the right, y from 0 to 1 downwards."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.image: Image = np.zeros((height, width, 3), np.uint8)
        self.width, self.height, self.rng = width, height, rng
        self._hue = rng.normal(0, 0.025)

    def colour(self, hue: float, saturation: float, value: float) -> Colour:
        """A colour near the given one (each in [0, 1]); the whole picture shares one turn of hue."""
        jitter = self.rng.normal(0, (0.008, 0.03, 0.02))
        s, v = np.clip((saturation + jitter[1], value + jitter[2]), 0, 1)
        red, green, blue = colorsys.hsv_to_rgb((hue + self._hue + jitter[0]) % 1, s, v)
        return red * 255, green * 255, blue * 255

    def between(self, low: float, high: float) -> float:
        """A random number in ``[low, high)``."""
        return float(self.rng.uniform(low, high))

    def sky(self, top: Colour, bottom: Colour, horizon: float = 1.0) -> None:
        """A vertical gradient over the whole picture that reaches `bottom` at `horizon`."""
        along = np.clip(np.linspace(0, 1 / horizon, self.height), 0, 1)[:, None, None]
        self.image[:] = np.rint(np.asarray(top) * (1 - along) + np.asarray(bottom) * along)

    def polygon(self, points: NDArray[np.float64], colour: Colour) -> None:
        """Fill the polygon of `points`, (n, 2)."""
        pixels = points * (self.width, self.height) * 2**_SHIFT
        cv2.fillPoly(self.image, [np.rint(pixels).astype(np.int32)], colour, cv2.LINE_AA, _SHIFT)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle; `radius` is in picture heights."""
        scale = 2**_SHIFT
        middle = (round(x * self.width * scale), round(y * self.height * scale))
        cv2.circle(self.image, middle, round(radius * self.height * scale), colour, -1, cv2.LINE_AA, _SHIFT)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Lighten towards `colour` around a point, fading over about `radius` picture heights."""
        across = (np.arange(self.width) / self.width - x) * self.width / self.height / radius
        down = (np.arange(self.height) / self.height - y) / radius
        weight = np.outer(strength * np.exp(-(down**2) / 2), np.exp(-(across**2) / 2)).astype(np.float32)[..., None]
        self.image[:] = self.image + (np.asarray(colour, np.float32) - self.image) * weight + 0.5

    def ridge(self, base: float, swell: float, waves: tuple[float, float], colour: Colour, sharp: float = 0.0) -> None:
        """Fill below a horizon of random waves.

        Args:
            base: Mean height of the horizon.
            swell: How far it rises and falls.
            waves: Fewest and most waves across the picture.
            colour: Colour of the land.
            sharp: 0 for round hills, 1 for pointed peaks.
        """
        x = np.linspace(0, 1, 160)
        phases = self.rng.uniform(waves[0], waves[1], 4)[:, None] * x + self.rng.uniform(0, 1, 4)[:, None]
        peaks = 4 * np.abs(phases % 1 - 0.5) - 1
        shape = (1 - sharp) * np.sin(2 * np.pi * phases) + sharp * peaks
        y = base - swell * (shape * [[0.5], [0.3], [0.15], [0.1]]).sum(0)
        self.polygon(np.stack([np.r_[x, 1, 0], np.r_[y, 1.01, 1.01]], 1), colour)

    def cloud(self, x: float, y: float, size: float, colour: Colour) -> None:
        """A flat-bottomed heap of discs."""
        for offset in np.linspace(-1, 1, 5):
            puff = size * self.between(0.3, 0.5) * (1.25 - abs(offset))
            self.disc(x + offset * size * 0.6, y - puff * 0.7, puff, colour)

    def scatter(self, count: int, top: float, bottom: float) -> NDArray[np.float64]:
        """Random points between two heights, the far (upper) ones first, (count, 2)."""
        points = np.stack([self.rng.uniform(0, 1, count), self.rng.uniform(top, bottom, count)], 1)
        return points[np.argsort(points[:, 1])]


def _meadow(c: _Canvas) -> None:
    c.sky(c.colour(0.56, 0.55, 0.95), c.colour(0.52, 0.18, 1.0), 0.6)
    c.glow(c.between(0, 1), 0.1, 0.25, (255, 250, 215), 0.8)
    for x, y in c.scatter(4, 0.1, 0.35):
        c.cloud(x, y, c.between(0.07, 0.13), (252, 252, 255))
    for depth in range(4):
        hill = c.colour(0.27 + 0.012 * depth, 0.45 + 0.07 * depth, 0.82 - 0.07 * depth)
        c.ridge(0.5 + 0.12 * depth, 0.1, (0.6, 2.2), hill)
    for x, y in c.scatter(70, 0.72, 1.0):
        c.disc(x, y, 0.012 * y, c.colour(c.between(0, 1), 0.45, 1.0))


def _city(c: _Canvas) -> None:
    c.sky(c.colour(0.68, 0.5, 0.5), c.colour(0.04, 0.5, 0.98), 0.8)
    c.glow(c.between(0.2, 0.8), 0.6, 0.3, (255, 215, 160), 0.6)
    for depth in range(3):
        wall, lit = c.colour(0.7, 0.38, 0.55 - 0.13 * depth), c.colour(0.13, 0.55, 0.98)
        left = -c.between(0, 0.06)
        while left < 1:
            right, top = left + c.between(0.05, 0.1), c.between(0.3, 0.6) + 0.12 * depth
            c.polygon(np.array([(left, top), (right, top), (right, 1.01), (left, 1.01)]), wall)
            for x in np.arange(left + 0.013, right - 0.012, 0.018):
                for y in np.arange(top + 0.03, 1, 0.042):
                    if c.rng.random() < 0.12 + 0.1 * depth:
                        c.polygon(np.array([(x, y), (x + 0.008, y), (x + 0.008, y + 0.018), (x, y + 0.018)]), lit)
            left = right + c.between(0, 0.01)


def _sea(c: _Canvas) -> None:
    horizon, sun = c.between(0.38, 0.48), c.between(0.2, 0.8)
    c.sky(c.colour(0.55, 0.4, 0.95), c.colour(0.1, 0.3, 1.0), horizon)
    c.glow(sun, horizon - 0.1, 0.18, (255, 240, 190), 0.9)
    c.disc(sun, horizon - 0.1, 0.055, (255, 246, 214))
    c.ridge(horizon - 0.01, 0.035, (1.0, 2.0), c.colour(0.55, 0.35, 0.7))
    for row, y in enumerate(np.linspace(horizon, 1.0, 13)[:-1]):
        water = c.colour(0.53 + 0.004 * row, 0.5 + 0.02 * row, 0.9 - 0.035 * row)
        c.ridge(float(y), 0.003 + 0.0012 * row, (5, 10), water)
    for x, y in c.scatter(45, horizon + 0.02, 1.0):
        shade, length = c.colour(0.5, 0.12, 1.0), 0.02 + 0.04 * (y - horizon)
        c.polygon(np.array([(x - length, y), (x, y - 0.005), (x + length, y), (x, y + 0.005)]), shade)


def _desert(c: _Canvas) -> None:
    c.sky(c.colour(0.58, 0.3, 0.9), c.colour(0.09, 0.35, 1.0), 0.55)
    c.disc(c.between(0.1, 0.9), c.between(0.1, 0.25), 0.07, (255, 250, 228))
    c.ridge(0.5, 0.12, (0.8, 1.8), c.colour(0.05, 0.38, 0.8), sharp=0.7)
    for depth in range(4):
        c.ridge(0.55 + 0.12 * depth, 0.07, (0.5, 1.4), c.colour(0.09 - 0.008 * depth, 0.42 + 0.06 * depth, 0.95))
    for x, y in c.scatter(6, 0.62, 0.95):
        tall, wide, green = 0.14 * y, 0.011 * y, c.colour(0.38, 0.45, 0.5)
        arms = ((0.0, 0.0, tall), (2.6 * wide, 0.4 * tall, 0.4 * tall), (-2.6 * wide, 0.3 * tall, 0.35 * tall))
        for offset, foot, length in arms:
            box = [(-wide, 0), (wide, 0), (wide, -length), (0, -length - wide), (-wide, -length)]
            c.polygon(np.array(box) + (x + offset, y - foot), green)
        level = y - 0.35 * tall
        bar = [(-2.6 * wide, -wide), (2.6 * wide, -wide), (2.6 * wide, wide), (-2.6 * wide, wide)]
        c.polygon(np.array(bar) + (x, level), green)


def _forest(c: _Canvas) -> None:
    c.sky(c.colour(0.48, 0.2, 0.88), c.colour(0.42, 0.08, 0.97), 0.7)
    for depth in range(4):
        green = c.colour(0.42 - 0.01 * depth, 0.22 + 0.13 * depth, 0.75 - 0.13 * depth)
        floor = 0.5 + 0.16 * depth
        c.ridge(floor, 0.04, (1, 2), green)
        for x, y in c.scatter(16 - 2 * depth, floor - 0.02, floor + 0.06):
            tall = c.between(0.22, 0.34) * (0.7 + 0.2 * depth)
            for part in (0.0, 0.28, 0.56):
                top, half = y - tall * (part + 0.44), 0.22 * tall * (1 - part)
                c.polygon(np.array([(x - half, y - tall * part), (x, top), (x + half, y - tall * part)]), green)


def _alps(c: _Canvas) -> None:
    c.sky(c.colour(0.58, 0.5, 0.85), c.colour(0.57, 0.12, 1.0), 0.7)
    for depth, x in enumerate(np.linspace(0, 1, 9)[c.rng.permutation(9)]):
        top, wide = c.between(0.14, 0.4) + 0.02 * depth, c.between(0.2, 0.3)
        x, foot, bend = x + c.between(-0.05, 0.05), 0.85, c.between(-0.03, 0.03)
        rock, shade = c.colour(0.61, 0.3, 0.66), c.colour(0.62, 0.38, 0.52)
        c.polygon(np.array([(x - wide, foot), (x, top), (x + wide, foot)]), rock)
        c.polygon(np.array([(x, top), (x + wide, foot), (x + bend, foot)]), shade)
        teeth = np.linspace(-1, 1, 7)
        depths = 0.3 + 0.08 * np.where(np.arange(7) % 2, 1, -1)
        edge = np.stack([x + teeth * wide * depths, top + (foot - top) * depths], 1)
        c.polygon(np.concatenate([[(x, top)], edge[::-1]]), (250, 252, 255))
    for depth in range(3):
        c.ridge(0.78 + 0.08 * depth, 0.04, (1, 2), c.colour(0.56, 0.1 + 0.04 * depth, 0.97 - 0.04 * depth))


def _night(c: _Canvas) -> None:
    c.sky(c.colour(0.66, 0.6, 0.3), c.colour(0.6, 0.5, 0.55), 0.8)
    for x, y in c.scatter(90, 0.0, 0.75):
        c.disc(x, y, c.between(0.002, 0.008), c.colour(0.14, 0.1, 1.0))
    x, y = c.between(0.15, 0.85), c.between(0.12, 0.3)
    c.glow(x, y, 0.16, (220, 225, 255), 0.55)
    c.disc(x, y, 0.085, (245, 243, 225))
    for dx, dy, radius in ((-0.02, -0.02, 0.018), (0.022, 0.025, 0.014), (0.0, 0.045, 0.01)):
        c.disc(x + dx, y + dy, radius, (222, 220, 205))
    for depth in range(3):
        c.ridge(0.68 + 0.11 * depth, 0.09, (0.7, 2), c.colour(0.64, 0.45, 0.36 - 0.08 * depth))


def _village(c: _Canvas) -> None:
    c.sky(c.colour(0.1, 0.15, 1.0), c.colour(0.08, 0.3, 0.98), 0.6)
    c.ridge(0.5, 0.1, (0.8, 2), c.colour(0.11, 0.45, 0.82))
    for row in range(3):
        floor = 0.6 + 0.15 * row
        c.ridge(floor, 0.03, (1, 2), c.colour(0.2 - 0.02 * row, 0.5, 0.72 - 0.05 * row))
        for x in np.arange(c.between(0, 0.1), 1, 0.17 - 0.015 * row):
            half, tall, y = c.between(0.035, 0.05), c.between(0.09, 0.14), floor + c.between(0.02, 0.07)
            wall, roof = c.colour(0.1, 0.12, 0.96), c.colour(c.between(-0.02, 0.06), 0.62, 0.78)
            c.polygon(np.array([(x - half, y), (x - half, y - tall), (x + half, y - tall), (x + half, y)]), wall)
            gable = [(x - 1.25 * half, y - tall), (x, y - 1.75 * tall), (x + 1.25 * half, y - tall)]
            c.polygon(np.array(gable), roof)
            for side in (-0.5, 0.5):
                window = np.array([(-0.009, -0.02), (0.009, -0.02), (0.009, 0.02), (-0.009, 0.02)])
                c.polygon(window + (x + side * half, y - 0.55 * tall), c.colour(0.58, 0.35, 0.55))


SCENERIES: dict[str, Callable[[_Canvas], None]] = {
    "meadow": _meadow,
    "city": _city,
    "sea": _sea,
    "desert": _desert,
    "forest": _forest,
    "alps": _alps,
    "night": _night,
    "village": _village,
}
