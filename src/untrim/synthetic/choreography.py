"""How the sprites of a rendered corpus move: the action classes, and the motions that belong to none.

An idle sprite holds still at some moment of some action. An acting sprite runs through the moments of its own action.
So a single frame never shows which sprite acts, nor how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from untrim.support.array_types import Float64

_RAMP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a sprite is relative to its home over n frames; each array has shape (n,).

    Args:
        x: Units (1/120 of the picture's height) to the right.
        y: Units downwards.
        turn: Radians clockwise.
        width: Horizontal stretch; negative is mirrored, never 0.
        height: Vertical stretch, as `width`.
        visible: Whether the sprite is visible.
    """

    x: Float64
    y: Float64
    turn: Float64
    width: Float64
    height: Float64
    visible: NDArray[np.bool_]

    @classmethod
    def at(
        cls,
        x: Float64,
        y: Float64 | float = 0.0,
        turn: Float64 | float = 0.0,
        width: Float64 | float = 1.0,
        height: Float64 | float = 1.0,
        visible: NDArray[np.bool_] | bool = True,
    ) -> Pose:
        """A pose with single numbers spread over as many frames as `x` has."""
        y, turn, width, height = (np.broadcast_to(value, x.shape) for value in (y, turn, width, height))
        return cls(x, y, turn, width, height, np.broadcast_to(visible, x.shape))


@dataclass(frozen=True, slots=True)
class Action:
    """One action class.

    Args:
        pose: Pose at each phase (radians, (n,)) and for an extent within `extent`.
        hertz: Slowest and fastest cycles per second.
        extent: Smallest and largest size of the motion: units, radians or a part of the sprite's size.
    """

    pose: Callable[[Float64, float], Pose]
    hertz: tuple[float, float]
    extent: tuple[float, float]


def _bounce(phase: Float64, extent: float) -> Pose:
    lift = np.abs(np.sin(phase / 2))
    squash = 0.25 * (1 - lift) ** 3
    return Pose.at(np.zeros_like(phase), extent * (0.5 - lift), width=1 + squash, height=1 - squash)


def _swing(phase: Float64, extent: float) -> Pose:
    angle, rope = extent * np.sin(phase), 30.0
    return Pose.at(-rope * np.sin(angle), rope * (np.cos(angle) - 0.85), angle)


def _slide(phase: Float64, extent: float) -> Pose:
    return Pose.at(extent * np.sin(phase))


def _circle(phase: Float64, extent: float) -> Pose:
    return Pose.at(extent * np.cos(phase), extent * np.sin(phase))


def _spin(phase: Float64, extent: float) -> Pose:
    return Pose.at(np.zeros_like(phase), turn=extent * phase)


def _pulse(phase: Float64, extent: float) -> Pose:
    size = 1 + extent * np.sin(phase)
    return Pose.at(np.zeros_like(phase), width=size, height=size)


def _shake(phase: Float64, extent: float) -> Pose:
    return Pose.at(extent * np.sin(phase), extent * np.sin(phase), 0.12 * np.sin(phase))


ACTIONS: dict[str, Action] = {
    "bounce": Action(_bounce, (1.2, 1.9), (18, 30)),
    "swing": Action(_swing, (0.8, 1.2), (0.6, 0.9)),
    "slide": Action(_slide, (0.8, 1.3), (12, 20)),
    "circle": Action(_circle, (1.3, 1.9), (9, 14)),
    "spin": Action(_spin, (0.9, 1.35), (1, 1)),
    "pulse": Action(_pulse, (1.3, 2.0), (0.32, 0.45)),
    "shake": Action(_shake, (3.5, 5.0), (3, 4.5)),
}


def acting(label: str, spans: Sequence[range], frames: int, fps: int, rng: np.random.Generator) -> Pose:
    """A sprite that performs the action `label` during `spans` and holds still before, between and after.

    The action reaches its full speed within 0.2 s after a start and slows down within 0.2 s before an end. Each sprite
    has its own extent. Each span has its own direction, and a tempo that varies a little.
    """
    action = ACTIONS[label]
    speed = np.zeros(frames)
    for span in spans:
        index = np.arange(len(span))
        ramp = np.minimum(index + 1, len(span) - index) / (_RAMP_SECONDS * fps)
        tempo = rng.uniform(*action.hertz) * (1 + wave(rng, len(span), fps, (0.1, 0.4), 0.12))
        speed[span.start : span.stop] = np.minimum(ramp, 1) * tempo * rng.choice([-1, 1])
    phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi / fps * np.cumsum(speed)
    return action.pose(phase, rng.uniform(*action.extent))


def crossing(frames: int, fps: int, rng: np.random.Generator) -> Pose:
    """A sprite that drifts along a line at one speed and passes its home at a random moment."""
    angle, speed = rng.uniform(-0.5, 0.5) + np.pi * rng.integers(2), rng.uniform(12, 40)
    way = speed * (np.arange(frames) - rng.uniform(0, frames)) / fps
    return Pose.at(np.cos(angle) * way, np.sin(angle) * way)


def wandering(frames: int, fps: int, rng: np.random.Generator) -> Pose:
    """A sprite that strolls about its home, turning a little, without rhythm."""
    x, y = (wave(rng, frames, fps, (0.03, 0.22), 30) for _ in range(2))
    return Pose.at(x, y, wave(rng, frames, fps, (0.03, 0.2), 0.5))


def blinking(frames: int, fps: int, rng: np.random.Generator) -> Pose:
    """A sprite that comes and goes at random moments without moving."""
    moments = np.cumsum(rng.uniform(0.15, 1.5, int(frames / fps / 0.15) + 1))
    shown = np.searchsorted(moments, np.arange(frames) / fps) % 2 == 0
    return Pose.at(np.zeros(frames), visible=shown)


def wave(rng: np.random.Generator, frames: int, fps: int, hertz: tuple[float, float], extent: float) -> Float64:
    """A smooth random curve, (frames,): three sines with frequencies in `hertz`, within ``[-extent, extent]``."""
    seconds = np.arange(frames) / fps
    parts = rng.dirichlet([2, 2, 2])[:, None]
    sines = np.sin(2 * np.pi * (np.outer(rng.uniform(*hertz, 3), seconds) + rng.uniform(0, 1, (3, 1))))
    return np.asarray(extent * (parts * sines).sum(0))
