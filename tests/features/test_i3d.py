import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import untrim.features.backbones.i3d as i3d
from helpers import WriteVideo
from untrim.errors import UntrimError
from untrim.features.backbones import load_backbone
from untrim.features.backbones.i3d import I3DConfig, clips
from untrim.features.backbones.i3d_engines import load_network
from untrim.features.backbones.i3d_network import InceptionI3D, max_pool_same
from untrim.features.extract import extract
from untrim.features.prefetch import prefetch
from untrim.features.store import FeatureFolder
from untrim.timeline import SnippetGrid
from untrim.video.decode import VideoFile
from untrim.video.flow import OpticalFlow

TINY = {"short_side": 40, "crop": 32, "flow": "dis"}


def randomised(network: InceptionI3D, seed: int) -> InceptionI3D:
    """With statistics as a trained network may have them, so that batch norms do something."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in network.state_dict().items():
        if name.endswith("conv3d.weight"):
            values.normal_(0, math.sqrt(2 / values[0].numel()), generator=generator)
        elif name.endswith(("running_var", "bn.weight")):
            values.uniform_(0.5, 1.5, generator=generator)
        elif values.is_floating_point():
            values.normal_(0, 0.1, generator=generator)
    return network.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Checkpoints in the layout of ``rgb_imagenet.pt`` and ``flow_imagenet.pt``, of random weights."""
    folder = tmp_path_factory.mktemp("weights")
    for stream, channels in (("rgb", 3), ("flow", 2)):
        torch.save(randomised(InceptionI3D(channels, 7), channels).state_dict(), folder / f"{stream}_imagenet.pt")
    return {f"{stream}_weights": str(folder / f"{stream}_imagenet.pt") for stream in ("rgb", "flow")}


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNTRIM_CACHE", str(tmp_path / "empty"))


@pytest.fixture(scope="module")
def real(i3d_weights: Path) -> InceptionI3D:
    return load_network(i3d_weights, 3)


def flow_by(rule: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., OpticalFlow]:
    """A stand-in for `OpticalFlow` that computes flow by `rule`."""

    class ByRule(OpticalFlow):
        def between(self, images: Sequence[np.ndarray], every: int = 1) -> list[np.ndarray]:
            assert every == 1
            return [rule(*pair) for pair in pairwise(images)]

    return lambda algorithm, device: ByRule("dis")


