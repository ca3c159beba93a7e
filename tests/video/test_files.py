from pathlib import Path

import pytest

from untrim.errors import UntrimError
from untrim.video.files import VIDEO_SUFFIXES, find_videos


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_folders_are_searched_in_a_stable_order(tmp_path: Path) -> None:
    expected = touch(tmp_path, "a.MP4", "b/c.mkv", "b/deep/d.webm", "z.avi")
    touch(tmp_path, "notes.txt", "._a.mp4", ".cache/x.mp4", "features.npy", "b/e.json")
    (tmp_path / "folder.mp4").mkdir()
    assert find_videos([tmp_path]) == expected


def test_named_files_are_taken_as_they_are_and_once(tmp_path: Path) -> None:
    odd, plain = touch(tmp_path, "clip.dat", "sub/plain.mp4")
    assert find_videos([odd, plain]) == [odd, plain]
    assert find_videos([plain, odd, tmp_path, tmp_path / "sub" / ".." / "sub" / "plain.mp4"]) == [plain, odd]
    assert find_videos([]) == []


def test_every_known_ending_is_found(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{ending[1:]}{ending}" for ending in VIDEO_SUFFIXES))
    assert {path.suffix for path in find_videos([tmp_path])} == VIDEO_SUFFIXES


def test_folders_without_videos_missing_paths_and_equal_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UntrimError, match=r"empty: holds no video files .*\.mp4"):
        find_videos([tmp_path / "empty"])
    with pytest.raises(UntrimError, match=r"gone\.mp4: no such file or folder"):
        find_videos([tmp_path / "gone.mp4"])
    touch(tmp_path, "one/film.mp4", "two/film.mkv")
    with pytest.raises(UntrimError, match=r"two/film\.mkv: has the same name as .*one/film\.mp4"):
        find_videos([tmp_path])
