"""From a run and video files to detections."""

import json
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import run_untrim
from untrim.activations import ActivationFolder
from untrim.annotations import Annotations, Video, read_detections, write_detections
from untrim.doctor import check_up
from untrim.errors import Stopped, UntrimError
from untrim.features.extract import extract
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.pipeline import localize, localize_videos
from untrim.support.locks import locked
from untrim.support.tensors import read_safetensors, write_safetensors
from untrim.timeline import Detection, Instance, Segment
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.watching import watch

SMALL = {"short_side": 48, "streams": "flow", "stride_frames": 4}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, write_video: Callable[..., Path]) -> Path:
    """A folder with videos/, features/ of another recipe than the default, and a run on them."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "videos").mkdir()
    for index in range(4):
        write_video(folder / "videos" / f"video{index}.mp4", 60, seed=3 * (index % 2))
    extract([folder / "videos"], folder / "features", settings=SMALL, workers=1)
    labels = Annotations([Video(f"video{i}", "training", labels=("slow", "fast")[i % 2 :][:1]) for i in range(4)])
    train("wsad", [(FeatureFolder.open(folder / "features"), labels)], folder / "run", settings={"iterations": 5})
    return folder


def test_videos_are_localized_by_the_recipe_of_the_run(trained: Path, tmp_path: Path) -> None:
    run, features = Run.open(trained / "run"), tmp_path / "features"
    found, failed = localize_videos(run, [trained / "videos"], features, activations=tmp_path / "activations")
    assert failed == {}
    assert found == localize(run, FeatureFolder.open(trained / "features"))
    for file in features.iterdir():
        assert file.read_bytes() == (trained / "features" / file.name).read_bytes()
    with np.load(tmp_path / "activations" / "video0.npz") as arrays:
        assert arrays["centers"].shape == arrays["cas"].shape[:1]
        assert arrays["logits"].shape == arrays["cas"].shape
        np.testing.assert_allclose(np.diff(arrays["centers"]), 4 / 25)
        assert arrays["centers"][0] == pytest.approx(12 / 25)


def test_a_watch_finds_what_localize_finds(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "videos", tmp_path / "in")
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video")
    output = tmp_path / "found.jsonl"
    report = watch(tmp_path / "in", trained / "run", output, once=True, settle=0)
    assert (report.done, list(report.failed)) == (4, ["broken.mp4"])
    found = {line["video"]: line["detections"] for line in map(json.loads, output.read_text().splitlines())}
    wanted = localize(trained / "run", trained / "features")
    assert {
        name: [Detection(each["label"], Segment(*each["segment"]), each["score"]) for each in own]
        for name, own in found.items()
    } == wanted


def test_paths_do_as_well_as_objects(trained: Path, tmp_path: Path) -> None:
    run, features = trained / "run", trained / "features"
    wanted = localize(Run.open(run), FeatureFolder.open(features))
    assert localize(run, str(features), activations=str(tmp_path / "activations")) == wanted
    assert (tmp_path / "activations" / "video0.npz").exists()
    assert localize(str(run), features, "video1") == {"video1": wanted["video1"]}
    assert localize_videos(str(run), str(trained / "videos"), str(tmp_path / "features"), workers=1) == (wanted, {})
    with pytest.raises(UntrimError, match=r"^run: not a path: None"):
        localize(None, features)  # type: ignore[arg-type]


def test_localizing_in_a_thread_stops_between_videos(trained: Path, tmp_path: Path) -> None:
    run, features = Run.open(trained / "run"), FeatureFolder.open(trained / "features")
    reached, stop, ended = threading.Event(), threading.Event(), list[str]()

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        assert (what, total) == ("localize", 4)
        if done == 2:
            reached.set()
            stop.wait(60)

    def work() -> None:
        try:
            localize(run, features, activations=tmp_path, progress=progress, should_stop=stop.is_set)
        except Stopped:
            ended.append("stopped")

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(60)
    stop.set()
    thread.join()
    assert ended == ["stopped"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["video0.npz", "video1.npz"]
    assert localize(run, features, should_stop=lambda: False) == localize(run, features)


def test_centers_are_those_of_the_video(trained: Path, tmp_path: Path) -> None:
    folder = FeatureFolder.open(trained / "features")
    folder.info.videos["video1"] = VideoInfo(fps=50)
    localize(Run.open(trained / "run"), folder, ["video0", "video1"], activations=tmp_path)
    with np.load(tmp_path / "video0.npz") as own, np.load(tmp_path / "video1.npz") as twice:
        np.testing.assert_allclose(twice["centers"], own["centers"] / 2)


def test_the_command_keeps_features_and_goes_on(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, found = trained / "videos" / "video1.mp4", tmp_path / "found.json"
    assert run_untrim("localize", trained / "run", video, "-o", found) == 0
    assert "in 1 video: " in capsys.readouterr().out
    assert read_detections(found).keys() == {"video1"}
    kept = tmp_path / "found-features" / "video1.npy"
    made = kept.stat().st_mtime_ns
    (tmp_path / "bad.mp4").touch()
    more = (video, tmp_path / "bad.mp4", "-f", tmp_path / "found-features")
    assert run_untrim("localize", trained / "run", *more, "-o", found) == 1
    assert "1 video failed" in capsys.readouterr().err
    assert kept.stat().st_mtime_ns == made
    assert read_detections(found).keys() == {"video1"}


def test_wrong_calls_are_one_line(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, out = trained / "videos" / "video1.mp4", ("-o", tmp_path / "found.json")
    wrong = {
        "no videos are named": (trained / "run", *out),
        "name only the video files": (trained / "run", video, "-a", "labels.csv", *out),
        "--set is for extracting features": (trained / "run", "-f", trained / "features", "--set", "fps=5", *out),
        "recipe.short_side: 48 against 64": (trained / "run", video, "--set", "short_side=64", *out),
    }
    for words, arguments in wrong.items():
        assert run_untrim("localize", *arguments) == 2
        assert words in capsys.readouterr().err
    assert run_untrim("extract", video, *out, "--address", "host:1") == 2
    assert "--engine ray" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"backbone": "imported"}, "unknown backbone 'imported'"),
        ({"recipe": {}}, "other features would be extracted than the run was trained on"),
        ({"weights_sha256": "0" * 64}, "weights_sha256"),
    ],
)
def test_features_that_cannot_be_extracted_are_refused_before_work(
    trained: Path, tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    run = Run.open(trained / "run")
    imported = replace(run, features=run.features.model_copy(update=changed))
    with pytest.raises(UntrimError, match="-f alone") as caught:
        localize_videos(imported, [trained / "videos"], tmp_path / "features")
    assert words in str(caught.value)
    assert not (tmp_path / "features").exists()
    with pytest.raises(UntrimError, match="not trained"):
        localize_videos(replace(run, path=tmp_path), [trained / "videos"], tmp_path / "features")


def last_end(found: Mapping[str, Sequence[Detection]], name: str) -> float:
    return max(detection.segment.end for detection in found[name])


def test_detections_are_cut_at_the_measured_duration(trained: Path) -> None:
    """Whatever labels or their container say."""
    run, features, notes = trained / "run", trained / "features", list[str]()
    wanted = localize(run, features)
    assert last_end(wanted, "video2") > 1
    labels = Annotations([Video(f"video{i}", "validation", duration=1.0 if i else 2.4) for i in range(4)])
    assert localize(run, features, labels, tell=notes.append) == wanted
    assert notes == [
        "3 videos last longer or shorter by the features than by the labels: video1 2.4 s, not 1 s, "
        "video2 2.4 s, not 1 s, video3 2.4 s, not 1 s"
    ]


@pytest.mark.parametrize("unknown", [0, -1, None])
def test_a_duration_that_is_not_positive_is_unknown(trained: Path, unknown: float | None) -> None:
    run, folder = trained / "run", FeatureFolder.open(trained / "features")
    folder.info.videos = {}
    wanted = localize(run, folder, "video2")
    assert localize(run, folder, Annotations([Video("video2", "validation", duration=unknown)])) == wanted
    assert last_end(wanted, "video2") > 1


def test_a_stated_duration_is_left_aside_where_features_go_beyond_it(trained: Path) -> None:
    run, folder, notes = trained / "run", FeatureFolder.open(trained / "features"), list[str]()
    folder.info.videos = {}
    wanted = localize(run, folder, ["video0", "video2"])
    assert last_end(wanted, "video0") > 1.5
    folder.info.videos = {"video0": VideoInfo(duration=0.5)}  # As an import was told.
    labels = Annotations([Video("video0"), Video("video2", duration=0.5)])
    assert localize(run, folder, labels, tell=notes.append) == wanted
    (note,) = notes
    assert note.startswith("2 videos have features beyond the stated duration, which is not used: video0 0.5 s, ")
    within = localize(run, folder, Annotations([Video("video2", duration=1.9)]))  # Less by a snippet: they may end so.
    assert last_end(within, "video2") == 1.9


def test_the_command_says_which_durations_it_did_not_believe(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.csv").write_text("video,label,subset,duration\nvideo2,slow,validation,1\n")
    options = ("-f", trained / "features", "-a", tmp_path / "labels.csv", "-o", tmp_path / "found.json")
    assert run_untrim("localize", trained / "run", *options) == 0
    assert "video2 2.4 s, not 1 s" in capsys.readouterr().err
    assert last_end(read_detections(tmp_path / "found.json"), "video2") > 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"recipe": {"rgb_weights": "/etc/passwd"}, "backbone": "i3d"}, "'rgb_weights' is no part of a recipe"),
        ({"recipe": {"checkpoint": "/etc"}, "backbone": "hf"}, "'checkpoint' is no part of a recipe"),
        ({"backbone": "hf:/etc"}, "their model is a path that the run chooses, '/etc'"),
        ({"backbone": "hf:../model"}, "--set checkpoint=../model"),
    ],
)
def test_a_run_does_not_choose_which_files_are_read(
    trained: Path, tmp_path: Path, changed: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, settings: object) -> None:
        raise AssertionError(f"{name} is loaded")

    monkeypatch.setattr("untrim.prediction.recipe.load_backbone", load)
    run = Run.open(trained / "run")
    hostile = replace(run, features=run.features.model_copy(update=changed))
    with pytest.raises(UntrimError) as caught:
        localize_videos(hostile, [trained / "videos"], tmp_path / "features")
    assert words in str(caught.value)


def test_activations_are_written_by_one_at_a_time_and_in_no_folder_of_another_kind(
    trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(UntrimError, match="holds features, no place for activations"):
        localize(trained / "run", trained / "features", activations=trained / "features")
    (tmp_path / "activations").mkdir()
    with locked(tmp_path / "activations"), pytest.raises(UntrimError, match="another run"):
        localize(trained / "run", trained / "features", activations=tmp_path / "activations")
    localize(trained / "run", trained / "features", activations=tmp_path / "activations")
    assert {path.suffix for path in (tmp_path / "activations").iterdir()} == {".npz"}


BAD_WEIGHTS = {
    "lacks the tensor": lambda tensors, name: {key: value for key, value in tensors.items() if key != name},
    "unknown tensor 'more'": lambda tensors, name: {**tensors, "more": torch.zeros(1)},
    "has shape": lambda tensors, name: {**tensors, name: tensors[name][:1]},
    "holds NaN or infinity": lambda tensors, name: {**tensors, name: tensors[name] * torch.nan},
    "holds NaN or infinity, of too large a double": lambda tensors, name: {
        **tensors, name: torch.full(tensors[name].shape, 1e300, dtype=torch.float64)
    },
    "holds torch.int64, wanted torch.float32": lambda tensors, name: {**tensors, name: tensors[name].long()},
    "holds torch.bool, wanted torch.float32": lambda tensors, name: {**tensors, name: tensors[name] > 0},
}  # fmt: skip


@pytest.mark.parametrize("words", BAD_WEIGHTS)
def test_weights_that_no_training_leaves_are_refused_by_name_and_seen_by_the_doctor(
    trained: Path, tmp_path: Path, words: str
) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    tensors = read_safetensors(run / "model.safetensors")
    name = max(tensors, key=lambda key: tensors[key].numel())
    write_safetensors(run / "model.safetensors", BAD_WEIGHTS[words](tensors, name))
    with pytest.raises(UntrimError, match=words.partition(",")[0]) as caught:
        localize(run, trained / "features")
    assert name in str(caught.value) or "'more'" in str(caught.value)
    assert [finding.what for finding in check_up(run=run) if finding.severity == "error"] == [caught.value.what]


def test_half_precision_weights_are_taken(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    tensors = read_safetensors(run / "model.safetensors")
    write_safetensors(run / "model.safetensors", {name: tensor.half() for name, tensor in tensors.items()})
    assert localize(run, trained / "features").keys() == localize(trained / "run", trained / "features").keys()


def test_scores_that_are_no_numbers_are_no_detections(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    tensors = read_safetensors(run / "model.safetensors")
    huge = {name: tensor if name == "input.mean" else tensor.sign() * 1e38 for name, tensor in tensors.items()}
    write_safetensors(run / "model.safetensors", huge)
    with pytest.raises(UntrimError, match="says NaN or infinity of video 'video0'"):
        localize(run, trained / "features")


def test_labels_with_a_players_times_are_said_by_localize_and_train(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a video whose pictures begin late."""
    folder, notes = FeatureFolder.open(trained / "features"), list[str]()
    folder.info.videos["video2"] = folder.info.videos["video2"].model_copy(update={"offset_seconds": 3.0})
    instances = (Instance("slow", Segment(3.5, 4.5)),)
    labels = Annotations([Video("video2", "training", 5.4, instances=instances), Video("video1", "training", 2.4)])
    localize(trained / "run", folder, labels, tell=notes.append)
    (line,) = notes
    assert "first picture of 1 video comes late on a player's clock: video2 3.00 s" in line
    imported = Annotations([replace(labels["video2"], duration=folder.info.videos["video2"].duration)])
    localize(trained / "run", folder, imported, tell=notes.append)
    assert notes == [line]
    shutil.copytree(trained / "features", tmp_path / "features")
    FeatureFolder(tmp_path / "features", folder.info).save_info()
    (tmp_path / "labels.csv").write_text("video,label,start,end,subset\nvideo2,slow,2.5,4.5,training\n")
    options = ("-f", tmp_path / "features", "-a", tmp_path / "labels.csv", "--set", "iterations=1")
    assert run_untrim("train", "-m", "wsad", *options, "-o", tmp_path / "run") == 0
    assert f"warning: {line}" in capsys.readouterr().err


def test_videos_of_one_name_keep_their_folders_all_the_way(trained: Path, tmp_path: Path) -> None:
    for number, place in enumerate(("cam1", "cam2")):
        (tmp_path / "clips" / place).mkdir(parents=True)
        shutil.copy(trained / "videos" / f"video{2 * number}.mp4", tmp_path / "clips" / place / "clip.mp4")
    drawn = tmp_path / "activations"
    found, failed = localize_videos(trained / "run", tmp_path / "clips", tmp_path / "features", activations=drawn)
    assert (list(found), failed) == (["cam1/clip", "cam2/clip"], {})
    assert ActivationFolder(drawn).names() == ["cam1/clip", "cam2/clip"]
    assert (drawn / "cam2" / "clip.npz").is_file()
    write_detections(found, tmp_path / "found.csv")
    assert list(read_detections(tmp_path / "found.csv")) == ["cam1/clip", "cam2/clip"]
