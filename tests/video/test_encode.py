from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from films import grey
from untrim.errors import UntrimError
from untrim.support.array_types import Image
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter
from untrim.video.frames import frame_table

NTSC = Fraction(30000, 1001)


def write(path: Path, fps: float | None, frames: Iterable[tuple[Image, float | None]]) -> None:
    with VideoWriter(path, (64, 48), fps) as film:
        for image, seconds in frames:
            film.write(image, seconds)


def broken_off() -> Iterator[tuple[Image, None]]:
    yield grey(0), None
    raise KeyError


@pytest.mark.parametrize("fps", [25, 12.5, 29.97, 30000 / 1001, NTSC])
def test_frames_at_a_rate_come_back(tmp_path: Path, fps: float | Fraction) -> None:
    colour = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    with VideoWriter(tmp_path / "film.mp4", (64, 48), fps) as film:
        for _ in range(80):
            film.write(colour)
    table = frame_table(tmp_path / "film.mp4")
    assert table.seconds.tolist() == pytest.approx([k / float(fps) for k in range(80)], abs=1e-3)
    assert table.offset == 0
    with VideoFile(tmp_path / "film.mp4") as video:
        assert (video.info.codec, video.info.width, video.info.height) == ("h264", 64, 48)
        assert all(np.abs(frame.image.mean((0, 1)) - (200, 40, 90)).max() < 4 for frame in video.frames())


def test_frames_with_times_of_their_own_come_back(tmp_path: Path) -> None:
    shown = [0.5 + 0.013 * k * k for k in range(20)]
    with VideoWriter(tmp_path / "film.mp4", (64, 48), None) as film:
        for k, seconds in enumerate(shown):
            film.write(grey(10 * k), seconds)
    table = frame_table(tmp_path / "film.mp4")
    assert table.media_seconds.tolist() == pytest.approx(shown, abs=1e-4)
    with VideoFile(tmp_path / "film.mp4") as video:
        assert [frame.image.mean() for frame in video.frames()] == pytest.approx([10 * k for k in range(20)], abs=2)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)
    for name in "first", "second":
        with VideoWriter(tmp_path / name, (64, 48), 25) as film:
            for image in noise:
                film.write(image)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    with VideoWriter(tmp_path / "small", (64, 48), 25, crf=40) as film:
        for image in noise:
            film.write(image)
    assert (tmp_path / "small").stat().st_size < (tmp_path / "first").stat().st_size


@pytest.mark.parametrize(
    ("size", "fps", "message"),
    [((63, 48), 25, "even"), ((64, 0), 25, "even"), ((64, 48), 0, "positive"), ((64, 48), float("nan"), "positive")],
)
def test_senseless_videos_are_refused(tmp_path: Path, size: tuple[int, int], fps: float, message: str) -> None:
    with pytest.raises(UntrimError, match=message):
        VideoWriter(tmp_path / "film.mp4", size, fps)


@pytest.mark.parametrize(
    ("fps", "frames", "message"),
    [
        (25, [(grey(0, 32, 48), None)], "wanted uint8"),
        (25, [(grey(0).astype(np.float32), None)], "wanted uint8"),
        (25, [(grey(0), 1.0)], "a rate or each its own time"),
        (None, [(grey(0), None)], "a rate or each its own time"),
        (None, [(grey(0), 1.0), (grey(0), 1.0)], "later"),
        (None, [(grey(0), -1.0)], "later"),
        (None, [(grey(0), float("nan"))], "later"),
        (25, [], "without a frame"),
    ],
)
def test_a_video_that_fails_leaves_what_was_there(
    tmp_path: Path, fps: float | None, frames: list, message: str
) -> None:
    path = tmp_path / "film.mp4"
    path.write_text("before")
    with pytest.raises(UntrimError, match=message):
        write(path, fps, frames)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("film.mp4", "before")]


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write(tmp_path / "film.mp4", 25, broken_off())
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UntrimError, match="cannot be written"),
        VideoWriter(tmp_path / "file" / "film.mp4", (64, 48), 25),
    ):
        pass
