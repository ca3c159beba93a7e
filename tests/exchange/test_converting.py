"""What all formats share: how a format is known, names, clocks, losses, refusals that write nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from films import late_film, record_levels
from helpers import run_untrim
from untrim import Annotations, Detections, Instance, Segment, UntrimError, Video, convert, read, write
from untrim.exchange.formats import all_formats, format_of_name, format_to_read, format_to_write
from untrim.exchange.media import Media

FOUND = "video,label,start,end,score\na,run,0.1234,2,0.9\nb,jump,1,2.5,0.5\n"
TRUTH = "video,label,start,end,subset\na,run,0.5,2,test\nb,jump,,,training\n"


@pytest.fixture
def found(tmp_path: Path) -> Path:
    (tmp_path / "found.csv").write_text(FOUND)
    return tmp_path / "found.csv"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    (tmp_path / "truth.csv").write_text(TRUTH)
    return tmp_path / "truth.csv"


def test_detections_and_labels_stay_what_they_are(found: Path, truth: Path, tmp_path: Path) -> None:
    convert(found, tmp_path / "found.json")
    convert(truth, tmp_path / "truth.json")
    assert read(tmp_path / "found.json")["a"] == read(found)["a"]
    assert dict(read(tmp_path / "truth.json")) == dict(read(truth))
    assert isinstance(read(found), Detections)
    assert isinstance(read(truth), Annotations)


def test_the_last_line_says_what_is_lost(
    found: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_untrim("convert", found, "-o", tmp_path / "out", "--to", "elan") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "lost: 2 scores; times are rounded by up to 0.4 ms"
    assert run_untrim("convert", truth, "-o", tmp_path / "out", "--to", "elan") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "lost: 1 label without a time, 2 subsets; times are exact"
    assert run_untrim("convert", tmp_path / "out", "-o", tmp_path / "back.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "nothing is lost; times are exact"
    assert "no video has a subset: --subset =training names one" in lines


def test_strict_writes_nothing_where_something_is_lost(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_untrim("convert", found, "-o", tmp_path / "out", "--to", "elan", "--strict") == 2
    assert "ELAN cannot hold everything: lost: 2 scores" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run_untrim("convert", found, "-o", tmp_path / "found.json", "--strict") == 0


def test_labels_alone(truth: Path, tmp_path: Path) -> None:
    done = convert(truth, tmp_path / "labels.csv", labels_only=True, subsets={"test": "training"})
    assert (tmp_path / "labels.csv").read_text() == (
        "video,label,start,end,subset,duration\na,run,,,training,\nb,jump,,,training,\n"
    )
    assert str(done.losses) == "left out as asked: 1 segment; nothing else is lost; times are exact"


def test_what_labels_alone_leave_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(
        "video,label,start,end,exhaustive\na,run,1,2,yes\na,run,3,4,yes\na,jump,5,,\nb,run,1,2,\n"
    )
    (tmp_path / "found.csv").write_text(FOUND)
    done = convert(tmp_path / "all.csv", tmp_path / "labels.json", labels_only=True, strict=True)
    asked = "left out as asked: 3 segments, 1 point, 1 exhaustive video; nothing else is lost"
    assert str(done.losses).startswith(asked)
    done = convert(tmp_path / "found.csv", tmp_path / "labels.json", labels_only=True, strict=True)
    assert str(done.losses).startswith("left out as asked: 2 segments, 2 scores; nothing else is lost")


def test_what_was_not_read_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mess.csv").write_text("video;label;Datum;Bemerkung\na;run;1.4.;x\n")
    assert run_untrim("convert", tmp_path / "mess.csv", "-o", tmp_path / "out.csv") == 0
    out = capsys.readouterr().out
    assert "columns that are not used: Bemerkung, Datum" in out
    assert out.splitlines()[-1] == "lost: 2 columns that are not used; times are exact"
    assert run_untrim("convert", tmp_path / "mess.csv", "-o", tmp_path / "strict.csv", "--strict") == 2
    assert not (tmp_path / "strict.csv").exists()
    mark = {"label": "run", "segment": [0, 1], "by": "Ada"}
    (tmp_path / "mess.json").write_text(
        json.dumps({"database": {"a": {"annotations": [mark], "url": "x"}}, "taxonomy": 1})
    )
    done = convert(tmp_path / "mess.json", tmp_path / "out.json")
    assert "keys that are not used: by, taxonomy, url" in done.notes
    assert str(done.losses).startswith("lost: 3 keys that are not used;")
    assert str(convert(tmp_path / "out.json", tmp_path / "again.json").losses).startswith("nothing is lost")


SCORES = "video,label,start,end,score\na,run,0,1,0.9\na,run,0,2,0.5\na,run,1,2,0.4\nb,jump,1,2,0.1\n"


@pytest.mark.parametrize(
    ("arguments", "count", "note", "last"),
    [
        ("out --to srt", 2, "2 detections below 0.5 left out, since no scores are written: --min-score 0 keeps all",
         "lost: 2 detections below 0.5, 2 scores; times are exact"),
        ("out --to srt --min-score 0", 4, "", "lost: 4 scores; times are exact"),
        ("out --to srt --min-score 0.6", 1, "",
         "left out as asked: 3 detections below 0.6; lost: 1 score; times are exact"),
        ("out.json", 4, "", "nothing is lost; times are exact"),
        ("out.json --min-score 0.4", 3, "",
         "left out as asked: 1 detection below 0.4; nothing else is lost; times are exact"),
        ("out.json --labels-only", 1, "2 detections below 0.5 left out, since no scores are written",
         "left out as asked: 2 segments, 2 scores; lost: 2 detections below 0.5; times are exact"),
    ],
)  # fmt: skip
def test_which_detections_are_handed_on(
    arguments: str, count: int, note: str, last: str,
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("found.csv").write_text(SCORES)
    assert run_untrim("convert", "found.csv", "-o", *arguments.split()) == 0
    out = capsys.readouterr().out
    assert note in out
    assert ("since no scores are written" in out) == bool(note)
    assert out.splitlines()[-1] == last
    written = read(arguments.split()[0])
    marks = [one for own in written.values() for one in (own if isinstance(own, list) else own.instances or own.labels)]
    assert len(marks) == count


def test_scores_of_another_scale_have_no_default(tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_text(SCORES.replace("0.9", "9"))
    done = convert(tmp_path / "found.csv", tmp_path / "out", target_format="srt")
    assert str(done.losses).startswith("lost: 4 scores;")


def test_what_is_handed_over_in_python_is_written(tmp_path: Path) -> None:
    (tmp_path / "found.csv").write_text(SCORES)
    write(read(tmp_path / "found.csv"), tmp_path / "out", format="srt")
    assert sum(file.read_text().count("-->") for file in (tmp_path / "out").iterdir()) == 4


def test_a_byte_order_mark_on_request(found: Path, tmp_path: Path) -> None:
    convert(found, tmp_path / "plain.csv")
    convert(found, tmp_path / "marked.csv", bom=True)
    assert (tmp_path / "marked.csv").read_bytes() == b"\xef\xbb\xbf" + (tmp_path / "plain.csv").read_bytes()
    assert read(tmp_path / "marked.csv")["a"] == read(found)["a"]
    with pytest.raises(UntrimError, match="goes with CSV"):
        convert(found, tmp_path / "found.json", bom=True)


@pytest.mark.skipif(os.name == "nt", reason="pipes with names are of POSIX")
def test_a_marked_table_may_go_into_a_pipe(found: Path, tmp_path: Path) -> None:
    convert(found, tmp_path / "marked.csv", bom=True)
    os.mkfifo(tmp_path / "pipe.csv")
    call = ["convert", "found.csv", "-o", "pipe.csv", "--bom"]
    with subprocess.Popen([sys.executable, "-m", "untrim", *call], cwd=tmp_path, stdout=subprocess.DEVNULL) as running:
        try:
            assert (tmp_path / "pipe.csv").read_bytes() == (tmp_path / "marked.csv").read_bytes()
            assert running.wait(20) == 0
        finally:
            running.kill()


def test_reviews_of_the_studio(tmp_path: Path) -> None:
    segments = [
        {"id": "s1", "label": "run", "start": 1.0, "end": 2.0, "state": "adjusted"},
        {"id": "s2", "label": "run", "start": 3.0, "end": 4.0, "state": "rejected"},
    ]
    review = {"schema": 1, "video": "a", "revision": 3, "subset": "training", "segments": segments}
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "a.json").write_text(json.dumps(review))
    done = convert(tmp_path / "reviews", tmp_path / "a.vtt")
    assert str(done.losses).startswith("lost: 1 state, 1 subset, 1 rejected segment")
    assert (tmp_path / "a.vtt").read_text() == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nrun\n"
    found = read(tmp_path / "reviews")
    assert isinstance(found, Annotations)
    assert found["a"].instances == (Instance("run", Segment(1, 2)),)


def test_a_wrong_ending_is_said_before_the_videos_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("untrim.exchange.converting.Media", None)
    for form in ("otio", "label-studio"):
        with pytest.raises(UntrimError, match="has ending ''"):
            convert(tmp_path / "found.csv", tmp_path / "out", target_format=form, videos=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("found.csv -o out", "has no ending, which would name a format (name it: --to activitynet, csv,"),
        ("found.csv -o out.xyz", "ending '.xyz' is that of no format"),
        (
            "found.csv -o out.eaf",
            "ELAN has one file per video, and there are 2 videos (name a folder: -o out/ --to elan",
        ),
        ("found.csv -o out.csv --from nonsense", "unknown format 'nonsense'"),
        ("found.csv -o out --to thumos14", "can be read, not written"),
        ("found.csv -o found.csv/out --to elan", "is no folder"),
        ("found.csv -o found.csv --to elan", "is a file, not a folder"),
        ("found.csv -o folder.json", "is a folder"),
        ("nowhere.eaf -o out.csv", "nowhere.eaf: no such file"),
        ("found.cvs -o out.csv", "did you mean 'found.csv'"),
        ("notes.xyz -o out.csv", "its format cannot be known: nothing in it says which"),
        ("empty -o out.csv", "its format cannot be known"),
        ("empty -o out.csv --from elan", "holds no files of ELAN"),
        ("found.csv -o out.csv --map a", "--map a: not a renaming"),
        ("found.csv -o out.csv --map a=b", "'a' and 'b' are one video, 'b'"),
        ("found.csv -o out.csv --videos empty", "holds no video files"),
        ("found.csv -o out.csv --subset test=a", "no video in subset 'test'"),
        ("latin.eaf -o out.csv", "is not UTF-8"),
        ("own.csv -o out.csv", "own.csv, line 1: holds 'Datei, Aktion, Von, Bis', no names of columns"),
        ("class.csv -o out.csv", "class.csv, line 1: has no column label; there are video, class"),
        ("truth.csv -o out.json --min-score 0.5", "truth.csv: --min-score 0.5: there are no detections, which alone"),
        ("found.csv -o out.json --min-score nan", "nan is no score to count from"),
    ],
)
def test_wrong_calls_are_one_line(
    arguments: str,
    message: str,
    found: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.xyz").write_text("nothing")
    (tmp_path / "latin.eaf").write_bytes(b"\xe9")
    (tmp_path / "own.csv").write_text("Datei;Aktion;Von;Bis\na.mp4;run;1;2\n")
    (tmp_path / "class.csv").write_text("video,class\na,run\n")
    (tmp_path / "truth.csv").write_text(TRUTH)
    for folder in ("empty", "folder.json"):
        (tmp_path / folder).mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert run_untrim("convert", *arguments.split()) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_names_of_videos_stay_in_the_folder(tmp_path: Path) -> None:
    for name in ("../up", "/etc/passwd", ".hidden", "a/../../b", "a\\b", "x" * 300):
        with pytest.raises(UntrimError):
            write(Annotations([Video(name, labels=("run",))]), tmp_path / "out", format="elan")
    assert not list(tmp_path.iterdir())


def test_times_of_a_late_picture_are_those_of_a_player(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    late_film(tmp_path / "videos" / "late.mkv")
    record_levels(tmp_path / "videos" / "plain.mp4")
    own = (Instance("run", Segment(0.0, 1.0)),)
    truth = Annotations([Video("late", instances=own), Video("plain", instances=own)])
    write(truth, tmp_path / "out", format="elan", videos=tmp_path / "videos")
    offset = Media(tmp_path / "videos").offset("late")
    assert offset == pytest.approx(3, abs=0.01)
    assert f'TIME_VALUE="{round(1000 * offset)}"' in (tmp_path / "out" / "late.eaf").read_text()
    assert 'TIME_VALUE="0"' in (tmp_path / "out" / "plain.eaf").read_text()
    back = read(tmp_path / "out", videos=tmp_path / "videos")
    assert isinstance(back, Annotations)
    assert back["late"].instances[0].segment.end == pytest.approx(1, abs=0.001)
    assert back["late"].duration == pytest.approx(2, abs=0.05)
    assert back["plain"].fps == 25
    assert any("now count from the first picture, later in a player: late 3.00 s" in note for note in back.notes)
    unknown = convert(tmp_path / "out", tmp_path / "again", target_format="elan")
    assert "no files of 2 videos are known (--videos)" in unknown.notes[-1]


def test_a_table_made_beside_a_player_counts_as_that_does(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    late_film(tmp_path / "videos" / "late.mkv")
    (tmp_path / "table.csv").write_text("video,label,start,end\nlate.mkv,run,3.5,4.5\n")
    convert(tmp_path / "table.csv", tmp_path / "own.csv", source_format="player-csv", videos=tmp_path / "videos")
    rows = (tmp_path / "own.csv").read_text().splitlines()
    assert rows[1].startswith("late,run,0.5")
    convert(tmp_path / "own.csv", tmp_path / "back.csv", target_format="player-csv", videos=tmp_path / "videos")
    assert (tmp_path / "back.csv").read_text().splitlines()[1].startswith("late,run,3.5,4.5")


class TestNames:
    @pytest.fixture
    def media(self, tmp_path: Path) -> Media:
        for place in ("cam1/clip.mp4", "cam2/clip.mp4", "walk.mp4"):
            (tmp_path / place).parent.mkdir(exist_ok=True)
            (tmp_path / place).touch()
        return Media(tmp_path, {"C:/films": "cam2", "old.avi": "walk"})

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("walk", "walk"),
            ("file:///home/somebody/walk.mp4", "walk"),
            ("D:\\data\\cam1\\clip.mp4", "cam1/clip"),
            ("/data/local-files/?d=cam2%2Fclip.mp4", "cam2/clip"),
            ("http://localhost:8080/data/local-files/?d=cam2/clip.mp4", "cam2/clip"),
            ("C:\\films\\clip.mp4", "cam2/clip"),
            ("/anywhere/old.avi", "walk"),
            ("../../other.mp4", "other"),
        ],
    )
    def test_a_path_means_a_video(self, media: Media, text: str, name: str) -> None:
        assert media.name_of(text, "file") == name

    def test_what_may_be_two_is_refused(self, media: Media) -> None:
        with pytest.raises(UntrimError, match=r"'clip' may be cam1/clip or cam2/clip"):
            media.name_of("clip", "file")
        with pytest.raises(UntrimError, match=r"names no video"):
            media.name_of("../..", "file")
        bare = Media()
        assert bare.name_of("/a/x.mp4", "file") == bare.name_of("/a/x.mp4", "other file") == "x"
        with pytest.raises(UntrimError, match=r"'x' is '/a/x.mp4' and '/b/x.mp4'"):
            bare.name_of("/b/x.mp4", "file")


def test_every_format_is_known_by_what_it_writes(tmp_path: Path) -> None:
    truth = Annotations([Video("v", "test", 9.0, instances=(Instance("run", Segment(1, 2)),), fps=25.0)])
    for form in all_formats():
        if form.read is None or form.write is None or form.name in ("player-csv", "cvat"):
            continue
        path = tmp_path / f"{form.name}{form.endings[0]}"
        write(truth, path, format=form.name)
        assert format_to_read(path, Media()) == form
        assert format_to_write(tmp_path / f"x{form.endings[0]}").endings[0] == form.endings[0]


def test_a_package_adds_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    from untrim.exchange import formats

    assert formats._FORMATS.group == "untrim.formats"
    with pytest.raises(UntrimError, match=r"unknown format 'ellan' \(did you mean 'elan'"):
        format_of_name("ellan")
