from pathlib import Path

import pytest

from untrim.annotations.lists import read_lists
from untrim.errors import UntrimError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Video,Label\na.mp4,Open\n", {"a": ("Open",)}),
        ("class\tfilename\nOpen\ta.mp4\n", {"a": ("Open",)}),
        ("S01.cam1,2\nS01.cam2,3\n", {"S01.cam1": ("2",), "S01.cam2": ("3",)}),
        ("a.mp4\tOpen, then close\nb.mp4\tClose\n", {"a": ("Open, then close",), "b": ("Close",)}),
        ("a.mp4;Open, then close\n", {"a": ("Open, then close",)}),
        ("my video.mp4,Run\n", {"my video": ("Run",)}),
        ("a.mp4   1\na.mp4 2\n", {"a": ("1", "2")}),
    ],
)
def test_what_is_read(tmp_path: Path, text: str, wanted: dict[str, tuple[str, ...]]) -> None:
    (tmp_path / "list.csv").write_text(text)
    assert {name: video.labels for name, video in read_lists(tmp_path / "list.csv").items()} == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a.mp4 1\nb.mp4 1 3 5\n",
        "some/dir-0,2\nsome/dir-1,163,1\n",
        "a.mp4 run\na.mp4 open the door\n",
        "your.mp4 Run\nmy video.mp4 Run\n",
        "a.mp4,Close\na.mp4,Open, then close\n",
        "a.mp4,x\nb.mp4 Open, then close\n",
        "Smith.mp4,Run\nJohn.mp4\tRun\n",
        "one/a.mp4,run\ntwo/a.mp4,jump\n",
        "a,run\nb\n",
    ],
)
def test_anything_but_two_columns_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UntrimError, match=r"list\.csv, line 2: "):
        read_lists(tmp_path / "list.csv")


def test_kinetics_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("label,youtube_id,time_start,time_end,split\narchery,abc,20,30,val\n")
    with pytest.raises(UntrimError, match="line 1: needs video,label, found 'label, youtube_id, "):
        read_lists(tmp_path / "list.csv")


def test_a_file_per_class(tmp_path: Path) -> None:
    (tmp_path / "Run.txt").write_text("my video.mp4\nS01.cam1\n")
    (tmp_path / "Jump.csv").write_text("Name\nb.webm\n")
    found = {name: video.labels for name, video in read_lists(tmp_path).items()}
    assert found == {"b": ("Jump",), "my video": ("Run",), "S01.cam1": ("Run",)}
    (tmp_path / "Fall.txt").write_text("c.mp4\nd.mp4,120\n")
    with pytest.raises(UntrimError, match=r"Fall\.txt, line 2: needs video, found 'd.mp4, 120'"):
        read_lists(tmp_path)
