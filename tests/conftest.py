import os
from pathlib import Path

import numpy as np
import pytest

from untrim.annotations import Annotations, Video
from untrim.features.store import FeatureFolder, FeatureInfo
from untrim.timeline import Instance

CLASSES = ("jump", "run", "throw")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that lies beside the checkout, or where UNTRIM_DATA says."""
    folder = Path(os.environ.get("UNTRIM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set UNTRIM_DATA")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[FeatureFolder, Annotations]:
    """Twelve training and six validation videos whose actions stand out from noise; D = 48."""
    rng = np.random.default_rng(0)
    info = FeatureInfo(
        snippet_frames=16, stride_frames=16, fps=25, first_center_seconds=0.32, dim=48, streams={"rgb": (0, 48)},
        backbone="test",
    )  # fmt: skip
    folder = FeatureFolder(tmp_path / "features", info)
    folder.path.mkdir()
    folder.save_info()
    videos = []
    for index in range(18):
        label, count = CLASSES[index % 3], int(rng.integers(30, 60))
        features = rng.normal(0, 0.3, (count, 48))
        first = int(rng.integers(5, count - 15))
        features[first : first + 8, 16 * (index % 3) : 16 * (index % 3) + 16] += 1
        name = f"video{index:02d}"
        folder.save(name, features)
        segment = info.grid().segment(first, first + 8)
        trained = index < 12
        instances = () if trained else (Instance(label, segment),)
        videos.append(Video(name, "training" if trained else "validation", count * 0.64, (label,), instances))
    return folder, Annotations(videos, source="test")
