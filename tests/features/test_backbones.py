from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from untrim.errors import UntrimError
from untrim.features.backbones import (
    BACKBONES,
    Backbone,
    BackboneConfig,
    Features,
    backbone_names,
    load_backbone,
    settings_like,
)
from untrim.features.snippets import windows, with_flow
from untrim.support import registry
from untrim.support.array_types import Image
from untrim.video.flow import OpticalFlow, clip_flow

READY = [name for name in BACKBONES.built_in if name not in ("i3d", "hf")]  # Those need weights: tests of their own.


class TwoStreamConfig(BackboneConfig):
    crop: int = Field(default=24, ge=8)


class TwoStream(Backbone[TwoStreamConfig]):
    """Built as a two-stream network is: windows of 16 images and 16 flows, cropped, one row each."""

    Config = TwoStreamConfig
    weights_sha256 = "0" * 64

    @property
    def streams(self) -> dict[str, int]:
        return {name: {"rgb": 3, "flow": 2}[name] for name in self.config.streams}

    def features(self, images: Iterable[Image]) -> Features:
        rows = []
        for window in windows(with_flow(images, OpticalFlow(self.config.flow)), self.grid):
            window = window + window[-1:] * (self.config.snippet_frames - len(window))
            crop = slice(None, self.config.crop)
            rgb = np.stack([image[crop, crop] for image, _ in window]) / 127.5 - 1
            flow = clip_flow(np.stack([flow[crop, crop] for _, flow in window]))
            assert rgb.shape == (16, self.config.crop, self.config.crop, 3)
            clips = {"rgb": rgb, "flow": flow}
            rows.append(np.concatenate([clips[name].mean((0, 1, 2)) for name in self.streams]))
        return np.array(rows, np.float32)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    """A backbone of a third party, under the name that its entry point gives it."""
    module = ModuleType("a_third_party")
    module.TwoStream = TwoStream  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "a_third_party", module)
    point = EntryPoint("two_stream", "a_third_party:TwoStream", "untrim.backbones")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    return point.name


@pytest.mark.parametrize("name", READY)
def test_every_backbone_loads_and_says_what_it_writes(name: str) -> None:
    backbone = load_backbone(name)
    info = backbone.info(name)
    assert info.backbone == name
    assert info.dim == backbone.dim == sum(backbone.streams.values())
    assert [stream for stream, _ in sorted(info.streams.items(), key=lambda item: item[1])] == ["rgb", "flow"]
    assert info.grid() == backbone.grid
    assert backbone.grid.boundary(0) <= backbone.config.snippet_frames / 2 / backbone.config.fps


@pytest.mark.parametrize("name", READY)
def test_the_recipe_is_enough_to_make_the_same_again(name: str) -> None:
    info = load_backbone(name, {"fps": 12.5, "stride_frames": 3, "streams": "flow", "flow": "farneback"}).info(name)
    assert load_backbone(name, info.recipe).info(name) == info
    assert info.streams == {"flow": (0, info.dim)}
    assert (info.fps, info.stride_frames, info.flow_algorithm) == (12.5, 3, "farneback")


@pytest.mark.parametrize("streams", ["flow,rgb", "rgb,flow,rgb", ["flow", "rgb"], ("rgb", "flow")])
def test_streams_lie_in_one_order(streams: object) -> None:
    assert load_backbone("hoghof", {"streams": streams}).info("hoghof") == load_backbone("hoghof").info("hoghof")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fpss": 25}, "did you mean 'fps'"),
        ({"fps": 0}, "'fps'"),
        ({"fps": float("nan")}, "'fps'"),
        ({"streams": ""}, "'streams"),
        ({"streams": []}, "at least one stream"),
        ({"streams": "rgb,depth"}, "depth"),
        ({"flow": "lucas"}, "lucas"),
        ({"short_side": 4}, "'short_side'"),
        ({"stride_frames": 0}, "'stride_frames'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(UntrimError) as caught:
        load_backbone("hoghof", options)
    assert words in str(caught.value)
    assert "hoghof" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_backbone_is_told_the_nearest() -> None:
    with pytest.raises(UntrimError, match="did you mean 'hoghof'"):
        load_backbone("hogof")


def test_a_third_party_adds_a_network(plugin: str) -> None:
    assert backbone_names() == [*BACKBONES.built_in, "two_stream"]
    backbone = load_backbone(plugin, {"short_side": 32})
    info = backbone.info(plugin)
    assert info.streams == {"rgb": (0, 3), "flow": (3, 5)}
    assert info.weights_sha256 == "0" * 64
    assert info.recipe["crop"] == 24
    images = (np.full((32, 40, 3), 100 + index, np.uint8) for index in range(40))
    features = backbone.features(images)
    assert features.shape == (3, 5)
    np.testing.assert_allclose(features[:, 0], [107.5 / 127.5 - 1, 123.5 / 127.5 - 1, 137.25 / 127.5 - 1], rtol=1e-5)


def test_the_documented_example_keeps_the_contract() -> None:
    page = (Path(__file__).parents[2] / "docs" / "add-a-backbone.md").read_text()
    code = page.partition('```python title="colours.py"')[2].partition("```")[0]
    names: dict[str, Any] = {"__name__": "colours"}
    exec(compile(code, "colours.py", "exec"), names)
    backbone = names["Colours"](names["ColoursConfig"](rows=2, device="cpu"))
    info = backbone.info("colours")
    assert info.streams == {"rgb": (0, 12)}
    assert "device" not in info.recipe
    images = [np.full((40, 50, 3), value, np.uint8) for value in range(40)]
    features = backbone.features(iter(images))
    assert features.shape == (backbone.grid.count(40), 12)
    np.testing.assert_allclose(features[:2], np.array([[7.5], [23.5]]).repeat(12, 1) / 255, rtol=1e-5)


def test_settings_like_old_features_are_theirs() -> None:
    old = load_backbone("hoghof", {"grids": False, "parts": 3}).info("hoghof")
    assert "grids" not in old.recipe
    assert load_backbone("hoghof", settings_like(old)).info("hoghof") == old
    new = load_backbone("hoghof").info("hoghof")
    assert load_backbone("hoghof", settings_like(new)).info("hoghof") == new != old
