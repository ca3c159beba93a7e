"""What an overlay shows of each class: a colour, detections, and a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untrim.rendering.text import Color
from untrim.support.array_types import Float64
from untrim.timeline import Detection

_GROUND = 0.1  # The share of a curve's values that lies on the ground.


@dataclass(frozen=True, eq=False)
class Lane:
    """One class: what was found of it, and its curve.

    Args:
        label: The class.
        color: Its colour.
        found: Its detections.
        seconds: Times of the curve, ascending, (N,); empty if there is none.
        heights: Of the curve, in [0, 1], (N,).
    """

    label: str
    color: Color
    found: tuple[Detection, ...]
    seconds: Float64
    heights: Float64


def lanes_of(
    found: Sequence[Detection], palette: Mapping[str, str], curves: Mapping[str, tuple[Float64, Float64]]
) -> list[Lane]:
    """A lane for each class that is found in a video, in the order in which they first are.

    Args:
        found: Detections, in the order of time.
        palette: Class -> colour such as ``#0072b2``.
        curves: Class -> times and values of its curve, (N,); all are drawn on one scale.
    """
    labels = list(dict.fromkeys(detection.label for detection in found))
    drawn = [curves[label][1] for label in labels if label in curves]
    low, high = np.quantile(drawn, (_GROUND, 1.0)) if drawn else (0.0, 1.0)
    nothing = np.empty(0), np.empty(0)
    lanes = []
    for label in labels:
        seconds, values = curves.get(label, nothing)
        heights = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)
        own = tuple(detection for detection in found if detection.label == label)
        lanes.append(Lane(label, _rgb(palette[label]), own, seconds, heights))
    return lanes


def _rgb(color: str) -> Color:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue
