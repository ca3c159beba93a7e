"""What a warm predictor costs: seconds of processor time for one video, by part, and how it does beside other threads.

    OMP_NUM_THREADS=1 python benchmarks/bench_predictor.py RUN VIDEO [VIDEO …]

The first video is measured by part, best of five rounds: each line adds one part to those before. If there are more,
all of them go through `predict_many`, with one and with two threads, and through `localize_videos` with a process per
core: videos per second of real time, and processor time per second of video. RUN is of `hoghof` features.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import torch

import untrim
from untrim.features.snippets import with_flow
from untrim.video.decode import VideoFile
from untrim.video.flow import OpticalFlow

ROUNDS = 5


def main() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    start = time.process_time()
    predictor, videos = untrim.open_run(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    first = predictor.predict(videos[0])
    print(f"open_run and the first video: {time.process_time() - start:.2f} s; {len(first.detections)} detections")
    by_part(predictor, videos[0])
    if len(videos) == 1:
        return
    for threads in (1, 2):
        many = partial(predictor.predict_many, videos, threads=threads)
        throughput(f"predict_many, threads={threads}", videos, lambda many=many: list(many()))
    with TemporaryDirectory() as folder:
        throughput("localize_videos", videos, lambda: untrim.localize_videos(sys.argv[1], videos, Path(folder, "new")))


def by_part(predictor: untrim.Predictor, path: Path) -> None:
    with VideoFile(path) as file:
        frames = sum(1 for _ in file.frames(predictor.backbone.config.fps))
        print(f"{path.name}: {file.duration:.1f} s, {file.info.width}x{file.info.height}, {frames} frames")
    before = 0.0
    for name, work in parts(predictor).items():
        seconds = min(seconds_of(partial(work, path)) for _ in range(ROUNDS))
        print(f"{name:26} {seconds - before:6.3f} s {1e3 * (seconds - before) / frames:7.3f} ms/frame")
        before = seconds
    print(f"{'all':26} {before:6.3f} s {1e3 * before / frames:7.3f} ms/frame")


def parts(predictor: untrim.Predictor) -> dict[str, Callable[[Path], object]]:
    """What is done with a video file, each part with all that comes before it."""
    backbone = predictor.backbone
    config = backbone.config

    def with_images(work: Callable[..., object], path: Path) -> None:
        with VideoFile(path) as file:
            work(frame.image for frame in file.frames(config.fps, config.short_side))

    return {
        "decoding": partial(with_images, lambda images: sum(1 for _ in images)),
        f"flow ({config.flow})": partial(
            with_images, lambda images: sum(1 for _ in with_flow(images, OpticalFlow(config.flow)))
        ),
        "descriptors": partial(with_images, backbone.features),
        "network and localization": predictor.predict,
    }


def throughput(name: str, videos: Sequence[Path], work: Callable[[], object]) -> None:
    lasting = 0.0
    for path in videos:
        with VideoFile(path) as file:
            lasting += file.info.duration or 0.0
    real, used = time.perf_counter(), processor_seconds()
    work()
    real, used = time.perf_counter() - real, processor_seconds() - used
    print(f"{name:26} {len(videos) / real:6.2f} videos/s {used / lasting:7.4f} s per second of video")


def processor_seconds() -> float:
    """Of this process and of those that have ended which it started."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def seconds_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
