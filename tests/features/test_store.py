import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from untrim.errors import UntrimError
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, VideoInfo
from untrim.support.files import write_json

INFO = FeatureInfo(
    snippet_frames=16,
    stride_frames=16,
    fps=25,
    first_center_seconds=0.32,
    dim=4,
    streams={"rgb": (0, 3), "flow": (3, 4)},
    backbone="test",
)


@pytest.fixture
def folder(tmp_path: Path) -> FeatureFolder:
    folder = FeatureFolder(tmp_path, INFO.model_copy(deep=True))
    folder.save_info()
    return folder


def test_what_it_shows_is_one_short_line(folder: FeatureFolder) -> None:
    folder.save("video", np.zeros((3, 4)))
    assert repr(folder) == f"FeatureFolder(1 video, test, 4 columns; from {folder.path})"
    wanted = "FeatureInfo(test, 4 columns: rgb 3, flow 1; 16 frames every 16 at 25 fps)"
    assert repr(folder.info) == str(folder.info) == wanted


def test_features_come_back(folder: FeatureFolder) -> None:
    features = np.arange(12, dtype=np.float32).reshape(3, 4)
    folder.save("video.one", features)
    folder.info.videos["video.one"] = VideoInfo(duration=1.8, source="video.one.mp4")
    folder.save_info()
    again = FeatureFolder.open(folder.path)
    assert again.names() == ["video.one"]
    assert again.info == folder.info
    np.testing.assert_array_equal(again.load("video.one"), features)
    assert again.load("video.one").dtype == np.float32
    assert again.duration("video.one", 3) == 1.8


def test_real_folder(shared_data: Path) -> None:
    folder = FeatureFolder.open(shared_data / "ucf15" / "features")
    assert len(folder.names()) == 300
    features = folder.load("ucf15_train_0000")
    assert features.shape == (169, 256)
    assert folder.duration("ucf15_train_0000", len(features)) == pytest.approx(108.16)


@pytest.mark.parametrize(
    "name",
    [
        "../escape",
        "a/../../b",
        "/etc/passwd",
        "..",
        "",
        ".hidden",
        "a\\b",
        "a\0b",
        "a//b",
        "a/",
        "a/.b",
        ".a/b",
        "a/./b",
    ]
    + ["a\\..\\b", "/"],
)
def test_names_cannot_leave_the_folder(folder: FeatureFolder, name: str) -> None:
    with pytest.raises(UntrimError, match="cannot be a video's name"):
        folder.load(name)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 5), np.float32), r"wanted float \(T, 4\)"),
        (np.zeros(4, np.float32), r"wanted float \(T, 4\)"),
        (np.zeros((3, 4), np.int32), r"wanted float \(T, 4\)"),
        (np.zeros((0, 4), np.float32), "holds no snippets"),
        (np.full((3, 4), np.nan, np.float32), "NaN or infinity in 3 of 3 snippets"),
        (np.array([{"a": 1}], dtype=object), "not a readable .npy array"),
    ],
)
def test_wrong_features_are_refused(folder: FeatureFolder, array: np.ndarray, message: str) -> None:
    np.save(folder.path / "video.npy", array, allow_pickle=True)
    with pytest.raises(UntrimError, match=message):
        folder.load("video")


