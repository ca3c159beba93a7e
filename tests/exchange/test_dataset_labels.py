import json
from pathlib import Path

import av
import numpy as np
import pytest

from helpers import run_untrim
from untrim.annotations import Annotations, Video, read_annotations, read_detections, write_annotations
from untrim.annotations.checks import find_oddities
from untrim.errors import UntrimError
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.exchange.dataset_labels import import_labels
from untrim.timeline import Instance, Point, Segment


def test_thumos14_has_the_papers_counts_and_known_errors(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    assert run_untrim("import", "labels", shared_data / "thumos14", "-o", labels, "--layout", "thumos14") == 0
    printed = capsys.readouterr().out
    assert "test: 213 videos, 3358 instances; the papers' 213" in printed
    assert "validation: 200 videos, 3007 instances; the papers' 200" in printed
    assert "360 of 360 CliffDiving instances are Diving" in printed
    assert all(f"known error in video_test_000{video}" in printed for video in ("0270", "1292", "1496"))
    found = read_annotations(labels)
    assert len(found.labels) == 20
    assert found["video_test_0001292"].ambiguous
    rates = [round(video.fps or 0) for video in found.values()]
    assert (rates.count(25), rates.count(24), rates.count(30)) == (11, 2, 400)


def test_a_published_result_on_imported_labels_is_the_published_one(shared_data: Path) -> None:
    """STPN on the official files is STPN on its own ground truth, and what its authors print (at 0.7, 4.988, cut)."""
    own, thresholds = shared_data / "eval" / "stpn", iou_thresholds("0.1:0.9:0.1")
    found = read_detections(own / "results.json")
    truth = import_labels("thumos14", shared_data / "thumos14").annotations
    result = evaluate_detections(found, truth, thresholds, "thumos14", subset="test", strict=True)
    assert (result.videos, result.instances) == (210, 3311)
    theirs = evaluate_detections(found, read_annotations(own / "gt.json"), thresholds, "activitynet", strict=True)
    np.testing.assert_allclose(result.mean, theirs.mean, rtol=1e-12)
    published = [52.1, 44.2, 34.7, 26.1, 17.7, 10.1, 4.9, 1.3, 0.1]
    np.testing.assert_allclose(100 * np.array(result.mean), published, atol=0.09)
    assert round(100 * result.average, 1) == 21.3


def test_subsets_get_other_names(shared_data: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    arguments = ["--layout", "thumos14", "--subset", "validation=training", "--subset", "test=validation"]
    assert run_untrim("import", "labels", shared_data / "thumos14", "-o", labels, *arguments) == 0
    found = read_annotations(labels)
    assert (len(found.subset("training")), len(found.subset("validation"))) == (200, 212)  # CSV loses what has no label


def test_activitynet_1_2_has_the_papers_counts(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported = import_labels("activitynet", shared_data / "activitynet" / "activity_net.v1-2.min.json")
    text = "\n".join(imported.notes)
    assert "9682 videos, 100 classes: ActivityNet 1.2" in text
    assert "training: 4819 videos, 7151 instances; the papers' 4819" in text
    assert "validation: 2383 videos, 3582 instances; the papers' 2383" in text
    assert "of no length, which nothing can overlap: 10" in text
    assert "30 fps of every video" in text
    assert {video.fps for video in imported.annotations.values()} == {None}


def test_bsn_form_of_activitynet_1_3(shared_data: Path) -> None:
    folder = shared_data / "activitynet"
    official = folder / "activity_net.v1-2.min.json"
    imported = import_labels("activitynet", folder / "anet_anno_action.json", subset_file=official)
    text = "\n".join(imported.notes)
    assert "19228 videos, 200 classes: ActivityNet 1.3" in text
    assert "766 of the 19994 videos are not in this file" in text
    assert "knows no subsets" not in text
    video, theirs = imported.annotations["QOlSCBRmfWY"], read_annotations(official)
    assert video.duration == 82.73
    assert video.fps == pytest.approx(2067 / 82.73)
    mine = {name: video.subset for name, video in imported.annotations.items() if video.subset}
    assert len(mine) == 9253
    assert all(theirs[name].subset == subset for name, subset in mine.items())


def test_a_file_without_subsets_says_so(tmp_path: Path) -> None:
    entry = {"duration_second": 4, "duration_frame": 100, "annotations": [{"label": "run", "segment": [1, 2]}]}
    (tmp_path / "flat.json").write_text(json.dumps({"v_a": entry}))
    imported = import_labels("activitynet", tmp_path / "flat.json", subsets={"": "training"})
    assert "knows no subsets" in "\n".join(imported.notes)
    wanted = Video("a", "training", 4.0, ("run",), (Instance("run", Segment(1, 2)),), fps=25.0)
    assert dict(imported.annotations) == {"a": wanted}


def test_subsets_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("a,run\nb,jump\nc,run\n")
    (tmp_path / "info.csv").write_text("video,numFrame,subset\nv_a,100,training\nb,90,validation\n")
    found = import_labels(
        "lists", str(tmp_path / "labels.csv"), subset_file=str(tmp_path / "info.csv"), subsets={"validation": "test"}
    )
    assert {name: video.subset for name, video in found.annotations.items()} == {
        "a": "training", "b": "test", "c": "training"
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "video,label\nclips/a.mp4,run\nb,jump\na,fall\n",
        "a.mp4\trun\nb\tjump\n\na\tfall\n",
        "a run\nb jump\nx\\a.avi fall",
    ],
)
def test_lists_of_rows(tmp_path: Path, text: str) -> None:
    (tmp_path / "micro.csv").write_text(text)
    found = import_labels("lists", tmp_path / "micro.csv").annotations
    assert dict(found) == {
        "a": Video("a", "training", labels=("fall", "run")),
        "b": Video("b", "training", labels=("jump",)),
    }


def test_lists_of_one_file_a_class(tmp_path: Path) -> None:
    (tmp_path / "High jump.txt").write_text("clips/a.mp4\nb\n")
    (tmp_path / "run.txt").write_text("b\n")
    found = import_labels("lists", tmp_path).annotations
    assert {name: video.labels for name, video in found.items()} == {"a": ("High jump",), "b": ("High jump", "run")}


def test_a_row_without_label_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "micro.csv").write_text("a,run\nb\n")
    with pytest.raises(UntrimError, match=r"micro\.csv, line 2: needs video,label, found 'b'"):
        import_labels("lists", tmp_path / "micro.csv")


def test_a_folder_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("one", "two"):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for shade in range(50):
                picture = np.full((48, 64, 3), 3 * shade, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    (tmp_path / "labels.csv").write_text("video,label\none.mp4,run\nthree,jump\n")
    out = tmp_path / "out.json"
    arguments = ("-o", out, "--layout", "videos", "--labels", tmp_path / "labels.csv")
    assert run_untrim("import", "labels", folder, *arguments) == 0
    printed = capsys.readouterr().out
    assert "1 labelled video has no file: three" in printed
    assert "1 video file has no label: two" in printed
    found = read_annotations(out)
    assert list(found) == ["one", "three"]
    assert (found["one"].duration, found["one"].fps) == pytest.approx((2.0, 25.0), abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "thumos"], "did you mean 'thumos14'"),
        (["--layout", "lists", "--subset", "training"], "write it as validation=training"),
        (["--layout", "lists", "--subset", "test=a"], "no video in subset 'test' (there: training)"),
        (["--layout", "videos"], "--labels goes with --layout videos"),
        (["--layout", "lists", "--subset-file", "other.csv"], "other.csv: needs columns video and subset"),
        (["--layout", "lists", "--fps-file", "fps.json"], "names none of the videos"),
    ],
)
def test_wrong_calls_are_one_line(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("a,run\n")
    Path("other.csv").write_text("name\na\n")
    Path("fps.json").write_text(json.dumps({"b": 25}))
    assert run_untrim("import", "labels", "labels.csv", "-o", "out.json", *arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_fps_survives_json(tmp_path: Path) -> None:
    annotations = Annotations(
        [Video("a", "training", 3.0, ("run",), fps=23.976), Video("b", "training", labels=("x",))]
    )
    write_annotations(annotations, tmp_path / "labels.json")
    assert dict(read_annotations(tmp_path / "labels.json")) == dict(annotations)


def test_oddities() -> None:
    run_, jump = (lambda a, b: Instance("run", Segment(a, b))), (lambda a, b: Instance("jump", Segment(a, b)))
    annotations = Annotations(
        [
            Video("fine", duration=20, instances=(run_(1, 2), run_(2, 3), jump(1, 4))),
            Video("empty", instances=(run_(1, 1),)),
            Video("late", duration=20, instances=(run_(1, 20.9), jump(19, 21.1))),
            Video("twice", instances=(run_(1, 2), run_(1, 2), jump(1, 3), jump(2, 4))),
            Video("nothing"),
            Video("seen", exhaustive=True),
            Video("pointed", labels=("fall",), points=(Point("run", 1), Point("run", 1))),
        ]
    )
    found = {oddity.kind: (oddity.videos, oddity.count) for oddity in find_oddities(annotations)}
    assert found == {
        "unlabelled": (("nothing",), 1),
        "empty": (("empty",), 1),
        "beyond": (("late",), 1),
        "untimed": (("pointed",), 1),
        "repeated": (("twice", "pointed"), 2),
        "overlapping": (("twice",), 1),
    }
