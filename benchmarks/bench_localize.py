"""How many short videos `untrim localize` takes per second, and where the seconds of compute go.

    OMP_NUM_THREADS=1 python benchmarks/bench_localize.py RUN VIDEO [VIDEO …] [--count 200] [--seconds 4] [--workers 2]

The videos are cut to their first seconds, encoded again as H.264 of their size, and repeated under as many names as are
asked for. `untrim localize` then works on all of them, in processes of its own: the last line. The parts are measured
in this process, on each cut, best of three rounds, and scaled to all; what is left is files, bookkeeping, and what the
processes take from each other. Seconds are of processor time. RUN is of `hoghof` features.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from functools import partial
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import torch

import untrim
from bench_predictor import parts, processor_seconds, seconds_of
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter
from untrim.video.files import find_videos

FASTEST = 30.0  # Frames per second of a cut.
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("videos", type=Path, nargs="+", help="files, or folders of them")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    files = find_videos(arguments.videos).files.values()
    with TemporaryDirectory() as place:
        folder = Path(place, "videos")
        cuts = [cut(file, Path(place), arguments.seconds) for file in files]
        lasting = repeated(cuts, folder, arguments.count)
        print(f"{arguments.count} videos of {lasting / arguments.count:.1f} s, {len(cuts)} different ones")
        rows = {"starting the processes": starting(arguments.workers)}
        rows |= by_part(arguments.run, cuts, arguments.count)
        real, used = whole(arguments.run, folder, arguments.workers)
        rows["what is left"] = used - sum(rows.values())
    print(f"{'seconds of compute':26} per second of video")
    for name, seconds in rows.items():
        print(f"{name:26} {seconds / lasting:8.4f} {seconds / used:5.0%}")
    print(f"{'all':26} {used / lasting:8.4f}; {arguments.count / real:.2f} videos per second of real time")


def cut(file: Path, folder: Path, seconds: float) -> Path:
    """The first seconds of a video, encoded again."""
    target = folder / f"{file.stem}.mp4"
    with VideoFile(file) as video:
        size = video.info.width // 2 * 2, video.info.height // 2 * 2
        fps = min(FASTEST, video.info.fps or FASTEST)
        with VideoWriter(target, size, fps) as writer:
            for frame in takewhile(lambda frame: frame.seconds < seconds, video.frames(fps, size)):
                writer.write(frame.image)
    return target


def repeated(cuts: list[Path], folder: Path, count: int) -> float:
    """Put the cuts under `count` names into `folder`, each in its turn; their seconds in all."""
    folder.mkdir()
    lasting = 0.0
    for index in range(count):
        file = cuts[index % len(cuts)]
        os.link(file, folder / f"{index:03d}-{file.name}")
        with VideoFile(file) as video:
            lasting += video.info.duration or 0.0
    return lasting


def starting(workers: int) -> float:
    """Seconds to start the command and the processes that extract, without any work."""
    used = processor_seconds()
    for modules in ["untrim.cli, untrim.pipeline", *["untrim.cli, untrim.features.backbones.hoghof"] * workers]:
        subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)
    return processor_seconds() - used


def by_part(run: Path, cuts: list[Path], count: int) -> dict[str, float]:
    """Seconds of each part for all `count` videos."""
    rows, before = {}, 0.0
    for name, work in parts(untrim.open_run(run)).items():
        used = [min(seconds_of(partial(work, file)) for _ in range(ROUNDS)) for file in cuts]
        every = sum(used[index % len(cuts)] for index in range(count))
        rows[name], before = every - before, every
    return rows


def whole(run: Path, folder: Path, workers: int) -> tuple[float, float]:
    """Seconds of real time, and of processor time, that the command takes."""
    output = folder.with_name("found.json")
    command = [sys.executable, "-m", "untrim", "localize", *map(str, (run, folder, "-o", output, "--workers", workers))]
    real, used = time.perf_counter(), processor_seconds()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - real, processor_seconds() - used


if __name__ == "__main__":
    main()
