"""What knowing nothing gets."""

from __future__ import annotations

import numpy as np

from untrim.annotations import Annotations
from untrim.features.store import FeatureFolder
from untrim.timeline import Detection, Segment

_A_VIDEO = 20


def random_detections(videos: Annotations, features: FeatureFolder, seed: int) -> dict[str, list[Detection]]:
    """Twenty segments a video with random ends, labels and scores.

    Args:
        videos: With the labels to draw from.
        features: Where durations are known from if the annotations do not say them.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for name, video in videos.items():
        duration = video.duration
        if duration is None:
            duration = features.duration(name, len(features.load(name)))
        ends = np.sort(rng.uniform(0, duration, (_A_VIDEO, 2)), axis=1)
        labels = rng.choice(videos.labels, _A_VIDEO)
        found[name] = [
            Detection(str(label), Segment(float(start), float(end)), float(score))
            for label, (start, end), score in zip(labels, ends, rng.random(_A_VIDEO), strict=True)
        ]
    return found