def test_truncated_and_missing_features_are_refused(folder: FeatureFolder) -> None:
    folder.save("video", np.zeros((3, 4)))
    file = folder.file("video")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(UntrimError, match="not a readable"):
        folder.load("video")
    with pytest.raises(UntrimError, match=r"missing for 4 of 5 videos: a, b, c and 1 more"):
        folder.require(["video", "a", "b", "c", "d"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 5}, "streams end at column 4, dim is 5"),
        ({"streams": {"rgb": (0, 2), "flow": (3, 4)}}, "does not follow column 2"),
        ({"fps": -1}, "'fps'"),
        ({"stride": 16}, "unknown key 'stride'"),
        ({"schema": 2}, "'schema'"),
    ],
)
def test_wrong_info_names_file_and_key(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write_json(tmp_path / "features.json", {**INFO.model_dump(by_alias=True), **change})
    with pytest.raises(UntrimError, match=message) as caught:
        FeatureFolder.open(tmp_path)
    assert "features.json" in str(caught.value)


def test_a_video_may_have_its_own_fps() -> None:
    info = INFO.model_copy(update={"videos": {"slow": VideoInfo(fps=12.5)}})
    assert info.grid("slow").stride_seconds == 2 * info.grid("other").stride_seconds
    assert info.grid("slow").center(0) == pytest.approx(0.64)


def test_disagreement_names_the_first_difference() -> None:
    assert INFO.disagreement(INFO.model_copy(update={"videos": {"a": VideoInfo()}})) is None
    assert INFO.disagreement(INFO.model_copy(update={"fps": 30.0})) == "fps: 25.0 against 30.0"
    wide = INFO.model_copy(update={"dim": 9, "recipe": {**INFO.recipe, "grids": True}})
    assert INFO.disagreement(wide) == "dim: 4 against 9, by grids: not set against True"
    assert INFO.disagreement(wide.model_copy(update={"backbone": "other"})) == "dim: 4 against 9"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_features_that_float16_cannot_hold_are_not_written(folder: FeatureFolder, value: float) -> None:
    with pytest.raises(UntrimError, match="not finite"):
        folder.save("video", np.full((2, 4), value, np.float32))
    assert folder.names() == []


def test_the_order_of_videos_in_the_file_is_that_of_their_names(folder: FeatureFolder) -> None:
    for name in ("b", "c", "a"):
        folder.info.videos[name] = VideoInfo(duration=1.0, source_bytes=3)
    folder.save_info()
    assert list(FeatureFolder.open(folder.path).info.videos) == ["a", "b", "c"]


def test_a_name_too_long_for_a_file_is_refused(folder: FeatureFolder) -> None:
    folder.save("é" * 125, np.zeros((3, 4)))
    assert folder.missing(["é" * 125]) == []
    with pytest.raises(UntrimError, match="too long a name: 252 bytes, at most 251"):
        folder.missing(["x" * 252])


@pytest.mark.parametrize("key", ["fps", "first_center_seconds"])
def test_infinity_in_the_description_is_refused(folder: FeatureFolder, key: str) -> None:
    content = json.loads((folder.path / INFO_NAME).read_text())
    (folder.path / INFO_NAME).write_text(json.dumps({**content, key: float("inf")}))
    with pytest.raises(UntrimError, match=key):
        FeatureFolder.open(folder.path)


def test_a_name_may_be_a_path(folder: FeatureFolder) -> None:
    for name in ("cam2/clip", "cam1/clip", "walk"):
        folder.save(name, np.zeros((3, 4)))
    folder.save("day/cam1/clip.v2", np.zeros((3, 4)))
    (folder.path / ".hidden").mkdir()
    np.save(folder.path / ".hidden" / "x.npy", np.zeros(3))
    assert folder.names() == ["cam1/clip", "cam2/clip", "day/cam1/clip.v2", "walk"]
    assert folder.file("cam1/clip") == folder.path / "cam1" / "clip.npy"
    assert len(folder.load("cam2/clip")) == 3


def test_a_plain_name_of_several_videos_is_said_to_be_ambiguous(folder: FeatureFolder) -> None:
    for name in ("cam2/clip", "cam1/clip", "walk"):
        folder.save(name, np.zeros((3, 4)))
    with pytest.raises(UntrimError, match=r"for 1 of 2 videos: clip; 'clip' may be 'cam1/clip' or 'cam2/clip' \("):
        folder.require(["walk", "clip"])
    with pytest.raises(UntrimError, match="'cam1/walk' may be 'walk'"):
        folder.require(["cam1/walk"])


def test_a_name_does_not_lead_through_a_link(folder: FeatureFolder, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder.path / "cam1").symlink_to(elsewhere)
    with pytest.raises(UntrimError, match="behind a link"):
        folder.save("cam1/clip", np.zeros((3, 4)))
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("unknown", [0, -1, None])
def test_a_duration_that_is_not_positive_is_unknown(folder: FeatureFolder, unknown: object) -> None:
    content = json.loads((folder.path / INFO_NAME).read_text())
    write_json(folder.path / INFO_NAME, {**content, "videos": {"a": {"duration": unknown}}})
    again = FeatureFolder.open(folder.path)
    assert again.info.videos["a"].duration is None
    assert again.duration("a", 10) == pytest.approx(6.4)


def test_an_offset_of_zero_is_known(folder: FeatureFolder) -> None:
    folder.info.videos["a"] = VideoInfo(offset_seconds=0.0)
    folder.info.videos["b"] = VideoInfo(offset_seconds=None)
    folder.save_info()
    again = FeatureFolder.open(folder.path).info.videos
    assert (again["a"].offset_seconds, again["b"].offset_seconds) == (0.0, None)


def test_one_name_in_two_unicode_forms_is_one_video(folder: FeatureFolder) -> None:
    nfc, nfd = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    np.save(folder.path / f"{nfd}.npy", np.ones((3, 4), np.float16))
    content = json.loads((folder.path / INFO_NAME).read_text())
    write_json(folder.path / INFO_NAME, {**content, "videos": {nfd: {"duration": 1.5, "fps": 30}}})
    opened = FeatureFolder.open(folder.path)
    opened.require([nfc, nfd])
    assert opened.names() == [nfc]
    for name in (nfc, nfd):
        assert len(opened.load(name)) == 3
        assert opened.duration(name, 3) == 1.5
        assert opened.info.grid(name).fps == 30
    write_json(folder.path / INFO_NAME, {**content, "videos": {nfd: {}, nfc: {}}})
    with pytest.raises(UntrimError, match="'café' is listed twice"):
        FeatureFolder.open(folder.path)


@pytest.mark.parametrize("name", ["clip one", "Clip One.MP4", "v_Clip One"])
def test_a_name_that_fits_but_for_its_form_is_said(folder: FeatureFolder, name: str) -> None:
    folder.save("Clip One", np.zeros((3, 4)))
    with pytest.raises(UntrimError, match=f"missing for 1 of 1 videos: {name}; '{name}' is there as 'Clip One'"):
        folder.require([name])


def test_a_value_beyond_float32_is_no_number(folder: FeatureFolder) -> None:
    np.save(folder.file("large"), np.full((3, 4), 1e300))
    with pytest.raises(UntrimError, match=r"large\.npy: NaN or infinity in 3 of 3 snippets"):
        folder.load("large")
