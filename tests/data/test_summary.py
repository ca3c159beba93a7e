"""Facts of the training data, and what features are brought to by them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder
from untrim.annotations import Annotations, Video
from untrim.data.dataset import TrainingVideos
from untrim.data.summary import DataSummary, summarize
from untrim.methods import load_method
from untrim.methods.base import InputScale


def summary_of(
    path: Path, *, rgb_mean: float, flow_mean: float, scale: float = 1.0
) -> tuple[TrainingVideos, DataSummary]:
    """Two streams of 64 columns that vary by 1 about the given means, up or down; all times `scale`."""
    rng = np.random.default_rng(0)
    folder = new_folder(path, rgb=64, flow=64)
    means = rng.choice([-1.0, 1.0], 128) * np.repeat([rgb_mean, flow_mean], 64)
    for name in ("a", "b", "c"):
        folder.save(name, scale * (means + rng.normal(size=(400, 128))))
    labelled = Annotations([Video(name, "training", 256, ("run",)) for name in ("a", "b", "c")], source="test")
    videos = TrainingVideos([(folder, labelled)])
    return videos, summarize(videos)


def scaled(videos: TrainingVideos, data: DataSummary) -> torch.Tensor:
    layer = InputScale(data.dim)
    layer.fit("unit", data)
    return torch.cat([layer(torch.from_numpy(videos.features(index))) for index in range(len(videos))])


def test_small_means_are_left_and_large_ones_made_as_large_as_what_varies(tmp_path: Path) -> None:
    videos, data = summary_of(tmp_path, rgb_mean=0.5, flow_mean=5.0)
    taken, rms = data.unit_scale()
    assert not taken[:64].any()
    np.testing.assert_array_equal(rms[:64], data.stream_rms[:64])
    rgb, flow = scaled(videos, data).split(64, dim=1)
    for stream, ratio in ((rgb, 0.5), (flow, 1.0)):
        assert stream.square().mean().sqrt() == pytest.approx(1, rel=1e-3)
        means = stream.mean(dim=0)
        assert means.square().mean().sqrt() / (stream - means).square().mean().sqrt() == pytest.approx(ratio, rel=0.02)
    np.testing.assert_array_equal(flow.mean(dim=0).sign(), np.sign(data.column_means[64:]))


@pytest.mark.parametrize("scale", [1 / 64, 64])
def test_scaled_features_do_not_depend_on_the_units_of_the_files(tmp_path: Path, scale: float) -> None:
    reference = scaled(*summary_of(tmp_path / "one", rgb_mean=0.5, flow_mean=5.0))
    other = scaled(*summary_of(tmp_path / "other", rgb_mean=0.5, flow_mean=5.0, scale=scale))
    torch.testing.assert_close(other, reference)


def test_streams_without_any_variation_stay_finite(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "features", rgb=4, flow=4)
    folder.save("a", np.repeat([[0.0] * 4 + [100.0] * 4], 9, axis=0))
    videos = TrainingVideos([(folder, Annotations([Video("a", "training", 6, ("run",))], source="test"))])
    assert scaled(videos, summarize(videos)).isfinite().all()


@pytest.mark.parametrize(("method", "expected"), [("wsad", [1200, 1200]), ("lpat", [1200, 2000])])
def test_videos_that_come_on_top_do_not_make_a_training_longer(
    method: str, expected: list[int], tmp_path: Path
) -> None:
    folder = new_folder(tmp_path / "features", rgb=4)
    rng, steps = np.random.default_rng(0), []
    videos = [Video(f"run_{number}", "training", 6, ("run",)) for number in range(120)]
    bare = [Video(f"nothing_{number}", "training", 6, exhaustive=True) for number in range(80)]
    for video in [*videos, *bare]:
        folder.save(video.name, rng.normal(size=(9, 4)))
    for given in (videos, [*videos, *bare]):
        data = summarize(TrainingVideos([(folder, Annotations(given, source="test"))]))
        steps.append(load_method(method).defaults(data)["iterations"])
    assert steps == expected