def video(frames: int, height: int = 40, width: int = 56, seed: int = 0) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    ground = np.kron(rng.integers(0, 255, (height // 8, width // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    for index in range(frames):
        yield np.roll(ground, (index, -2 * index), axis=(0, 1))


@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.integers(1, 3))
def test_max_pool_is_padded_as_tensorflow_does(t: int, h: int, w: int, k: int, s: int) -> None:
    """Its rule: ceil(n / s) windows; what they lack in width is split before and behind, the odd one behind."""
    x = np.random.default_rng(t * h * w).uniform(0, 1, (t, h, w)).astype(np.float32)
    spans = []
    for size in x.shape:
        first = -(max((math.ceil(size / s) - 1) * s + k - size, 0) // 2)
        starts = [first + s * i for i in range(math.ceil(size / s))]
        spans.append([slice(max(start, 0), max(start + k, 0)) for start in starts])
    wanted = np.array([[[x[a, b, c].max(initial=0) for c in spans[2]] for b in spans[1]] for a in spans[0]])
    found = max_pool_same(torch.from_numpy(x)[None, None], (k,) * 3, (s,) * 3)[0, 0]
    np.testing.assert_array_equal(found, wanted)


def test_the_network_is_the_published_one() -> None:
    network = InceptionI3D()
    state = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    assert state["Conv3d_1a_7x7.conv3d.weight"] == (64, 3, 7, 7, 7)
    assert state["Mixed_3b.b1a.bn.running_mean"] == (96,)
    assert state["Mixed_4e.b2b.conv3d.weight"] == (64, 32, 3, 3, 3)
    assert state["Mixed_5c.b3b.bn.bias"] == (128,)
    assert state["logits.conv3d.bias"] == (400,)
    learned = sum(values.numel() for name, values in network.named_parameters() if not name.endswith("bn.weight"))
    assert learned == 12_689_984
    assert {norm.eps for norm in network.modules() if isinstance(norm, torch.nn.BatchNorm3d)} == {1e-3}


def test_golden(real: InceptionI3D, shared_data: Path) -> None:
    golden = np.load(shared_data / "golden" / "i3d_kinetics400.npz")
    clip = np.random.RandomState(0).uniform(-1, 1, (1, 16, 224, 224, 3)).astype(np.float32)
    with torch.inference_mode():
        features = real(torch.from_numpy(clip).permute(0, 4, 1, 2, 3))
        logits = real.classify(features)
    for found, wanted in ((features, golden["feature_map"].reshape(1, 1024)), (logits, golden["logits"])):
        assert found.shape == wanted.shape
        assert np.abs(found.numpy() - wanted).max() < 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("shape", [(16, 32, 32), (5, 40, 33), (33, 64, 70)])
def test_fusing_and_layout_change_nothing(shape: tuple[int, int, int]) -> None:
    network, clip = randomised(InceptionI3D(2, 3), 5), torch.rand(2, 2, *shape) * 2 - 1
    with torch.inference_mode():
        wanted = network(clip)
        network.fuse().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        found = network(clip)
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in network.modules())
    assert wanted.shape == (2, 1024)
    assert wanted.std() > 1e-3
    assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max()


def test_features_of_long_clips_are_what_the_mean_logits_are_of() -> None:
    """The authors classify every window of 2 x 7 x 7 and average the logits over time."""
    network, clip = randomised(InceptionI3D(3, 6), 1), torch.rand(1, 3, 24, 224, 224)
    seen: list[torch.Tensor] = []
    network.Mixed_5c.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        logits = network.classify(network(clip))
        pooled = F.avg_pool3d(seen[0], (2, 7, 7), stride=1)
        assert pooled.shape == (1, 1024, 2, 1, 1)
        torch.testing.assert_close(logits, network.logits(pooled).mean((2, 3, 4)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {"a": torch.ones(2)}, "holds no I3D weights"),
        (lambda state: {k: v for k, v in state.items() if k != "Mixed_4b.b0.bn.bias"}, "Mixed_4b.b0.bn.bias"),
        (
            lambda state: state | {"Mixed_4b.b0.bn.bias": torch.ones(3)},
            "'Mixed_4b.b0.bn.bias' has shape (3,)",
        ),
        (lambda state: state | {"Mixed_9z.weight": torch.ones(3)}, "Mixed_9z.weight"),
        (lambda state: state | {"logits.conv3d.weight": torch.tensor(1.0)}, "logits.conv3d.weight"),
    ],
)
def test_weights_of_another_network_are_refused(
    files: dict[str, str], change: Callable[[object], object], words: str, tmp_path: Path
) -> None:
    torch.save(change(torch.load(files["rgb_weights"])), tmp_path / "other.pt")
    with pytest.raises(UntrimError) as caught:
        load_backbone("i3d", {"rgb_weights": str(tmp_path / "other.pt")})
    assert words in str(caught.value)
    assert "other.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_the_other_stream_are_refused(files: dict[str, str]) -> None:
    with pytest.raises(UntrimError, match=r"\(64, 2, 7, 7, 7\), wanted \(64, 3, 7, 7, 7\)"):
        load_backbone("i3d", {"rgb_weights": files["flow_weights"]})


def test_old_checkpoints_without_counters_load(files: dict[str, str], tmp_path: Path) -> None:
    state = torch.load(files["rgb_weights"])
    plain = {name: values for name, values in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(plain, tmp_path / "old.pt")
    assert len(plain) < len(state)
    assert load_backbone("i3d", {"rgb_weights": str(tmp_path / "old.pt")}).dim == 1024


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "run `untrim weights pull i3d-rgb-kinetics400`"),
        ({"streams": "flow"}, "--set flow_weights=FILE"),
        ({"rgb_weights": "nowhere.pt"}, "nowhere.pt: no such file"),
        ({"crop": 300}, "crop 300 is larger than short_side 256"),
        ({"crops": 5}, "'crops'"),
        ({"crops": 10, "follow": True}, "give follow=true or crops=10"),
        ({"runtime": "tensorrt"}, "'runtime'"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_a_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(UntrimError) as caught:
        load_backbone("i3d", options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_streams_and_recipe(files: dict[str, str]) -> None:
    rgb = load_backbone("i3d", TINY | {"rgb_weights": files["rgb_weights"]}).info("i3d")
    both = load_backbone("i3d", TINY | files).info("i3d")
    flow = load_backbone("i3d", TINY | files | {"streams": "flow"}).info("i3d")
    assert (rgb.streams, flow.streams) == ({"rgb": (0, 1024)}, {"flow": (0, 1024)})
    assert both.streams == {"rgb": (0, 1024), "flow": (1024, 2048)}
    digests = [hashlib.sha256(Path(files[f"{stream}_weights"]).read_bytes()).hexdigest() for stream in both.streams]
    assert (rgb.weights_sha256, flow.weights_sha256) == tuple(digests)
    assert both.weights_sha256 == ",".join(digests)
    assert rgb.flow_algorithm is None
    assert both.flow_algorithm == "dis"
    assert both.recipe == {
        "fps": 25.0, "snippet_frames": 16, "stride_frames": 16, "short_side": 40, "streams": "rgb,flow", "flow": "dis",
        "crop": 32, "crops": 1, "flow_bound": 20.0,
    }  # fmt: skip
    assert load_backbone("i3d", both.recipe | files | {"device": "cpu"}).info("i3d") == both
    follows = load_backbone("i3d", TINY | files | {"follow": True}).info("i3d")
    assert follows.recipe == both.recipe | {"follow": True}


def test_papers_values_are_the_defaults() -> None:
    config = I3DConfig()
    assert (config.fps, config.short_side, config.crop, config.flow_bound) == (25, 256, 224, 20)
    assert (config.snippet_frames, config.stride_frames, config.flow) == (16, 16, "tvl1")


def test_colours_and_crop() -> None:
    image = np.zeros((40, 57, 3), np.uint8)
    image[4:36, 12:44] = 255  # The central square of 32, the odd pixel to the right.
    image[20, 30] = (0, 51, 102)
    (clip,) = clips([image] * 16, I3DConfig(short_side=40, crop=32))
    assert clip.keys() == {"rgb"}
    assert clip["rgb"].shape == (1, 16, 32, 32, 3)
    assert clip["rgb"].dtype == np.float32
    np.testing.assert_allclose(clip["rgb"][0, 3, 16, 18], [-1, -0.6, -0.2], atol=1e-6)
    assert np.delete(clip["rgb"].reshape(16, -1, 3), 16 * 32 + 18, axis=1).min() == 1


def test_a_square_follows_what_moves_and_stays_in_the_picture() -> None:
    """An actor of one colour walks to the right edge, over a ground of another."""
    actor = np.random.default_rng(1).integers(200, 255, (16, 12, 3), np.uint8)
    images = [next(video(1, 64, 160)) // 2 for _ in range(64)]
    for index, image in enumerate(images):
        left = min(30 + 2 * index, 148)
        image[24:40, left : left + 12] = actor
    config = I3DConfig(short_side=64, crop=40, follow=True)
    places = []
    for clip in clips(images, config):
        middle = 127.5 * (clip["rgb"][0, 8] + 1)
        assert clip["rgb"].shape == (1, 16, 40, 40, 3)
        places.append(np.flatnonzero((middle.min(-1) > 190).any(0)).mean())
    assert np.abs(np.array(places[:3]) - 20).max() < 6
    assert places[3] > 26  # At the edge, the square stays in the picture, and the actor leaves its centre.


def test_flow_is_cut_where_the_picture_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i3d, "OpticalFlow", flow_by(lambda grey, _: np.dstack([grey, grey]).astype(np.float32) / 255))
    images = [np.repeat(frame[..., :1], 3, axis=2) for frame in video(16, 40, 80)]
    config = I3DConfig(short_side=40, crop=32, streams="rgb,flow", flow_bound=1, follow=True)
    (clip,) = clips(images, config)
    np.testing.assert_allclose(clip["flow"][0, :15, ..., 0], (clip["rgb"][0, :15, ..., 0] + 1) / 2, atol=0.01)


def test_where_nothing_moves_the_square_is_the_centre() -> None:
    still = [next(video(1))] * 20
    for follows, fixed in zip(*(clips(still, I3DConfig(**TINY, follow=f)) for f in (True, False)), strict=True):
        np.testing.assert_array_equal(follows["rgb"], fixed["rgb"])


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
def test_each_frame_is_decoded_and_its_flow_computed_once(frames: int, length: int, stride: int) -> None:
    pairs: list[tuple[int, int]] = []

    def count(previous: np.ndarray, following: np.ndarray) -> np.ndarray:
        pairs.append((int(previous[0, 0]), int(following[0, 0])))
        return np.full((32, 32, 2), previous[0, 0], np.float32)

    config = I3DConfig(
        snippet_frames=length, stride_frames=stride, short_side=32, crop=32, streams="rgb,flow", flow_bound=40
    )
    images = (np.full((32, 32, 3), index, np.uint8) for index in range(frames))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i3d, "OpticalFlow", flow_by(count))
        found = list(clips(images, config))
    assert pairs == list(pairwise(range(frames)))
    assert next(images, None) is None
    grid = SnippetGrid.regular(length, stride, 25)
    assert len(found) == grid.count(frames)
    for index, clip in enumerate(found):
        seen = [min(frame, frames - 1) for frame in grid.frames(index)]  # The last frame fills up the last snippet.
        moved = [min(frame, max(frames - 2, 0)) for frame in seen]
        np.testing.assert_allclose(clip["rgb"][0, :, 5, 5, 0], np.array(seen) / 127.5 - 1, atol=1e-6)
        np.testing.assert_allclose(clip["flow"][0, :, 5, 5, 1], np.array(moved) / 40, atol=1e-6)


def test_flow_is_clipped_and_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = np.zeros((32, 32, 2), np.float32)
    flow[:16] = (-5, 50)
    monkeypatch.setattr(i3d, "OpticalFlow", flow_by(lambda previous, following: flow))
    config = I3DConfig(short_side=32, crop=32, streams="flow")
    (clip,) = clips([np.zeros((32, 32, 3), np.uint8)] * 16, config)
    assert clip.keys() == {"flow"}
    assert clip["flow"].shape == (1, 16, 32, 32, 2)
    np.testing.assert_allclose(clip["flow"][0, 7, 3, 3], [-0.25, 1])
    assert clip["flow"][0, :, 16:].any() == 0


def test_ten_crops_see_a_mirrored_video_as_the_video(monkeypatch: pytest.MonkeyPatch) -> None:
    def slopes(previous: np.ndarray, following: np.ndarray) -> np.ndarray:
        return np.stack(np.gradient(following.astype(np.float32), axis=(1, 0)), axis=2)

    monkeypatch.setattr(i3d, "OpticalFlow", flow_by(slopes))
    config = I3DConfig(short_side=40, crop=32, crops=10, streams="rgb,flow")
    (straight,), (mirrored,) = (
        list(clips((image[:, ::step] for image in video(16)), config)) for step in (1, -1)
    )  # fmt: skip
    for stream, channels in (("rgb", 3), ("flow", 2)):
        assert straight[stream].shape == (10, 16, 32, 32, channels)
        assert len(np.unique(straight[stream].reshape(10, -1), axis=0)) == 10
        swapped = mirrored[stream][[5, 7, 6, 9, 8, 0, 2, 1, 4, 3]]  # Centre and corners, left and right exchanged.
        np.testing.assert_allclose(swapped, straight[stream], atol=1e-6)
    frame = next(video(1)).astype(np.float32) / 127.5 - 1
    corners = [straight["rgb"][index, 0] for index in range(5)]
    places = [(4, 12), (0, 0), (0, 24), (8, 0), (8, 24)]
    for corner, (y, x) in zip(corners, places, strict=True):
        np.testing.assert_allclose(corner, frame[y : y + 32, x : x + 32], atol=1e-6)


def test_features_are_the_networks(files: dict[str, str]) -> None:
    backbone = load_backbone("i3d", TINY | files | {"stride_frames": 12})
    features = backbone.features(video(45))
    assert features.shape == (backbone.grid.count(45), 2048)
    assert features.dtype == np.float32
    assert features.min() >= 0
    config = I3DConfig(**TINY, stride_frames=12, streams="rgb,flow")
    for row, clip in zip(features, clips(video(45), config), strict=True):
        for stream, channels, columns in (("rgb", 3, slice(1024)), ("flow", 2, slice(1024, 2048))):
            network = load_network(Path(files[f"{stream}_weights"]), channels)
            with torch.inference_mode():
                wanted = network(torch.from_numpy(clip[stream]).permute(0, 4, 1, 2, 3))[0]
            np.testing.assert_allclose(row[columns], wanted, rtol=1e-3, atol=1e-4 * float(wanted.max()))


def test_ten_crops_are_averaged(files: dict[str, str]) -> None:
    options = TINY | {"rgb_weights": files["rgb_weights"]}
    one, ten = (load_backbone("i3d", options | {"crops": crops}) for crops in (1, 10))
    (clip,) = clips(video(16), ten.config)  # type: ignore[arg-type]
    wanted = np.mean([one._engines["rgb"](crop[None])[0] for crop in clip["rgb"]], axis=0)  # type: ignore[attr-defined]
    np.testing.assert_allclose(ten.features(video(16))[0], wanted, rtol=1e-4, atol=1e-5)
    assert not np.allclose(one.features(video(16))[0], wanted, rtol=1e-2)


def test_batches_made_ahead_give_the_same(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_backbone("i3d", TINY | files)
    wanted = backbone.features(video(100))
    ahead = list[int]()
    monkeypatch.setattr(i3d, "prefetch", lambda items, count: ahead.append(count) or prefetch(items, count))
    for engine in backbone._engines.values():  # type: ignore[attr-defined]
        engine.batch = 3  # As on a GPU, where it is more than one.
    np.testing.assert_allclose(backbone.features(video(100)), wanted, rtol=1e-4, atol=1e-5)
    assert ahead == [3]


def test_only_a_gpu_is_given_pinned_copies(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = list[torch.Tensor]()
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self)
    monkeypatch.setattr(i3d, "prefetch", lambda *_: pytest.fail("works ahead on a CPU"))
    backbone = load_backbone("i3d", TINY | {"rgb_weights": files["rgb_weights"], "device": "cpu"})
    assert len(backbone.features(video(20))) == 2
    assert pinned == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_no_gpu_is_a_line(files: dict[str, str]) -> None:
    with pytest.raises(UntrimError, match="device 'cuda' cannot be used"):
        load_backbone("i3d", TINY | {"rgb_weights": files["rgb_weights"], "device": "cuda"})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="has no GPU")
def test_a_gpu_gives_nearly_the_same(files: dict[str, str]) -> None:
    cpu, gpu = (
        load_backbone("i3d", TINY | files | {"device": device}).features(video(100)) for device in ("cpu", "cuda")
    )
    assert np.abs(cpu - gpu).max() < 1e-2 * np.abs(cpu).max()


def test_extract(files: dict[str, str], write_video: WriteVideo, tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", 50)
    options = TINY | {"rgb_weights": files["rgb_weights"]}
    report = extract([file], tmp_path / "features", "i3d", options, workers=1)
    assert report.done == ("video",)
    folder = FeatureFolder.open(tmp_path / "features")
    with VideoFile(file) as frames:
        wanted = load_backbone("i3d", options).features(frame.image for frame in frames.frames(25, 40))
    np.testing.assert_allclose(folder.load("video"), wanted, rtol=1e-3, atol=1e-3)
    assert str(tmp_path) not in (folder.path / "features.json").read_text()
    other = options | {"rgb_weights": str(tmp_path / "other.pt")}
    torch.save(randomised(InceptionI3D(3, 2), 9).state_dict(), other["rgb_weights"])
    with pytest.raises(UntrimError, match="another recipe: weights_sha256"):
        extract([file], tmp_path / "features", "i3d", other, workers=1)
