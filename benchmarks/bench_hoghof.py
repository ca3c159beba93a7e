"""`hoghof` on one core: how much faster than it plays is a video of 160x120 at 25 fps turned into features?

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_hoghof.py [VIDEO]

Without a video, one is rendered. Seconds are of processor time, best of three rounds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2

from untrim.features.backbones import load_backbone
from untrim.features.snippets import with_flow
from untrim.support.array_types import Image
from untrim.synthetic.corpus import CorpusSpec, render_corpus
from untrim.video.decode import VideoFile
from untrim.video.flow import OpticalFlow

ROUNDS = 3


def main() -> None:
    cv2.setNumThreads(1)
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        render_corpus(Path(folder), CorpusSpec(training=1, validation=0), workers=1)
        measure(next(Path(folder).glob("videos/*.mp4")))


def measure(path: Path) -> None:
    backbone = load_backbone("hoghof")
    steps: dict[str, Callable[[Iterable[Image]], object]] = {
        "decoding": lambda images: sum(1 for _ in images),
        "decoding and flow": lambda images: sum(1 for _ in with_flow(images, OpticalFlow(backbone.config.flow))),
        "decoding, flow and descriptors": backbone.features,
    }
    for name, step in steps.items():
        best = min(seconds_of(path, step, backbone.config.fps, backbone.config.short_side) for _ in range(ROUNDS))
        with VideoFile(path) as video:
            frames = sum(1 for _ in video.frames(backbone.config.fps))
            ratio = video.duration / best
        print(f"{name:32} {frames / best:7.0f} frames/s {1e3 * best / frames:6.2f} ms/frame {ratio:6.1f} x real time")


def seconds_of(path: Path, step: Callable[[Iterable[Image]], object], fps: float, size: int) -> float:
    start = time.process_time()
    with VideoFile(path) as video:
        step(frame.image for frame in video.frames(fps, size))
    return time.process_time() - start


if __name__ == "__main__":
    main()
