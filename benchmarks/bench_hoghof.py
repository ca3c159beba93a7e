"""`hoghof` on one core: how much faster than it plays is a video of 160x120 at 25 fps turned into features?

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_hoghof.py [VIDEO] [--flow dis,dis-moving]

Without a video, one is rendered. Each line adds a part to those before. Seconds are of processor time, best of five
rounds; in a round each flow has its turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2

from untrim.features.backbones import Backbone, BackboneConfig, load_backbone
from untrim.features.snippets import with_flow
from untrim.support.array_types import Image
from untrim.synthetic.corpus import CorpusSpec, render_corpus
from untrim.video.decode import VideoFile
from untrim.video.flow import OpticalFlow

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--flow", default="dis", metavar="NAME,NAME")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.video:
        measure(arguments.video, arguments.flow.split(","))
        return
    with tempfile.TemporaryDirectory() as folder:
        render_corpus(Path(folder), CorpusSpec(training=1, validation=0), workers=1)
        measure(next(Path(folder).glob("videos/*.mp4")), arguments.flow.split(","))


def measure(path: Path, flows: list[str]) -> None:
    backbones = [load_backbone("hoghof", {"flow": flow}) for flow in flows]
    config = backbones[0].config
    steps = [(name, step) for backbone in backbones for name, step in steps_of(backbone).items()]
    rounds = [[seconds_of(path, step, backbones[0]) for _, step in steps] for _ in range(ROUNDS)]
    with VideoFile(path) as video:
        frames, duration = sum(1 for _ in video.frames(config.fps)), video.duration
    for (name, _), best in zip(steps, map(min, zip(*rounds, strict=True)), strict=True):
        per_second = f"{best / duration:6.4f} s per second of video {duration / best:6.1f} x real time"
        print(f"{name:42} {1e3 * best / frames:6.2f} ms/frame {per_second}")


def steps_of(backbone: Backbone[BackboneConfig]) -> dict[str, Callable[[Iterable[Image]], object]]:
    flow = backbone.config.flow
    return {
        "decoding": lambda images: sum(1 for _ in images),
        f"decoding and flow ({flow})": lambda images: sum(1 for _ in with_flow(images, OpticalFlow(flow, half=True))),
        f"decoding, flow ({flow}) and descriptors": backbone.features,
    }


def seconds_of(path: Path, step: Callable[[Iterable[Image]], object], like: Backbone[BackboneConfig]) -> float:
    """Of a step on what `like` is given of a video."""
    start = time.process_time()
    with VideoFile(path) as video:
        step(frame.image for frame in video.frames(like.config.fps, like.config.short_side, grey=like.grey))
    return time.process_time() - start


if __name__ == "__main__":
    main()
