"""CSV as spreadsheets and people write it."""

import unicodedata
from pathlib import Path

import pytest

from untrim.annotations import Annotations, Video, read_annotations, read_detections, write_detections
from untrim.errors import UntrimError
from untrim.timeline import Detection, Instance, Point, Segment

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
RUN = Video("a", "validation", 20.5, ("run",), (Instance("run", Segment(1.5, 65.25)),))


def read(tmp_path: Path, content: str, encoding: str = "utf-8") -> Annotations:
    (tmp_path / "labels.csv").write_text(content, encoding=encoding)
    return read_annotations(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("content", "encoding", "notes"),
    [
        ("video,label,start,end,duration\na,run,1.5,65.25,20.5\n", "utf-8", []),
        ('video,label,start,end,duration\na,run,"1,5",65.25,20.5\n', "utf-8", ["decimal commas: '1,5' is 1.5 s"]),
        ("Video;Label;Start;End;Duration\r\na;run;1,5;65,25;20,5\r\n", "utf-8-sig", ["semicolons", "decimal commas"]),
        ("video\tlabel\tstart\tend\tduration\na\trun\t1,5\t65,25\t20,5\n", "utf-16", ["UTF-16", "tabs", "commas"]),
        ("video,label,start,end,duration\na,run,0:01.5,00:01:05.25,20.5\n", "cp1252", ["colons: '0:01.5' is 1.5 s"]),
        ("video,label,start,end,duration,comment\na,run,1.5,65.25,20.5,é\n", "cp1252", ["1252", "not used: comment"]),
        (",video,label,start,end,duration\n0,a,run,1.5,65.25,20.5\n", "utf-8", ["not used: (no name)"]),
        ("video,label,start,end,duration,,\na,run,1.5,65.25,20.5,,\n,,,,,,\n", "utf-8", []),
    ],
)
def test_what_is_taken_is_said(tmp_path: Path, content: str, encoding: str, notes: list[str]) -> None:
    found = read(tmp_path, content, encoding)
    assert dict(found) == {"a": RUN}
    assert len(found.notes) == len(notes)
    assert all(wanted in said for wanted, said in zip(notes, found.notes, strict=True)), found.notes
    assert found.subset("validation").notes == found.notes


def test_own_detections_are_annotations(tmp_path: Path) -> None:
    write_detections({"a": [Detection("run", Segment(1.5, 65.25), 0.5)]}, tmp_path / "found.csv")
    found = read_annotations(tmp_path / "found.csv")
    assert found["a"].instances == RUN.instances
    scored = "1 row has a score, as what was found: remove what is wrong first"
    assert found.notes == ("columns that are not used: score", scored)


