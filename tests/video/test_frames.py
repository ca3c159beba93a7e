import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from films import MILLISECOND, grey, noise_film, overwrite, record, record_levels
from untrim.errors import UntrimError
from untrim.video.decode import VideoFile
from untrim.video.files import find_videos
from untrim.video.frames import FrameTable, frame_table


def decoded(path: Path) -> tuple[list[float], float]:
    """Seconds of all frames and the end, as `VideoFile.frames` gives them."""
    with VideoFile(path) as video:
        return [frame.seconds for frame in video.frames(size=8)], video.duration


def agree(path: Path) -> FrameTable:
    """The table of a file, which holds exactly what comes out of the decoder."""
    table = frame_table(path)
    assert (table.seconds.tolist(), table.end) == decoded(path)
    return table


def frames_decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many packets are decoded for the table of a file."""
    count = 0
    decode = VideoFile._decode

    def counted(video, packet):
        nonlocal count
        count += 1
        return decode(video, packet)

    monkeypatch.setattr(VideoFile, "_decode", counted)
    frame_table(path)
    return count


def test_tables_of_real_clips_equal_what_is_decoded(shared_data: Path) -> None:
    clips = list(find_videos([shared_data / "clips"]).files.values())
    tables = {clip.name: agree(clip) for clip in clips}
    late = {name: table.offset for name, table in tables.items() if table.offset}
    assert late == {"asl_book.mkv": pytest.approx(0.033)}
    assert all(table.constant_rate for name, table in tables.items() if not name.endswith(".gif"))
    assert tables["stgcn_tai_chi.mp4"].fps == pytest.approx(30000 / 1001)


def edit_list(path: Path) -> Path:
    shown = [40 * k - 200 for k in range(20)]
    return record_levels(path, milliseconds=shown, avoid_negative_ts="disabled", use_editlist="1")


def truncated(path: Path) -> Path:
    noise_film(path).write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    return path


def many_images(count: int = 100) -> list[np.ndarray]:
    return [grey(round(10 + 2 * number)) for number in range(count)]


ODD: dict[str, Callable[[Path], Path]] = {
    "rate-varies.mkv": lambda path: record_levels(path, milliseconds=[k * k * 7 for k in range(20)]),
    "rate-varies.mp4": lambda path: record_levels(path, milliseconds=[k * k * 7 for k in range(20)]),
    "b-frames.avi": lambda path: record(path, many_images(), codec="mpeg4", prepare=use_b_frames),
    "b-frames-h264.avi": lambda path: record(path, many_images()),
    "b-frames.mp4": lambda path: record(path, many_images()),
    "stream.ts": noise_film,
    "stream.mpg": lambda path: noise_film(path, codec="mpeg2video"),
    "film.webm": lambda path: noise_film(path, codec="libvpx-vp9"),
    "film.flv": noise_film,
    "raw.h264": noise_film,
    "slow.gif": lambda path: record_levels(path, 3, milliseconds=[0, 500, 1500], codec="gif", pixels="gray"),
    "one.mp4": lambda path: record_levels(path, 1),
    "edited.mp4": edit_list,
    "hevc.mp4": lambda path: record(path, many_images(), codec="libx265"),
    "cut.mkv": truncated,
    "cut.ts": truncated,
}


def use_b_frames(stream: av.VideoStream) -> None:
    stream.codec_context.max_b_frames = 2


@pytest.mark.parametrize("name", ODD)
def test_tables_of_odd_files_equal_what_is_decoded(tmp_path: Path, name: str) -> None:
    assert len(agree(ODD[name](tmp_path / name))) >= 1


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("length", [1, 60, 3000])
@pytest.mark.parametrize("where", [0.2, 0.5, 0.8])
def test_tables_of_damaged_files_equal_what_is_decoded(tmp_path: Path, ending: str, length: int, where: float) -> None:
    agree(overwrite(noise_film(tmp_path / f"film.{ending}"), where, length))


def test_few_frames_are_decoded_where_packets_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ending in "mp4", "mkv":
        assert frames_decoded(record(tmp_path / f"film.{ending}", many_images(110) * 3), monkeypatch) < 80
        monkeypatch.undo()
    assert frames_decoded(noise_film(tmp_path / "film.avi", codec="mpeg4"), monkeypatch) > 100


def with_sound(path: Path, sound_starts: float, picture_starts: float) -> Path:
    """Sound of 20 s and pictures of 4 s, each from its own time on."""
    with av.open(path, "w", options={"avoid_negative_ts": "disabled"}) as container:
        picture = container.add_stream("libx264", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        picture.codec_context.time_base = MILLISECOND
        sound = container.add_stream("mp2" if path.suffix == ".ts" else "aac", rate=48000, layout="mono")
        for step in range(100):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="mono")
            silence.sample_rate, silence.pts = 48000, round(48000 * sound_starts) + 9600 * step
            container.mux(sound.encode(silence))
            frame = av.VideoFrame.from_ndarray(grey(10 + 2 * step), format="rgb24")
            frame.pts, frame.time_base = round(1000 * picture_starts) + 40 * step, MILLISECOND
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None) + sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "sound", "picture", "offset"),
    [
        ("late.mp4", 0, 3, 3),
        ("late.mkv", 0, 3, 3),
        ("late.ts", 0, 3, 3),
        ("both.mkv", 5, 8, 8),  # players differ: as in a browser
        ("both.ts", 5, 8, 3),
        ("both.ts", 50_000, 50_008, 8),
        ("sound-is-late.ts", 3, 0, 0),
        ("sound-is-late.mp4", 3, 0, 0),
    ],
)
def test_media_seconds_start_where_players_do(
    tmp_path: Path, name: str, sound: float, picture: float, offset: float
) -> None:
    film = with_sound(tmp_path / name, sound, picture)
    table = agree(film)
    assert table.offset == pytest.approx(offset, abs=0.05)  # sound encoders start a little early
    assert table.seconds[0] == 0
    assert table.media_seconds.tolist() == pytest.approx([table.offset + 0.04 * k for k in range(100)])
    with VideoFile(film) as video:
        assert video.offset == table.offset


@pytest.mark.parametrize(
    "name", ["b-frames.avi", "b-frames-h264.avi", "slow.gif", "raw.h264", "b-frames.mp4", "edited.mp4"]
)
def test_files_that_start_with_a_picture_have_no_offset(tmp_path: Path, name: str) -> None:
    with VideoFile(ODD[name](tmp_path / name)) as video:
        assert video.offset == 0


def test_a_jump_of_a_broadcast_leaves_no_gap(tmp_path: Path) -> None:
    jump = [40 * k + (60_000 if k >= 10 else 0) for k in range(20)]
    table = agree(record_levels(tmp_path / "film.ts", milliseconds=jump))
    assert table.media_seconds.tolist() == pytest.approx([0.04 * k for k in range(20)])


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=30), st.floats(-5, 1000), st.floats(-20, 400))
def test_indices_seconds_and_media_seconds_are_one_another(gaps: list[float], offset: float, moment: float) -> None:
    times = np.cumsum([0.0, *gaps])
    table = FrameTable(times[:-1], offset, float(times[-1]))
    for index in range(len(table)):
        assert table.index_at(table.seconds_of(index)) == index
        assert table.index_at(table.from_media(float(table.media_seconds[index]))) == index
    shown = table.index_at(moment)
    assert shown == 0 or times[shown] <= moment + 1e-6
    assert shown == len(table) - 1 or moment < times[shown + 1]
    assert table.from_media(table.to_media(moment)) == pytest.approx(moment, abs=1e-9)


def test_a_rate_is_constant_up_to_the_rounding_of_the_file() -> None:
    rounded = np.round(np.arange(200) * 1001 / 30, 0) / 1000
    table = FrameTable(rounded, 0, 7)
    assert table.constant_rate
    assert table.fps == pytest.approx(30000 / 1001, rel=1e-4)
    assert not FrameTable(np.delete(rounded, 100), 0, 7).constant_rate
    single = FrameTable(np.zeros(1), 0, 0.04)
    assert (single.fps, single.constant_rate) == (25, True)


@pytest.mark.parametrize(
    ("seconds", "end"), [([], 1), ([0.1, 0.2], 1), ([0, 0.2, 0.2], 1), ([0, 1], 1), ([0, float("nan")], 1)]
)
def test_a_table_that_is_no_order_of_time_is_refused(seconds: list[float], end: float) -> None:
    with pytest.raises(UntrimError, match="must"):
        FrameTable(np.array(seconds), 0, end)


def test_a_frame_that_is_not_there_is_refused() -> None:
    for index in -1, 2:
        with pytest.raises(UntrimError, match=f"frame {index} of a video of 2 frames"):
            FrameTable(np.array([0, 1.0]), 0, 2).seconds_of(index)


def test_a_table_cannot_be_changed_and_leaves_its_source_alone() -> None:
    source = np.array([0, 1.0])
    table = FrameTable(source, 0, 2)
    with pytest.raises(ValueError, match="read-only"):
        table.seconds[1] = 5
    source[1] = 5
    assert table.seconds_of(1) == 1


PEAK_MEMORY = """
import resource, sys
from untrim import frame_table
for path in sys.argv[1:]:
    print(len(frame_table(path)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_table_takes_little_memory(tmp_path: Path) -> None:
    images = [grey(100, 16, 16)]
    films = [str(record(tmp_path / f"{count}.mp4", images * count)) for count in (100, 20_000)]
    run = subprocess.run([sys.executable, "-c", PEAK_MEMORY, *films], capture_output=True, text=True, check=True)
    (few, before), (many, after) = (map(int, line.split()) for line in run.stdout.splitlines())
    assert (few, many) == (100, 20_000)
    assert after - before < 10_000  # kilobytes; a packet kept per frame takes several times as much
