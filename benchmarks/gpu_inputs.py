"""What `bench_gpu.py` works on, made from seeds: batches, moving pictures, a film, networks, a corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from untrim.annotations import Annotations, Video
from untrim.data.dataset import Batch
from untrim.features.backbones.i3d_network import InceptionI3D
from untrim.features.store import FeatureFolder, FeatureInfo
from untrim.support.array_types import Image
from untrim.timeline import Instance
from untrim.video.encode import VideoWriter


def random_batch(videos: int, snippets: int, dim: int, classes: int, dtype: torch.dtype = torch.float32) -> Batch:
    """Videos of different lengths in pairs with a class in common; it is known when each class happens."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(snippets // 2, snippets + 1, (videos, 1), generator=generator)
    lengths[0] = snippets
    mask = torch.arange(snippets) < lengths
    features = torch.rand(videos, snippets, dim, generator=generator, dtype=dtype) * mask.unsqueeze(-1)
    groups = torch.arange(videos) // 2
    labels = F.one_hot(groups % classes, classes).to(dtype)
    happens = (torch.rand(videos, snippets, classes, generator=generator) < 0.3) & mask.unsqueeze(-1)
    happens = happens.to(dtype) * labels.unsqueeze(1)
    known = mask.to(dtype).unsqueeze(-1).expand(-1, -1, classes).contiguous()
    return Batch(features, mask, labels, groups, 1.0, happens, known)


def moving_pictures(frames: int, height: int, width: int) -> Iterator[Image]:
    """A soft coloured texture that moves two pixels to the left and one down per frame, uint8 (H, W, 3)."""
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(0))
    ground = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
    picture = (255 * ground).byte().numpy()
    for index in range(frames):
        yield np.roll(picture, (index, -2 * index), axis=(0, 1))


def write_film(path: Path, frames: int, height: int, width: int) -> None:
    """The same pictures as a video file of 25 frames per second."""
    with VideoWriter(path, (width, height), 25) as film:
        for picture in moving_pictures(frames, height, width):
            film.write(np.ascontiguousarray(picture))


def random_i3d(channels: int) -> InceptionI3D:
    """A network of the size of the published ones, whose values neither grow nor fade from layer to layer."""
    torch.manual_seed(channels)
    network = InceptionI3D(channels, 10).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return network


def random_clips(count: int, channels: int, side: int) -> Tensor:
    """(N, 16, H, W, C) in [-1, 1]."""
    return torch.rand(count, 16, side, side, channels, generator=torch.Generator().manual_seed(0)) * 2 - 1


def write_corpus(folder: Path, videos: int, snippets: int, dim: int, classes: int) -> tuple[FeatureFolder, Annotations]:
    """Videos in which one action stands out from noise, not negative as I3D's features; half of them for validation."""
    rng, count = np.random.default_rng(0), dim // classes
    info = FeatureInfo(
        snippet_frames=16, stride_frames=16, fps=25, first_center_seconds=0.32, dim=dim,
        streams={"rgb": (0, dim)}, backbone="random",
    )  # fmt: skip
    features = FeatureFolder(folder, info)
    features.save_info()
    known = []
    for index in range(videos):
        length, c = int(rng.integers(snippets // 2, snippets + 1)), index % classes
        values = rng.random((length, dim), dtype=np.float32)
        first = int(rng.integers(0, length - length // 5))
        stop = first + length // 5
        values[first:stop, c * count : (c + 1) * count] += 0.5
        name, label = f"v{index:04d}", f"c{c:02d}"
        features.save(name, values)
        trained = index < videos // 2
        instances = () if trained else (Instance(label, info.grid().segment(first, stop)),)
        known.append(Video(name, "training" if trained else "validation", length * 0.64, (label,), instances))
    return features, Annotations(known, source=str(folder))
