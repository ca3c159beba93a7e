"""ActivityNet JSON as people write it."""

import json
import unicodedata
from pathlib import Path

import pytest

from untrim.annotations import Annotations, read_annotations, read_detections
from untrim.annotations.checks import find_oddities
from untrim.errors import UntrimError
from untrim.timeline import Instance, Point, Segment

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")


def read(tmp_path: Path, *annotations: dict[str, object], **fields: object) -> Annotations:
    content = {"database": {"v": {"subset": "validation", "annotations": annotations, **fields}}}
    (tmp_path / "labels.json").write_text(json.dumps(content))
    return read_annotations(tmp_path / "labels.json")


@pytest.mark.parametrize(
    "time",
    [
        {"segments": [10, 15]}, {"timestamp": [6, 9]}, {"timestamps": "6-9"}, {"start": 16, "end": 19}, {"t_start": 1},
        {"begin": 0.5}, {"from": 1, "to": 2}, {"startTime": 1}, {"segment(frames)": [1, 2]}, {"points": [12.4]},
        {"frame": 3}, {"segment": None, "interval": [1, 2]},
    ],
)  # fmt: skip
def test_a_time_under_another_key_is_refused(tmp_path: Path, time: dict[str, object]) -> None:
    with pytest.raises(UntrimError, match=r"labels\.json: an annotation of 'v' has its time in '"):
        read(tmp_path, {"label": "run", **time})


def test_what_is_no_time_or_repeats_the_segment_is_passed_over(tmp_path: Path) -> None:
    more = {"label_id": 3, "created_at": "today", "segment(frames)": [25, 50], "comment": "to be seen", "start": ""}
    found = read(tmp_path, {"label": "run", "segment": [1, 2], **more}, {"label": "jump", "id": 3, "end": None})
    assert [instance.segment for instance in found["v"].instances] == [Segment(1, 2)]
    assert found["v"].labels == ("jump", "run")
    assert [(oddity.kind, oddity.count) for oddity in find_oddities(found)] == [("untimed", 1)]


@pytest.mark.parametrize(
    ("annotations", "fields", "message"),
    [
        ([{"label": "run", "segment": [1, 2]}, {"label": "run "}], {}, "'run' of 'v' has a time in one annotation"),
        ([{"label": "run", "point": 1}, {"label": "run"}], {}, "'run' of 'v' has a time in one annotation and none in"),
        ([{"label": "run", "segment": [1, 2], "point": 1.5}], {}, "an annotation of 'v' has a segment and a point"),
        ([{"label": "run", "point": [1]}], {}, "a point of 'v' is not a finite number: [1]"),
        ([{"label": "run", "point": 13.1}], {"duration": 12}, "a point of 'run' at 13.1 s is outside video 'v', which"),
        ([{"label": "run", "point": -0.1}], {}, "a point of 'run' at -0.1 s is outside video 'v' (correct"),
        ([{"label": "run"}], {"exhaustive": True}, "all instances of 'run' in 'v' are said to be marked, and none is"),
        (
            [{"label": "run", "point": 1}],
            {"exhaustive": ["run"]},
            "all instances of 'run' in 'v' are said to be marked",
        ),
        (
            [{"label": "run"}],
            {"exhaustive": ["rum"]},
            "'v' is exhaustive for 'rum', which no video is labelled",
        ),
        ([{"label": "run"}], {"exhaustive": "run"}, "'exhaustive' of 'v' is 'run' (write true, or the classes"),
        ([{"label": "run"}], {"exhaustive": [3]}, "'exhaustive' of 'v' is [3]"),
        ([{"label": "run"}], {"exhaustive": 1}, "'exhaustive' of 'v' is 1"),
        ([{"label": "run", "segment": 0}], {}, "'v' should hold a list, found 0"),
        ([{"label": "run", "segment": {}}], {}, "'v' should hold a list, found {}"),
        ([{"label": 3}], {}, "a label of 'v' is 3, no text"),
        ([], {"duration": "long"}, "duration of 'v' is not a finite number"),
    ],
)
def test_what_nobody_can_know_is_refused(
    tmp_path: Path, annotations: list[dict[str, object]], fields: dict[str, object], message: str
) -> None:
    with pytest.raises(UntrimError) as caught:
        read(tmp_path, *annotations, **fields)
    assert message in str(caught.value)


def test_labels_of_every_kind(tmp_path: Path) -> None:
    pointed = read(tmp_path, {"label": "run", "point": "0:12.5"}, {"label": "run", "segment": [1, 2]})["v"]
    assert (pointed.points, pointed.labels, pointed.exhaustive) == ((Point("run", 12.5),), ("run",), False)
    for value, known in ((["run ", "run"], ("run",)), (True, True), ([], False), (None, False), (False, False)):
        assert read(tmp_path, {"label": "run", "segment": [1, 2]}, exhaustive=value)["v"].exhaustive == known
    assert read(tmp_path, exhaustive=True)["v"].nothing_happens
    rejected = read(tmp_path, {"label": "run"}, rejected=[{"label": "jump", "segment": [1, 2]}])["v"].rejected
    assert rejected == (Instance("jump", Segment(1, 2)),)
    assert not read(tmp_path)["v"].nothing_happens


def test_annotations_under_another_key(tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text('{"database": {"v": {"subset": "training", "annotation": [{"label": "run"}]}}}')
    with pytest.raises(UntrimError, match="'v' has 'annotation', no 'annotations'"):
        read_annotations(tmp_path / "l.json")


@pytest.mark.parametrize("unknown", [None, "", 0, "0", -1, 0.0])
def test_a_duration_or_fps_that_is_not_positive_is_unknown(tmp_path: Path, unknown: object) -> None:
    video = read(tmp_path, {"label": "run"}, duration=unknown, fps=unknown)["v"]
    assert (video.duration, video.fps) == (None, None)


def test_names_and_labels_have_one_form(tmp_path: Path) -> None:
    found = read(tmp_path, {"label": f" {NFD} "}, subset="training ")
    assert (found["v"].labels, found["v"].subset) == ((NFC,), "training")
    for key, read_file, one in (("database", read_annotations, {}), ("results", read_detections, [])):
        (tmp_path / "twice.json").write_text(json.dumps({key: {NFC: one, NFD: one}}))
        with pytest.raises(UntrimError, match=r"twice\.json: 'café' is listed twice"):
            read_file(tmp_path / "twice.json")


def test_detections_are_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text('{"results": {}}')
    with pytest.raises(UntrimError, match="holds detections, no annotations"):
        read_annotations(tmp_path / "found.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"database":\n {"café": {}}}'.encode("cp1252"), "line 2: is not UTF-8: byte 0xe9 (save it as UTF-8)"),
        ('{"database": {}}'.encode("utf-16"), "line 1: is UTF-16, not UTF-8 (save it as UTF-8)"),
    ],
)
def test_another_encoding_is_said_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.json").write_bytes(content)
    with pytest.raises(UntrimError) as caught:
        read_annotations(tmp_path / "labels.json")
    assert str(caught.value) == f"{tmp_path / 'labels.json'}, {message}"
