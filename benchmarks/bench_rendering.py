"""How many seconds of a 720p H.264 video `untrim clips` and `untrim overlay` make per second.

    python benchmarks/bench_rendering.py [VIDEO]

Without a video, one is made: 20 s, 1280 x 720, 25 frames per second, a textured ground under a panning camera, with
sound. CPU seconds count those of all threads; on two idle cores the time lies between half of them and all.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from untrim.rendering.clips import make_clips
from untrim.rendering.overlay import make_overlays
from untrim.timeline import Detection, Segment
from untrim.video.encode import VideoWriter
from untrim.video.frames import frame_table
from untrim.video.sound import SoundForm

SECONDS, FPS, SIZE, RATE = 20, 25, (1280, 720), 48000


def make_film(path: Path) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (60, 100, 3), dtype=np.uint8)
    ground = cv2.resize(coarse, (2000, 1200), interpolation=cv2.INTER_CUBIC)
    ground = cv2.add(ground, rng.integers(0, 24, ground.shape, dtype=np.uint8))
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(RATE // FPS) / RATE, dtype=np.float32)[None]
    with VideoWriter(path, SIZE, None, sound=SoundForm(RATE, "mono"), threads=2) as film:
        for index in range(SECONDS * FPS):
            x, y = (round(300 + 250 * np.sin(index / speed)) for speed in (40, 65))
            film.write(np.ascontiguousarray(ground[y // 2 :, x:][: SIZE[1], : SIZE[0]]), index / FPS)
            film.write_sound(tone)


def timed(name: str, seconds: float, work: Callable[[], object]) -> None:
    clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    wall, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{name:14} {seconds:6.1f} s of video  {wall:6.1f} s  {cpu:6.1f} CPU s  "
        f"{seconds / wall:5.1f} x real time, {seconds / cpu:5.1f} x per core"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "film.mp4"
        if len(sys.argv) < 2:
            make_film(film)
        length = frame_table(film).end
        spans = [Segment(share * length, (share + 0.15) * length) for share in (0.05, 0.3, 0.55, 0.8)]
        found = {film.stem: [Detection(f"class {index}", span, 0.9) for index, span in enumerate(spans)]}
        in_clips = sum(span.duration for span in spans)
        timed("clips", in_clips, lambda: make_clips(found, film, folder / "clips"))
        timed("clips --fast", in_clips, lambda: make_clips(found, film, folder / "fast", fast=True))
        timed("overlay", length, lambda: make_overlays(found, film, folder / "overlays"))


if __name__ == "__main__":
    main()
