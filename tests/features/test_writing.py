from pathlib import Path

import numpy as np
import pytest

from untrim.errors import UntrimError
from untrim.features.importers import import_features
from untrim.features.store import INFO_NAME, FeatureFolder, FeatureInfo, VideoInfo
from untrim.features.writing import NotTaken, growing, side_by_side


def info(dim: int = 3, stride: int = 16) -> FeatureInfo:
    return FeatureInfo(
        snippet_frames=16,
        stride_frames=stride,
        fps=25,
        first_center_seconds=0.32,
        dim=dim,
        streams={"rgb": (0, dim)},
        backbone="test",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A feature folder with the video `old`."""
    with growing(tmp_path / "features") as folder:
        folder.begin(info())
        folder.add("old", np.ones((4, 3)), VideoInfo(duration=2.5))
    return tmp_path / "features"


def test_a_folder_grows_and_leaves_alone_what_is_the_same(folder: Path) -> None:
    before = (folder / "old.npy").stat().st_ino
    with growing(folder) as growth:
        growth.begin(info())
        growth.add("old", np.ones((4, 3)), VideoInfo(duration=2.5))
        growth.add("new", np.zeros((2, 3)), VideoInfo())
    report = growth.report()
    assert (report.done, report.skipped, report.failed, report.notes) == (("new",), ("old",), {}, ())
    assert (folder / "old.npy").stat().st_ino == before
    assert FeatureFolder.open(folder).info.videos == {"new": VideoInfo(), "old": VideoInfo(duration=2.5)}
    with growing(folder) as growth:
        growth.begin(info())
        growth.add("old", np.full((4, 3), 2.0), VideoInfo(duration=2.5))
    assert growth.report().done == ("old",)
    assert FeatureFolder.open(folder).load("old").max() == 2


def test_nobody_reads_it_meanwhile_and_an_error_loses_nothing(folder: Path) -> None:
    def grow() -> None:
        with growing(folder) as growth:
            growth.begin(info())
            growth.add("new", np.zeros((2, 3)), VideoInfo())
            FeatureFolder.open(folder)

    with pytest.raises(UntrimError, match="is being written to by an import or `combine`"):
        grow()
    assert set(FeatureFolder.open(folder).info.videos) == {"new", "old"}
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".json") == [INFO_NAME]


def test_where_nothing_comes_in_the_folder_stays_as_it_was(folder: Path) -> None:
    before = (folder / INFO_NAME).read_bytes()
    with growing(folder) as growth:
        growth.fail("broken", "cannot be read")
    with pytest.raises(UntrimError, match="no video could be imported: broken: cannot be read"):
        growth.report()
    with (
        pytest.raises(UntrimError, match="other features: stride_frames: 16 against 8"),
        growing(folder) as growth,
    ):
        growth.begin(info(stride=8))
    assert (folder / INFO_NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "features", "reason"),
    [
        ("first", np.ones((4, 3)), "is listed twice"),
        ("wide", np.ones((4, 5)), "has 5 columns, the others 3"),
        ("../out", np.ones((4, 3)), "cannot be a video's name"),
        ("hole", np.array([[0, np.nan, 0], [0, 0, 0]]), "NaN or infinity in 1 of 2 snippets"),
        ("large", np.full((1, 3), 1e6), "beyond what float16 can"),
    ],
)
def test_what_cannot_be_kept_is_not_taken(tmp_path: Path, name: str, features: np.ndarray, reason: str) -> None:
    with growing(tmp_path) as growth:
        growth.begin(info())
        growth.add("first", np.ones((4, 3)), VideoInfo())
        with pytest.raises(NotTaken, match=reason):
            growth.add(name, features, VideoInfo())
    assert FeatureFolder.open(tmp_path).names() == ["first"]
    assert growth.report().notes[0].startswith("no durations are known")


def test_streams_of_nearly_one_length_lie_side_by_side() -> None:
    rgb, flow = np.zeros((5, 1, 1, 2)), np.ones((4, 3))
    joined, notes = side_by_side({"rgb": rgb, "flow": flow})
    np.testing.assert_array_equal(joined, [[0, 0, 1, 1, 1]] * 4)
    assert notes == ["cut to 4 snippets, the length of the shorter stream"]
    assert side_by_side({"flow": flow})[1] == []
    with pytest.raises(NotTaken, match="streams differ in length: 7 of rgb, 4 of flow"):
        side_by_side({"rgb": np.zeros((7, 2)), "flow": flow})
    for odd in (np.ones((4, 3), int), np.ones(4), np.ones((0, 3)), np.ones((4, 2, 3))):
        with pytest.raises(NotTaken, match=r"rgb holds .* wanted float \(T, D\)"):
            side_by_side({"rgb": odd, "flow": flow})


@pytest.mark.parametrize("layout", ["wtalc", "basnet", "opentad", "ecm"])
def test_nothing_is_left_behind_by_an_import_that_is_refused(tmp_path: Path, layout: str) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(UntrimError):
        import_features(layout, tmp_path / "source", tmp_path / "new" / "features")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_nothing_is_left_behind_where_no_video_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.npy").write_bytes(b"nothing")
    with pytest.raises(UntrimError, match="no video could be imported"):
        import_features("opentad", tmp_path / "source", tmp_path / "features")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
