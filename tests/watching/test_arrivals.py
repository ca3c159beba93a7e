import os
import time
from pathlib import Path

import pytest

from untrim.watching import arrivals
from untrim.watching.arrivals import Arrivals, FileState


class Clock:
    """A clock that the test sets, in the place of the module `time`."""

    def __init__(self) -> None:
        self.now, self.today = 0.0, time.time()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.today + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(arrivals, "time", made)
    return made


def write(path: Path, content: bytes, changed: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (changed, changed))
    return path


def names(found: list[FileState]) -> list[str]:
    return [state.file for state in found]


def test_a_file_is_finished_when_it_has_settled(tmp_path: Path, clock: Clock) -> None:
    looked = Arrivals(tmp_path, 5.0)
    write(tmp_path / "a.mp4", b"1", clock.today + 60)  # by a machine whose clock is ahead
    assert looked.finished() == []
    assert looked.unfinished == {"a.mp4"}
    clock.now = 4
    write(tmp_path / "a.mp4", b"12", clock.today + 60)
    assert looked.finished() == []
    clock.now = 8
    assert looked.finished() == []
    clock.now = 9
    assert names(looked.finished()) == ["a.mp4"]
    assert looked.unfinished == set()


def test_a_file_that_is_moved_in_is_finished_at_once(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "cam1" / "b.MKV", b"1", clock.today - 10)
    write(tmp_path / "cam1" / "a.mp4", b"1", clock.today - 20)
    write(tmp_path / "new.mp4", b"1", clock.today - 1)
    looked = Arrivals(tmp_path, 5.0)
    found = looked.finished()
    assert names(found) == ["cam1/a.mp4", "cam1/b.MKV"]
    assert [state.video for state in found] == ["cam1/a", "cam1/b"]
    write(tmp_path / "cam1" / "a.mp4", b"it grows, with a time of change of its own", clock.today - 20)
    assert names(looked.finished()) == ["cam1/b.MKV"]


def test_only_video_files_that_have_a_name_count(tmp_path: Path, clock: Clock) -> None:
    for name in ("a.txt", ".hidden.mp4", "a.mp4.part", ".cache/a.mp4"):
        write(tmp_path / name, b"1", clock.today - 10)
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")), b"1", clock.today - 10)
    looked = Arrivals(tmp_path, 5.0)
    assert looked.finished() == []
    assert looked.unnamed == {r"'\udcff.mp4'"}


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert Arrivals(tmp_path / "gone", 0.0).finished() == []
