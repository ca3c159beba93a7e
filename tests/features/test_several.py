import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import WriteVideo, new_folder, run_untrim
from untrim.cli.learn import _tell_of_features
from untrim.cli.next_steps import how_to_combine
from untrim.errors import UntrimError, WorkFailed
from untrim.features.backbones import load_backbone
from untrim.features.combining import combine
from untrim.features.extract import extract, extract_several
from untrim.features.several import folder_name, share_settings, split_backbones
from untrim.features.store import FeatureFolder
from untrim.features.writing import WritingReport
from untrim.video.decode import VideoFile

GREY = '''
import numpy as np
from untrim.errors import UntrimError, WorkFailed
from untrim.features.backbones import Backbone, BackboneConfig, Streams
from untrim.features.snippets import windows


class GreyConfig(BackboneConfig):
    short_side: int = 32
    streams: Streams = ("rgb",)
    darkest: float = 0.0


class Grey(Backbone[GreyConfig]):
    """The mean of each snippet and the width of the pictures; not of videos that begin too dark."""

    Config = GreyConfig
    streams = {"rgb": 2}

    def features(self, images):
        rows = []
        for window in windows(images, self.grid):
            rows.append((np.mean(window), window[0].shape[1]))
            if rows[0][0] < self.config.darkest:
                raise UntrimError(f"is too dark for grey: {rows[0][0]:.1f}")
        return np.array(rows, np.float32)
'''
BOTH = {"grey": {"darkest": 115.5}, "hoghof": {"short_side": 48}}  # Some of the videos are too dark for that.


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of installed packages, one of which has the backbone ``grey``."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "grey.py").write_text(GREY)
    (folder / "grey-1.dist-info").mkdir()
    (folder / "grey-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: grey\nVersion: 1\n")
    (folder / "grey-1.dist-info" / "entry_points.txt").write_text("[untrim.backbones]\ngrey = grey:Grey\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def videos(numbered_videos: Callable[[int], Path]) -> Path:
    """Six videos of 30 to 80 frames, and one that is broken."""
    folder = numbered_videos(6)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def alone(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one extraction after the other writes."""
    folder = tmp_path_factory.mktemp("alone")
    for name, settings in BOTH.items():
        extract([videos], folder / name, name, settings, workers=1)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_bytes_are_those_of_one_extraction_after_the_other(videos: Path, alone: Path, tmp_path: Path) -> None:
    """Also of videos that only one of the backbones can do, or neither."""
    reports = extract_several([videos], tmp_path, BOTH, workers=1)
    assert contents(tmp_path) == contents(alone)
    grey, hoghof = reports[tmp_path / "grey"], reports[tmp_path / "hoghof"]
    assert len(hoghof.done) == 6
    assert set(hoghof.failed) == {"broken"}
    assert {"broken"} < set(grey.failed)
    assert grey.done
    assert len(grey.done) + len(grey.failed) == 7
    assert all("too dark" in reason for name, reason in grey.failed.items() if name != "broken")


def test_what_one_backbone_has_is_not_done_again(videos: Path, alone: Path, tmp_path: Path) -> None:
    extract([videos / "video1.mp4", videos / "video2.mp4"], tmp_path / "hoghof", "hoghof", BOTH["hoghof"], workers=1)
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.npy")}
    told = list[tuple[int, int]]()
    reports = extract_several(
        [videos], tmp_path, BOTH, workers=1, progress=lambda what, done, total, note: told.append((done, total))
    )
    assert reports[tmp_path / "hoghof"].skipped == ("video1", "video2")
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert told[0] == (0, 7)
    assert told[-1] == (7, 7)
    assert contents(tmp_path) == contents(alone)


def test_a_killed_run_is_completed_by_the_next(videos: Path, alone: Path, site: Path, tmp_path: Path) -> None:
    script, output = tmp_path / "script.py", tmp_path / "features"
    script.write_text(
        "import sys; from untrim.features.extract import extract_several\n"
        f"if __name__ == '__main__':\n    extract_several(sys.argv[1], sys.argv[2], {BOTH!r}, workers=1)"
    )
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.Popen(
        [sys.executable, script, videos, output], start_new_session=True, env={**os.environ, "PYTHONPATH": paths}
    )
    deadline = time.monotonic() + 60
    while len(list(output.rglob("*.npy"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    reports = extract_several([videos], output, BOTH, workers=1)
    assert {len(report.done) + len(report.skipped) + len(report.failed) for report in reports.values()} == {7}
    assert contents(output) == contents(alone)


def test_each_picture_is_decoded_once_for_all_sizes(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = list[object]()
    decode = VideoFile._decode

    def counting(self: VideoFile, packet: object) -> object:
        frames = decode(self, packet)  # type: ignore[arg-type]
        decoded.extend(frames)
        return frames

    with VideoFile(videos / "video3.mp4") as file:
        large, small = ([frame.image for frame in file.frames(12.5, side)] for side in (72, 32))
        monkeypatch.setattr(VideoFile, "_decode", counting)
        both = list(file.images(12.5, [(72, False), (32, False)]))
    assert len(decoded) == 60
    assert len(both) == len(large) == 30
    for pair, *wanted in zip(both, large, small, strict=True):
        assert [image.tobytes() for image in pair] == [image.tobytes() for image in wanted]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("i3d", ["i3d"]),
        ("i3d,hoghof", ["i3d", "hoghof"]),
        ("hf:a/b,c,hoghof", ["hf:a/b,c", "hoghof"]),
        ("i3d,hogof", ["i3d", "hogof"]),
        ("hf:a/b,hf:c/d", ["hf:a/b", "hf:c/d"]),
    ],
)
def test_names_are_split_at_commas_that_are_in_no_checkpoint(text: str, names: list[str]) -> None:
    assert split_backbones(text) == names


def test_the_folder_of_a_checkpoint_is_called_by_its_last_part() -> None:
    names = ("i3d", "hf:MCG-NJU/videomae-base", "hf:/models/own/")
    assert [folder_name(name) for name in names] == ["i3d", "hf-videomae-base", "hf-own"]


def test_a_setting_goes_to_the_backbones_that_have_it() -> None:
    shared = share_settings(["i3d", "hoghof"], {"stride_frames": 8, "crop": 200, "parts": 3})
    assert shared == {"i3d": {"stride_frames": 8, "crop": 200}, "hoghof": {"stride_frames": 8, "parts": 3}}
    assert share_settings(["hoghof"], {"nonsense": 1}) == {"hoghof": {"nonsense": 1}}  # Refused with its config.
    with pytest.raises(UntrimError, match=r"none of i3d, hoghof has the setting 'part'.*did you mean 'parts'"):
        share_settings(["i3d", "hoghof"], {"part": 3})


@pytest.mark.parametrize(
    ("backbones", "words"),
    [
        ({}, "no backbones: {}"),
        (["grey", "hoghof"], "give their settings"),
        ({"grey": {"fps": 10}, "hoghof": {}}, "fps differs: 10 of grey, 25 of hoghof"),
        ({"grey": {}, "hoghof": {"max_gap_seconds": 5}}, "max_gap_seconds differs"),
        ({"grey": {}, "hoghof": {"parts": 0}}, "'parts'"),
        ({"grey": {}, "hogof": {}}, "did you mean 'hoghof'"),
        ({"hf:a/x": {}, "hf:b/x": {}}, "hf:a/x and hf:b/x have one folder"),
    ],
)
def test_what_cannot_be_done_is_refused_before_work(videos: Path, tmp_path: Path, backbones: Any, words: str) -> None:
    with pytest.raises(UntrimError) as caught:
        extract_several([videos], tmp_path / "new", backbones)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_other_features_stays_as_it_is(videos: Path, alone: Path, tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="holds features of one backbone"):
        extract_several([videos], alone / "grey", BOTH)
    (tmp_path / "hoghof").mkdir()
    FeatureFolder(tmp_path / "hoghof", load_backbone("hoghof").info("hoghof")).save_info()
    before = contents(tmp_path)
    with pytest.raises(UntrimError, match=r"hoghof/features\.json: the folder holds features of another recipe"):
        extract_several([videos], tmp_path, BOTH)
    assert not (tmp_path / "grey" / ".lock").exists()
    assert {name: content for name, content in contents(tmp_path).items() if name in before} == before


def test_the_command_says_how_to_combine_what_it_wrote(
    tmp_path: Path, write_video: WriteVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    video, new = write_video(tmp_path / "video.mp4", 60), tmp_path / "new"
    call = ("extract", video, "--backbone", "grey,hoghof", "--workers", "1")
    assert run_untrim(*call, "-o", new, "--set", "snippet_frames=16", "--set", "darkest=0", "--shortest", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["grey", "hoghof"]
    assert lines[-3:-1] == [f"1 extracted, 0 already present: {new / name}" for name in ("grey", "hoghof")]
    command = lines[-1].partition("untrim combine ")[2].split()
    assert command == [str(new / "grey"), f"{new / 'hoghof'}:flow", "-o", str(new / "combined")]
    assert combine(command[:2], command[3]).done == ("video",)
    assert FeatureFolder.open(new / "combined").info.stride_frames == 6


def test_features_that_cannot_be_combined_are_told_so(tmp_path: Path) -> None:
    rgb, both = new_folder(tmp_path / "rgb", rgb=3).path, new_folder(tmp_path / "both", rgb=3, flow=2).path
    hoghof = tmp_path / "hoghof"
    hoghof.mkdir()
    FeatureFolder(hoghof, load_backbone("hoghof").info("hoghof")).save_info()
    assert how_to_combine([rgb, both], Path("new")) == f"to use them as one: untrim combine {rgb} {both}:flow -o new"
    assert how_to_combine([both, rgb], Path("new")).startswith(f"{rgb} has no stream that the others lack")
    differ = how_to_combine([rgb, hoghof], Path("new"))
    assert "different times" in differ
    assert differ.endswith("--set snippet_frames=16 --set stride_frames=16")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--backbone", "grey,hogof"), "did you mean 'hoghof'"),
        (("--backbone", "grey,grey"), "backbone 'grey' is named twice"),
        (("--backbone", "grey,"), "unknown backbone ''"),
        (("--backbone", "grey,hoghof", "--set", "darkness=3"), "did you mean 'darkest'"),
        (("--backbone", "grey,hoghof", "--device", "cpu"), "have no device to choose"),
        (("--backbone", "grey,hoghof", "--shortest", "0"), "--shortest 0"),
    ],
)
def test_a_wrong_call_is_one_line(
    videos: Path, tmp_path: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_untrim("extract", videos, "-o", tmp_path / "new", *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_what_failed_is_told_once_and_empty_folders_are_not_to_be_combined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = WritingReport((), (), {"a": "a.mp4: broken", "b": "b.mp4: too dark"}, ("a note",))
    hoghof = WritingReport((), (), {"a": "a.mp4: broken", "b": "b.mp4: too small"}, ("a note",))
    with pytest.raises(WorkFailed, match="2 videos failed") as caught:
        _tell_of_features({tmp_path / "grey": grey, tmp_path / "hoghof": hoghof}, tmp_path)
    assert all(str(tmp_path / name / "failures.jsonl") in str(caught.value) for name in ("grey", "hoghof"))
    told = capsys.readouterr()
    assert told.err.splitlines() == ["failed: a.mp4: broken", "failed: b.mp4: too dark; b.mp4: too small"]
    assert told.out.splitlines() == [
        "a note", *(f"0 extracted, 0 already present: {tmp_path / name}" for name in ("grey", "hoghof"))
    ]  # fmt: skip
