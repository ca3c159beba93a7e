"""What a trained network says of whole videos, for judging it by their labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from untrim.data.dataset import TrainingVideos
from untrim.evaluation.classification import ranking_precision
from untrim.methods.base import Activations, Method
from untrim.support.array_types import Floating, Indices


def look(model: Method, videos: TrainingVideos, indices: Iterable[int], device: torch.device) -> Iterator[Activations]:
    """Activations of each of the videos, one at a time, uncropped and without dropout."""
    model.eval()
    with torch.inference_mode():
        for index in indices:
            features = torch.from_numpy(videos.features(index)).unsqueeze(0).to(device)  # (1, T, D)
            yield model(features, torch.ones(features.shape[:2], dtype=torch.bool, device=device))


def mean_average_precision(scores: Floating, labels: Floating) -> float:
    """mAP of ranking (V, C) videos by their scores; classes that all of them have, or none, say nothing; NaN if all."""
    some = (labels > 0).any(axis=0) & (labels == 0).any(axis=0)
    precision = [ranking_precision(scores[:, c].astype(np.float64), labels[:, c] > 0) for c in np.flatnonzero(some)]
    return float(np.mean(precision)) if precision else float("nan")


def evenly(count: int, most: int) -> Indices:
    """Which of `count` things to look at where they are more than `most`: the first, the last, and evenly between."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
