import re
import shlex
from pathlib import Path

import pytest

from footage import film_numbered
from helpers import run_untrim
from untrim.annotations import read_detections, write_detections
from untrim.cli.next_steps import next_steps
from untrim.timeline import Detection, Segment


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"untrim .*", text)]


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_lines_say_to_type_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("it's mine")
    folder.mkdir()
    names = ["a", "b"][:count]
    for name in names:
        film_numbered(folder / f"{name}.mp4", [k / 25 for k in range(30)], sound=None)
    found = {name: [Detection("jump", Segment(0.2, 1.0), 0.9)] for name in names}
    write_detections(found, folder / "found.json")
    clips, elan, sheet = commands(next_steps(folder / "found.json", [folder]))
    assert [run_untrim(*words) for words in (clips, elan, sheet)] == [0, 0, 0]
    assert len(list((folder / "clips").glob("*.mp4"))) == count
    assert len(list((folder / "elan").glob("*.eaf"))) == count
    assert dict(read_detections(folder / "found.csv")) == found
    assert (folder / "found.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # Else Excel garbles umlauts.


def test_what_is_handed_on_is_what_counts_as_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = {"a": [Detection("jump", Segment(0, 1), score) for score in (0.9, 0.6, 0.4)]}
    write_detections(found, Path("found.json"))
    for least, count in ((None, 2), (0.7, 1)):
        clips, elan, sheet = commands(next_steps(Path("found.json"), min_score=least))
        assert run_untrim(*(word for word in elan if word not in ("--videos", "VIDEOS"))) == 0
        assert Path("elan/a.eaf").read_text().count("<ALIGNABLE_ANNOTATION") == count
        assert ("--min-score" in clips) == (least is not None)
        assert run_untrim(*sheet) == 0
        assert dict(read_detections("found.csv")) == found


def test_a_table_gets_a_mark_and_unknown_videos_are_a_word() -> None:
    text = next_steps(Path("out/found.csv"))
    assert commands(text)[-1] == ["convert", "out/found.csv", "-o", "out/found-bom.csv", "--bom"]
    assert "untrim clips out/found.csv --videos VIDEOS -o out/clips" in text
    several = commands(next_steps(Path("found.json"), [Path("a.mp4"), Path("b")]))
    assert several[0] == ["clips", "found.json", "--videos", "a.mp4", "--videos", "b", "-o", "clips"]
    assert "VIDEOS" in several[1]


@pytest.mark.parametrize("score", [0.9, None])
def test_localize_ends_with_them_if_anything_is_found(
    score: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"a": [] if score is None else [Detection("jump", Segment(0.2, 1.0), score)]}
    monkeypatch.setattr("untrim.pipeline.localize", lambda *given, **named: found)
    output = tmp_path / "found.json"
    assert run_untrim("localize", "run", "-f", "features", "-o", output) == 0
    assert capsys.readouterr().out.endswith(f"{next_steps(output)}\n") == (score is not None)


def test_the_report_ends_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("untrim.reports.html.write_report", lambda *given, **named: None)
    assert run_untrim("report", "run", "-d", "found.json", "-a", "labels.json", "--videos", "films") == 0
    assert capsys.readouterr().out.endswith(f"{next_steps(Path('found.json'), [Path('films')])}\n")
