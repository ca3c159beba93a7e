import re
import subprocess
import sys
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import example, given, settings
from hypothesis import strategies as st

from films import grey, noise_film, overwrite, record, record_levels
from untrim.errors import UntrimError
from untrim.features.snippets import to_grey
from untrim.rendering.thumbnails import thumbnails
from untrim.support.array_types import Image
from untrim.video.decode import VideoFile


def number(image: Image) -> int:
    return round((float(image.mean()) - 10) / 10)


def numbers(video: VideoFile, fps: float | None = None) -> list[int]:
    return [number(frame.image) for frame in video.frames(fps)]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "ts", "mpg", "webm", "mov", "flv"])
def test_every_container_gives_every_frame_in_order(tmp_path: Path, ending: str) -> None:
    codec = {"avi": "mpeg4", "mpg": "mpeg2video", "webm": "libvpx-vp9"}.get(ending, "libx264")
    with VideoFile(record_levels(tmp_path / f"film.{ending}", codec=codec)) as video:
        frames = list(video.frames())
    assert [number(frame.image) for frame in frames] == list(range(20))
    close = 0.041 if ending == "mpg" else 1e-6  # program streams stamp some frames only, here with a gap
    assert [frame.seconds for frame in frames] == pytest.approx([0.04 * k for k in range(20)], abs=close)
    assert video.duration == pytest.approx(0.8, abs=close)
    assert video.broken_packets == 0


@settings(max_examples=40)
@example(gaps=[380], start=0, fps=7.5)  # The last moment lies on the edge.
@given(
    gaps=st.lists(st.integers(1, 400), max_size=20),
    start=st.sampled_from([0, 7, 5000]),
    fps=st.sampled_from([1.0, 7.5, 10.0, 25.0, 30000 / 1001, 60.0]),
)
def test_resampling_takes_the_nearest_frame(tmp_path_factory, gaps: list[int], start: int, fps: float) -> None:
    shown = [start]
    for gap in gaps:
        shown.append(shown[-1] + gap)
    images = [grey(10 + 10 * k, 16, 16) for k in range(len(shown))]
    path = record(tmp_path_factory.mktemp("vfr") / "film.mkv", images, shown, "ffv1", "bgr0")
    with VideoFile(path) as video:
        own = list(video.frames())
        assert [frame.seconds for frame in own] == pytest.approx([(ms - start) / 1000 for ms in shown], abs=1e-9)
        resampled = list(video.frames(fps))
        duration = video.duration
    times = np.array([frame.seconds for frame in own])
    margin = min(1 / fps, duration - times[-1]) / 2
    grid = [k / fps for k in range(int(duration * fps) + 2) if k / fps <= duration - margin + 1e-6]  # a tie counts
    distance = np.abs(times[None] - np.array(grid)[:, None])
    nearest = (distance <= distance.min(axis=1, keepdims=True) + 2e-6).argmax(axis=1)
    assert [frame.seconds for frame in resampled] == grid
    assert [number(frame.image) for frame in resampled] == nearest.tolist()


