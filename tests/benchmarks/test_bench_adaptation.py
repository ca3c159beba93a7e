"""The projections of the benchmark are what its table calls them."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from helpers import new_folder
from untrim.features.store import FeatureFolder, VideoInfo

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LENGTHS = (90, 60, 150)


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        module = import_module("bench_adaptation")
        patch.setattr(module, "STEPS", 200)
        patch.setattr(module, "PAIRS", 64)
        yield module
        for name in ("bench_adaptation", "real_video"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def videos() -> list[np.ndarray]:
    """Twelve columns, in which one direction changes slowly and all others are noise, most of it louder."""
    rng = np.random.default_rng(0)
    mixing = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    made = []
    for length in LENGTHS:
        noise = rng.normal(size=(length, 12)) * np.linspace(0.5, 3, 12)
        noise[:, 3] = slow(length)
        made.append(noise @ mixing)
    return made


def slow(length: int) -> np.ndarray:
    return np.sin(np.arange(length) / 10)


def of_slow(videos: list[np.ndarray], direction: np.ndarray) -> float:
    """How much a direction has to do with what changes slowly: the correlation, 0 to 1."""
    source = np.concatenate([slow(length) for length in LENGTHS])
    return abs(float(np.corrcoef(np.concatenate(videos) @ direction, source)[0, 1]))


def test_pca_whitens(bench: ModuleType, videos: list[np.ndarray]) -> None:
    projection = bench.pca(videos, 0.32, 5)
    found = bench.covariance([video @ projection for video in videos])
    np.testing.assert_allclose(found, np.eye(5), atol=1e-9)


def test_columns_have_unit_variance_each(bench: ModuleType, videos: list[np.ndarray]) -> None:
    projection = bench.columns(videos, 0.32)
    found = bench.covariance([video @ projection for video in videos])
    np.testing.assert_allclose(np.diag(found), 1, atol=2e-3)


@pytest.mark.parametrize("lag", [1, 3])
def test_the_slowest_direction_comes_first(bench: ModuleType, videos: list[np.ndarray], lag: int) -> None:
    projection = bench.sfa(videos, 0.32, 2, lag=lag)
    assert of_slow(videos, projection[:, 0]) > 0.95
    assert of_slow(videos, projection[:, 1]) < 0.3


def test_contrast_keeps_what_changes_slowly(bench: ModuleType, videos: list[np.ndarray]) -> None:
    """Of noise, neighbours know nothing of each other, so it is weighed less than by whitening."""

    def share(projection: np.ndarray) -> float:
        return float(np.mean([of_slow(videos, direction) ** 2 for direction in projection.T]))

    assert share(bench.contrast(videos, 0.32, 4)) > 3 * share(bench.pca(videos, 0.32, 4))


@pytest.fixture
def source(tmp_path: Path) -> FeatureFolder:
    """Two videos, of which b has features alone, as in a corpus made elsewhere."""
    rng = np.random.default_rng(1)
    made = new_folder(tmp_path / "made", rgb=2, flow=4)
    folder = FeatureFolder(made.path, made.info.model_copy(update={"videos": {"a": VideoInfo(duration=25.6)}}))
    for name in ("a", "b"):
        folder.save(name, rng.normal(size=(40, 6)) * [1, 1, 9, 9, 9, 9])
    folder.save_info()
    return folder


def test_projected_columns_replace_the_original_ones_or_follow_them(
    bench: ModuleType, source: FeatureFolder, tmp_path: Path
) -> None:
    alone = FeatureFolder.open(bench.projected("columns", source, tmp_path / "out"))
    beside = FeatureFolder.open(bench.projected("columns+", source, tmp_path / "out"))
    assert alone.info.streams == {"adapted": (0, 6)}
    assert beside.info.streams == {"rgb": (0, 2), "flow": (2, 6), "adapted": (6, 12)}
    for folder in (alone, beside):
        assert folder.info.videos == {"a": VideoInfo(duration=25.6), "b": VideoInfo()}
    np.testing.assert_array_equal(beside.load("b"), np.hstack([source.load("b"), alone.load("b")]))
    everything = np.concatenate([alone.load("a"), alone.load("b")])
    np.testing.assert_allclose(everything.std(axis=0), 1, atol=1e-2)


def test_a_folder_that_lacks_videos_is_completed(bench: ModuleType, source: FeatureFolder, tmp_path: Path) -> None:
    folder = FeatureFolder.open(bench.projected("columns", source, tmp_path / "out"))
    before = folder.load("b")
    folder.file("b").unlink()
    again = FeatureFolder.open(bench.projected("columns", source, tmp_path / "out"))
    np.testing.assert_array_equal(again.load("b"), before)
