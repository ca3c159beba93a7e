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


def test_features_stay_on_disk(corpus: tuple[FeatureFolder, Annotations]) -> None:
    """A batch reads its snippets through a memory map: neither whole files nor copies of them are kept."""
    videos = TrainingVideos([corpus])
    videos.batch(np.arange(5), np.zeros(5, dtype=np.int64), 4, "contiguous", np.random.default_rng(0))
    assert isinstance(videos.stored(0), np.memmap)
    assert videos.stored(0) is videos.stored(0)
    assert not videos.stored(0).flags.writeable


def test_a_longer_video_gives_a_crop_of_itself(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    videos, rng = TrainingVideos([corpus]), np.random.default_rng(1)
    batch = videos.batch(np.array([2]), np.zeros(1, dtype=np.int64), 6, "contiguous", rng)
    whole = videos.features(2)
    windows = np.lib.stride_tricks.sliding_window_view(whole, 6, axis=0).transpose(0, 2, 1)  # (T - 5, 6, D)
    assert (windows == batch.features[0].numpy()).all(axis=(1, 2)).sum() == 1
