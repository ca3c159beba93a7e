"""Does the network recognise what a video shows? The best Kinetics classes of whole videos, each as one window.

    python benchmarks/check_i3d.py LABELS VIDEO…

LABELS has the names of the 400 classes, one per line, in the order of the network's outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from untrim.features.backbones.i3d import RGB_WEIGHTS, I3DConfig, clips
from untrim.features.backbones.i3d_engines import load_network
from untrim.features.weights import weights_path
from untrim.video.decode import VideoFile


def main() -> None:
    labels, videos = Path(sys.argv[1]).read_text().splitlines(), [Path(name) for name in sys.argv[2:]]
    network = load_network(weights_path(RGB_WEIGHTS), 3).fuse().to(memory_format=torch.channels_last_3d)
    for video in videos:
        scores, best = whole(network, video).topk(3)
        found = ", ".join(f"{labels[i]} {score:.5f}" for score, i in zip(scores, best, strict=True))
        print(f"{video.name:36} {found}", flush=True)


def whole(network: torch.nn.Module, path: Path) -> torch.Tensor:
    """Probabilities (400,) of the classes of a video, seen as one snippet."""
    with VideoFile(path) as video:
        images = [frame.image for frame in video.frames(25, 256)]
    config = I3DConfig(snippet_frames=len(images), stride_frames=len(images))
    clip = torch.from_numpy(next(clips(images, config))["rgb"]).permute(0, 4, 1, 2, 3)
    with torch.inference_mode():
        return network.classify(network(clip))[0].softmax(0)


if __name__ == "__main__":
    main()
