import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from untrim.errors import UntrimError
from untrim.features.backbones import load_backbone
from untrim.features.backbones.hf import Preparation
from untrim.features.extract import extract
from untrim.features.store import FeatureFolder

transformers = pytest.importorskip("transformers")

SMALL = {"snippet_frames": 12, "stride_frames": 6, "short_side": 40}
TINY = {
    "image_size": 32, "patch_size": 16, "num_frames": 4, "tubelet_size": 2, "hidden_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip
PREPARATION = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VideoMAE classifier with random weights, as `save_pretrained` writes it."""
    folder = tmp_path_factory.mktemp("videomae")
    torch.manual_seed(0)
    transformers.VideoMAEForVideoClassification(transformers.VideoMAEConfig(**TINY)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPARATION))
    return folder


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 40, 48, 3)).astype(np.uint8)


def test_rows_are_means_of_the_last_hidden_state(checkpoint: Path) -> None:
    backbone = load_backbone(f"hf:{checkpoint}", SMALL)
    images = pictures(20)
    features = backbone.features(iter(images))
    assert features.shape == (backbone.grid.count(20), 24) == (3, 24)
    classifier = transformers.VideoMAEForVideoClassification.from_pretrained(checkpoint).eval()
    prepare = Preparation.model_validate(PREPARATION)
    for row, chosen in zip(features, [[0, 4, 7, 11], [6, 10, 13, 17], [12, 14, 17, 19]], strict=True):
        clip = torch.from_numpy(np.stack([prepare(images[index]) for index in chosen]))[None]
        with torch.inference_mode():
            states = classifier(clip, output_hidden_states=True).hidden_states[-1]
        np.testing.assert_allclose(row, states.mean(1)[0].numpy(), atol=1e-5)


def test_few_frames_are_repeated_and_the_batch_changes_nothing(checkpoint: Path) -> None:
    one, many = (load_backbone(f"hf:{checkpoint}", {**SMALL, "batch": batch}) for batch in (1, 8))
    assert one.features(iter(pictures(2))).shape == (1, 24)
    np.testing.assert_allclose(one.features(iter(pictures(40))), many.features(iter(pictures(40))), atol=1e-5)


def test_what_is_recorded_is_enough_to_make_the_same_again(checkpoint: Path) -> None:
    name = f"hf:{checkpoint}"
    info = load_backbone(name, {**SMALL, "device": "cpu", "batch": 2}).info(name)
    assert info.backbone == name
    assert info.streams == {"rgb": (0, 24)}
    assert info.weights_sha256 is not None
    assert {"device", "batch", "checkpoint"}.isdisjoint(info.recipe)
    assert load_backbone(name, info.recipe).info(name) == info


def tiny_model(architecture: str) -> Any:
    """A classifier with random weights."""
    small = {key: value for key, value in TINY.items() if key != "tubelet_size"}
    if architecture == "VideoMAE":
        return transformers.VideoMAEForVideoClassification(transformers.VideoMAEConfig(**TINY))
    if architecture == "TimeSformer":
        return transformers.TimesformerForVideoClassification(transformers.TimesformerConfig(**small))
    if architecture == "ViViT":
        config = transformers.VivitConfig(**small, tubelet_size=[2, 16, 16])
        return transformers.VivitForVideoClassification(config)
    assert architecture == "V-JEPA 2"
    config = transformers.VJEPA2Config(
        crop_size=32, patch_size=16, frames_per_clip=4, tubelet_size=2, hidden_size=24, num_hidden_layers=2,
        num_attention_heads=2, mlp_ratio=2.0, num_pooler_layers=1, pred_hidden_size=24, pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
    )  # fmt: skip
    return transformers.VJEPA2ForVideoClassification(config)


def documented() -> dict[str, str]:
    """The models that the page names, with their architectures."""
    page = (Path(__file__).parents[2] / "docs" / "add-a-backbone.md").read_text(encoding="utf-8")
    table = page.partition("### Models that fit")[2].partition("\n\n- ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1] for row in rows}


@pytest.mark.parametrize("architecture", sorted(set(documented().values())))
def test_each_architecture_that_the_page_names_works(architecture: str, tmp_path: Path) -> None:
    """There is no preparation file: frames are prepared as the model's config says. A model is saved with its
    classifier, or without."""
    model = tiny_model(architecture)
    model.save_pretrained(tmp_path / "whole")
    model.base_model.save_pretrained(tmp_path / "bare")
    images = pictures(20)
    whole, bare = (load_backbone(f"hf:{tmp_path / name}", SMALL) for name in ("whole", "bare"))
    rows = whole.features(iter(images))
    assert rows.shape == (3, 24)
    assert np.isfinite(rows).all()
    assert not np.allclose(rows[0], rows[1])  # It looks at the pictures.
    np.testing.assert_array_equal(bare.features(iter(images)), rows)
    seen = load_backbone(f"hf:{tmp_path / 'whole'}", {**SMALL, "pooled": "classifier"})
    assert seen.features(iter(images)).shape == (3, 24)


def test_the_page_names_models_of_every_architecture() -> None:
    assert len(documented()) >= 5
    assert set(documented().values()) == {"VideoMAE", "TimeSformer", "ViViT", "V-JEPA 2"}


def test_a_pickle_is_read_once_it_is_converted_as_the_page_says(tmp_path: Path) -> None:
    model = tiny_model("ViViT")
    model.config.save_pretrained(tmp_path / "hub")
    torch.save(model.state_dict(), tmp_path / "hub" / "pytorch_model.bin")
    with pytest.raises(UntrimError, match=r"no model\.safetensors"):
        load_backbone(f"hf:{tmp_path / 'hub'}")
    again = transformers.AutoModelForVideoClassification.from_pretrained(tmp_path / "hub")
    again.save_pretrained(tmp_path / "converted")
    assert load_backbone(f"hf:{tmp_path / 'converted'}", SMALL).features(iter(pictures(12))).shape == (1, 24)


def test_extraction_resumes_under_the_name(checkpoint: Path, tmp_path: Path, write_video: Callable[..., Path]) -> None:
    name, video = f"hf:{checkpoint}", write_video(tmp_path / "video.mp4", 30)
    assert extract([video], tmp_path / "features", name, SMALL, workers=1).done == ("video",)
    assert extract([video], tmp_path / "features", name, SMALL, workers=1).skipped == ("video",)
    assert FeatureFolder.open(tmp_path / "features").load("video").shape == (4, 24)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"size": {"shortest_edge": 30}, "crop_size": {"height": 20, "width": 24}}, (3, 20, 24)),
        ({"size": {"height": 20, "width": 24}, "do_center_crop": False}, (3, 20, 24)),
        ({"do_resize": False, "crop_size": 60}, (3, 60, 60)),
        ({"size": 30, "do_center_crop": False}, (3, 30, 36)),
    ],
)
def test_pictures_are_prepared_as_the_checkpoint_says(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    values = Preparation(**settings, do_normalize=False)(np.full((40, 48, 3), 255, np.uint8))
    assert values.shape == shape
    assert values.max() == pytest.approx(1.0)
    scaled = Preparation(do_resize=False, crop_size=8, rescale_factor=1 / 127.5, offset=True, do_normalize=False)
    assert scaled(np.zeros((8, 8, 3), np.uint8)).min() == -1
    normal = Preparation(do_resize=False, crop_size=8, image_mean=[1, 0.5, 0], image_std=[1, 0.5, 2])
    np.testing.assert_allclose(normal(np.full((8, 8, 3), 255, np.uint8))[:, 0, 0], [0, 1, 0.5], atol=1e-6)


def test_a_model_that_cannot_be_used_is_one_line(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pickled, image, broken = tmp_path / "pickled", tmp_path / "image", tmp_path / "broken"
    for folder in (pickled, broken):
        folder.mkdir()
        (folder / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    torch.save({}, pickled / "pytorch_model.bin")
    weights = (checkpoint / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    transformers.ViTModel(transformers.ViTConfig(**TINY)).save_pretrained(image)
    wrong = {
        "hf": "names no model",
        f"hf:{tmp_path / 'nowhere'}": "nowhere",
        f"hf:{pickled}": "no model.safetensors",
        f"hf:{image}": "type 'vit', not for video classification",
        f"hf:{broken}": "broken",
    }
    for name, words in wrong.items():
        with pytest.raises(UntrimError) as caught:
            load_backbone(name)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(UntrimError, match="streams=rgb"):
        load_backbone(f"hf:{checkpoint}", {"streams": "rgb,flow"})
    with pytest.raises(UntrimError, match="checkpoint"):
        load_backbone("hoghof:something")


def test_a_model_of_the_hub_that_was_fetched_asks_no_network(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(*what: object, **_: object) -> None:
        asked.append(what)
        raise RuntimeError("no network here")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    model = tmp_path / "models--someone--tiny"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    kept = model / "snapshots" / ("0" * 40)
    kept.mkdir(parents=True)
    for file in checkpoint.iterdir():
        (kept / file.name).write_bytes(file.read_bytes())
    by_path = load_backbone(f"hf:{checkpoint}", SMALL).features(iter(pictures(12)))
    np.testing.assert_array_equal(load_backbone("hf:someone/tiny", SMALL).features(iter(pictures(12))), by_path)
    assert not asked
    (kept / "preprocessor_config.json").unlink()  # as after a first call that was killed: how to prepare is unknown
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UntrimError, match=r"has preprocessor_config.json \(check the name and the network\)"):
        load_backbone("hf:someone/tiny", SMALL)
