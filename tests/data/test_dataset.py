import os
from pathlib import Path

import numpy as np
import pytest

from untrim.annotations import Annotations
from untrim.data.dataset import TrainingVideos
from untrim.features.store import FeatureFolder


@pytest.mark.parametrize("kind", ["<f2", ">f2", "<f4", "<f8"])
def test_batches_hold_what_lies_on_disk(corpus: tuple[FeatureFolder, Annotations], kind: str) -> None:
    folder, annotations = corpus
    arrays = {name: folder.load(name) for name in annotations}
    for name, array in arrays.items():
        np.save(folder.file(name), array.astype(kind))
    videos = TrainingVideos([(folder, annotations)])
    chosen = np.array([3, 0, 7])
    batch = videos.batch(chosen, np.zeros(3, dtype=np.int64), None, "random", np.random.default_rng(0))
    for row, mask, index in zip(batch.features, batch.mask, chosen, strict=True):
        np.testing.assert_array_equal(row[mask].numpy(), arrays[videos.names[index]])
        assert not row[~mask].any()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what is mapped")
def test_features_stay_on_disk_and_no_file_stays_open(corpus: tuple[FeatureFolder, Annotations]) -> None:
    """Neither whole files nor copies of them are kept; and 10,000 videos are more than the files that may be open."""
    videos, before = TrainingVideos([corpus]), len(os.listdir("/proc/self/fd"))
    videos.batch(np.arange(5), np.zeros(5, dtype=np.int64), 4, "contiguous", np.random.default_rng(0))
    assert len(os.listdir("/proc/self/fd")) == before
    mapped = Path("/proc/self/maps").read_text()
    for index in range(5):
        assert str(corpus[0].file(videos.names[index])) in mapped
        assert videos.stored(index) is videos.stored(index)
        assert not videos.stored(index).flags.writeable


def test_a_longer_video_gives_a_crop_of_itself(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    videos, rng = TrainingVideos([corpus]), np.random.default_rng(1)
    batch = videos.batch(np.array([2]), np.zeros(1, dtype=np.int64), 6, "contiguous", rng)
    whole = videos.features(2)
    windows = np.lib.stride_tricks.sliding_window_view(whole, 6, axis=0).transpose(0, 2, 1)  # (T - 5, 6, D)
    assert (windows == batch.features[0].numpy()).all(axis=(1, 2)).sum() == 1
