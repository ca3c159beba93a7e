import re
from pathlib import Path

import pytest

from untrim.annotations import Video, read_annotations, write_annotations
from untrim.errors import UntrimError
from untrim.timeline import Instance, Segment


def test_official_files(shared_data: Path) -> None:
    annotations = read_annotations(shared_data / "thumos14")
    test, validation = annotations.subset("test"), annotations.subset("validation")
    assert (len(test), len(validation)) == (213, 200)
    assert sum(len(video.instances) for video in test.values()) == 3358
    assert sum(len(video.instances) for video in validation.values()) == 3007
    assert sum(len(video.ambiguous) for video in test.values()) == 99
    assert len(annotations.labels) == 20
    assert annotations["video_test_0001292"].labels == ()
    assert annotations["video_test_0001292"].ambiguous[1] == Segment(39.9, 47.4)
    cliff = {(n, i.segment) for n, v in test.items() for i in v.instances if i.label == "CliffDiving"}
    diving = {(n, i.segment) for n, v in test.items() for i in v.instances if i.label == "Diving"}
    assert len(cliff) == 217
    assert cliff < diving


def test_one_of_the_two_folders(shared_data: Path) -> None:
    annotations = read_annotations(shared_data / "thumos14" / "thumos14-val-annotations")
    assert {video.subset for video in annotations.values()} == {"validation"}


def test_ambiguous_spans_survive_json(tmp_path: Path) -> None:
    (tmp_path / "HighJump_test.txt").write_text("video_a  1.5 2.5\r\n\nvideo_b 3 4\n")
    (tmp_path / "Ambiguous_test.txt").write_text("video_a 7 8\n")
    (tmp_path / "detclasslist.txt").write_text("7 HighJump\n")
    annotations = read_annotations(tmp_path)
    jump = Instance("HighJump", Segment(1.5, 2.5))
    assert annotations["video_a"] == Video("video_a", "test", None, (), (jump,), (Segment(7, 8),))
    write_annotations(annotations, tmp_path / "labels.json")
    assert dict(read_annotations(tmp_path / "labels.json")) == dict(annotations)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is a folder without annotations (name a .json or .csv file, or THUMOS14's folder"),
        ({"HighJump_test.txt": "a 1\n"}, "HighJump_test.txt, line 1: needs 'video start end'"),
        ({"HighJump_test.txt": "a 1 2\na x 2\n"}, "line 2: start is not a finite number: 'x'"),
        ({"HighJump_test.txt": "a 3 2\n"}, "ends before it starts"),
        ({"HighJump_test.txt": "a 1 2\n", "HighJump_val.txt": "a 1 2\n"}, "'a' is listed in several subsets"),
    ],
)
def test_wrong_files_are_refused_with_their_line(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UntrimError, match=re.escape(message)):
        read_annotations(tmp_path)
