"""One scene of a rendered video: a landscape, a cast of sprites that act, idle or distract, and a moving camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from untrim.support.array_types import Float64, Image
from untrim.synthetic.choreography import ACTIONS, Pose, acting, blinking, crossing, wandering, wave
from untrim.synthetic.scenery import paint_scenery
from untrim.synthetic.sprites import Sticker, draw_sticker, paste

_LANDSCAPE = 1.5  # Width and height of the painted landscape, relative to the frame's.
_SHARPNESS = 1.4  # Sticker pixels per frame pixel, so that growing sprites stay sharp.


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scene shows, in frames of its video.

    Args:
        start: First frame.
        stop: First frame of the next scene.
        scenery: Kind of landscape.
        label: Action performed, or None where nothing happens.
        spans: When the action is performed; empty without a label.
    """

    start: int
    stop: int
    scenery: str
    label: str | None = None
    spans: tuple[range, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """A sprite on its way through the n frames of a scene.

    Args:
        sticker: What it looks like.
        matrices: Affine maps from sticker pixels to frame pixels, (n, 2, 3).
        boxes: Frame pixels that it may touch (left, top, right, bottom), inside the frame, (n, 4).
        visible: Whether any of it can be seen, (n,).
    """

    sticker: Sticker
    matrices: Float64
    boxes: NDArray[np.int64]
    visible: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera looks in each of n frames.

    Args:
        zoom: Frame pixels a landscape pixel, (n, 1).
        shift: Frame pixels from the landscape's origin, (n, 2).
    """

    zoom: Float64
    shift: Float64

    def project(self, places: Float64) -> Float64:
        """Places in the landscape, (n, 2) or (2,), as places in the frame, (n, 2)."""
        return self.zoom * places + self.shift

    def matrices(self) -> Float64:
        """Affine maps from landscape pixels to frame pixels, (n, 2, 3)."""
        return np.concatenate([self.zoom[..., None] * np.eye(2), self.shift[..., None]], 2)


class Stage:
    """A scene ready to be drawn: everything random is drawn when it is built.

    Args:
        scene: What happens.
        width: Frame width in pixels.
        height: Frame height in pixels.
        fps: Frames per second.
        rng: Draws landscape, cast and camera.
    """

    def __init__(self, scene: Scene, width: int, height: int, fps: int, rng: np.random.Generator) -> None:
        self.scene, self.fps, self.frames = scene, fps, scene.stop - scene.start
        self.size = (width, height)
        self.unit = min(width / 160, height / 120)
        wide, high = round(width * _LANDSCAPE), round(height * _LANDSCAPE)
        self.landscape = paint_scenery(scene.scenery, wide, high, rng)
        self.camera = self._film(rng)
        self.views = self.camera.matrices()
        poses = self._cast(rng)
        homes = _spread(len(poses), rng) * (width, height) + np.array([wide, high]) / 2
        tracks = [self._track(pose, home, rng) for pose, home in zip(poses, homes, strict=True)]
        self.lead = tracks[0]
        self.tracks = [tracks[i] for i in rng.permutation(len(tracks))]

    def draw(self, index: int) -> Image:
        """Frame `index` of the scene without lighting and noise, RGB (H, W, 3)."""
        frame = np.asarray(cv2.warpAffine(self.landscape, self.views[index], self.size), dtype=np.uint8)
        for track in self.tracks:
            if track.visible[index]:
                paste(frame, track.sticker, track.matrices[index], track.boxes[index])
        return frame

    def _film(self, rng: np.random.Generator) -> Camera:
        """A slow pan and zoom, with the tremble of a hand."""
        drift, tremble = (0.03, 0.15), (1.0, 3.0)
        pan, shiver = (
            np.stack([wave(rng, self.frames, self.fps, hertz, extent) for extent in extents], 1) * self.unit
            for hertz, extents in ((drift, (14, 8)), (tremble, (0.35, 0.35)))
        )
        zoom = 1 + wave(rng, self.frames, self.fps, drift, 0.06)[:, None]
        middle = (np.array(self.landscape.shape[1::-1]) - 1) / 2
        return Camera(zoom, (np.array(self.size) - 1) / 2 - zoom * (middle + pan + shiver))

    def _cast(self, rng: np.random.Generator) -> list[Pose]:
        """Motions: the lead first (it idles where nothing happens), then 1 to 3 idlers and 1 or 2 distractors."""
        labels, distractions = list(ACTIONS), (crossing, wandering, blinking)
        spans = [range(s.start - self.scene.start, s.stop - self.scene.start) for s in self.scene.spans]
        lead = acting(self.scene.label or rng.choice(labels), spans, self.frames, self.fps, rng)
        idlers = [acting(rng.choice(labels), (), self.frames, self.fps, rng) for _ in range(rng.integers(1, 4))]
        kinds = rng.integers(len(distractions), size=rng.integers(1, 3))
        return [lead, *idlers, *(distractions[kind](self.frames, self.fps, rng) for kind in kinds)]

    def _track(self, pose: Pose, home: Float64, rng: np.random.Generator) -> Track:
        """Give a motion a random sticker, in a random size, tilt and aspect, that sways a little at `home` (px)."""
        radius, tilt, aspect = rng.uniform(15, 21) * self.unit, rng.uniform(-0.6, 0.6), rng.uniform(0.85, 1.18)
        sticker = draw_sticker(rng, 2 * round(_SHARPNESS * radius))
        base = _rotation(np.array([tilt]))[0] * (np.array([aspect, 1 / aspect]) * radius / sticker.radius)
        sway = np.stack([wave(rng, self.frames, self.fps, (0.1, 0.4), 0.8) for _ in range(2)], 1)
        stretch = np.stack([pose.width, pose.height], 1)[:, :, None] * np.eye(2)  # (n, 2, 2)
        linear = self.camera.zoom[..., None] * (_rotation(pose.turn) @ stretch @ base)
        middle = self.camera.project(home + self.unit * (np.stack([pose.x, pose.y], 1) + sway))
        shift = middle - linear.sum(2) * sticker.middle
        reach = np.linalg.norm(linear, 2, axis=(1, 2))[:, None] * len(sticker.paint) / 2
        boxes = np.concatenate([np.floor(middle - reach), np.ceil(middle + reach) + 1], 1)
        boxes = boxes.clip(0, np.tile(self.size, 2)).astype(np.int64)
        seen = (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
        return Track(sticker, np.concatenate([linear, shift[..., None]], 2), boxes, seen & pose.visible)


def _rotation(angles: Float64) -> Float64:
    """Matrices, (n, 2, 2), that turn by `angles`, (n,)."""
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)


def _spread(count: int, rng: np.random.Generator) -> Float64:
    """Homes in fractions of the frame from its middle, (count, 2): the first near it, each other far from the rest."""
    homes = [rng.uniform((-0.2, -0.17), (0.2, 0.17))]
    for _ in range(count - 1):
        candidates = rng.uniform((-0.45, -0.4), (0.45, 0.4), (10, 2))
        distances = np.linalg.norm(candidates[:, None] - np.array(homes), axis=2).min(1)
        homes.append(candidates[distances.argmax()])
    return np.array(homes)
