import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from films import late_film
from helpers import WriteVideo
from untrim.errors import Stopped, UntrimError
from untrim.features.backbones import load_backbone
from untrim.features.extract import extract
from untrim.features.source_files import made_of
from untrim.features.store import FeatureFolder
from untrim.features.writing import WritingReport
from untrim.support import files
from untrim.video.decode import VideoFile

SMALL = {"short_side": 48}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def failures(folder: Path) -> dict[str, str]:
    file = folder / "failures.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {line["video"]: line["reason"] for line in lines}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def videos(numbered_videos: Callable[[int], Path]) -> Path:
    """Eight videos of 30 to 100 frames."""
    return numbered_videos(8)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Path:
    """Their features, by one worker in one run."""
    output = tmp_path_factory.mktemp("features")
    report = extract([videos], output, settings=SMALL, workers=1)
    assert report == WritingReport(tuple(f"video{index}" for index in range(8)), (), {})
    return output


def test_text_is_one_path(videos: Path, undisturbed: Path) -> None:
    assert (
        extract(str(videos), str(undisturbed), settings=SMALL).skipped
        == extract(videos, undisturbed, settings=SMALL).skipped
    )
    with pytest.raises(UntrimError, match=r"^nowhere: no such file"):  # not "n", "o", …
        extract("nowhere", undisturbed, settings=SMALL)


def test_features_are_those_of_the_backbone(videos: Path, undisturbed: Path) -> None:
    folder = FeatureFolder.open(undisturbed)
    assert folder.names() == list(folder.info.videos) == [f"video{index}" for index in range(8)]
    backbone = load_backbone("hoghof", SMALL)
    assert folder.info.disagreement(backbone.info("hoghof")) is None
    with VideoFile(videos / "video3.mp4") as video:
        features = backbone.features(frame.image for frame in video.frames(fps=25, size=48, grey=True))
    assert features.shape == (backbone.grid.count(60), backbone.dim)
    np.testing.assert_allclose(folder.load("video3"), features, atol=1e-3)
    entry = folder.info.videos["video3"]
    assert entry.duration == pytest.approx(60 / 25)
    assert (entry.source, entry.notes) == ("video3.mp4", [])
    assert str(videos) not in (undisturbed / "features.json").read_text()


