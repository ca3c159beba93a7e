"""What `untrim extract --backbone i3d,hoghof` saves against one backbone after the other: a picture is decoded once.

    OMP_NUM_THREADS=1 python benchmarks/bench_several.py VIDEO [--backbones i3d,hoghof] [--seconds 4] [--height 1080]

Seconds are of processor time per second of video, all threads together, best of the rounds; in a round each way has its
turn. Wall time is told as well: the backbones work in threads, so that one process can keep several cores busy.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from itertools import takewhile
from pathlib import Path

import cv2

from untrim.features.extractor import Extractor, Recipe, VideoJob
from untrim.features.store import VideoInfo
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--backbones", default="i3d,hoghof", metavar="NAME,NAME")
    parser.add_argument("--seconds", type=float, default=4.0, help="of the video that are taken")
    parser.add_argument("--height", type=int, help="pixels that the video is scaled to first; none: as it is")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    names = given.backbones.split(",")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        video = Path(place, "part.mp4")
        size, duration = cut(given.video, video, given.seconds, given.height)
        recipes = {Path(place, name): Recipe(name, {}) for name in names}
        extractor = Extractor(recipes)
        ways = [*((folder,) for folder in recipes), tuple(recipes)]
        for folders in ways:
            extract(extractor, video, folders)  # What is set up once.
        rounds = [[extract(extractor, video, folders) for folders in ways] for _ in range(given.rounds)]
    best = [tuple(min(times) / duration for times in zip(*way, strict=True)) for way in zip(*rounds, strict=True)]
    print(f"{duration:.1f} s of {given.video.name}, {size[0]} x {size[1]}, {os.cpu_count()} cores")
    for name, (cpu, wall) in zip([*names, "together"], best, strict=True):
        print(f"{name:20} {cpu:7.3f} s of processor time per second of video, {wall:7.3f} s of wall time")
    saved = (1 - best[-1][part] / sum(alone[part] for alone in best[:-1]) for part in (0, 1))
    print("saved: {:.1%} of processor time, {:.1%} of wall time".format(*saved))


def cut(source: Path, target: Path, seconds: float, height: int | None) -> tuple[tuple[int, int], float]:
    """Write the first seconds of a video, scaled or not; gives its size and duration."""
    with VideoFile(source) as video:
        width, shown = video.info.width, video.info.height
        scale = (height or shown) / shown
        size = (round(width * scale / 2) * 2, round(shown * scale / 2) * 2)
        with VideoWriter(target, size, video.info.fps) as writer:
            for frame in takewhile(lambda frame: frame.seconds < seconds, video.frames(size=size)):
                writer.write(frame.image)
    with VideoFile(target) as video:
        return size, video.info.duration or seconds


def extract(extractor: Extractor, video: Path, folders: tuple[Path, ...]) -> tuple[float, float]:
    """Seconds of processor time and of wall time for the features of a video."""
    for folder in folders:
        folder.mkdir(exist_ok=True)
    processor, wall = time.process_time(), time.perf_counter()
    results = extractor(VideoJob("part", video, folders))
    assert all(isinstance(result, VideoInfo) for result in results.values()), results
    return time.process_time() - processor, time.perf_counter() - wall


if __name__ == "__main__":
    main()
