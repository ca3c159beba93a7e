import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import run_untrim
from untrim.annotations import Annotations, Video, write_annotations
from untrim.doctor import Finding, check_up, describe
from untrim.doctor.features import scan_features
from untrim.doctor.labels import check_features_fit, check_labels
from untrim.doctor.runs import check_run, check_videos
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.timeline import Instance, Point, Segment
from untrim.training.checkpoint import Run
from untrim.training.loop import train

Corpus = tuple[FeatureFolder, Annotations]


def serious(findings: list[Finding]) -> dict[str, str]:
    """Severity by check, of what is no note; each with a remedy."""
    found = [finding for finding in findings if finding.severity != "note"]
    assert all(finding.remedy for finding in found), found
    return {finding.check: finding.severity for finding in found}


def examined(corpus: Corpus, subset: str | None = None) -> dict[str, str]:
    folder, annotations = corpus
    scan = scan_features(folder)
    fit = check_features_fit(folder, scan.snippets, annotations, subset)
    return serious([*scan.findings, *check_labels(annotations, subset), *fit])


def test_nothing_is_wrong_with_a_sound_corpus(corpus: Corpus) -> None:
    assert examined(corpus) == {}


def _nan(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    array = folder.load("video03")
    array[5:7, 2] = np.nan
    np.save(folder.file("video03"), array)
    return folder, annotations


def _constant(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.save("video03", np.repeat(folder.load("video03")[:1], 40, axis=0))
    return folder, Annotations([replace(v, duration=None) for v in annotations.values()])


def _twin(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    shutil.copy(folder.file("video03"), folder.file("video15"))
    return folder, Annotations([replace(v, duration=None) for v in annotations.values()])


def _half_file(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.file("video03").write_bytes(folder.file("video03").read_bytes()[:500])
    return folder, annotations


def _short(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.save("video03", folder.load("video03")[:5])
    return folder, Annotations([replace(v, duration=None) for v in annotations.values()])


def _gone(corpus: Corpus) -> Corpus:
    corpus[0].file("video03").unlink()
    return corpus


def _prefix(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    for name in folder.names():
        folder.file(name).rename(folder.file(f"v_{name}"))
    return folder, annotations


def _stopped(corpus: Corpus) -> Corpus:
    (corpus[0].path / ".video99.npy.host-1.tmp").touch()
    return corpus


def _lost(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.info.videos = {name: VideoInfo() for name in [*folder.names()[1:], "video77"]}
    return folder, annotations


def _dead_stream(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.info.streams = {"rgb": (0, 24), "flow": (24, 48)}
    for name in folder.names():
        array = folder.load(name)
        array[:, 24:] = 0
        folder.save(name, array)
    return folder, annotations


def _wrong_fps(corpus: Corpus) -> Corpus:
    """Features of videos at 30 frames a second that claim 25."""
    folder, annotations = corpus
    return folder, Annotations([replace(v, duration=(v.duration or 0) * 25 / 30) for v in annotations.values()])


def _one_other_length(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    changed = {name: replace(v, duration=100.0) if name == "video03" else v for name, v in annotations.items()}
    return folder, Annotations(changed.values())


def _own_fps(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.info.videos = {name: VideoInfo(fps=24) if name == "video03" else VideoInfo() for name in folder.names()}
    videos = [replace(v, fps=30.0 if v.name == "video03" else None, duration=None) for v in annotations.values()]
    return folder, Annotations(videos)


def _unlabelled(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    changed = {name: replace(v, labels=()) if name == "video03" else v for name, v in annotations.items()}
    return folder, Annotations(changed.values())


def _nothing_happens(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    changed = {n: replace(v, labels=(), exhaustive=True) if n == "video03" else v for n, v in annotations.items()}
    return folder, Annotations(changed.values())


def _stray(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    own = annotations["video15"]
    more = replace(own, points=(Point(own.labels[0], 0.1),), exhaustive=True)
    return folder, Annotations({**annotations, "video15": more}.values())


def _late_point(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    own = annotations["video03"]
    late = replace(own, duration=None, points=(Point(own.labels[0], 1000.0),))
    return folder, Annotations({**annotations, "video03": late}.values())


def _beyond(corpus: Corpus) -> Corpus:
    """Half of an instance lies after the end of the video, and the labels do not say how long that is."""
    folder, annotations = corpus
    own = annotations["video15"]
    end = folder.info.grid("video15").boundary(len(folder.load("video15")))
    late = replace(own, duration=None, instances=(Instance(own.labels[0], Segment(end - 5, end + 9)),))
    return folder, Annotations({**annotations, "video15": late}.values())


def _nearly_training(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    return folder, Annotations({**annotations, "video03": replace(annotations["video03"], subset="Train")}.values())


def _unseen(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    more = Instance("Jump", Segment(1, 2))
    changed = {n: replace(v, instances=(*v.instances, more)) if n == "video15" else v for n, v in annotations.items()}
    return folder, Annotations(changed.values())


def _together(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    more = {name: ("sit",) if v.subset == "training" and "run" in v.labels else () for name, v in annotations.items()}
    return folder, Annotations([replace(v, labels=(*v.labels, *more[name])) for name, v in annotations.items()])


def _other_subset(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    return folder, Annotations([replace(v, subset="test") for v in annotations.values()])


@pytest.mark.parametrize(
    ("harm", "wanted"),
    [
        (_nan, {"nan": "error"}),
        (_constant, {"constant": "warning"}),
        (_twin, {"duplicates": "warning"}),
        (_half_file, {"unreadable": "error", "missing": "error"}),
        (_short, {"short": "warning"}),
        (_gone, {"missing": "error"}),
        (_prefix, {"missing": "warning"}),
        (_stopped, {"leftovers": "warning"}),
        (_lost, {"lost": "warning", "foreign": "warning"}),
        (_dead_stream, {"stream": "error"}),
        (_wrong_fps, {"timing": "error"}),
        (_one_other_length, {"durations": "warning"}),
        (_own_fps, {"fps": "warning"}),
        (_unlabelled, {"unlabelled": "warning", "training": "error"}),
        (_nothing_happens, {}),
        (_stray, {"stray": "warning"}),
        (_late_point, {"times": "error"}),
        (_beyond, {"beyond": "warning"}),
        (_nearly_training, {"subset": "warning"}),
        (_unseen, {"alike": "warning", "unseen": "warning"}),
        (_together, {"untold": "warning"}),
        (_other_subset, {"subset": "warning"}),
    ],
)
def test_each_harm_is_found_and_nothing_else(
    corpus: Corpus, harm: Callable[[Corpus], Corpus], wanted: dict[str, str]
) -> None:
    assert examined(harm(corpus)) == wanted


def test_what_the_findings_say(corpus: Corpus) -> None:
    folder, annotations = _wrong_fps(corpus)
    scan = scan_features(folder)
    (timing,) = check_features_fit(folder, scan.snippets, annotations, None)
    assert "last 1.2 times as long as the videos; perhaps their fps is 30" in timing.what
    assert "features.json says 25" in timing.remedy
    assert len(timing.videos) == 18
    folder, annotations = _prefix(corpus)
    missing = next(iter(check_features_fit(folder, scan_features(folder).snippets, annotations, "training")))
    assert missing.severity == "error"
    assert "'video00' is there as 'v_video00'" in missing.what
    assert missing.remedy.startswith("use the same names in the labels")


def test_no_features_of_any_training_video_is_an_error(corpus: Corpus) -> None:
    folder, annotations = _prefix(corpus)
    missing = check_features_fit(folder, scan_features(folder).snippets, annotations, None)
    severities = [finding.severity for finding in missing if finding.check == "missing"]
    assert severities == ["error", "warning"]  # Of training and of validation.


def test_labels_that_are_alike_and_labels_that_are_not() -> None:
    names = ["C", "C++", "कि", "की", "😀", "👍", "High Jump", "HighJump", "run;jump"]
    videos = [Video(f"v{index}", "training", labels=(label,)) for index, label in enumerate(names)]
    notes = ["cells are separated by semicolons"]
    found = list(check_labels(Annotations(videos, "l.csv", notes), None))
    assert [finding.what for finding in found if finding.check == "alike"] == [
        "labels that differ in spelling alone: High Jump = HighJump",
        "label 'run;jump' holds the labels run and jump; write one row for each",
    ]
    assert [finding.what for finding in found if finding.check == "reading"] == notes


def test_text_does_as_well_as_paths(corpus: Corpus, tmp_path: Path) -> None:
    write_annotations(corpus[1], tmp_path / "labels.json")
    given = {"features": corpus[0].path, "annotations": tmp_path / "labels.json"}
    assert check_up(**{key: str(path) for key, path in given.items()}) == check_up(**given)


def test_a_subset_that_is_asked_for_must_be_there(corpus: Corpus) -> None:
    assert examined(corpus, "test") == {"subset": "error"}
    _gone(corpus)
    assert examined(corpus, "validation") == {}  # The video that is gone is one of training.
    assert examined(corpus, "training") == {"missing": "error"}


def test_reading_is_in_pieces(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scan_features(_twin(corpus)[0])
    monkeypatch.setattr("untrim.doctor.features._ROWS", 7)
    pieces = scan_features(corpus[0])
    assert pieces.findings == whole.findings
    np.testing.assert_array_equal(pieces.low, whole.low)
    np.testing.assert_array_equal(pieces.high, whole.high)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on features of the kind of `corpus`."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("run")
    info = {"schema": 1, "snippet_frames": 16, "stride_frames": 16, "fps": 25, "first_center_seconds": 0.32, "dim": 48,
            "streams": {"rgb": [0, 48]}, "backbone": "test"}  # fmt: skip
    (path / "features.json").write_text(json.dumps(info))
    folder = FeatureFolder.open(path)
    videos = [Video(f"v{index}", "training", None, (("jump", "run", "throw")[index % 3],)) for index in range(6)]
    for video in videos:
        folder.save(video.name, rng.normal(size=(12, 48)))
    train("wsad", [(folder, Annotations(videos))], path / "run", settings={"iterations": 1})
    return path / "run"


def test_a_run_that_fits(corpus: Corpus, trained: Path) -> None:
    found = list(check_run(Run.open(trained), *corpus))
    assert serious(found) == {}
    assert "wsad, 3 classes" in found[0].what


def test_a_run_that_does_not(corpus: Corpus, trained: Path, tmp_path: Path) -> None:
    path = shutil.copytree(trained, tmp_path / "copy")
    (path / "model.safetensors").unlink()
    (path / ".config.yaml.host-1.tmp").touch()
    folder, annotations = corpus
    folder.info.fps = 30
    annotations = Annotations([*annotations.values(), Video("new", "validation", None, ("swim",))])
    found = list(check_run(Run.open(path), folder, annotations))
    assert serious(found) == {
        "unfinished": "error", "leftovers": "warning", "mismatch": "error", "unknown": "warning"
    }  # fmt: skip
    assert next(finding.videos for finding in found if finding.check == "unknown") == ("new",)


def test_the_verb(corpus: Corpus, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, annotations = corpus
    write_annotations(annotations, tmp_path / "labels.json")
    arguments = ["-f", folder.path, "-a", tmp_path / "labels.json", "--run", trained]
    assert run_untrim("doctor", *arguments) == 0
    assert "Python" in capsys.readouterr().out
    folder.file("video03").unlink()
    assert run_untrim("doctor", *arguments, "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == 1
    errors = [finding for finding in content["findings"] if finding["severity"] == "error"]
    assert [(error["check"], error["videos"]) for error in errors] == [("missing", ["video03"])]
    assert run_untrim("doctor", "-f", tmp_path / "nothing", "-a", tmp_path / "labels.csv", "--run", tmp_path) == 1
    printed = capsys.readouterr().out
    assert "nothing: has no features.json" in printed
    assert "labels.csv: no such file" in printed
    assert "is not a run folder" in printed


def test_videos(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    clip = next((shared_data / "clips").glob("anet_v_GGSY1Qvo990*"))
    shutil.copy(clip, folder)
    (folder / "broken.mp4").write_bytes(b"not a video")
    labels = Annotations(
        [Video(clip.stem, "training", 18.16, ("x",), fps=12.0), Video("gone", "training", labels=("y",))]
    )
    write_annotations(labels, tmp_path / "labels.json")
    found = [f for f in check_up(annotations=tmp_path / "labels.json", videos=folder) if f.check != "rare"]
    assert serious(found) == {"video": "error", "fileless": "warning", "fps": "warning"}
    assert "broken.mp4" in describe(found)


def test_the_description_sums_up() -> None:
    note, error = Finding("note", "a", "fine"), Finding("error", "b", "lost", "here", "look")
    assert describe([note]).endswith("nothing is wrong")
    lines = describe([note, error]).splitlines()
    assert lines[0] == "error   here: lost"
    assert lines[1].strip() == "-> look"
    assert lines[-1] == "1 error, 0 warnings"


def test_a_late_picture_is_named_and_not_a_wrong_stride(corpus: Corpus) -> None:
    """Times were made in a player, which counts from the start of the file."""
    folder, annotations = corpus
    late = [name for name, video in annotations.items() if video.instances]
    measured = {name: video.duration for name, video in annotations.items()}
    for name in annotations:
        folder.info.videos[name] = VideoInfo(
            duration=measured[name], source=f"{name}.mp4", offset_seconds=3.0 if name in late else 0.0
        )
    players = Annotations(
        [replace(v, duration=(v.duration or 0) + 3.0 * (v.name in late)) for v in annotations.values()]
    )
    scan = scan_features(folder)
    (found,) = [f for f in check_features_fit(folder, scan.snippets, players, None) if f.severity != "note"]
    assert (found.check, found.videos) == ("offset", tuple(sorted(late)))
    assert "first picture of 6 videos comes late on a player's clock: video12 3.00 s" in found.what
    assert "--from player-csv" in found.remedy
    assert examined((folder, annotations)) == {}  # Labels with measured durations count as untrim does.


def test_a_container_that_lied_is_said(corpus: Corpus) -> None:
    folder, annotations = corpus
    folder.info.videos = {name: VideoInfo(duration=video.duration) for name, video in annotations.items()}
    wrong = [replace(v, duration=5.0) if v.name == "video03" else v for v in annotations.values()]
    assert examined((folder, Annotations(wrong)))["claims"] == "warning"


def test_videos_in_folders_have_their_features(corpus: Corpus, tmp_path: Path) -> None:
    folder, _ = corpus
    videos = tmp_path / "videos"
    for place in ("cam1/clip.mp4", "cam2/clip.mp4"):
        (videos / place).parent.mkdir(parents=True)
        (videos / place).touch()
    folder.save("cam1/clip", np.ones((9, 48)))
    folder.save("cam2/clip", np.ones((9, 48)))
    found = check_videos(videos, dict.fromkeys(folder.names(), 9), None)
    assert "unextracted" not in {finding.check for finding in found}
