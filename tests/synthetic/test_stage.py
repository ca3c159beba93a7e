from __future__ import annotations

import cv2
import numpy as np
import pytest

from untrim.synthetic.choreography import ACTIONS
from untrim.synthetic.scenery import SCENERIES
from untrim.synthetic.stage import Scene, Stage

WIDTH, HEIGHT, FPS = 160, 120, 25
FRAMES, SPAN = 90, range(30, 65)


def build(label: str | None, seed: int) -> Stage:
    rng = np.random.default_rng(seed)
    spans = (range(1000 + SPAN.start, 1000 + SPAN.stop),) if label else ()
    scenery = str(rng.choice(list(SCENERIES)))
    return Stage(Scene(1000, 1000 + FRAMES, scenery, label, spans), WIDTH, HEIGHT, FPS, rng)


def test_stage_is_deterministic_and_camera_moves_gently() -> None:
    for seed in range(5):
        stage, again, other = build("swing", seed), build("swing", seed), build("swing", seed + 100)
        assert np.array_equal(stage.draw(40), again.draw(40))
        assert not np.array_equal(stage.draw(40), other.draw(40))
        corner = stage.camera.project(np.array([100.0, 100.0]))
        steps = np.linalg.norm(np.diff(corner, axis=0), axis=1)
        assert 0.05 < steps.mean() < 1.5
        high, wide = stage.landscape.shape[:2]
        for corners in ((0, 0), (WIDTH - 1, HEIGHT - 1)):
            seen = (np.array(corners) - stage.camera.shift) / stage.camera.zoom
            assert (seen >= 0).all()
            assert (seen <= (wide - 1, high - 1)).all()


@pytest.mark.parametrize("size", [(64, 64), (320, 180), (640, 480)])
def test_stage_keeps_its_proportions_at_any_size(size: tuple[int, int]) -> None:
    stage = Stage(Scene(0, 30, "sea"), *size, FPS, np.random.default_rng(0))
    assert stage.draw(7).shape == (size[1], size[0], 3)
    left, top, right, bottom = stage.lead.boxes[0]
    assert 0.15 < (bottom - top) / min(size[1], size[0] * 0.75) < 0.8
    assert (right - left) > 0


@pytest.mark.parametrize("label", ACTIONS)
def test_motion_of_the_lead_is_there_during_its_action_only(label: str) -> None:
    """The pixels of the lead change more from frame to frame while it acts than while it idles."""
    ratios = []
    for seed in range(4):
        stage = build(label, seed)
        frames = np.stack([stage.draw(i) for i in range(SPAN.start - 16, SPAN.start + 16)]).astype(float)
        box = stage.lead.boxes[SPAN.start]
        change = np.abs(np.diff(frames[:, box[1] : box[3], box[0] : box[2]], axis=0)).mean((1, 2, 3))
        ratios.append(change[18:].mean() / change[:14].mean())
    assert np.median(ratios) > 2


def test_frames_do_not_tell_the_class_but_motion_does() -> None:
    """Nearest neighbours among stages: by one frame at chance (1 in 7), by flow over 0.64 s far above it.

    The scenery is drawn without regard to the class here; that it accompanies classes is the corpus's doing.
    """
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    looks, motions, labels = [], [], []
    for label in ACTIONS:
        for seed in range(8):
            stage = build(label, 1000 * seed + len(labels))
            moments = range(SPAN.start + 8, SPAN.start + 24, 3)
            pairs = [[stage.draw(i)[12:108, 32:128] for i in (moment, moment + 1)] for moment in moments]
            looks.append(cv2.resize(pairs[2][0], (16, 16), interpolation=cv2.INTER_AREA).ravel() / 255)
            grey = [[cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in pair] for pair in pairs]
            motions.append(describe(np.stack([flow.calc(first, second, None) for first, second in grey])))
            labels.append(label)
    by_look, by_motion = (nearest(np.array(rows), np.array(labels)) for rows in (looks, motions))
    assert by_look < 1 / 7 + 4 * (1 / 7 * 6 / 7 / len(labels)) ** 0.5
    assert by_motion > 0.6


def describe(fields: np.ndarray) -> np.ndarray:
    """Histograms of flow and motion boundary directions, of fields (n, H, W, 2), as a unit vector."""
    u, v = fields[..., 0], fields[..., 1]
    pairs = [(u, v)] + [(np.gradient(part, axis=2), np.gradient(part, axis=1)) for part in (u, v)]
    rows = []
    for x, y in pairs:
        bins = np.floor(np.arctan2(y, x) / (2 * np.pi) * 8 + 0.5).astype(int) % 8
        size = np.hypot(x, y)
        histogram = np.bincount(bins.ravel(), np.where(size > 0.15, size, 0).ravel(), 8)
        rows.append(np.sqrt(histogram / (histogram.sum() + 1e-6)))
    return np.concatenate(rows)


def nearest(rows: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of the nearest other row's label."""
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(1)] == labels).mean())
