from pathlib import Path

import pytest

from helpers import WriteVideo, run_untrim
from untrim.errors import UntrimError
from untrim.features.backbones import load_backbone
from untrim.features.backbones.i3d import RGB_WEIGHTS
from untrim.features.choosing import choose_backbone, stride_for
from untrim.features.store import FeatureFolder
from untrim.features.weights import cache_folder


def test_without_weights_hoghof_is_chosen_and_what_pulling_brings_is_said(tmp_path: Path) -> None:
    name, why = choose_backbone(tmp_path / "features")
    assert name == "hoghof"
    assert f"untrim weights pull {RGB_WEIGHTS}" in why
    assert "51 MB" in why


def test_where_the_weights_are_i3d_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNTRIM_CACHE", str(tmp_path))
    (cache_folder() / "weights").mkdir()
    (cache_folder() / "weights" / f"{RGB_WEIGHTS}.safetensors").write_bytes(b"")
    assert choose_backbone(tmp_path / "features")[0] == "i3d"


@pytest.mark.parametrize("backbone", ["hoghof", "hf:someone/model"])
def test_a_folder_keeps_its_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: str) -> None:
    info = load_backbone("hoghof").info(backbone)
    FeatureFolder(tmp_path, info).save_info()
    monkeypatch.setenv("UNTRIM_CACHE", str(tmp_path / "cache"))
    name, why = choose_backbone(tmp_path)
    assert name == backbone
    assert str(tmp_path) in why


def test_a_folder_of_imported_features_names_no_backbone(tmp_path: Path) -> None:
    FeatureFolder(tmp_path, load_backbone("hoghof").info("vgg16-relu6")).save_info()
    assert choose_backbone(tmp_path)[0] == "hoghof"


@pytest.mark.parametrize(
    ("backbone", "settings", "shortest", "stride", "times"),
    [
        ("i3d", {}, 1.0, 6, "2.67 times"),
        ("i3d", {}, 0.64, 4, "4 times"),
        ("i3d", {}, 60, 16, "1 times"),
        ("i3d", {"fps": 50.0}, 1.0, 12, "1.33 times"),
        ("hoghof", {}, 1.0, 6, "1.33 times"),
        ("hoghof", {}, 0.001, 1, "8 times"),
    ],
)
def test_the_shortest_instance_has_four_snippets(
    backbone: str, settings: dict[str, object], shortest: float, stride: int, times: str
) -> None:
    found, cost = stride_for(backbone, settings, shortest)
    assert found == stride
    assert f"{times} as many snippets" in cost
    assert ("not 4" in cost) == (shortest == 0.001), "four frames are not in a millisecond"


@pytest.mark.parametrize(
    ("settings", "shortest", "words"),
    [
        ({}, 0, "--shortest 0 "),
        ({}, float("nan"), "--shortest nan"),
        ({}, float("inf"), "--shortest inf"),
        ({"stride_frames": 4}, 1, "give one of the two"),
        ({"strides": 4}, 1, "strides"),
    ],
)
def test_what_is_no_shortest_instance_is_refused(settings: dict[str, object], shortest: float, words: str) -> None:
    with pytest.raises(UntrimError) as caught:
        stride_for("hoghof", settings, shortest)
    assert words in str(caught.value)


def test_the_command_says_what_it_chose_and_what_it_costs(
    tmp_path: Path, write_video: WriteVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "video.mp4", 30)
    arguments = ("extract", video, "-o", tmp_path / "features", "--workers", "1")
    assert run_untrim(*arguments, "--shortest", "0.5") == 0
    chosen, cost, *_ = capsys.readouterr().out.splitlines()
    assert chosen.startswith("backbone hoghof")
    assert cost.startswith("a snippet every 3 frames")
    assert FeatureFolder.open(tmp_path / "features").info.stride_frames == 3
    assert run_untrim(*arguments, "--set", "stride_frames=3") == 0
    assert capsys.readouterr().out.startswith("backbone hoghof, as the features in")
    assert run_untrim(*arguments, "--shortest", "-1") == 2
