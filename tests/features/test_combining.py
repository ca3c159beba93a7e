from pathlib import Path

import numpy as np
import pytest

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.combining import combine
from untrim.features.store import FeatureFolder, VideoInfo

NAMES = ["video00", "video01", "video02"]


@pytest.fixture
def rgb(corpus: tuple[FeatureFolder, Annotations]) -> FeatureFolder:
    return corpus[0]


@pytest.fixture
def both(rgb: FeatureFolder, tmp_path: Path) -> FeatureFolder:
    """Two streams of three of the videos; a snippet less, and the duration known."""
    other = FeatureFolder(
        tmp_path / "both",
        rgb.info.model_copy(
            update={
                "dim": 5,
                "streams": {"flow": (2, 5), "rgb": (0, 2)},
                "flow_algorithm": "dis",
                "videos": {name: VideoInfo(duration=30.0) for name in NAMES},
            }
        ),
    )
    other.path.mkdir()
    other.save_info()
    for name in NAMES:
        other.save(name, np.random.default_rng(0).normal(size=(len(rgb.load(name)) - 1, 5)))
    return other


def test_streams_stand_side_by_side_and_nothing_is_written_twice(
    rgb: FeatureFolder, both: FeatureFolder, tmp_path: Path
) -> None:
    sources = [str(rgb.path), f"{both.path}:flow"]
    report = combine(sources, tmp_path / "out")
    assert report.done == tuple(NAMES)
    assert "15 videos are not in all folders" in report.notes[0]
    out = FeatureFolder.open(tmp_path / "out")
    assert out.info.streams == {"rgb": (0, 48), "flow": (48, 51)}
    assert out.info.grid() == rgb.info.grid()
    assert out.info.backbone == "test rgb + test flow dis"
    for name in NAMES:
        wanted = np.concatenate([rgb.load(name)[:-1], both.load(name)[:, 2:]], axis=1)
        assert np.array_equal(out.load(name), wanted)
        assert out.duration(name, len(wanted)) == 30.0
    assert combine(sources, tmp_path / "out").skipped == tuple(NAMES)
    with pytest.raises(UntrimError, match="holds other features"):
        combine([f"{both.path}:rgb"], tmp_path / "out")


def test_one_source_may_be_a_path(rgb: FeatureFolder, tmp_path: Path) -> None:
    assert combine(rgb.path, tmp_path / "path").done == combine(str(rgb.path), str(tmp_path / "text")).done != ()


def test_what_does_not_fit_is_said_before_anything_is_written(
    rgb: FeatureFolder, both: FeatureFolder, tmp_path: Path
) -> None:
    for sources, message in (
        ([str(rgb.path), str(both.path)], "stream 'rgb' comes from two folders"),
        ([f"{both.path}:flwo"], "flow"),
        ([str(tmp_path / "nowhere")], "has no features.json"),
    ):
        with pytest.raises(UntrimError, match=message):
            combine(sources, tmp_path / "out")
    both.info = both.info.model_copy(update={"stride_frames": 8})
    both.save_info()
    with pytest.raises(UntrimError, match="have other times"):
        combine([str(rgb.path), f"{both.path}:flow"], tmp_path / "out")
    FeatureFolder(tmp_path / "empty", rgb.info).path.mkdir()
    FeatureFolder(tmp_path / "empty", rgb.info).save_info()
    with pytest.raises(UntrimError, match="no video has features in all of"):
        combine([str(tmp_path / "empty")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_file_stops_no_other(both: FeatureFolder, tmp_path: Path) -> None:
    both.file(NAMES[1]).write_bytes(b"no array")
    report = combine([f"{both.path}:flow"], tmp_path / "out")
    assert report.done == (NAMES[0], NAMES[2])
    assert "not a readable" in report.failed[NAMES[1]]


def test_a_video_of_another_fps_is_not_put_beside(rgb: FeatureFolder, both: FeatureFolder, tmp_path: Path) -> None:
    both.info.videos[NAMES[0]] = VideoInfo(duration=30.0, fps=30.0)
    both.save_info()
    report = combine([str(rgb.path), f"{both.path}:flow"], tmp_path / "out")
    assert report.failed == {NAMES[0]: f"{NAMES[0]}: has {rgb.info.fps}, 30.0 fps in the folders"}
    assert report.done == tuple(NAMES[1:])
    alone = combine([f"{both.path}:flow"], tmp_path / "alone")
    assert alone.info.videos[NAMES[0]].fps == 30.0


def test_a_folder_is_not_combined_into_itself(both: FeatureFolder) -> None:
    before = {file.name: file.read_bytes() for file in both.path.iterdir()}
    with pytest.raises(UntrimError, match="holds other features"):
        combine([f"{both.path}:flow"], both.path)
    assert {file.name: file.read_bytes() for file in both.path.iterdir() if file.name in before} == before


def test_features_that_last_much_longer_than_their_videos_are_not_combined(both: FeatureFolder, tmp_path: Path) -> None:
    both.info.videos = {name: VideoInfo(duration=5.0) for name in NAMES}
    both.save_info()
    with pytest.raises(UntrimError, match="3 of 3 videos of known duration last much longer"):
        combine([both.path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_known_of_a_video_and_of_its_features_stays(both: FeatureFolder, tmp_path: Path) -> None:
    recipe: dict[str, str | int | float | bool] = {"short_side": 120, "luma": True}
    both.info = both.info.model_copy(update={"recipe": recipe})
    both.info.videos[NAMES[0]] = VideoInfo(
        duration=30.0, offset_seconds=1.5, source="a.mp4", notes=["3 broken packets"]
    )
    both.save_info()
    combine([f"{both.path}:flow"], tmp_path / "out")
    info = FeatureFolder.open(tmp_path / "out").info
    assert info.videos[NAMES[0]] == both.info.videos[NAMES[0]]
    assert info.recipe == {"flow: short_side": 120, "flow: luma": True}
    (tmp_path / "out" / f"{NAMES[0]}.npy").unlink()
    both.info = both.info.model_copy(update={"recipe": {**recipe, "short_side": 240}})
    both.save_info()
    with pytest.raises(UntrimError, match=r"holds other features: recipe\.flow: short_side: 120.* against 240"):
        combine([f"{both.path}:flow"], tmp_path / "out")


def test_a_folder_combined_before_recipes_were_kept_still_grows(both: FeatureFolder, tmp_path: Path) -> None:
    combine([f"{both.path}:flow"], tmp_path / "out")
    assert FeatureFolder.open(tmp_path / "out").info.recipe == {}
    (tmp_path / "out" / f"{NAMES[0]}.npy").unlink()
    both.info = both.info.model_copy(update={"recipe": {"short_side": 120}})
    both.save_info()
    assert combine([f"{both.path}:flow"], tmp_path / "out").done == (NAMES[0],)


def test_a_folder_of_a_combine_that_was_stopped_says_so(both: FeatureFolder, tmp_path: Path) -> None:
    combine([f"{both.path}:flow"], tmp_path / "out")
    (tmp_path / "out" / "features.json").rename(tmp_path / "out" / ".importing.json")
    with pytest.raises(UntrimError, match="is being written to by an import or `combine`, or that was stopped"):
        FeatureFolder.open(tmp_path / "out")
    assert combine([f"{both.path}:flow"], tmp_path / "out").skipped == tuple(NAMES)
