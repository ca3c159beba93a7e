"""What happens when in the videos of a rendered corpus: scenes, action classes, instances and their company."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from untrim.annotations import Video
from untrim.errors import UntrimError
from untrim.synthetic.choreography import ACTIONS
from untrim.synthetic.scenery import SCENERIES
from untrim.synthetic.stage import Scene
from untrim.timeline import Instance, Segment

COMPANION = {
    "bounce": "meadow",
    "swing": "forest",
    "slide": "alps",
    "circle": "city",
    "spin": "sea",
    "pulse": "desert",
    "shake": "village",
}
"""The scenery that accompanies each action class; the others accompany none."""

_INSTANCE_SECONDS = (1.0, 8.0)
_BACKGROUND_SHARE = (0.6, 0.75)
_MOST_FPS = 1000
_GAP_SECONDS = 2.0  # Least time between instances, and at both ends of a video.
_MARGIN_SECONDS = 0.8  # Least time between an instance and a cut, and between two cuts.


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """What to render. Equal specifications give equal videos.

    Args:
        training: Number of training videos.
        validation: Number of validation videos. A subset with at least as many videos as classes has every class.
        seed: Seed of everything random, at least 0.
        width: Frame width in pixels, even, at least 64.
        height: Frame height in pixels, even, at least 64.
        fps: Frames per second, at least 10.
        min_seconds: Shortest video, at least 15, to the nearest frame.
        max_seconds: Longest video, to the nearest frame.
        context: Probability that a scene with an action has the scenery of its class; otherwise it has any scenery.
    """

    training: int = 70
    validation: int = 30
    seed: int = 0
    width: int = 160
    height: int = 120
    fps: int = 25
    min_seconds: float = 30.0
    max_seconds: float = 60.0
    context: float = 0.7

    def __post_init__(self) -> None:
        if self.training < 0 or self.validation < 0 or self.training + self.validation < 1 or self.seed < 0:
            raise UntrimError(
                f"corpus of {self.training} training and {self.validation} validation videos with seed {self.seed}",
                fix="ask for at least one video and a seed of at least 0",
            )
        if self.width < 64 or self.height < 64 or self.width % 2 or self.height % 2:
            raise UntrimError(f"frames of {self.width}x{self.height} pixels", fix="use even numbers from 64 on")
        long = 15 <= self.min_seconds <= self.max_seconds < math.inf
        if not (long and 10 <= self.fps <= _MOST_FPS and 0 <= self.context <= 1):
            raise UntrimError(
                f"corpus of {self.min_seconds} to {self.max_seconds} s at {self.fps!r:.40} fps, context {self.context}",
                fix=f"use at least 15 s, 10 to {_MOST_FPS} fps and a probability",
            )

    @property
    def videos(self) -> int:
        """Number of videos of both subsets; video i is a training video if ``i < training``."""
        return self.training + self.validation


@dataclass(frozen=True, slots=True)
class Script:
    """What happens in one video.

    Args:
        name: Name of the video.
        subset: ``training`` or ``validation``.
        fps: Frames per second.
        scenes: Its scenes, one after the other, from frame 0 on.
    """

    name: str
    subset: str
    fps: int
    scenes: tuple[Scene, ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.scenes[-1].stop

    def annotation(self) -> Video:
        """Duration and exact instances, in seconds."""
        instances = tuple(
            Instance(scene.label, Segment(span.start / self.fps, span.stop / self.fps))
            for scene in self.scenes
            if scene.label is not None
            for span in scene.spans
        )
        return Video(self.name, self.subset, self.frames / self.fps, instances=instances)


def write_script(spec: CorpusSpec, index: int) -> Script:
    """Decide what happens when in video `index` of a corpus."""
    rng = generators(spec, index)[0]
    subset, place = ("training", index) if index < spec.training else ("validation", index - spec.training)
    frames = int(rng.integers(round(spec.min_seconds * spec.fps), round(spec.max_seconds * spec.fps) + 1))
    classes = _draw_classes(spec, place, rng)
    spans = _draw_spans(frames, len(classes), spec.fps, rng)
    extra = rng.choice(classes, len(spans) - len(classes))
    labels = [str(label) for label in rng.permutation([*classes, *extra])]
    return Script(f"{subset}_{place:03d}", subset, spec.fps, _cut(spans, labels, frames, spec, rng))


def generators(spec: CorpusSpec, index: int) -> list[np.random.Generator]:
    """Independent sources of chance for what happens in a video and for how it looks."""
    return np.random.default_rng((spec.seed, index)).spawn(2)


def _draw_classes(spec: CorpusSpec, place: int, rng: np.random.Generator) -> list[str]:
    """One to three classes for the video at `place` of its subset, dealt so that all classes are about as frequent."""
    order = np.random.default_rng(spec.seed).permutation(list(ACTIONS))
    round_ = place // len(order)
    steps = [0, *(1 + (round_ + offset) % (len(order) - 1) for offset in (0, 2))]
    count = rng.choice([1, 2, 3], p=(0.35, 0.4, 0.25))
    return [str(order[(place + step) % len(order)]) for step in steps[:count]]


def _draw_spans(frames: int, fewest: int, fps: int, rng: np.random.Generator) -> list[range]:
    """When actions happen: at least `fewest` spans with gaps around them, and the share of background wanted."""
    low, high = _BACKGROUND_SHARE
    busy = round(frames * (1 - rng.uniform(low + 0.01, high - 0.01)))
    count = max(fewest, round(busy / fps / rng.uniform(2.5, 4.5)))
    shortest, longest = (round(seconds * fps) for seconds in _INSTANCE_SECONDS)
    mean = (busy / count - shortest) / (longest - shortest)
    parts = rng.beta(0.8, 1.4, count)
    parts = parts * mean / parts.mean() if parts.mean() > mean else 1 - (1 - parts) * (1 - mean) / (1 - parts.mean())
    lengths = shortest + _whole(parts * (longest - shortest), busy - count * shortest)
    rest = frames - busy - (count + 1) * round(_GAP_SECONDS * fps)
    gaps = round(_GAP_SECONDS * fps) + _whole(rest * rng.dirichlet(np.ones(count + 1)), rest)
    starts = np.cumsum(gaps[:-1]) + np.cumsum(lengths) - lengths
    return [range(int(start), int(start + length)) for start, length in zip(starts, lengths, strict=True)]


def _whole(parts: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """`parts`, which sum to `total`, as whole numbers that do so exactly."""
    edges = np.floor(np.cumsum(parts) + 0.5).astype(np.int64)
    edges[-1] = total
    return np.diff(edges, prepend=0)


def _cut(
    spans: list[range], labels: list[str], frames: int, spec: CorpusSpec, rng: np.random.Generator
) -> tuple[Scene, ...]:
    """Cut a video into scenes: always between two classes, now and then elsewhere, never close to an action."""
    margin = round(_MARGIN_SECONDS * spec.fps)
    cuts = {0, frames}
    stops, starts = [0, *(span.stop for span in spans)], [*(span.start for span in spans), frames]
    before, after = [None, *labels], [*labels, None]
    for gap in range(len(stops)):
        changes = before[gap] != after[gap] and 0 < gap < len(spans)
        roomy = starts[gap] - stops[gap] > 5 * spec.fps
        wanted = int(changes or rng.random() < 0.4 * roomy) + int(rng.random() < 0.4 * roomy)
        room = np.arange(stops[gap] + margin, starts[gap] - margin, margin)
        cuts.update(int(cut) for cut in rng.choice(room, min(wanted, len(room)), replace=False))
    edges = sorted(cuts)
    return tuple(_scene(a, b, spans, labels, spec, rng) for a, b in pairwise(edges))


def _scene(
    start: int, stop: int, spans: list[range], labels: list[str], spec: CorpusSpec, rng: np.random.Generator
) -> Scene:
    inside = [i for i, span in enumerate(spans) if start <= span.start < stop]
    scenery = str(rng.choice(list(SCENERIES)))
    if not inside:
        return Scene(start, stop, scenery)
    label = labels[inside[0]]
    if rng.random() < spec.context:
        scenery = COMPANION[label]
    return Scene(start, stop, scenery, label, tuple(spans[i] for i in inside))
