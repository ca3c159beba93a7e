"""OpenVINO and int8; only where the extra `fast` is installed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import WriteVideo
from untrim.errors import UntrimError
from untrim.features.backbones import load_backbone
from untrim.features.backbones.i3d_int8 import quantize_i3d
from untrim.features.backbones.i3d_network import InceptionI3D

TINY = {"short_side": 40, "crop": 32, "flow": "dis"}


@pytest.fixture(scope="module")
def weights(i3d_weights: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNTRIM_CACHE", str(i3d_weights.parents[1]))
        yield i3d_weights


def frames(count: int, seed: int = 0) -> list[np.ndarray]:
    ground = np.kron(np.random.default_rng(seed).integers(0, 255, (5, 7, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return [np.roll(ground, (index, -2 * index), axis=(0, 1)) for index in range(count)]


def test_openvino_gives_the_same_features(weights: Path) -> None:
    pytest.importorskip("openvino")
    torch_, openvino = (load_backbone("i3d", TINY | {"runtime": runtime}) for runtime in ("torch", "openvino"))
    wanted, found = torch_.features(frames(40)), openvino.features(frames(40))
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert openvino.info("i3d") == torch_.info("i3d")  # Either may go on where the other stopped.
    with pytest.raises(UntrimError, match="OpenVINO runs on the CPU, not on 'cuda'"):
        load_backbone("i3d", TINY | {"runtime": "openvino", "device": "cuda"})


def test_int8_is_near_and_knows_what_it_is_made_for(weights: Path, write_video: WriteVideo, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    videos = [write_video(tmp_path / f"video{index}.mp4", 60, seed=index) for index in range(3)]
    file = tmp_path / "int8.safetensors"
    agreement = quantize_i3d(videos, file, settings=TINY, snippets=6)
    assert (agreement.calibrated_on, len(agreement.cosines)) == (4, 2)
    assert min(agreement.cosines) > 0.9
    assert str(agreement).startswith("calibrated on 4 snippets; cosine similarity to float32 on 2 others: mean 0.9")
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, *(path.name for path in videos)]
    exact, int8 = load_backbone("i3d", TINY), load_backbone("i3d", TINY | {"rgb_weights": str(file)})
    one, other = exact.features(frames(20)), int8.features(frames(20))
    assert (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other) > 0.9
    assert not np.allclose(one, other, rtol=1e-3)
    assert int8.info("i3d").disagreement(exact.info("i3d")).startswith("weights_sha256")  # type: ignore[union-attr]
    with pytest.raises(UntrimError, match=r"int8\.safetensors: is made for clips .* of \(3, 16, 32, 32\)"):
        load_backbone("i3d", TINY | {"rgb_weights": str(file), "snippet_frames": 8})
    with pytest.raises(UntrimError, match="OpenVINO runs on the CPU"):
        load_backbone("i3d", TINY | {"rgb_weights": str(file), "device": "cuda:0"})


def test_too_little_to_calibrate_on(weights: Path, write_video: WriteVideo, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    video = write_video(tmp_path / "video.mp4", 20)
    with pytest.raises(UntrimError, match="2 snippets are too few"):
        quantize_i3d([video], tmp_path / "int8.safetensors", settings=TINY)
    with pytest.raises(UntrimError, match=r"has ending '\.xml' \(use \.safetensors\)"):
        quantize_i3d([video], tmp_path / "int8.xml", settings=TINY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["video.mp4"]


def test_without_the_extra_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    torch.save(InceptionI3D(3, 2).state_dict(), tmp_path / "rgb.pt")
    with pytest.raises(UntrimError, match=r"openvino is not installed \(pip install 'untrim\[fast\]'\)"):
        load_backbone("i3d", TINY | {"rgb_weights": str(tmp_path / "rgb.pt"), "runtime": "openvino"})
