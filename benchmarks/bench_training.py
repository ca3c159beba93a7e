"""Loading against computing: training steps on a data set of 200 videos of 400 snippets, 2,048 dimensions, on disk.

    python benchmarks/bench_training.py [--videos 200] [--steps 10]

Prints the time to make a batch, first from a cold page cache (as far as this process can empty it), then from a warm
one. Then prints the time of a step on a batch in memory, and of a step in a real training, where a thread makes the
next batch meanwhile.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from untrim.annotations import Annotations, Video
from untrim.data.dataset import TrainingVideos
from untrim.features.store import FeatureFolder, FeatureInfo
from untrim.methods.wsad import WSAD, WSADConfig
from untrim.training.checkpoint import Run
from untrim.training.parallel import World
from untrim.training.steps import Trainer, ahead

SNIPPETS, DIM, CLASSES = 400, 2048, 20


def write_corpus(folder: Path, videos: int) -> tuple[FeatureFolder, Annotations]:
    info = FeatureInfo(
        snippet_frames=16, stride_frames=16, fps=25, first_center_seconds=0.32, dim=DIM,
        streams={"rgb": (0, 1024), "flow": (1024, DIM)}, backbone="random",
    )  # fmt: skip
    features, rng = FeatureFolder(folder, info), np.random.default_rng(0)
    features.save_info()
    for index in range(videos):
        features.save(f"v{index:04d}", rng.random((SNIPPETS, DIM), dtype=np.float32))
    labelled = [Video(f"v{index:04d}", "training", labels=(f"c{index % CLASSES:02d}",)) for index in range(videos)]
    return features, Annotations(labelled)


def forget(folder: Path) -> None:
    """Ask the system to drop the files from its cache."""
    for file in folder.glob("*.npy"):
        with open(file, "rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def milliseconds(work: Callable[[int], object], steps: int) -> tuple[float, float]:
    """Wall and processor time of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    for step in range(steps):
        work(step)
    return 1e3 * (time.perf_counter() - wall) / steps, 1e3 * (time.process_time() - processor) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        features, annotations = write_corpus(Path(temporary), arguments.videos)
        videos, config = TrainingVideos([(features, annotations)]), WSADConfig(iterations=arguments.steps)
        run = Run(Path(temporary) / "run", "wsad", "paper", 0, "training", config, videos.class_names, features.info)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = run.build().to(device)
        assert isinstance(model, WSAD)
        trainer = Trainer(run, model, videos, World(), device)
        forget(features.path)
        rows = {"batch, cold": milliseconds(trainer.batch, arguments.steps)}
        rows["batch, warm"] = milliseconds(trainer.batch, arguments.steps)
        batch = trainer.batch(0).to(device)
        rows["step alone"] = milliseconds(lambda _: trainer.update(batch), arguments.steps)
        batches = ahead(trainer.batch, range(arguments.steps))
        rows["step in training"] = milliseconds(lambda _: trainer.update(next(batches).to(device)), arguments.steps)
        print(
            f"{arguments.videos} videos, batches of {len(batch.labels)} x {batch.features.shape[1]} x {DIM}, {device}"
        )
        for name, (wall, processor) in rows.items():
            print(f"{name:18} {wall:8.1f} ms, of processor time {processor:8.1f} ms")


if __name__ == "__main__":
    main()
