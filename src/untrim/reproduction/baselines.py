"""Random detections, the lower bound of a table."""

from __future__ import annotations

import numpy as np

from untrim.annotations import Annotations
from untrim.features.store import FeatureFolder
from untrim.timeline import Detection, Segment

_PER_VIDEO = 20


def random_detections(videos: Annotations, features: FeatureFolder, seed: int) -> dict[str, list[Detection]]:
    """Twenty segments per video with random ends, labels and scores.

    Args:
        videos: Annotations with the labels to draw from.
        features: Gives the durations that the annotations do not have.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for name, video in videos.items():
        duration = video.duration
        if duration is None:
            duration = features.duration(name, len(features.load(name)))
        ends = np.sort(rng.uniform(0, duration, (_PER_VIDEO, 2)), axis=1)
        labels = rng.choice(videos.labels, _PER_VIDEO)
        found[name] = [
            Detection(str(label), Segment(float(start), float(end)), float(score))
            for label, (start, end), score in zip(labels, ends, rng.random(_PER_VIDEO), strict=True)
        ]
    return found
