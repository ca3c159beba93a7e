import os
import unicodedata
from pathlib import Path

import av
import numpy as np
import pytest

from untrim.errors import UntrimError
from untrim.video.decode import VideoFile
from untrim.video.files import VIDEO_SUFFIXES, FoundVideos, find_videos


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def files(*paths: Path) -> list[Path]:
    return list(find_videos(paths).files.values())


def test_folders_are_searched_in_a_stable_order(tmp_path: Path) -> None:
    expected = touch(tmp_path, "a.MP4", "b/c.mkv", "b/deep/d.webm", "z.avi")
    touch(tmp_path, "notes.txt", "._a.mp4", ".cache/x.mp4", "features.npy", "b/e.json")
    (tmp_path / "folder.mp4").mkdir()
    assert files(tmp_path) == expected


def test_named_files_are_taken_as_they_are_and_once(tmp_path: Path) -> None:
    odd, plain = touch(tmp_path, "clip.dat", "sub/plain.mp4")
    assert files(odd, plain) == [odd, plain]
    assert files(plain, odd, tmp_path, tmp_path / "sub" / ".." / "sub" / "plain.mp4") == [plain, odd]
    assert find_videos([]) == FoundVideos({})


def test_every_known_ending_is_found(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{ending[1:]}{ending}" for ending in VIDEO_SUFFIXES))
    assert {path.suffix for path in files(tmp_path)} == VIDEO_SUFFIXES


@pytest.mark.parametrize(
    ("ending", "codec"),
    [(".h264", "libx264"), (".3g2", "mpeg4"), (".f4v", "libx264"), (".mxf", "mpeg2video"), (".qt", "mpeg4")]
    + [(".m2v", "mpeg2video"), (".mjpeg", "mjpeg"), (".y4m", "rawvideo"), (".ivf", "libvpx")],
)
def test_what_has_a_rare_ending_is_read(tmp_path: Path, ending: str, codec: str) -> None:
    formats = {".f4v": "mp4", ".qt": "mov", ".m2v": "mpeg2video", ".y4m": "yuv4mpegpipe"}
    record_as(tmp_path / f"clip{ending}", formats.get(ending, ending[1:]), codec)
    (found,) = files(tmp_path)
    with VideoFile(found) as video:
        assert len(list(video.frames())) == 8


def record_as(path: Path, container_format: str, codec: str) -> None:
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for level in range(8):
            picture = np.full((48, 64, 3), 30 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture).reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))


def test_folders_without_videos_and_missing_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UntrimError, match=r"empty: holds no video files .*\.mp4"):
        find_videos([tmp_path / "empty"])
    touch(tmp_path, "texts/a.txt")
    with pytest.raises(UntrimError, match=r"holds no video files; passed over 1 file: 1 \.txt "):
        find_videos([tmp_path / "texts"])
    with pytest.raises(UntrimError, match=r"gone\.mp4: no such file or folder"):
        find_videos([tmp_path / "gone.mp4"])


def test_links_to_folders_are_entered_once(tmp_path: Path) -> None:
    touch(tmp_path, "disk/a.mp4", "disk/deep/b.mp4", "mine/c.mp4")
    mine = tmp_path / "mine"
    (mine / "disk").symlink_to(tmp_path / "disk")
    (mine / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "deep" / "back").symlink_to(mine)  # In a circle.
    (mine / "itself").symlink_to(mine)
    assert [file.name for file in files(mine)] == ["a.mp4", "b.mp4", "c.mp4"]


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.txt", "deep/c.TXT", "README", ".hidden.txt")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (line,) = find_videos([tmp_path]).notes()
    assert line == "passed over 5 files: 2 .txt, 1 dangling link, 1 device or pipe, 1 without ending"
    touch(tmp_path, *(f"x.{number}" for number in range(4)))
    assert find_videos([tmp_path]).notes()[0].endswith("2 .txt, 1 .0, 1 .1, 1 .2, 1 .3, 3 more kinds")
    assert find_videos([tmp_path / "a.mp4"]).notes() == ()


def test_videos_of_one_name_are_named_by_their_paths(tmp_path: Path) -> None:
    """And no other ones."""
    touch(tmp_path, "cam1/clip.mp4", "cam2/day.1/clip.mkv", "cam2/walk.mp4")
    assert list(find_videos([tmp_path]).files) == ["cam1/clip", "cam2/day.1/clip", "walk"]
    assert list(find_videos([tmp_path / "cam1", tmp_path / "cam2"]).files) == ["clip", "day.1/clip", "walk"]
    touch(tmp_path, "clip.mp4")
    assert list(find_videos([tmp_path]).files) == ["cam1/clip", "cam2/day.1/clip", "walk", "clip"]


def test_the_folder_that_was_given_tells_them_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = touch(tmp_path, "cam1/clip.mp4", "cam2/clip.mp4")
    assert list(find_videos([one.parent, two.parent]).files) == ["cam1/clip", "cam2/clip"]
    assert list(find_videos([one, two]).files) == ["cam1/clip", "cam2/clip"]
    monkeypatch.chdir(one.parent)
    assert list(find_videos([Path("."), Path("../cam2")]).files) == ["cam1/clip", "cam2/clip"]


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "film.mp4", "film.mkv")
    with pytest.raises(UntrimError, match=r"film\.mp4: has the same name as .*film\.mkv"):
        find_videos([tmp_path])
    touch(tmp_path, "a/x/film.mp4", "b/x/film.mp4")
    with pytest.raises(UntrimError, match="has the same name as"):
        find_videos([tmp_path / "a" / "x", tmp_path / "b" / "x"])


def test_names_have_one_form(tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    apart, blank = touch(tmp_path, f"{nfd}.mp4", "clip .mp4")
    assert find_videos([tmp_path]).files == {nfc: apart, "clip": blank}
    touch(tmp_path, f"{nfc}.mov")
    with pytest.raises(UntrimError, match="has the same name as"):
        find_videos([tmp_path])
