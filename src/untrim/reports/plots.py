"""The geometry of the report's drawings: ticks, curves, colours, places.

Drawings are fluid: x is in percent of the width, so that text keeps its size from a phone to a print. Curves are paths
in a box of `BOX` units that the page stretches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untrim.support.array_types import Float64
from untrim.support.colors import colors

BOX = (1000, 100)
"""Width and height of the box that paths are drawn in."""

_MOST_POINTS = 500  # A curve is about this many pixels wide.
_TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its position in percent of the length, and its text."""

    position: float
    text: str


@dataclass(frozen=True)
class Line:
    """One named line of a chart: its path in the `BOX`, and its colour, None for the one that matters most."""

    name: str
    color: str | None
    path: str


@dataclass(frozen=True)
class Chart:
    """Lines over a common x axis; ticks in percent from the left and from the top."""

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def time_ticks(duration: float, most: int = 7) -> tuple[Tick, ...]:
    """Round times from 0 to `duration` seconds, at most `most` intervals."""
    fitting = (step for step in _TIME_STEPS if duration / step <= most)
    step = next(fitting, math.ceil(duration / most / 3600) * 3600)
    return tuple(Tick(100 * i * step / duration, f"{i * step:g} s") for i in range(math.floor(duration / step) + 1))


def ticks(low: float, high: float, most: int = 5) -> tuple[Tick, ...]:
    """Round values within ``[low, high]``, ``low < high``: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(Tick(100 * (i * step - low) / (high - low), f"{i * step:g}") for i in range(first, last + 1))


def curve(x: Float64, y: Float64) -> str:
    """SVG path in the `BOX` through points with x from 0 (left) to 1 and y from 0 (bottom) to 1, cut off outside.

    Of long sequences, neighbours are averaged.
    """
    if len(x) > _MOST_POINTS:
        borders = np.linspace(0, len(x), _MOST_POINTS + 1).astype(int)[:-1]
        size = np.diff(borders, append=len(x))
        x, y = np.add.reduceat(x, borders) / size, np.add.reduceat(y, borders) / size
    left, top = BOX[0] * x, BOX[1] * (1 - np.clip(y, 0, 1))
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(left, top, strict=True))


def line_chart(x: Float64, series: Mapping[str, Float64], low: float, high: float) -> Chart:
    """A chart of (N,) `series`, the first of which matters most, over ascending (N,) `x`; y from `low` to `high`."""
    width = float(x[-1] - x[0]) or 1.0
    lines = [
        Line(name, color, curve((x - x[0]) / width, (values - low) / (high - low)))
        for (name, values), color in zip(series.items(), [None, *colors(len(series) - 1)], strict=True)
    ]
    y_ticks = [Tick(100 - tick.position, tick.text) for tick in ticks(low, high)]
    return Chart(tuple(lines), ticks(float(x[0]), float(x[0]) + width), tuple(y_ticks))


def spread(wanted: Sequence[float], width: float) -> list[float]:
    """Centres of items of equal `width` in 0..100, without overlap and as near as possible to the `wanted` centres.

    Args:
        wanted: Ascending centres; at most ``100 / width`` of them.
        width: Width of each item.
    """
    centers: list[float] = []
    for center in wanted:
        centers.append(max(center, width / 2, centers[-1] + width if centers else 0.0))
    limit = 100 - width / 2
    for i in range(len(centers) - 1, -1, -1):
        centers[i] = min(centers[i], limit)
        limit = centers[i] - width
    return centers
