"""I3D on one core: seconds of compute per second of video, by part.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bench_i3d.py VIDEO [--int8 FILE] [--flow tvl1,dis] [--seconds 4]

Decoding includes scaling to a short side of 256 at 25 frames per second. The network is one stream at a stride of 16.
The two streams of a paper cost decoding, flow and twice the network. FILE is what `untrim weights quantize` wrote.
Seconds are of processor time, for the network the best of three rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2

from untrim.features.backbones.i3d import RGB_WEIGHTS, I3DConfig, clips
from untrim.features.backbones.i3d_engines import load_engine
from untrim.features.snippets import with_flow
from untrim.features.weights import weights_path
from untrim.support.array_types import Image
from untrim.video.decode import VideoFile
from untrim.video.flow import OpticalFlow

ROUNDS = 3
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("video", type=Path)
    parser.add_argument("--int8", type=Path)
    parser.add_argument("--flow", default="tvl1,dis")
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    config = I3DConfig()
    images, spent = timed(lambda: decoded(arguments.video, config, round(arguments.seconds * config.fps)))
    seconds = len(images) / config.fps
    show("decoding", spent / seconds, f"{1e3 * spent / len(images):.1f} ms per frame")
    for algorithm in arguments.flow.split(","):
        pairs = images[: 1 + round(config.fps)]
        _, spent = timed(lambda: sum(1 for _ in with_flow(pairs, OpticalFlow(algorithm))))  # noqa: B023
        show(
            f"flow {algorithm}", spent / (len(pairs) / config.fps), f"{1e3 * spent / (len(pairs) - 1):.1f} ms per pair"
        )
    found, spent = timed(lambda: list(islice(clips(images, config), 3)))
    show("clips of RGB", spent / len(found) * rate(config), f"{1e3 * spent / len(found):.0f} ms per snippet")
    weights = weights_path(RGB_WEIGHTS)
    engines = [("torch", weights), ("openvino", weights)] + ([("int8", arguments.int8)] if arguments.int8 else [])
    for name, file in engines:
        engine = load_engine(file, config.clip_shape("rgb"), "torch" if name == "torch" else "openvino", "cpu")
        spent = min(timed(lambda: engine(found[0]["rgb"]))[1] for _ in range(1 + ROUNDS))  # noqa: B023
        show(f"network {name}", spent * rate(config), f"{1e3 * spent:.0f} ms per snippet")


def rate(config: I3DConfig) -> float:
    """Snippets per second of video."""
    return config.fps / config.stride_frames


def decoded(path: Path, config: I3DConfig, most: int) -> list[Image]:
    with VideoFile(path) as video:
        return [frame.image for frame in islice(video.frames(config.fps, config.short_side), most)]


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def show(part: str, ratio: float, detail: str) -> None:
    print(f"{part:20} {ratio:7.3f} s of compute per second of video   {detail}", flush=True)


if __name__ == "__main__":
    main()
