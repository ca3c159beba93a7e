import io
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers import run_untrim
from untrim.annotations import Annotations, Video, write_annotations
from untrim.errors import UntrimError
from untrim.features.importers import import_features
from untrim.features.store import FeatureFolder
from untrim.timeline import SnippetGrid

NAMES = ("video_validation_0000051", "video_validation_0000052", "video_test_0000004")


def features(count: int, dim: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def half(array: np.ndarray) -> np.ndarray:
    """As the feature folder gives it back."""
    return array.astype(np.float16).astype(np.float32)


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    return {name: features(20 + 5 * seed, seed=seed) for seed, name in enumerate(NAMES)}


@pytest.fixture
def wtalc(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """The layout as the repository has it: names as bytes, durations (V, 1), features an array of objects."""
    folder = tmp_path / "published"
    names = folder / "Thumos14reduced-Annotations"
    names.mkdir(parents=True)
    outer = np.empty(len(arrays), dtype=object)
    outer[:] = list(arrays.values())
    np.save(folder / "Thumos14reduced-I3D-JOINTFeatures.npy", outer, allow_pickle=True)
    np.save(names / "videoname.npy", np.array([name.encode() for name in NAMES]))
    np.save(names / "subset.npy", np.array([b"validation", b"validation", b"test"]))
    np.save(names / "duration.npy", np.array([[12.8], [16.0], [19.2]]))
    return folder


def saved(folder: Path, arrays: dict[str, np.ndarray], *, subfolder: str = "") -> Path:
    (folder / subfolder).mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / subfolder / f"{name}.npy", array)
    return folder


def check(output: Path, arrays: dict[str, np.ndarray]) -> FeatureFolder:
    folder = FeatureFolder.open(output)
    assert folder.names() == sorted(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(folder.load(name), half(array))
    return folder


def test_wtalc(tmp_path: Path, wtalc: Path, arrays: dict[str, np.ndarray]) -> None:
    report = import_features("wtalc", [wtalc], tmp_path / "features")
    folder = check(tmp_path / "features", arrays)
    assert report.done == tuple(sorted(NAMES))
    assert "1 test, 2 validation" in report.notes[0]
    assert folder.info.grid() == SnippetGrid.regular(16, 16, 25)
    assert folder.duration(NAMES[2], 30) == 19.2


def test_wtalc_with_arrays_of_one_length_and_its_names_elsewhere(tmp_path: Path, wtalc: Path) -> None:
    stacked = np.stack([features(25, seed=seed) for seed in range(3)])
    np.save(tmp_path / "Features.npy", stacked)
    sources = [tmp_path / "Features.npy", wtalc / "Thumos14reduced-Annotations"]
    import_features("wtalc", sources, tmp_path / "features")
    check(tmp_path / "features", dict(zip(NAMES, stacked, strict=True)))


def test_wtalc_of_another_number_of_videos_is_refused(tmp_path: Path, wtalc: Path) -> None:
    np.save(wtalc / "Thumos14reduced-Annotations" / "videoname.npy", np.array([b"a", b"b"]))
    (wtalc / "Thumos14reduced-Annotations" / "duration.npy").unlink()
    with pytest.raises(UntrimError, match=r"holds 3 videos, .* names 2"):
        import_features("wtalc", [wtalc], tmp_path / "features")


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("harm",)


@pytest.mark.parametrize("file", ["Thumos14reduced-I3D-JOINTFeatures.npy", "Thumos14reduced-Annotations/videoname.npy"])
def test_a_hostile_pickle_is_not_run(tmp_path: Path, wtalc: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outer = np.empty(3, dtype=object)
    outer[1] = Hostile()
    np.save(wtalc / file, outer, allow_pickle=True)
    with pytest.raises(UntrimError, match=r"asks for posix\.mkdir, which is no array \(do not trust"):
        import_features("wtalc", [wtalc], tmp_path / "features")
    assert not (tmp_path / "harm").exists()


def test_basnet(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    source = tmp_path / "features"
    for name, array in arrays.items():
        subset = "test" if "test" in name else "train"
        saved(source / subset, {name: array}, subfolder="rgb")
        saved(source / subset, {name: array[: len(array) - (subset == "test")] + 1}, subfolder="flow")
    import_features("basnet", str(source), str(tmp_path / "out"))
    wanted = {name: np.concatenate([array, array + 1], axis=1) for name, array in arrays.items()}
    wanted[NAMES[2]] = wanted[NAMES[2]][:-1]
    folder = check(tmp_path / "out", wanted)
    assert folder.info.streams == {"rgb": (0, 48), "flow": (48, 96)}
    assert folder.info.grid() == SnippetGrid.regular(16, 16, 25)
    assert "shorter stream" in folder.info.videos[NAMES[2]].notes[0]


def test_basnet_without_flow_of_a_video(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    saved(tmp_path / "source", arrays, subfolder="rgb")
    saved(tmp_path / "source", {name: arrays[name] for name in NAMES[:2]}, subfolder="flow")
    report = import_features("basnet", [tmp_path / "source"], tmp_path / "out")
    assert report.failed == {NAMES[2]: f"{NAMES[2]}: has no flow"}
    assert len(report.done) == 2


def test_actionformer(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Files that say their fps and ones that leave it to the annotations; frames are the videos' own."""
    source = tmp_path / "source"
    source.mkdir()
    first, second, third = NAMES
    np.savez(source / f"{first}.npz", feats=arrays[first], fps=25.0, feat_stride=4, feat_num_frames=16, duration=3.5)
    np.savez(source / f"{second}.npz", feats=arrays[second])
    np.save(source / f"{third}.npy", arrays[third])
    labels = Annotations([Video(second, "training", 4.5, ("run",), fps=24.0), Video(third, "test", 4.2, ("run",))])
    report = import_features("actionformer", [source], tmp_path / "out", annotations=labels)
    folder = check(tmp_path / "out", arrays)
    assert report.notes == (f"1 videos have no annotations: {first}",)
    assert [folder.info.grid(name).fps for name in NAMES] == [25.0, 24.0, 30.0]
    for name in NAMES:
        grid = folder.info.grid(name)
        assert grid.center(3) == pytest.approx((8 + 3 * 4) / grid.fps)
    assert [folder.duration(name, 1) for name in NAMES] == [3.5, 4.5, 4.2]


def test_another_stride_in_a_file_is_not_overlooked(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    np.savez(tmp_path / "source" / "a.npz", feats=features(5), feat_stride=16)
    with pytest.raises(UntrimError, match=r"feat_stride is 16, not 4; .* --stride-frames"):
        import_features("actionformer", [tmp_path / "source"], tmp_path / "out")
    import_features("actionformer", [tmp_path / "source"], tmp_path / "out", stride_frames=16)
    assert FeatureFolder.open(tmp_path / "out").info.stride_frames == 16


def test_opentad_with_two_stream_i3d(tmp_path: Path) -> None:
    """What the layout does not say is given: here an fps for all videos, and another first centre."""
    source = saved(tmp_path / "source", {"v_a": features(9, 2048)[:, None, None]})  # (T, 1, 1, D), as some extractors
    labels = Annotations([Video("a", "training", 8.0, ("run",), fps=30.0)])
    report = import_features(
        "opentad", [source], tmp_path / "out", annotations=labels, fps=15, stride_frames=16, center_frames=0
    )
    folder = FeatureFolder.open(tmp_path / "out")
    assert report.done == ("a",)
    assert folder.info.streams == {"rgb": (0, 1024), "flow": (1024, 2048)}
    assert folder.info.grid("a") == SnippetGrid(16, 16, 15, 0)


def test_ecm_snippets_are_stretched_over_the_video(tmp_path: Path) -> None:
    (tmp_path / "source" / "val").mkdir(parents=True)
    rgb, flow = features(16, 10), features(16, 10, 1)  # (D, T), as the layout has it
    np.savez(tmp_path / "source" / "val" / "a.npz", feat_spa=rgb, feat_tem=flow, frame_num=600, fps=25.0, vid_name="a")
    import_features("ecm", [tmp_path / "source"], tmp_path / "out")
    folder = check(tmp_path / "out", {"a": np.concatenate([rgb, flow], axis=0).T})
    grid = folder.info.grid("a")
    assert (grid.boundary(0), grid.boundary(10)) == pytest.approx((0, 24))
    assert folder.duration("a", 10) == 24


def test_a_second_run_writes_nothing_and_one_after_a_kill_completes(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    source, out = saved(tmp_path / "source", arrays), tmp_path / "out"
    first = import_features("opentad", [source], out)
    whole = (out / "features.json").read_text()
    assert first.notes == ("no durations are known: detections end with the last snippet, not with the video",)
    again = import_features("opentad", [source], out)
    assert (again.done, again.skipped) == ((), first.done)
    # As a killed one leaves it: one file not there, one half written by somebody else, no features.json.
    (out / "features.json").rename(out / ".importing.json")
    (out / f"{NAMES[0]}.npy").unlink()
    (out / f"{NAMES[1]}.npy").write_bytes(b"\x93NUMPY")
    resumed = import_features("opentad", [source], out)
    assert (resumed.done, resumed.skipped) == (tuple(NAMES[:2]), (NAMES[2],))
    assert (out / "features.json").read_text() == whole
    check(out, arrays)


def test_folders_one_after_the_other(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    training = {name: arrays[name] for name in NAMES[:2]}
    first, second = saved(tmp_path / "a", training), saved(tmp_path / "b", {NAMES[2]: arrays[NAMES[2]]})
    labels = Annotations([Video(NAMES[0], "training", 4.0, ("run",), fps=24.0)])
    import_features("opentad", [first], tmp_path / "out", annotations=labels)
    import_features("opentad", [second], tmp_path / "out")
    folder = check(tmp_path / "out", arrays)
    assert folder.info.videos[NAMES[0]].fps == 24.0


def test_other_features_in_the_folder_stay_what_they_are(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    source, out = saved(tmp_path / "source", arrays), tmp_path / "out"
    import_features("opentad", [source], out)
    with pytest.raises(UntrimError, match="holds other features: stride_frames: 4 against 8"):
        import_features("opentad", [source], out, stride_frames=8)
    check(out, arrays)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UntrimError, match=r"holds no \.npy"):
        import_features("opentad", [tmp_path / "nothing"], out)
    check(out, arrays)


def bad_zip() -> bytes:
    """A member that says it unfolds to 8 GB."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("feats.npy", b"x" * 100)
    raw = bytearray(content.getvalue())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (0xFFFFFFFE).to_bytes(4, "little")
    return bytes(raw)


def npz(**members: object) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=True, **members)
    return content.getvalue()


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.npy", b"", "not a readable .npy"),
        ("a.npy", b"not numpy", "not a readable .npy"),
        ("a.npy", npy(np.array([Hostile()], dtype=object)), "not a readable .npy array: it holds Python objects"),
        ("a.npy", npy(features(5)) [:200], "not a readable .npy"),
        ("a.npy", npy(np.arange(12).reshape(3, 4)), "wanted float"),
        ("a.npy", npy(features(5)[0]), "wanted float"),
        ("a.npy", npy(features(0)), "wanted float"),
        ("a.npy", npy(np.full((3, 48), np.nan, np.float32)), "NaN or infinity in 3 of 3"),
        ("a.npy", npy(np.full((3, 48), 1e6, np.float32)), "beyond what float16"),
        ("a.npy", npy(features(3, 47)), "has 47 columns, the others 48"),
        ("a.npz", b"PK\x03\x04", "not a readable .npz"),
        ("a.npz", bad_zip(), "unfolds to 4.3 GB"),
        ("a.npz", npz(feats=features(3))[:-9], "not a readable .npz"),
        ("a.npz", npz(other=features(3)), "holds no 'feats'"),
        ("a.npz", npz(feats=features(3), fps=-1.0), "fps is not a positive"),
        ("a.npz", npz(feats=np.array([Hostile()], dtype=object)), "not a readable .npy array: it holds Python objects"),
        ("a\\b.npy", npy(features(3)), "cannot be a video's name"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,  # An archive holds the time.
)  # fmt: skip
def test_what_cannot_be_taken_stops_nothing_else(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    good = {"Good": features(4), "z": features(9)}  # before and after the others, by name
    source = saved(tmp_path / "source", good)
    (source / name).write_bytes(content)
    report = import_features("actionformer", [source], tmp_path / "out")
    assert report.done == ("Good", "z")
    (found,) = report.failed.values()
    assert re.search(reason, found), found
    check(tmp_path / "out", good)


def imported(folder: Path, arrays: dict[str, np.ndarray], labels: Annotations | None = None, **how: float) -> Path:
    import_features("opentad", saved(folder / "source", arrays), folder / "out", annotations=labels, **how)
    return folder / "out"


def lasting(**seconds: float) -> Annotations:
    return Annotations([Video(name, "training", duration, ("run",)) for name, duration in seconds.items()])


def test_the_width_is_that_of_most_not_of_the_first(tmp_path: Path) -> None:
    arrays = {"a": features(48, 9), "b": features(9), "c": features(12), "d": features(11)}
    report = import_features("opentad", saved(tmp_path / "source", arrays), tmp_path / "out")
    assert report.done == ("b", "c", "d")
    assert report.failed == {"a": "a: lies (D, T), (48, 9), where most lie (T, D) with D = 48; transpose it"}


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"a": features(48, 9), "b": features(48, 12)}, r"all arrays have 48 rows.*lie \(D, T\) \(transpose"),
        (
            {"a": features(9, 48), "b": features(8, 40)},
            r"no number of columns is that of most videos: 40 \(b\), 48 \(a",
        ),
    ],
)
def test_arrays_of_which_no_width_is_that_of_most(tmp_path: Path, arrays: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(UntrimError, match=reason):
        imported(tmp_path, arrays)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        (
            {"a": features(400, 200), "b": features(400, 200)},
            r"2 of 2 .* 256 s, the video lasts 20 s .*array\.T, or were",
        ),
        ({"a": features(400, 32), "b": features(300, 32)}, r"perhaps they lie \(D, T\): transpose them"),
        ({"a": features(80), "b": features(100)}, r"--stride-frames 6, or --fps 66"),
        ({"a": features(80, 200), "b": features(190, 200)}, r"or features and durations are of other videos"),
    ],
)
def test_features_that_do_not_last_as_long_as_the_videos(
    tmp_path: Path, arrays: dict[str, np.ndarray], reason: str
) -> None:
    with pytest.raises(UntrimError, match=reason):
        imported(tmp_path, arrays, lasting(a=20, b=23), stride_frames=16, fps=25)
    assert not (tmp_path / "out").exists()


def test_a_few_that_last_otherwise_are_said(tmp_path: Path) -> None:
    arrays = {"a": features(30), "b": features(31), "c": features(90)}
    report = import_features("opentad", saved(tmp_path / "source", arrays), tmp_path / "out",
                             annotations=lasting(a=19, b=20, c=20), stride_frames=16, fps=25)  # fmt: skip
    assert report.done == ("a", "b", "c")
    assert "features of 1 of 3 videos of known duration last much longer than the videos; c: 90" in report.notes[-1]


def test_most_that_are_shorter_are_said_with_what_may_be_the_cause(tmp_path: Path) -> None:
    arrays = {"a": features(30), "b": features(60)}
    report = import_features("opentad", saved(tmp_path / "source", arrays), tmp_path / "out",
                             annotations=lasting(a=19.2, b=38.4))  # fmt: skip
    assert report.done == ("a", "b")
    assert "last much shorter" in report.notes[-1]
    assert "--stride-frames 19, or --fps 6.25" in report.notes[-1]


def test_two_files_a_video_are_its_streams(tmp_path: Path) -> None:
    """video_features writes them so; one whose other half is missing is no video of that name."""
    rgb, flow = features(9), features(9, seed=1)
    arrays = {"a_rgb": rgb, "a_flow": flow, "b_rgb": rgb, "plain": features(7, 96)}
    report = import_features("opentad", saved(tmp_path / "source", arrays), tmp_path / "out")
    assert report.done == ("a", "plain")
    assert report.failed["b"] == "b: has no b_flow.npy beside its b_rgb.npy"
    folder = check(tmp_path / "out", {"a": np.concatenate([rgb, flow], axis=1), "plain": features(7, 96)})
    assert folder.info.streams == {"rgb": (0, 48), "flow": (48, 96)}


def test_annotated_names_that_end_like_a_stream_stay_videos(tmp_path: Path) -> None:
    arrays = {"a_rgb": features(9), "a_flow": features(9, seed=1)}
    out = imported(tmp_path, arrays, lasting(a_rgb=1.4, a_flow=1.4))
    check(out, arrays)


def test_axes_of_one_are_dropped_wherever_they_stand(tmp_path: Path) -> None:
    array = features(9)
    out = imported(tmp_path, {"a": array[None], "b": array[:, None, None], "c": array[None, :, None]})
    check(out, dict.fromkeys("abc", array))


def test_ecm_laid_the_other_way(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    rgb = features(10, 1024)
    np.savez(tmp_path / "source" / "a.npz", feat_spa=rgb, feat_tem=rgb, frame_num=600, fps=25.0)
    with pytest.raises(UntrimError, match=r"lies \(10, 1024\), \(T, D\), where the layout lies \(D, T\)"):
        import_features("ecm", [tmp_path / "source"], tmp_path / "out")


def test_from_published_features_to_detections(tmp_path: Path, wtalc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = Annotations(
        [
            Video(NAMES[0], "training", labels=("run",)),
            Video(NAMES[1], "training", labels=("jump", "run")),
            Video(NAMES[2], "test", 19.2, ("run",)),
        ]
    )
    write_annotations(labels, tmp_path / "labels.json")
    out = tmp_path / "features"
    assert run_untrim("import", "features", wtalc, "-o", out, "--layout", "wtalc", "-a", tmp_path / "labels.json",
               "--streams", "rgb=24,flow=24") == 0  # fmt: skip
    assert "3 written" in capsys.readouterr().out
    assert json.loads((out / "features.json").read_text())["streams"] == {"rgb": [0, 24], "flow": [24, 48]}
    assert run_untrim("train", "-m", "wsad", "-f", out, "-a", tmp_path / "labels.json", "-o", tmp_path / "run",
               "--set", "iterations=3") == 0  # fmt: skip
    assert run_untrim("localize", tmp_path / "run", "-f", out, "-o", tmp_path / "detections.json",
               "-a", tmp_path / "labels.json", "--subset", "test") == 0  # fmt: skip
    found = json.loads((tmp_path / "detections.json").read_text())["results"]
    assert list(found) == [NAMES[2]]
    assert all(0 <= start <= end <= 19.2 for d in found[NAMES[2]] for start, end in [d["segment"]])


@pytest.mark.parametrize("streams", ["rgb", "rgb=x", "=4", "rgb=0", ""])
def test_columns_that_are_none(tmp_path: Path, streams: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run_untrim("import", "features", tmp_path, "-o", tmp_path / "o", "--layout", "opentad", "--streams", streams)
        == 2
    )
    assert "rgb=1024,flow=1024" in capsys.readouterr().err


def test_an_unknown_layout_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="did you mean 'wtalc'"):
        import_features("w-talc", [tmp_path], tmp_path / "out")