def test_memory_does_not_grow_with_the_length(tmp_path: Path, write_video: WriteVideo) -> None:
    """The 1,600 frames are 32 MiB of pictures, which are not held."""
    short, long = write_video(tmp_path / "short.mp4", 100), write_video(tmp_path / "long.mp4", 1600)
    code = (
        "import resource, sys\n"
        "from untrim.features.backbones import load_backbone\n"
        "from untrim.video.decode import VideoFile\n"
        "for path in sys.argv[1:]:\n"
        "    with VideoFile(path) as video:\n"
        "        frames = video.frames(fps=25, size=72)\n"
        "        rows = load_backbone('hoghof', {'short_side': 72}).features(frame.image for frame in frames)\n"
        "    print(len(rows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    found = subprocess.run([sys.executable, "-c", code, short, long], capture_output=True, text=True, check=True)
    (few, before), (many, after) = (map(int, line.split()) for line in found.stdout.splitlines())
    assert many > 15 * few
    assert after - before < 6 * 1024  # KiB


def test_a_second_run_does_nothing(videos: Path, undisturbed: Path) -> None:
    before, times = contents(undisturbed), {f.name: f.stat().st_mtime_ns for f in undisturbed.glob("*.npy")}
    report = extract([videos], undisturbed, settings=SMALL)
    assert report == WritingReport((), tuple(f"video{index}" for index in range(8)), {})
    assert contents(undisturbed) == before
    assert {f.name: f.stat().st_mtime_ns for f in undisturbed.glob("*.npy")} == times


def test_a_killed_run_is_completed_by_the_next(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from untrim.features.extract import extract\n"
        "if __name__ == '__main__':\n"
        "    extract([Path(sys.argv[1])], Path(sys.argv[2]), settings={'short_side': 48}, workers=2)"
    )
    (tmp_path / "script.py").write_text(script)
    output = tmp_path / "features"
    run = subprocess.Popen([sys.executable, tmp_path / "script.py", videos, output], start_new_session=True)
    wait_until(lambda: len(list(output.glob("*.npy"))) >= 2)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    for file in output.glob("*.npy"):
        assert np.load(file).shape[1] == 1659
    (output / f".video0.npy.{files._host()}-{run.pid}-0.tmp").write_bytes(b"half")
    report = extract([videos], output, settings=SMALL, workers=3)
    assert sorted([*report.done, *report.skipped]) == [f"video{index}" for index in range(8)]
    assert contents(output) == contents(undisturbed)


def test_a_killed_worker_costs_nothing(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    reports: list[WritingReport] = []
    run = threading.Thread(target=lambda: reports.append(extract([videos], tmp_path, settings=SMALL, workers=1)))
    run.start()
    wait_until(lambda: bool(list(tmp_path.glob("*.npy"))))
    for child in multiprocessing.active_children():
        child.kill()
    run.join()
    assert reports[0].failed == {}
    assert contents(tmp_path) == contents(undisturbed)


def test_ctrl_c_leaves_a_folder_that_can_go_on(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: FeatureFolder) -> None:
        save(self)
        if len(list(tmp_path.glob("*.npy"))) >= 3 and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt

    save, interrupted = FeatureFolder.save_info, list[bool]()
    monkeypatch.setattr("untrim.features.inventory._SECONDS_BETWEEN_SAVES", 0)
    monkeypatch.setattr(FeatureFolder, "save_info", interrupt)
    with pytest.raises(KeyboardInterrupt):
        extract([videos], tmp_path, settings=SMALL, workers=1)
    assert multiprocessing.active_children() == []
    assert not list(tmp_path.glob(".*"))
    assert len(FeatureFolder.open(tmp_path).info.videos) >= 3
    assert len(extract([videos], tmp_path, settings=SMALL, workers=1).skipped) >= 3


def test_a_thread_is_asked_to_stop_and_the_same_call_resumes(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    reached, stop, ended = threading.Event(), threading.Event(), list[str]()

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        assert (what, total) == ("extract", 8)
        if done == 3:
            reached.set()
            stop.wait(60)

    def work() -> None:
        try:
            extract([videos], tmp_path, settings=SMALL, workers=1, progress=progress, should_stop=stop.is_set)
        except Stopped:
            ended.append("stopped")

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(60)
    stop.set()
    thread.join()
    assert ended == ["stopped"]
    assert multiprocessing.active_children() == []
    assert not list(tmp_path.glob(".*.tmp"))
    assert len(FeatureFolder.open(tmp_path).info.videos) == 3
    assert len(extract([videos], tmp_path, settings=SMALL, workers=1, should_stop=lambda: False).skipped) == 3
    assert contents(tmp_path) == contents(undisturbed)


def test_bad_videos_stop_no_other(videos: Path, tmp_path: Path) -> None:
    mixed, output = tmp_path / "mixed", tmp_path / "features"
    mixed.mkdir()
    good = (videos / "video0.mp4").read_bytes()
    names = {"good": good, "a b.ü": good, "empty": b"", "noise": os.urandom(3000), "text": b"no video\n" * 50}
    for name, content in {**names, ".hidden": good, "cut": (videos / "video7.mp4").read_bytes()[:2000]}.items():
        (mixed / f"{name}.mp4").write_bytes(content)
    os.symlink(videos / "video1.mp4", os.fsencode(mixed) + b"/\xff.mp4")
    report = extract([mixed, mixed / ".hidden.mp4"], output, settings=SMALL, workers=2)
    assert report.done == ("a b.ü", "good")
    assert set(report.failed) == {".hidden", "empty", "noise", "text", "cut", "\udcff"}
    assert failures(output) == report.failed
    assert all(
        "\n" not in reason and reason.isprintable() for name, reason in report.failed.items() if name != "\udcff"
    )
    assert "empty" in report.failed["empty"]
    assert FeatureFolder.open(output).names() == ["a b.ü", "good"]
    for name in (".hidden", "noise", "text", "cut", "\udcff"):
        (mixed / f"{name}.mp4").unlink()
    (mixed / "empty.mp4").write_bytes(good)
    report = extract([mixed], output, settings=SMALL, workers=1)
    assert report == WritingReport(("empty",), ("a b.ü", "good"), {})
    assert not (output / "failures.jsonl").exists()


def test_a_video_that_has_changed_is_done_again(tmp_path: Path, write_video: WriteVideo) -> None:
    video, output = write_video(tmp_path / "video.mp4", 30), tmp_path / "features"
    extract([video], output, settings=SMALL)
    before = FeatureFolder.open(output).load("video")
    write_video(video, 60, seed=3)
    assert extract([video], output, settings=SMALL).done == ("video",)
    folder = FeatureFolder.open(output)
    assert len(folder.load("video")) > len(before)
    assert folder.info.videos["video"].duration == pytest.approx(60 / 25)
    video.write_bytes(b"now broken")
    assert set(extract([video], output, settings=SMALL).failed) == {"video"}
    assert FeatureFolder.open(output).names() == []
    assert FeatureFolder.open(output).info.videos == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"short_side": 64}, "recipe.short_side: 48 against 64"),
        ({**SMALL, "stride_frames": 4}, "stride_frames: 8 against 4"),
        ({**SMALL, "streams": "flow"}, "dim: 1659 against 1075"),
        ({**SMALL, "flow": "farneback"}, "flow_algorithm: dis-moving against farneback"),
    ],
)
def test_a_folder_of_another_recipe_is_refused(
    videos: Path, undisturbed: Path, options: dict[str, object], words: str
) -> None:
    before = contents(undisturbed)
    with pytest.raises(UntrimError) as caught:
        extract([videos], undisturbed, settings=options)
    assert words in str(caught.value)
    assert contents(undisturbed) == before