def test_frames_at_their_own_rate_stay_the_same(tmp_path: Path) -> None:
    with VideoFile(record_levels(tmp_path / "film.mp4")) as video:
        assert numbers(video, 25) == list(range(20))
        assert numbers(video, 12.5) == list(range(0, 20, 2))
        assert numbers(video, 50) == [k // 2 for k in range(40)]


def test_a_still_end_is_shown_to_its_end(tmp_path: Path) -> None:
    film = record_levels(
        tmp_path / "film.gif", 3, milliseconds=[0, 500, 1500], codec="gif", pixels="gray", final_delay="200"
    )
    with VideoFile(film) as video:
        assert numbers(video, 10) == [0] * 3 + [1] * 8 + [2] * 24
        assert video.duration == pytest.approx(3.5)


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_pictures_are_turned_as_the_file_asks(tmp_path: Path, degrees: int, turns: int, mirrored: bool) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32], image[:24, 32:], image[24:, :32], image[24:, 32:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), 255
    cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][turns]
    sign = -1 if mirrored else 1
    # Row vectors, y downwards: mirror x first, then turn counter-clockwise.
    matrix = [sign * cosine, -sign * sine, 0, sine, cosine, 0, 0, 0, 1]
    fixed = [value * (1 << 30 if place == 8 else 1 << 16) for place, value in enumerate(matrix)]
    film = record(tmp_path / "film.mp4", [image] * 3, prepare=lambda stream: stream.set_display_matrix(fixed))
    expected = np.rot90(image[:, ::-1] if mirrored else image, turns)
    with VideoFile(film) as video:
        assert (video.info.rotation, video.info.mirrored) == (degrees, mirrored)
        assert (video.info.height, video.info.width) == expected.shape[:2]
        shown = next(video.frames()).image
        assert shown.shape == expected.shape
        assert np.abs(shown.astype(int) - expected).mean() < 6
        small = next(video.frames(size=24)).image
        assert small.shape == (expected.shape[0] // 2, expected.shape[1] // 2, 3)
        assert np.abs(small.astype(int) - expected[::2, ::2]).mean() < 12
        brightness = next(video.frames(grey=True)).image
        assert brightness.shape == expected.shape[:2]
        assert np.abs(brightness.astype(int) - to_grey(shown)).mean() < 2
    assert thumbnails(film, [0], 12)[0].shape == (12, 16 if turns % 2 == 0 else 9, 3)


@pytest.mark.parametrize(("codec", "pixels"), [("libx264", "yuv444p"), ("ffv1", "yuv420p")])
def test_odd_sizes(tmp_path: Path, codec: str, pixels: str) -> None:
    film = record(tmp_path / "film.mkv", [grey(100, 33, 17)] * 3, codec=codec, pixels=pixels)
    with VideoFile(film) as video:
        for size, shape in [(None, (17, 33)), ((31, 7), (7, 31)), (9, (9, 17)), (1, (1, 2))]:
            image = next(video.frames(size=size)).image
            assert image.shape == (*shape, 3)
            assert image.dtype == np.uint8
            assert image.flags.c_contiguous
            assert np.abs(image.astype(int) - 100).max() <= 2


def test_colours_are_red_green_blue(tmp_path: Path) -> None:
    with VideoFile(record(tmp_path / "film.mp4", [np.full((48, 64, 3), (200, 40, 90), np.uint8)])) as video:
        assert np.abs(next(video.frames()).image.mean((0, 1)) - (200, 40, 90)).max() < 4


def test_time_starts_with_the_first_frame(tmp_path: Path) -> None:
    for ending in "mkv", "ts":
        film = record_levels(tmp_path / f"late.{ending}", milliseconds=[10_000 + 40 * k for k in range(20)])
        with VideoFile(film) as video:
            assert [frame.seconds for frame in video.frames()] == pytest.approx([0.04 * k for k in range(20)])
            assert video.duration == pytest.approx(0.8)
        assert [number(image) for image in thumbnails(film, [0.4, 0.0], 20)] == [10, 0]


def test_an_edit_list_cuts_frames_off(tmp_path: Path) -> None:
    film = record_levels(
        tmp_path / "film.mp4",
        milliseconds=[40 * k - 200 for k in range(20)],
        avoid_negative_ts="disabled",
        use_editlist="1",
    )
    with VideoFile(film) as video:
        assert numbers(video) == list(range(5, 20))
        assert video.duration == pytest.approx(0.6)


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    film = record_levels(tmp_path / "film.mp4", 1)
    with VideoFile(film) as video:
        assert [(frame.seconds, number(frame.image)) for frame in video.frames()] == [(0, 0)]
        assert video.duration == pytest.approx(0.04)
        for fps, count in [(1, 1), (25, 1), (100, 4)]:
            assert numbers(video, fps) == [0] * count
    assert [number(image) for image in thumbnails(film, [0, 3, -1], 10)] == [0, 0, 0]


@pytest.mark.parametrize(("ending", "codec"), [("mkv", "libx264"), ("ts", "libx264"), ("avi", "mpeg4")])
def test_a_truncated_file_gives_what_is_there(tmp_path: Path, ending: str, codec: str) -> None:
    film = noise_film(tmp_path / f"film.{ending}", codec=codec)
    with VideoFile(film) as video:
        whole = [frame.image for frame in video.frames()]
    film.write_bytes(film.read_bytes()[: int(0.6 * film.stat().st_size)])
    with VideoFile(film) as video:
        frames = list(video.frames())
        assert 40 < len(frames) < 70
        assert video.duration == pytest.approx(len(frames) / 25, abs=0.1)
    for frame, image in zip(frames[:40], whole, strict=False):
        np.testing.assert_array_equal(frame.image, image)
    last = thumbnails(film, [3.9], 48)[0]
    assert last.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "libx264"), ("ts", "libx264"), ("mov", "mpeg4"), ("avi", "mpeg4")]
)
@pytest.mark.parametrize("where", [0.4, 0.6])
def test_broken_packets_are_survived_and_counted(tmp_path: Path, ending: str, codec: str, where: float) -> None:
    film = noise_film(tmp_path / f"film.{ending}", codec=codec)
    overwrite(film, where, film.stat().st_size // 50)
    with VideoFile(film) as video:
        times = [frame.seconds for frame in video.frames()]
        assert 90 <= len(times) <= 100
        assert 1 <= video.broken_packets <= 6
        assert all(earlier < later for earlier, later in pairwise(times))
        assert video.duration == pytest.approx(4, abs=0.2)
        broken = video.broken_packets
        assert [frame.seconds for frame in video.frames()] == times
        assert video.broken_packets == broken
        assert len(list(video.frames(25))) == pytest.approx(100, abs=5)


def cover_picture(path: Path) -> None:
    """Music with a picture on its cover, which is a video stream of one frame."""
    with av.open(path, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt, cover.disposition = "yuvj420p", Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 44100, 0
        picture = av.VideoFrame.from_ndarray(grey(99, 32, 32), format="rgb24").reformat(format="yuvj420p")
        picture.pts = 0
        container.mux(cover.encode(picture) + cover.encode(None))
        container.mux(sound.encode(silence) + sound.encode(None))


def sound_only(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))


def without_index(path: Path) -> None:
    path.write_bytes(record_levels(path).read_bytes()[:-200])


def nothing_decodes(path: Path) -> None:
    content = bytearray(noise_film(path, 10).read_bytes())
    data, index = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[data:index] = bytes(index - data)
    path.write_bytes(content)


def unknown_codec(path: Path) -> None:
    path.write_bytes(record_levels(path).read_bytes().replace(b"avc1", b"zzzz"))


def playlist(path: Path) -> None:
    record_levels(path.with_name("other.mp4"))
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "no such file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_text("This is a text, not a video.\n" * 50), "is not a readable video"),
        (lambda path: path.write_bytes(bytes(100_000)), "is not a readable video"),
        (without_index, "is not a readable video"),
        (playlist, "is not a readable video"),
        (sound_only, "holds only audio"),
        (cover_picture, "holds only audio"),
        (nothing_decodes, "holds no frame that can be decoded"),
        (unknown_codec, "is coded in a way that cannot be decoded"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "film.mp4"
    make(path)
    with pytest.raises(UntrimError, match=re.escape(f"{path}: {message}")) as caught:
        VideoFile(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UntrimError):
        thumbnails(path, [0], 90)


def test_senseless_rates_and_sizes_are_refused(tmp_path: Path) -> None:
    with VideoFile(record_levels(tmp_path / "film.mp4", 2)) as video:
        for fps in 0, -25, float("nan"), float("inf"):
            with pytest.raises(UntrimError, match="fps"):
                video.frames(fps)
        for size in 0, -5, (0, 10), (10, -1):
            with pytest.raises(UntrimError, match="size"):
                video.frames(size=size)


def test_frames_are_decoded_only_when_asked_for(tmp_path: Path) -> None:
    with VideoFile(record_levels(tmp_path / "film.mkv", codec="ffv1", pixels="bgr0")) as video:
        frames = video.frames(25)
        for _ in range(3):
            next(frames)
        assert video.duration == pytest.approx(4 * 0.04)  # the third needs a look at the fourth, and no more
        assert len(list(frames)) == 17
        assert numbers(video) == list(range(20))


def test_the_file_is_closed_in_the_end(tmp_path: Path) -> None:
    film = record_levels(tmp_path / "film.mp4", 3)
    with VideoFile(film) as video:
        assert str(film) in open_files()
        next(video.frames())
    assert str(film) not in open_files()


def open_files() -> set[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("needs /proc")
    return {str(link.resolve()) for link in folder.iterdir()}


PEAK_MEMORY = """
import resource, sys
from untrim.video.decode import VideoFile
for path in sys.argv[1:]:
    with VideoFile(path) as video:
        count = sum(1 for frame in video.frames(50, (320, 240)))
    print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    image = grey(100, 320, 240)
    films = [
        str(record(tmp_path / f"{count}.avi", [image] * count, codec="mpeg4", pixels="yuv420p")) for count in (25, 500)
    ]
    run = subprocess.run([sys.executable, "-c", PEAK_MEMORY, *films], capture_output=True, text=True, check=True)
    (few, before), (many, after) = (map(int, line.split()) for line in run.stdout.splitlines())
    assert (few, many) == (50, 1000)
    # In kilobytes on Linux; the longer film would fill 225,000 of them.
    assert after - before < 16_000


@pytest.mark.parametrize(("name", "codec"), [("film.mp4", "libx264"), ("film.h264", "libx264"), ("film.avi", "mpeg4")])
def test_thumbnails_are_the_nearest_frames_in_the_order_asked(tmp_path: Path, name: str, codec: str) -> None:
    film = record(tmp_path / name, [grey(round(10 + 2.4 * k)) for k in range(100)], codec=codec)
    with VideoFile(film) as video:
        frames = list(video.frames())
    moments = [*np.random.default_rng(0).uniform(-0.2, 4.2, 25), 0, 0.04, 3.96, 4, 99, -1, 2, 2]
    images = thumbnails(film, [float(moment) for moment in moments], 48)
    assert len(images) == len(moments)
    for moment, image in zip(moments, images, strict=True):
        nearest = min(frames, key=lambda frame: abs(frame.seconds - moment))
        np.testing.assert_array_equal(image, nearest.image)


def test_thumbnails_are_found_without_decoding_from_the_start(tmp_path: Path) -> None:
    with VideoFile(noise_film(tmp_path / "film.mp4")) as video:
        late = video.nearest([3.8, 0.4])
        assert video.duration == 0  # nothing was played
        frames = list(video.frames())
    for image, index in zip(late, [95, 10], strict=True):
        np.testing.assert_array_equal(image, frames[index].image)


def test_thumbnails_of_no_moment(tmp_path: Path) -> None:
    assert thumbnails(record_levels(tmp_path / "film.mp4", 2), [], 24) == []
