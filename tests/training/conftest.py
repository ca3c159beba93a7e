from pathlib import Path

import numpy as np
import pytest

from helpers import new_folder
from untrim.annotations import Annotations, Video, write_annotations
from untrim.features.store import FeatureFolder

Corpus = tuple[FeatureFolder, Annotations]


@pytest.fixture
def mixed(tmp_path: Path) -> Corpus:
    """Sixteen training videos of four classes, every third with two of them, between 6 and 40 snippets; D = 12."""
    rng = np.random.default_rng(3)
    folder = new_folder(tmp_path / "mixed", rgb=8, flow=4)
    videos = []
    for index in range(16):
        classes = {index % 4, (index + 1) % 4} if index % 3 == 0 else {index % 4}
        features = rng.normal(0, 0.3, (int(rng.integers(6, 40)), 12))
        for c in classes:
            first = int(rng.integers(0, len(features) - 4))
            features[first : first + 4, 3 * c : 3 * c + 3] += 1
        folder.save(f"video{index:02d}", features)
        videos.append(Video(f"video{index:02d}", "training", len(features) * 0.64, tuple(f"class{c}" for c in classes)))
    annotations = Annotations(videos, source="test")
    write_annotations(annotations, tmp_path / "mixed.json")
    return folder, annotations