def test_a_folder_of_an_older_recipe_grows_by_its_own(videos: Path, tmp_path: Path) -> None:
    output = tmp_path / "features"
    extract([videos / "video0.mp4"], output, settings={**SMALL, "grids": False, "luma": False}, workers=1)
    assert not {"grids", "left_right", "luma"} & json.loads((output / "features.json").read_text())["recipe"].keys()
    assert extract([videos / "video1.mp4"], output, settings=SMALL, workers=1).done == ("video1",)
    folder = FeatureFolder.open(output)
    assert folder.load("video0").shape[1] == folder.load("video1").shape[1] == folder.info.dim == 594
    with VideoFile(videos / "video1.mp4") as video:
        images = (frame.image for frame in video.frames(fps=25, size=48))
        brightness = load_backbone("hoghof", {**SMALL, "grids": False}).features(images)
    np.testing.assert_allclose(folder.load("video1"), brightness, atol=1e-3, err_msg="computed from the colours")
    for changed, dim in (({"grids": True}, 1659), ({"left_right": False}, 324)):
        with pytest.raises(UntrimError, match=f"dim: 594 against {dim}, by {next(iter(changed))}: not set against"):
            extract([videos / "video2.mp4"], output, settings={**SMALL, **changed}, workers=1)


def test_what_is_not_set_is_as_in_the_folder(videos: Path, tmp_path: Path) -> None:
    """`dis` was the default before."""
    output, alike = tmp_path / "features", {**SMALL, "flow": "dis"}
    extract([videos / "video0.mp4"], output, settings=alike, workers=1)
    assert extract([videos / "video1.mp4"], output, workers=1).done == ("video1",)
    folder = FeatureFolder.open(output)
    assert (folder.info.flow_algorithm, folder.info.recipe["short_side"]) == ("dis", 48)
    extract([videos / "video1.mp4"], tmp_path / "at-once", settings=alike, workers=1)
    np.testing.assert_array_equal(folder.load("video1"), FeatureFolder.open(tmp_path / "at-once").load("video1"))


