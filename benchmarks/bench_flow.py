"""Which optical flow: its error where the motion is known, how well it explains real motion, and its time on one core.

    OMP_NUM_THREADS=1 python benchmarks/bench_flow.py FOLDER_OF_VIDEOS [--every N] [--flow NAME,NAME] [--size 160x120]

Frames are 340x256 or as `--size` says, grey. Of a frame of each video (or of every N-th), at twice the size, a moved
copy is made and both are halved, so that the motion is known at each pixel: two translations, a rotation and a zoom of
about half a pixel, and (8, 5) and (16, -10) pixels. Endpoint errors are means in pixels, 24 from the border and
further. The warping error is that of two pairs of consecutive frames at 25 fps: the mean difference in grey levels
between the first and the second warped back (cubic), 16 pixels from the border and further. Milliseconds are of
processor time, and of one run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import numpy.typing as npt
import torch

from untrim.features.snippets import to_grey
from untrim.video.decode import VideoFile
from untrim.video.files import VIDEO_SUFFIXES
from untrim.video.flow import Flow, FlowAlgorithm, Grey, OpticalFlow

BORDER = 24
TAKEN = (10, 11, 30, 31)  # Frames of each video.
Size = tuple[int, int]  # Pixels: width, height.
Affine = npt.NDArray[np.float64]  # (2, 3): motion of a place relative to the centre
TURN = np.deg2rad(0.3)
MOTIONS: dict[str, list[Affine]] = {
    "sub-pixel": [
        np.array([[0, 0, 0.5], [0, 0, 0.25]]),
        np.array([[0, 0, -0.3], [0, 0, -0.7]]),
        np.array([[np.cos(TURN) - 1, -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN) - 1, 0]]),
        np.array([[0.005, 0, 0], [0, 0.005, 0]]),
    ],
    "(8, 5)": [np.array([[0, 0, 8.0], [0, 0, 5.0]])],
    "(16, -10)": [np.array([[0, 0, 16.0], [0, 0, -10.0]])],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--flow", default=",".join(get_args(FlowAlgorithm)), metavar="NAME,NAME")
    parser.add_argument("--size", default="340x256", metavar="WIDTHxHEIGHT")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    paths = sorted(path for path in arguments.folder.iterdir() if path.suffix in VIDEO_SUFFIXES)[:: arguments.every]
    width, height = map(int, arguments.size.split("x"))
    clips = [frames_of(path) for path in paths]
    print(f"{len(clips)} videos\n")
    print(f"| algorithm | ms per pair | {' | '.join(MOTIONS)} | warping error |\n|---|{'---:|' * (len(MOTIONS) + 2)}")
    for algorithm in arguments.flow.split(","):
        print(row(algorithm, clips, (width, height)), flush=True)


def row(algorithm: FlowAlgorithm, clips: list[list[Grey]], size: Size) -> str:
    engine = OpticalFlow(algorithm)
    engine(*known_pair(clips[0][0], MOTIONS["sub-pixel"][0], size))  # What is done once is not counted.
    seconds: list[float] = []

    def timed(previous: Grey, following: Grey) -> Flow:
        start = time.process_time()
        flow = engine(previous, following)
        seconds.append(time.process_time() - start)
        return flow

    errors = [
        np.mean(
            [endpoint_error(timed(*known_pair(clip[0], motion, size)), motion) for clip in clips for motion in motions]
        )
        for motions in MOTIONS.values()
    ]
    warping = np.mean([warping_error(timed(*pair), *pair) for clip in clips for pair in real_pairs(clip, size)])
    figures = " | ".join(f"{error:.3f}" for error in [*errors, warping])
    return f"| `{algorithm}` | {1e3 * np.mean(seconds):.3g} | {figures} |"


def frames_of(path: Path) -> list[Grey]:
    taken = []
    with VideoFile(path) as video:
        for index, frame in enumerate(video.frames(25.0)):
            if index in TAKEN:
                taken.append(to_grey(frame.image))
            if index == TAKEN[-1]:
                break
    return taken


def known_pair(frame: Grey, motion: Affine, size: Size) -> tuple[Grey, Grey]:
    """Two images of that size, the second moved."""
    width, height = (2 * (length + 2 * BORDER) for length in size)
    large = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
    centre, linear = np.array([width - 1, height - 1]) / 2, np.eye(2) + motion[:, :2]
    place = np.column_stack([linear, 2 * motion[:, 2] + centre - linear @ centre])
    moved = cv2.warpAffine(large, place, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    first, second = (
        cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)[BORDER:-BORDER, BORDER:-BORDER]
        for image in (large, moved)
    )
    return np.asarray(first, np.uint8), np.asarray(second, np.uint8)


def endpoint_error(flow: Flow, motion: Affine) -> float:
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width]
    places = np.stack([x - (width - 1) / 2, y - (height - 1) / 2, np.ones((height, width))], axis=-1)
    error = np.linalg.norm(flow - places @ motion.T, axis=-1)
    return float(error[BORDER:-BORDER, BORDER:-BORDER].mean())


def real_pairs(clip: list[Grey], size: Size) -> Iterator[tuple[Grey, Grey]]:
    images = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in clip]
    yield from zip(images[::2], images[1::2], strict=False)


def warping_error(flow: Flow, previous: Grey, following: Grey) -> float:
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    second = cv2.remap(following.astype(np.float32), x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)
    return float(np.abs(second - previous)[16:-16, 16:-16].mean())


if __name__ == "__main__":
    main()
