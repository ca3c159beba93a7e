"""What a warm predictor costs: seconds of processor time for one video, by part, and how it does beside other threads.

    OMP_NUM_THREADS=1 python benchmarks/bench_predictor.py RUN[,RUN…] VIDEO [VIDEO …]

The first video is measured by part. Each part is done frame by frame, with all that comes before it; each frame counts
with the best of its rounds, so that other work on the machine disturbs little. `predict` is the best round of a whole
call. The runs take turns in each round. If there are more videos, all of them go through `predict_many` of the first
run, with one and with two threads, and through `localize_videos` with a process per core: videos per second of real
time, and processor time per second of video. Runs are of `hoghof` features.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch

import untrim
from untrim.features.snippets import to_grey, with_flow
from untrim.support.array_types import Image
from untrim.video.decode import VideoFile
from untrim.video.flow import OpticalFlow

ROUNDS = 6
PARTS = ("decoding", "flow", "descriptors", "network", "whole")


def main() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    runs, videos = sys.argv[1].split(","), [Path(name) for name in sys.argv[2:]]
    predictors = {}
    for run in runs:
        start = time.process_time()
        predictors[run] = untrim.open_run(run)
        first = predictors[run].predict(videos[0])
        seconds = time.process_time() - start
        print(f"{run}: open_run and the first video {seconds:.2f} s, {len(first.detections)} detections")
    by_part(predictors, videos[0])
    if len(videos) == 1:
        return
    for threads in (1, 2):
        many = partial(predictors[runs[0]].predict_many, videos, threads=threads)
        throughput(f"predict_many, threads={threads}", videos, lambda many=many: list(many()))
    with TemporaryDirectory() as folder:
        throughput("localize_videos", videos, lambda: untrim.localize_videos(runs[0], videos, Path(folder, "new")))


def by_part(predictors: Mapping[str, untrim.Predictor], path: Path) -> None:
    with VideoFile(path) as file:
        frames = sum(1 for _ in file.frames(25.0))
        print(f"{path.name}: {file.duration:.1f} s, {file.info.width}x{file.info.height}, {frames} frames")
    works = {(run, part): work for run, one in predictors.items() for part, work in parts(one, path).items()}
    rounds = [{key: seconds_of_each(work) for key, work in works.items()} for _ in range(ROUNDS)]
    best = {key: float(np.min([each[key] for each in rounds], axis=0).sum()) for key in works}
    for run, predictor in predictors.items():
        print(f"{run}, {predictor.backbone.config.model_dump()}")
        decoding, flow, descriptors, network, whole = (best[run, part] for part in PARTS)
        shares = {"decoding": decoding, "flow": flow - decoding, "descriptors": descriptors - flow, "network": network}
        for name, seconds in (shares | {"all": descriptors + network, "predict": whole}).items():
            print(f"{name:12} {seconds:6.3f} s {1e3 * seconds / frames:7.3f} ms/frame")


def parts(predictor: untrim.Predictor, path: Path) -> dict[str, Callable[[], Iterator[object]]]:
    """What is done with a video file, each part with all that comes before it; the network from features alone."""
    backbone = predictor.backbone
    config = backbone.config

    def images() -> Iterator[Image]:
        with VideoFile(path) as file:
            yield from (frame.image for frame in file.frames(config.fps, config.short_side, grey=backbone.grey))

    features = backbone.features(images())
    return {
        "decoding": images,
        "flow": lambda: with_flow(map(to_grey, images()), OpticalFlow(config.flow, half=True), config.every),
        "descriptors": lambda: backbone.blocks(images()),
        "network": lambda: map(predictor.predict, [features]),
        "whole": lambda: map(predictor.predict, [path]),
    }


def seconds_of_each(work: Callable[[], Iterator[object]]) -> list[float]:
    """Seconds for each item that comes, and for the end."""
    seconds, start = [], time.process_time()
    for _ in work():
        end = time.process_time()
        seconds.append(end - start)
        start = end
    return [*seconds, time.process_time() - start]


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


if __name__ == "__main__":
    main()
