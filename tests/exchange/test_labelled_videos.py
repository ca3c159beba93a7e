"""Labels of a folder of video files: names, measured durations, times of players."""

from pathlib import Path

import pytest

from films import late_film, record_levels
from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.exchange.dataset_labels import import_labels


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


def imported(videos: Path, table: str) -> tuple[Annotations, str]:
    (videos.parent / "labels.csv").write_text(table)
    found = import_labels("videos", videos, labels=videos.parent / "labels.csv")
    return found.annotations, "\n".join(found.notes)


def test_the_duration_is_measured(videos: Path) -> None:
    """The container of two joined streams says the length of one."""
    content = late_film(videos / "joined.ts", late=0).read_bytes()
    (videos / "joined.ts").write_bytes(2 * content)
    found, notes = imported(videos, "video,label\njoined,run\n")
    assert found["joined"].duration == pytest.approx(4, abs=0.05)
    assert "last longer or shorter" not in notes
    found, notes = imported(videos, "video,label,duration\njoined,run,2\n")
    assert found["joined"].duration == pytest.approx(4, abs=0.05)
    assert "1 video last longer or shorter than the labels say: joined 4 s, not 2 s" in notes


def test_times_of_a_player_become_seconds_from_the_first_picture(videos: Path) -> None:
    late_film(videos / "late.mkv")
    late_film(videos / "plain.mp4", late=0)
    rows = "late,run,3.5,4.5,5\nlate,jump,1,2,5\nlate,wait,2,4,5\nplain,run,0.5,1.5,2\n"
    found, notes = imported(videos, f"video,label,start,end,duration\n{rows}")
    spans = {(name, i.label): (i.segment.start, i.segment.end) for name, v in found.items() for i in v.instances}
    wanted = {("late", "run"): (0.5, 1.5), ("late", "wait"): (0.0, 1.0), ("plain", "run"): (0.5, 1.5)}
    assert spans == {key: pytest.approx(value, abs=0.002) for key, value in wanted.items()}
    assert found["late"].labels == ("jump", "run", "wait")
    assert found["late"].duration == pytest.approx(2, abs=0.05)
    assert "times of 1 video now count from the first picture, later in a player: late 3.00 s" in notes
    assert "1 instance ends before the first picture" in notes
    assert "longer or shorter" not in notes  # A player's 5 s are 2 s of pictures.


def test_points_and_what_is_exhaustive_move_too(videos: Path) -> None:
    late_film(videos / "late.mkv")
    heading = "video,label,start,end,duration,exhaustive\n"
    found, notes = imported(
        videos, f"{heading}late,run,3.5,,5,\nlate,run,2,,5,\nlate,jump,1,2,5,yes\nlate,fall,4,5,5,\n"
    )
    late = found["late"]
    assert [point.time for point in late.points] == [pytest.approx(0.5, abs=0.002)]
    assert (late.labels, late.exhaustive) == (("fall", "run"), ("jump",)), "all of jump is before the first picture"
    assert "2 instances end before the first picture" in notes
    found, _ = imported(videos, f"{heading}late,jump,1,2,5,all\n")
    assert found["late"].nothing_happens


def test_names_may_be_paths_and_carry_endings(videos: Path) -> None:
    for place in ("cam1/clip.mp4", "cam2/clip.mp4", "day.1/walk.mp4"):
        (videos / place).parent.mkdir(exist_ok=True)
        record_levels(videos / place)
    (videos / "notes.txt").touch()
    found, notes = imported(videos, "video,label\ncam1/clip.mp4,run\ncam2/clip,run\nday.1/walk,jump\n")
    assert list(found) == ["cam1/clip", "cam2/clip", "walk"]
    assert all(video.duration for video in found.values())
    assert "passed over 1 file: 1 .txt" in notes
    with pytest.raises(UntrimError, match=r"labels\.csv: 'clip' may be cam1/clip or cam2/clip \(name videos by"):
        imported(videos, "video,label\nclip,run\n")