def test_detections_say_it_too(tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_text("video;label;start;end;score;why\na;run;1,5;65,25;0,5;x\n")
    found = read_detections(tmp_path / "found.csv")
    assert found == {"a": [Detection("run", Segment(1.5, 65.25), 0.5)]}
    assert found.notes[0] == "cells are separated by semicolons"
    assert found.notes[1] == "columns that are not used: why"


@pytest.mark.parametrize(
    "heading", ["t_start", "startTime", "timestamp", "segment", "begin", "from", "points", "Start (s)"]
)
def test_a_time_under_another_name_is_refused(tmp_path: Path, heading: str) -> None:
    with pytest.raises(UntrimError, match=r"labels\.csv, line 3: has its time in column '.*': '5'"):
        read(tmp_path, f"video,label,{heading}\na,run,\nb,run,5\n")


@pytest.mark.parametrize("heading", ["stop", "End (s)", "finish", "Ende", "bis", "fin"])
def test_an_end_under_another_name_is_refused(tmp_path: Path, heading: str) -> None:
    with pytest.raises(UntrimError, match=r"labels\.csv, line 2: has its end in column '.*': '3'"):
        read(tmp_path, f"video,label,start,{heading}\na,run,1,3\n")
    assert read(tmp_path, f"video,label,start,end,{heading}\na,run,1,,3\n")["a"].points == (Point("run", 1),)


@pytest.mark.parametrize(
    "heading", ["num_frames", "created_at", "comment", "youtube_id", "weekend", "label_id", "nFrames"]
)
def test_what_is_no_time_is_passed_over(tmp_path: Path, heading: str) -> None:
    assert read(tmp_path, f"video,label,{heading}\na,run,5\n").notes == (f"columns that are not used: {heading}",)


def test_one_name_in_two_forms_is_one_video_and_one_class(tmp_path: Path) -> None:
    found = read(tmp_path, f"video,label\n{NFC},{NFD}\n{NFD} ,{NFC}\n{NFD},run\n")
    assert dict(found) == {NFC: Video(NFC, "training", labels=(NFC, "run"))}
    assert found[NFD] is found[NFC]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("video,label,start,end\na,run,1,2\na,run,,\n", "line 3: 'run' of 'a' has no time here, but one in line 2"),
        (
            "video,label,duration\na,run,12\na,jump,\na,fall,10\n",
            "line 4: duration of 'a' is 10.0 here, but 12.0 in line 2",
        ),
        ("video,label\na,run\na.mp4,jump\n", "video 'a' is listed as 'a.mp4' too"),
        ("video,label,start,end\na,run,1,5,3,5\n", "line 2: has 6 cells, the first line 4"),
        ("video,label,,start\na,run,2,\n", "line 2: column 3 has no name, but holds '2'"),
        ("video,label,start,end\na,run,1:75,2:00\n", "line 2: start is not a time: '1:75'"),
        ("video,label,start,end\na,run,00:01:05:12,2:00\n", "line 2: start is not a time"),
        ('video,label,start,end\na,run,"1,234.5",2000\n', "line 2: start is not a finite number"),
        ("video,label\na,run\na,\n", "line 3: has no label: nothing happens in 'a', but 'run' in line 2"),
        ("video,label,start\na,,3\n", "line 2: has no label, and more than the video"),
        ("video,label,exhaustive\na,,no\n", "line 2: has no label, and more than the video"),
        ("video,label,point,start,end\na,run,1,2,3\n", "line 2: has a point, and a start or end"),
        ("video,label,start\na,run,2\na,run,\n", "line 3: 'run' of 'a' has no time here, but one in line 2"),
        ("video,label,start,end,exhaustive\na,run,1,2,maybe\n", "line 2: exhaustive is 'maybe' (write yes"),
        (
            "video,label,start,end,exhaustive\na,run,1,2,yes\na,run,3,4,no\n",
            "line 3: exhaustive of 'a' is no here, but yes in line 2",
        ),
        (
            "video,label,start,end,exhaustive\na,run,1,2,all\na,jump,3,4,yes\n",
            "line 3: exhaustive of 'a' is yes here, but all in line 2",
        ),
        (
            "video,label,start,duration\na,run,9,7\n",
            "line 2: a point of 'run' at 9 s is outside video 'a'",
        ),
        (
            "video,label,exhaustive\na,run,yes\n",
            "line 2: all instances of 'run' in 'a' are said to be",
        ),
        ("\n\na,run\n", "line 3: holds 'a, run', no names of columns"),
    ],
)
def test_what_nobody_can_know_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UntrimError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


def test_labels_of_every_kind(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "video,label,start,end,point,exhaustive\n"
        "a,,,,,\nb,run,1:05,,,\nb,run,,,70,\nc,run,1,2,,Yes\nc,run,3,4,,\nc,jump,,,,no\nd,run,1,2,,all\ne,,,,,all\n",
    )
    instances = (Instance("run", Segment(1, 2)), Instance("run", Segment(3, 4)))
    assert dict(found) == {
        "a": Video("a", "training", exhaustive=True),
        "b": Video("b", "training", labels=("run",), points=(Point("run", 65), Point("run", 70))),
        "c": Video("c", "validation", labels=("jump", "run"), instances=instances, exhaustive=("run",)),
        "d": Video("d", "validation", labels=("run",), instances=instances[:1], exhaustive=True),
        "e": Video("e", "training", exhaustive=True),
    }
    assert found.notes[1:] == (
        "2 rows have no label: nothing happens in the video",
        "1 row has a start and no end: a moment at which it happens",
        "no subset is written: 2 videos with segments count as validation, 3 as training",
    )
    assert not found["b"].is_exhaustive("run")
    assert [found["c"].is_exhaustive(label) for label in ("run", "jump")] == [True, False]
    assert found["d"].is_exhaustive("fall")


@pytest.mark.parametrize("unknown", ["", "0", "-1", "0,0"])
def test_a_duration_that_is_not_positive_is_unknown(tmp_path: Path, unknown: str) -> None:
    assert read(tmp_path, f"video;label;duration\na;run;{unknown}\nb;run;3\nb;jump;{unknown}\n")["a"].duration is None
    assert read(tmp_path, f"video;label;duration\nb;run;3\nb;jump;{unknown}\n")["b"].duration == 3