def test_what_cannot_be_done_is_refused_before_work_starts(videos: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    np.save(foreign / "video0.npy", np.zeros(3))
    with pytest.raises(UntrimError, match=r"\.npy files without features\.json"):
        extract([videos], foreign)
    assert list(contents(foreign)) == ["video0.npy"]
    with pytest.raises(UntrimError, match="cannot be written"):
        extract([videos], videos / "video0.mp4" / "features")
    with pytest.raises(UntrimError, match="at least 1"):
        extract([videos], tmp_path / "features", workers=0)
    with pytest.raises(UntrimError, match="did you mean 'short_side'"):
        extract([videos], tmp_path / "features", settings={"shortside": 48})
    with pytest.raises(UntrimError, match="no such file"):
        extract([tmp_path / "nowhere"], tmp_path / "features")
    with pytest.raises(UntrimError, match=r"^videos: not a path: 3"):
        extract([videos, 3], tmp_path / "features")  # type: ignore[list-item]
    with pytest.raises(UntrimError, match=r"^output: not a path: None"):
        extract([videos], None)  # type: ignore[arg-type]
    assert not (tmp_path / "features").exists()


def test_real_clips(shared_data: Path, tmp_path: Path) -> None:
    names = ["stgcn_tai_chi.mp4", "asl_eat.mkv", "ucf_v_ApplyEyeMakeup_g01_c01.avi"]
    report = extract([shared_data / "clips" / name for name in names], tmp_path, settings={"short_side": 64})
    assert report.failed == {}
    folder = FeatureFolder.open(tmp_path)
    for name in report.done:
        features, grid = folder.load(name), folder.info.grid()
        duration = folder.duration(name, len(features))
        assert abs(len(features) - grid.count(round(duration * 25))) <= 1
        motion = features[:, slice(*folder.info.streams["flow"])]
        assert motion.std(axis=0).max() > 0.05


def turned(video: Path) -> None:
    """Change a video in place, as tools that write a rotation flag do: its size stays."""
    content = bytearray(video.read_bytes())
    at = content.find(b"tkhd") + 44
    content[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 64 << 16, 0, 0x40000000)
    video.write_bytes(content)


def test_a_video_that_has_changed_and_kept_its_size_is_done_again(tmp_path: Path, write_video: WriteVideo) -> None:
    video, output = write_video(tmp_path / "video.mp4", 30), tmp_path / "features"
    extract([video], output, settings=SMALL)
    before = FeatureFolder.open(output).load("video")
    turned(video)
    assert extract([video], output, settings=SMALL).done == ("video",)
    assert not np.array_equal(FeatureFolder.open(output).load("video"), before)


def test_a_copy_of_a_video_is_not_done_again(tmp_path: Path, write_video: WriteVideo) -> None:
    """Hours of extraction would be repeated for a folder that was copied to another disk."""
    video, output = write_video(tmp_path / "video.mp4", 30), tmp_path / "features"
    extract([video], output, settings=SMALL)
    os.utime(video, ns=(0, 1_700_000_000_123_456_789))
    assert extract([video], output, settings=SMALL).skipped == ("video",)
    known = FeatureFolder.open(output).info.videos["video"]
    assert known.source_changed_ns == video.stat().st_mtime_ns  # And its digest is not asked for a second time.


def test_what_an_older_untrim_extracted_is_kept_and_doubt_is_said(tmp_path: Path, write_video: WriteVideo) -> None:
    video, output = write_video(tmp_path / "video.mp4", 30), tmp_path / "features"
    extract([video], output, settings=SMALL)
    folder = FeatureFolder.open(output)
    older = {"source_changed_ns": None, "source_blake2b": None, "offset_seconds": None}
    folder.info.videos["video"] = folder.info.videos["video"].model_copy(update=older)
    folder.save_info()
    assert extract([video], output, settings=SMALL) == WritingReport((), ("video",), {})
    later = (output / "video.npy").stat().st_mtime_ns + 10**9
    os.utime(video, ns=(later, later))
    report = extract([video], output, settings=SMALL)
    assert report.skipped == ("video",)
    assert "1 video changed after an older untrim made the features" in report.notes[0]


def test_a_video_that_changes_while_it_is_read_is_not_done(
    tmp_path: Path, write_video: WriteVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "video.mp4", 30)
    before = video.stat()
    os.utime(video, ns=(1, 1))
    with pytest.raises(UntrimError, match="changed while it was read"):
        made_of(video, before)


def test_videos_of_one_name_are_named_by_their_folders(tmp_path: Path, write_video: WriteVideo) -> None:
    clips, output = tmp_path / "clips", tmp_path / "features"
    for number, place in enumerate(("cam1/clip.mp4", "cam2/clip.mp4", "walk.mp4")):
        (clips / place).parent.mkdir(parents=True, exist_ok=True)
        write_video(clips / place, 30 + 10 * number, seed=number)
    (clips / "cam3").mkdir()
    (clips / "cam3" / "clip.mp4").write_bytes(b"broken")
    report = extract(clips, output, settings=SMALL, workers=1)
    assert report.done == ("cam1/clip", "cam2/clip", "walk")
    assert set(report.failed) == set(failures(output)) == {"cam3/clip"}
    folder = FeatureFolder.open(output)
    assert folder.names() == list(folder.info.videos) == ["cam1/clip", "cam2/clip", "walk"]
    assert folder.info.videos["cam2/clip"].duration == pytest.approx(40 / 25)
    assert extract(clips, output, settings=SMALL).skipped == ("cam1/clip", "cam2/clip", "walk")


def test_features_follow_a_video_whose_name_becomes_a_path(tmp_path: Path, write_video: WriteVideo) -> None:
    """Another camera's file of the same name has come."""
    clips, output = tmp_path / "clips", tmp_path / "features"
    (clips / "cam1").mkdir(parents=True)
    write_video(clips / "cam1" / "clip.mp4", 30)
    assert extract(clips, output, settings=SMALL).done == ("clip",)
    (clips / "cam2").mkdir()
    write_video(clips / "cam2" / "clip.mp4", 40)
    report = extract(clips, output, settings=SMALL)
    assert (report.done, report.skipped, report.notes) == (("cam2/clip",), ("cam1/clip",), ())
    assert FeatureFolder.open(output).names() == ["cam1/clip", "cam2/clip"]


def test_features_of_a_name_that_is_left_behind_are_said(tmp_path: Path, write_video: WriteVideo) -> None:
    clips, output = tmp_path / "clips", tmp_path / "features"
    (clips / "cam1").mkdir(parents=True)
    write_video(clips / "cam1" / "clip.mp4", 30)
    extract(clips, output, settings=SMALL)
    write_video(clips / "cam1" / "clip.mp4", 50)
    (clips / "cam2").mkdir()
    write_video(clips / "cam2" / "clip.mp4", 40)
    report = extract(clips, output, settings=SMALL)
    assert report.done == ("cam1/clip", "cam2/clip")
    assert "several files are called clip now" in report.notes[0]


def test_what_is_passed_over_and_pictures_that_begin_late_are_said(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    late_film(clips / "late.mkv")
    (clips / "notes.txt").touch()
    report = extract(clips, tmp_path / "features", settings=SMALL)
    assert report.notes[0] == "passed over 1 file: 1 .txt"
    assert "first picture of 1 video comes late on a player's clock: late 3.00 s" in report.notes[1]
    known = FeatureFolder.open(tmp_path / "features").info.videos["late"]
    assert known.offset_seconds == pytest.approx(3)
    assert known.duration == pytest.approx(2, abs=0.05)


def test_of_a_single_video_the_seconds_are_told(tmp_path: Path, write_video: WriteVideo) -> None:
    told: list[tuple[object, ...]] = []
    video = write_video(tmp_path / "video.mp4", 80)
    extract(video, tmp_path / "features", settings=SMALL, progress=lambda *step: told.append(step))
    assert [step[:3] for step in told] == [("extract", done, 4) for done in range(5)]
    assert told[-1][3] == "seconds of video"
    told.clear()
    extract(video, tmp_path / "features", settings=SMALL, progress=lambda *step: told.append(step))
    assert [step[:3] for step in told] == [("extract", 1, 1)]
    told.clear()
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    report = extract(
        tmp_path / "broken.mp4", tmp_path / "features", settings=SMALL, progress=lambda *step: told.append(step)
    )
    assert list(report.failed) == ["broken"]
    assert [step[:3] for step in told] == [("extract", 0, 1), ("extract", 1, 1)]


def test_cores_that_are_left_over_are_used_unless_the_number_of_workers_is_given(
    tmp_path: Path, write_video: WriteVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def work_off(task: Any, jobs: Any, workers: int, *_: object) -> Any:
        seen.append((workers, task.threads))
        yield from ()

    monkeypatch.setattr("untrim.features.extract.work_off", work_off)
    monkeypatch.setattr("untrim.support.workers.cores", lambda: 4)
    video, other = write_video(tmp_path / "video.mp4", 20), write_video(tmp_path / "other.mp4", 20)
    for videos, workers in ((video, None), ([video, other], None), (video, 1)):
        extract(videos, tmp_path / "features", settings=SMALL, workers=workers)
    assert seen == [(4, 4), (4, 2), (1, 1)]
