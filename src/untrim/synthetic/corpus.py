"""Rendered corpora: untrimmed H.264 videos of a small animated world, with exact ground truth.

A video is a sequence of scenes with cuts between them. In most scenes one sprite, the lead, performs one action class
once or several times; the other sprites idle or distract. Every class has a scenery of its own. It accompanies most
instances of the class, from well before until well after, but also appears without the class. The instances of a video
never overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from untrim.annotations import Annotations
from untrim.errors import UntrimError, WorkFailed
from untrim.support.array_types import Image
from untrim.support.files import remove_leftovers, write_json
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.paths import as_path
from untrim.support.progress import Progress, ShouldStop, count_steps
from untrim.support.schema import read_object
from untrim.support.system import cores
from untrim.support.workers import Died, work_off
from untrim.synthetic.choreography import wave
from untrim.synthetic.screenplay import CorpusSpec, generators, write_script
from untrim.synthetic.stage import Stage
from untrim.video.encode import VideoWriter

__all__ = ["CorpusSpec", "render_corpus", "render_frames"]

_RENDERER = 1  # Raise it when the same specification gives other videos.


def render_corpus(
    folder: Path | str,
    spec: CorpusSpec,
    workers: int | None = None,
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Annotations:
    """Render the videos of a corpus to ``folder/videos/<name>.mp4``; those already present are left as they are.

    The result does not depend on `workers`. It uses new processes, so a script that calls this needs the usual
    ``if __name__ == "__main__":``.

    Args:
        folder: Where to write; ``corpus.json`` in it records the specification.
        spec: What to render.
        workers: Processes, at least 1; None for one per core that this process may use.
        progress: Told of each video; None for silence.
        should_stop: Asked about once a second, from the thread that calls, whether to stop.

    Returns:
        Subset, duration and all instances of every video, including training videos.

    Raises:
        UntrimError: `folder` cannot be written, holds something else or another corpus, or is worked in by another
            process; or `workers` is less than 1.
        WorkFailed: Processes cannot be started, or die.
        Stopped: `should_stop` said so. What is done is kept, and the same call resumes.
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise UntrimError(f"{workers} workers", fix="use at least 1")
    folder = as_path(folder, "folder")
    if not isinstance(spec, CorpusSpec):
        raise UntrimError(f"not a CorpusSpec: {spec!r:.60}")
    videos = folder / "videos"
    check_kind(folder, "corpus")
    with locked(videos):
        _claim(folder / "corpus.json", spec)
        return _rendered(folder, spec, workers, progress, should_stop)


def _rendered(
    folder: Path, spec: CorpusSpec, workers: int, progress: Progress | None, should_stop: ShouldStop | None
) -> Annotations:
    """Render what is missing in a folder that no other process renders in."""
    videos = folder / "videos"
    remove_leftovers(videos)
    scripts = [write_script(spec, index) for index in range(spec.videos)]
    missing = [i for i, script in enumerate(scripts) if not (videos / f"{script.name}.mp4").exists()]
    outcomes = work_off(_Renderer(videos, spec), missing, workers, should_stop=should_stop)
    advance = count_steps(progress, "render", spec.videos, spec.videos - len(missing))
    with closing(outcomes):
        for index, name in filter(None, outcomes):
            if isinstance(name, UntrimError):
                raise name
            if isinstance(name, Died):
                raise WorkFailed(f"{scripts[index].name} cannot be rendered: {name.reason}", where=videos)
            advance(name)
    return Annotations([script.annotation() for script in scripts], source=folder)


def render_frames(spec: CorpusSpec, index: int) -> Iterator[Image]:
    """The frames of video `index` of a corpus, RGB (height, width, 3), before compression."""
    script, rng = write_script(spec, index), generators(spec, index)[1]
    tables = _lighting(script.frames, spec.fps, rng)
    grain = rng.uniform(1.0, 3.5) / 32
    bank = rng.normal(128, 32, (spec.height + 64, spec.width + 64, 3)).clip(0, 255).astype(np.uint8)
    corners = rng.integers(0, 65, (script.frames, 2))
    for scene in script.scenes:
        stage = Stage(scene, spec.width, spec.height, spec.fps, rng)
        for frame in range(scene.start, scene.stop):
            picture = cv2.LUT(stage.draw(frame - scene.start), tables[frame])
            top, left = corners[frame]
            noise = bank[top : top + spec.height, left : left + spec.width]
            yield np.asarray(cv2.addWeighted(picture, 1, noise, grain, -128 * grain), dtype=np.uint8)


def _lighting(frames: int, fps: int, rng: np.random.Generator) -> Image:
    """Tables, (frames, 256), from a clean value to a lit one: drifting gain and gamma, and lamps that switch."""
    switches = np.sort(rng.uniform(0, frames, rng.poisson(frames / fps / 20)))
    lamps = rng.uniform(0.78, 1.15, len(switches) + 1)[np.searchsorted(switches, np.arange(frames))]
    gain = lamps * np.exp(wave(rng, frames, fps, (0.02, 0.15), 0.15))
    gamma = np.exp(wave(rng, frames, fps, (0.02, 0.15), 0.2))
    values = 255 * gain[:, None] * (np.arange(256) / 255) ** gamma[:, None]
    return np.asarray(np.rint(values.clip(0, 255)), dtype=np.uint8)


def _claim(path: Path, spec: CorpusSpec) -> None:
    """Record the specification, so that videos of two corpora never mix."""
    wanted = {"renderer": _RENDERER, **asdict(spec)}
    if not path.exists():
        write_json(path, {"schema": 1, **wanted})
    elif read_object(path) != wanted:
        raise UntrimError("describes another corpus than the one asked for", where=path, fix="use an empty folder")


class _Renderer:
    """Renders one video by its index in a process; returns its name, or why it cannot be written."""

    def __init__(self, videos: Path, spec: CorpusSpec) -> None:
        self._videos, self._spec = videos, spec

    def __call__(self, index: int) -> str | UntrimError:
        cv2.setNumThreads(1)
        name = write_script(self._spec, index).name
        try:
            size = self._spec.width, self._spec.height
            with VideoWriter(self._videos / f"{name}.mp4", size, self._spec.fps) as video:
                for picture in render_frames(self._spec, index):
                    video.write(picture)
        except UntrimError as error:
            return error
        return name
