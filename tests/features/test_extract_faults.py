"""What goes wrong in extraction: videos, disks, processes, and two runs at once."""

import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from untrim.cli import main
from untrim.errors import UntrimError, WorkFailed
from untrim.features.extract import extract
from untrim.features.store import FeatureFolder
from untrim.support.locks import locked

SMALL = {"short_side": 48}
PLUGIN = '''
import multiprocessing, os, signal
from pathlib import Path
import numpy as np
from untrim.errors import UntrimError
from untrim.features.backbones import Backbone, BackboneConfig


class Means(Backbone[BackboneConfig]):
    """The mean colours of each frame; does to one video and its process what the environment asks for."""

    Config = BackboneConfig

    def __init__(self, config):
        super().__init__(config)
        if "NO_WEIGHTS" in os.environ and multiprocessing.parent_process():
            raise UntrimError("has no weights")

    @property
    def streams(self):
        return {"rgb": 3}

    def features(self, images):
        rows = [image.mean((0, 1)) / 255 for image in images]
        if len(rows) == int(os.environ.get("FATAL_FRAMES", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        if len(rows) == int(os.environ.get("VANISHING_FRAMES", 0)):
            Path(os.environ["VANISHING"]).unlink()
        return np.array(rows[:: self.config.stride_frames][: self.grid.count(len(rows))], np.float32)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backbone that an installed distribution adds by its entry point, to be found in other processes too."""
    folder = tmp_path / "site"
    (folder / "means-1.0.dist-info").mkdir(parents=True)
    (folder / "means-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: means\nVersion: 1.0\n")
    (folder / "means-1.0.dist-info" / "entry_points.txt").write_text("[untrim.backbones]\nmeans = means:Means\n")
    (folder / "means.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(folder))
    return "means"


@pytest.fixture(scope="module")
def videos(numbered_videos: Callable[[int], Path]) -> Path:
    """Three videos of 30, 40 and 50 frames."""
    return numbered_videos(3)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="/proc has a file that even root cannot read")
def test_every_kind_of_bad_video(videos: Path, tmp_path: Path) -> None:
    """What can be done is done; the next run, when the rest is fixed, leaves what an undisturbed one leaves."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    good = (videos / "video2.mp4").read_bytes()
    damaged = bytearray(good)
    middle = good.index(b"mdat") + len(good) // 3
    damaged[middle : middle + 400] = bytes(400)
    for name, content in {
        "zero": b"",
        "cut": good[:2000],
        "text": b"no video\n" * 50,
        "damaged": bytes(damaged),
    }.items():
        (mixed / f"{name}.mp4").write_bytes(content)
    with wave.open(str(mixed / "sound.mp4"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    shutil.copy(videos / "video0.mp4", mixed / "named.txt")
    os.symlink("/proc/self/mem", mixed / "unreadable.mp4")
    named = [mixed, mixed / "named.txt"]
    report = extract(named, tmp_path / "features", settings=SMALL, workers=2)
    assert report.done == ("damaged", "named")
    assert report.failed.keys() == {"zero", "cut", "text", "sound", "unreadable"}
    reasons = {"zero": "is empty", "sound": "only audio", "unreadable": "Input/output error"}
    assert all(words in report.failed[name] for name, words in reasons.items())
    assert FeatureFolder.open(tmp_path / "features").info.videos["damaged"].notes
    for name in report.failed:
        (mixed / f"{name}.mp4").unlink()
        (mixed / f"{name}.mp4").write_bytes(good)
    assert extract(named, tmp_path / "features", settings=SMALL, workers=2).failed == {}
    extract(named, tmp_path / "undisturbed", settings=SMALL, workers=1)
    assert contents(tmp_path / "features") == contents(tmp_path / "undisturbed")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_video_that_may_not_be_read(videos: Path, tmp_path: Path) -> None:
    video = shutil.copy(videos / "video0.mp4", tmp_path)
    Path(video).chmod(0)
    assert "Permission denied" in extract([Path(video)], tmp_path / "features", settings=SMALL).failed["video0"]


def test_a_video_that_kills_its_process_and_one_that_vanishes(
    plugin: str, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, output = tmp_path / "mine", tmp_path / "features"
    shutil.copytree(videos, mine)
    monkeypatch.setenv("FATAL_FRAMES", "40")
    monkeypatch.setenv("VANISHING_FRAMES", "50")  # The longest, which is the first to be done.
    monkeypatch.setenv("VANISHING", str(mine / "video0.mp4"))
    report = extract([mine], output, plugin, workers=1)
    assert report.done == ("video2",)
    assert "no such file" in report.failed["video0"]
    assert "SIGKILL" in report.failed["video1"]
    assert len((output / "failures.jsonl").read_text().splitlines()) == 2
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    shutil.copy(videos / "video0.mp4", mine)
    report = extract([mine], output, plugin, workers=1)
    assert (report.done, report.skipped) == (("video0", "video1"), ("video2",))
    extract([mine], tmp_path / "undisturbed", plugin, workers=2)
    assert contents(output) == contents(tmp_path / "undisturbed")


def test_a_worker_that_cannot_load_the_backbone_ends_the_run(
    plugin: str, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fail all videos, and faster than the others do them."""
    monkeypatch.setenv("NO_WEIGHTS", "1")
    with pytest.raises(WorkFailed, match="in a worker: has no weights"):
        extract([videos], tmp_path / "features", plugin, workers=1)
    assert {file.name for file in (tmp_path / "features").iterdir()} == {"features.json"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("left", [0, 4096, 12288])
def test_a_full_disk_is_one_line_and_can_be_gone_on_from(
    small_disk: Path, videos: Path, left: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With no space at all, with some for features.json alone, and with some for one video."""
    output, ballast = small_disk / "features", small_disk / "ballast"
    output.mkdir()
    ballast.write_bytes(bytes(60 * 1024 - left))
    arguments = ["untrim", "extract", str(videos), "-o", str(output), "--set", "short_side=48", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as exit_:
        main()
    error = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("extract ")]
    assert exit_.value.code == 1
    assert len(error) == 1
    assert error[0].startswith("untrim: ")
    assert "the disk is full" in error[0]
    assert not list(output.glob(".*"))
    for file in output.glob("*.npy"):
        assert np.load(file).shape[1] == 1659
    ballast.unlink()
    assert extract([videos], output, settings=SMALL, workers=1).failed == {}
    extract([videos], tmp_path / "undisturbed", settings=SMALL, workers=1)
    assert contents(output) == contents(tmp_path / "undisturbed")


def test_a_second_run_in_the_same_folder_is_refused(videos: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("features").mkdir()
    with locked(tmp_path / "features"), pytest.raises(UntrimError, match="another run works in this folder"):
        extract([videos], tmp_path / "features", settings=SMALL)
    assert contents(tmp_path / "features") == {}
