from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.synthetic.choreography import ACTIONS, Pose, acting, blinking, crossing, wandering, wave

FPS = 25


def stacked(pose: Pose) -> np.ndarray:
    return np.stack([pose.x, pose.y, pose.turn, pose.width, pose.height], 1)


@pytest.mark.parametrize("label", ACTIONS)
@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(FPS, 8 * FPS))
def test_action_starts_and_ends_at_its_span(label: str, seed: int, start: int, length: int) -> None:
    pose = stacked(acting(label, [range(start, start + length)], start + length + 20, FPS, np.random.default_rng(seed)))
    moved = np.abs(np.diff(pose, axis=0)).max(1) > 0
    assert not moved[: start - 1].any()
    assert not moved[start + length - 1 :].any()
    assert moved[start - 1 : start + length - 1].mean() > 0.9
    assert np.abs(pose[:, 3:]).min() > 0.05  # Never so thin that it cannot be drawn.


@pytest.mark.parametrize("label", ACTIONS)
def test_action_comes_back_on_itself(label: str) -> None:
    """Over its slowest cycle an action fills its extent, and it never leaves it."""
    action = ACTIONS[label]
    phase = np.linspace(0, 2 * np.pi, 200)
    pose = stacked(action.pose(phase, action.extent[1]))
    same_turn = np.exp(1j * pose[[0, -1], 2])
    assert np.allclose(pose[0, [0, 1, 3, 4]], pose[-1, [0, 1, 3, 4]])
    assert np.isclose(*same_turn)
    assert np.ptp(pose, axis=0).max() > 0.2
    assert np.abs(pose[:, :2]).max() < 30


def test_actions_move_differently() -> None:
    """No two classes share the way in which position, turn and stretch change together."""
    footprints = set()
    for action in ACTIONS.values():
        pose = stacked(action.pose(np.linspace(0, 2 * np.pi, 200), action.extent[1]))
        x, y = pose[:, 0] - pose[:, 0].mean(), pose[:, 1] - pose[:, 1].mean()
        together = round(float(np.corrcoef(x, y)[0, 1])) if x.std() > 1 and y.std() > 1 else None
        footprints.add((*(np.ptp(pose, axis=0) > (2, 2, 0.5, 0.45, 0.45)), together))
    assert len(footprints) == len(ACTIONS)


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_distractors_have_no_rhythm_of_an_action(seed: int) -> None:
    rng = np.random.default_rng(seed)
    line = crossing(250, FPS, rng)
    steps = np.diff(np.stack([line.x, line.y], 1), axis=0)
    assert np.allclose(steps, steps[0])
    assert 12 / FPS <= np.hypot(*steps[0]) <= 40 / FPS
    assert np.hypot(line.x, line.y).min() < 1
    stroll = wandering(250, FPS, rng)
    assert np.hypot(np.diff(stroll.x), np.diff(stroll.y)).max() < 60 / FPS
    assert np.ptp(stroll.x) > 1
    blink = blinking(250, FPS, rng)
    assert blink.visible.any()
    assert not blink.visible.all()
    assert np.ptp(stacked(blink), axis=0).max() == 0


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.1, 50))
def test_wave_is_smooth_and_bounded(seed: int, extent: float) -> None:
    curve = wave(np.random.default_rng(seed), 500, FPS, (0.1, 1.0), extent)
    assert np.abs(curve).max() <= extent * (1 + 1e-9)
    assert np.abs(np.diff(curve)).max() <= 2 * np.pi * extent / FPS
    assert np.ptp(curve) > 0
