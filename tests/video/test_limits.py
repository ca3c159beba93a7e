"""Small files that ask for more than any machine has."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from films import grey, record
from untrim.errors import UntrimError
from untrim.features.extract import extract
from untrim.rendering.thumbnails import thumbnails
from untrim.video.clock import Clock
from untrim.video.decode import VideoFile
from untrim.video.limits import Limits

SMALL = {"short_side": 48}


def huge_gif(path: Path, width: int = 16_000, height: int = 16_000) -> Path:
    """35 bytes."""
    screen = struct.pack("<HH", width, height) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    path.write_bytes(b"GIF89a" + screen + b"," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0;")
    return path


def slide_show(path: Path, pictures: int, seconds: int) -> Path:
    moments = [1000 * seconds * number for number in range(pictures)]
    return record(path, [grey(5 * number) for number in range(pictures)], moments)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited and measured as on Linux")
def test_a_gif_of_35_bytes_takes_no_memory(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from untrim.video.decode import VideoFile\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), used + (200 << 20)))\n"
        "try:\n"
        "    VideoFile(sys.argv[1])\n"
        "except Exception as error:\n"
        "    print(error)"
    )
    gif = huge_gif(tmp_path / "huge.gif")
    found = subprocess.run([sys.executable, "-c", code, gif], capture_output=True, text=True, check=True)
    assert "asks for pictures of 16000 x 16000 pixels, more than max_pixels=67,108,864 allows" in found.stdout


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.avi", "mjpeg"), ("a.webm", "libvpx-vp9")],
)
def test_pictures_beyond_the_limit_are_refused_in_every_codec(tmp_path: Path, name: str, codec: str) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    video = record(tmp_path / name, [grey(100, 320, 240)] * 3, codec=codec, pixels=pixels)
    with VideoFile(video, limits=Limits(max_pixels=320 * 240)) as file:
        assert len(list(file.frames())) == 3
    with pytest.raises(UntrimError, match=r"320 x 240 pixels, more than max_pixels=76,799 .*max_pixels=76800"):
        VideoFile(video, limits=Limits(max_pixels=320 * 240 - 1))


def test_a_picture_is_not_scaled_up_without_end(tmp_path: Path) -> None:
    """A strip of 4,096 x 16 pixels, whose short side becomes 256, or which is 2,048 pixels high."""
    strip = record(tmp_path / "strip.mkv", [grey(100, 4096, 16)] * 2, codec="ffv1")
    with VideoFile(strip, limits=Limits(max_pixels=1 << 22)) as file:
        assert next(file.frames(size=32)).image.shape == (32, 8192, 3)
        with pytest.raises(UntrimError, match="65536 x 256 pixels"):
            file.frames(size=256)
    with pytest.raises(UntrimError, match="more than max_pixels"):
        thumbnails(strip, [0.0], 2048)


def test_gaps_are_not_filled_without_end(tmp_path: Path) -> None:
    video = slide_show(tmp_path / "slides.mkv", 40, 3000)
    seen: list[float] = []
    with VideoFile(video) as file, pytest.raises(UntrimError, match=r"has no pictures for 5,9\d\d s .*max_gap_seconds"):
        seen.extend(frame.seconds for frame in file.frames(fps=1))
    assert max(seen) <= 3000  # What is too much is not begun.
    with VideoFile(video) as file:
        assert len(list(file.frames())) == 40


def test_a_real_slide_show_is_read(tmp_path: Path) -> None:
    video = slide_show(tmp_path / "slides.mkv", 5, 60)
    with VideoFile(video, limits=Limits(max_gap_seconds=200)) as file:
        assert len(list(file.frames(fps=1))) >= 240
    with VideoFile(video, limits=Limits(max_gap_seconds=199)) as file, pytest.raises(UntrimError, match="200 s"):
        list(file.frames(fps=1))


def test_an_absurd_rate_gives_no_length() -> None:
    """One frame in ten years, says the container."""
    clock = Clock(1 / 3e8, broadcast=False)
    clock.time(None, 0.0)
    assert clock.end < 1


def test_a_last_frame_of_years_is_not_repeated(tmp_path: Path) -> None:
    timed = iter([(0.0, "a"), (0.04, "b")])
    with pytest.raises(UntrimError, match="has no pictures"):
        list(Limits().check_gaps(timed, lambda: 3e8, tmp_path))


def test_extraction_says_which_bound_and_takes_another(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    huge_gif(videos / "huge.gif")
    slide_show(videos / "slides.mkv", 3, 60)
    tight = {**SMALL, "max_gap_seconds": 20, "fps": 1}
    report = extract(videos, tmp_path / "features", settings=tight, workers=1)
    assert "max_pixels" in report.failed["huge"]
    assert "--set max_gap_seconds=" in report.failed["slides"]
    loose = {**SMALL, "max_gap_seconds": 200, "fps": 1}  # Of the same recipe: it makes the same features.
    assert extract(videos, tmp_path / "features", settings=loose, workers=1).done == ("slides",)
    assert "max_gap_seconds" not in (tmp_path / "features" / "features.json").read_text()
