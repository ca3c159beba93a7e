import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.annotations import (
    Annotations,
    Detections,
    Video,
    read_annotations,
    read_detections,
    write_annotations,
    write_detections,
)
from untrim.errors import UntrimError
from untrim.support.names import standard
from untrim.timeline import Detection, Instance, Point, Segment

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12).map(standard)
times = st.floats(0, 1e5)
segments = st.tuples(times, times).map(lambda ends: Segment(min(ends), max(ends)))


@st.composite
def annotation_sets(draw: st.DrawFn) -> Annotations:
    videos = []
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        instances = draw(st.lists(st.builds(Instance, names, segments), max_size=3))
        whole = draw(st.booleans())
        points = draw(st.lists(st.builds(Point, names, times), max_size=0 if whole else 3))
        labels = draw(st.lists(names, min_size=0 if instances or points or whole else 1, max_size=0 if whole else 3))
        marked = {instance.label for instance in instances}
        some = () if whole or not marked else tuple(draw(st.sets(st.sampled_from(sorted(marked)))))
        subset, duration = draw(st.sampled_from(["training", "validation"])), draw(st.none() | times)
        if duration is not None:
            duration = max([duration, *(point.time for point in points)])
        more = {"points": tuple(points), "exhaustive": whole or some}
        videos.append(Video(name, subset, duration, tuple(labels), tuple(instances), **more))
    return Annotations(videos)


def test_what_they_show_is_one_short_line() -> None:
    run, instance = Instance("run", Segment(0, 1)), Detection("run", Segment(0, 1), 0.5)
    videos = [Video("a", "training", 12.34, ("jump", "fly", "fall"), (run,)), Video("b")]
    assert repr(videos[0]) == "Video('a', training, 12.3 s, 1 instance; labels: fall, fly, jump and 1 more)"
    assert repr(videos[1]) == "Video('b', no subset; labels: none)"
    known = Video("c", points=(Point("run", 1),)), Video("d", exhaustive=True), Video("e", exhaustive=("run",))
    assert [repr(video) for video in known] == [
        "Video('c', no subset, 1 point; labels: run)",
        "Video('d', no subset, nothing happens; labels: none)",
        "Video('e', no subset, exhaustive; labels: none)",
    ]
    wanted = "Annotations(2 videos, 4 classes: fall, fly, jump and 1 more; from labels.csv)"
    assert repr(Annotations(videos, Path("labels.csv"))) == wanted
    assert repr(Annotations([])) == "Annotations(0 videos, 0 classes)"
    assert (
        repr(Detections.of({"a": [instance, instance], "b": []}))
        == "Detections(2 detections in 2 videos, 1 class: run)"
    )


@given(annotations=annotation_sets())
@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_annotations_come_back(tmp_path_factory: pytest.TempPathFactory, ending: str, annotations: Annotations) -> None:
    path = tmp_path_factory.mktemp("annotations") / f"labels{ending}"
    write_annotations(annotations, path)
    assert dict(read_annotations(path)) == dict(annotations)


@given(
    detections=st.dictionaries(names, st.lists(st.builds(Detection, names, segments, times), min_size=1, max_size=3))
)
@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_detections_come_back(
    tmp_path_factory: pytest.TempPathFactory, ending: str, detections: dict[str, list[Detection]]
) -> None:
    path = tmp_path_factory.mktemp("detections") / f"found{ending}"
    write_detections(detections, path)
    assert read_detections(path) == detections


def test_untidy_stpn_ground_truth(shared_data: Path) -> None:
    """Segments are strings, durations are missing."""
    annotations = read_annotations(shared_data / "eval" / "stpn" / "gt.json")
    first = annotations["video_test_0000611"]
    assert first.instances[0] == Instance("GolfSwing", Segment(88.6, 90.9))
    assert first.duration is None
    assert len(annotations.labels) == 20


def test_training_videos_without_segments(shared_data: Path) -> None:
    annotations = read_annotations(shared_data / "ucf15" / "annotations.json")
    training, validation = annotations.subset("training"), annotations.subset("validation")
    assert (len(training), len(validation)) == (200, 100)
    assert all(video.labels and not video.instances for video in training.values())
    assert all(video.instances for video in validation.values())


def test_csv_without_times_gives_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffVideo,label\na,jump\na,run\nb,jump\n", encoding="utf-8")
    annotations = read_annotations(path)
    assert annotations["a"] == Video("a", "training", None, ("jump", "run"))
    assert annotations.labels == ("jump", "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "should be an object"),
        ('{"database": {}}', "holds no videos"),
        ('{"database": {"a": {"annotations": 3}}}', "should hold a list"),
        ('{"database": {"a": {"annotations": [{"segment": [0, 1]}]}}}', "no label"),
        (
            '{"database": {"a": {"annotations": [{"label": "x", "segment": [5, 1]}]}}}',
            "'a': ends before it starts",
        ),
        (
            '{"database": {"a": {"annotations": [{"label": "x", "segment": ["a", 1]}]}}}',
            "start is not a finite number: 'a'",
        ),
        ('{"database": {"a": {"annotations": [{"label": "x", "segment": [NaN, 1]}]}}}', "not a finite number"),
        ('{"database": {"a": {"annotations": [{"label": "x", "segment": [1]}]}}}', "needs [start, end]"),
        ('{"database": {"a": {"duration": "long"}}}', "duration of 'a'"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_wrong_json_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(UntrimError) as caught:
        read_annotations(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no rows"),
        ("video,label\n", "holds no rows"),
        ("a,run\nb,jump\n", "line 1: holds 'a, run', no names of columns"),
        ("name,label\na,run\n", "line 1: has no column video; there are name, label"),
        ("video,label\na\n", "line 2: has 1 cells, the first line 2"),
        ("video,label\n,run\n", "line 2: has no video"),
        ("video,label,start,end\na,x,1,2\na,x,3,1\n", "line 3: ends before it starts"),
        ("video,label,start,end\na,x,,1\n", "line 2: has an end and no start"),
        ("video,label,subset\na,x,training\na,y,test\n", "line 3: subset of 'a' is test here, but training in line 2"),
    ],
)
def test_wrong_csv_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(content)
    with pytest.raises(UntrimError) as caught:
        read_annotations(path)
    assert message in str(caught.value)


def test_missing_file_wrong_ending_and_double_video(tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="no such file"):
        read_annotations(tmp_path / "none.json")
    with pytest.raises(UntrimError, match=r"use \.json"):
        read_annotations(tmp_path / "labels.xlsx")
    with pytest.raises(UntrimError, match="listed twice"):
        Annotations([Video("a"), Video("a")])


def test_missing_subset_names_those_there() -> None:
    with pytest.raises(UntrimError, match=r"no video in subset 'validation'.*training"):
        Annotations([Video("a", "training")]).subset("validation")


def test_detections_with_bad_scores_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps({"results": {"a": [{"label": "x", "score": float("nan"), "segment": [0, 1]}]}}))
    with pytest.raises(UntrimError, match="score in 'a' is not a finite number"):
        read_detections(path)


def test_a_link_that_detections_are_written_to_stays(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("there.json")
    write_detections({}, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert read_detections(tmp_path / "there.json") == {}


def test_a_spreadsheet_is_refused_with_the_way_to_save_it(tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match=r"has ending '\.xlsx' \(use .*; save a spreadsheet as CSV\)"):
        read_annotations(tmp_path / "labels.xlsx")
