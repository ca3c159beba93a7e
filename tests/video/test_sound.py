from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from films import grey
from footage import TICK_EVERY, film_numbered
from untrim.support.array_types import Float32
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter
from untrim.video.sound import SoundForm, SoundReader

STEADY = [k / 25 for k in range(100)]


def first_sound(samples: Float32, rate: int) -> float:
    """Seconds after which samples are no silence."""
    return float(np.flatnonzero(np.abs(samples).max(axis=0) > 0.2)[0]) / rate


def test_steps_of_any_length_give_the_same_samples(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY)
    with VideoFile(film) as video:
        with SoundReader(video, 0.7) as sound:
            whole = sound.until(3.3)
        with SoundReader(video, 0.7) as sound:
            parts = [sound.until(moment) for moment in (0.7, 0.71, 0.71, 0.5, 1.9, 1.9001, 3.3)]
    assert [part.shape[1] for part in parts] == [0, 480, 0, 0, 57120, 5, 67195]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert first_sound(whole, 48000) == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("begin", [0.0, 0.3, 2.0])
def test_before_and_after_the_sound_there_is_silence(tmp_path: Path, begin: float) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY, sound_late=1.01)
    with VideoFile(film) as video, SoundReader(video, begin) as sound:
        samples = sound.until(60.0)
    assert samples.shape == (1, round((60 - begin) * 48000))
    assert first_sound(samples, 48000) == pytest.approx(max(1.2, begin) - begin, abs=0.004)
    assert not samples[:, round((5 - begin) * 48000) :].any()


def test_a_gap_in_the_sound_is_silence(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mkv", STEADY, sound="libopus")
    with av.open(film) as source, av.open(tmp_path / "gap.mkv", "w") as output:
        streams = {stream: output.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            is_sound = packet.stream.type == "audio"
            if packet.pts is not None and not (is_sound and 1.0 < packet.pts * packet.time_base < 1.9):
                packet.stream = streams[packet.stream]
                output.mux(packet)
    with VideoFile(tmp_path / "gap.mkv") as video, SoundReader(video, 0.5) as sound:
        samples = sound.until(3.0)
    loud = np.flatnonzero(np.abs(samples[0]) > 0.2) / 48000 + 0.5
    assert not ((loud > 1.05) & (loud < 1.95)).any()
    assert loud[loud > 1.5][0] == pytest.approx(2.0, abs=0.003)


@pytest.mark.parametrize(
    ("rate", "layout", "form"),
    [
        (44100, "stereo", SoundForm(44100, "stereo")),
        (8000, "mono", SoundForm(8000, "mono")),
        (96000, "5.1", SoundForm(48000, "stereo")),
    ],
)
def test_the_form_is_one_that_every_player_knows(tmp_path: Path, rate: int, layout: str, form: SoundForm) -> None:
    film = tmp_path / "film.mkv"
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    with av.open(film, "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        for _ in range(50):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey(90), format="rgb24")))
        wave = np.zeros((1, 2 * rate * channels), np.int16)
        wave[:, rate * channels :] = 20000
        block = av.AudioFrame.from_ndarray(wave, format="s16", layout=layout)
        block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
        container.mux(track.encode(block))
        for stream in (pictures, track):
            container.mux(stream.encode())
    with VideoFile(film) as video, SoundReader(video, 0.5) as sound:
        samples = sound.until(2.0)
    assert sound.form == form
    assert samples.shape == (form.channels, round(1.5 * form.rate))
    assert first_sound(samples, form.rate) == pytest.approx(0.5, abs=0.002)


def test_a_film_without_sound_has_no_form(tmp_path: Path) -> None:
    with (
        VideoFile(film_numbered(tmp_path / "film.mp4", STEADY[:5], sound=None)) as video,
        SoundReader(video, 0) as sound,
    ):
        assert sound.form is None


def test_a_broadcast_whose_clock_jumps_stays_in_step(tmp_path: Path) -> None:
    part = film_numbered(tmp_path / "part.ts", STEADY[:50]).read_bytes()
    film = tmp_path / "joined.ts"
    film.write_bytes(part * 3)
    with VideoFile(film) as video:
        times = [frame.seconds for frame in video.frames(size=8)]
        with SoundReader(video, 0.5) as sound:
            samples = sound.until(6.0)
    assert len(times) == 150
    loud = np.flatnonzero(np.abs(samples[0]) > 0.2) / 48000 + 0.5
    starts = loud[np.diff(loud, prepend=0) > 0.05]
    # Half a second of sound is left of each part when its pictures end; it covers the tick with which the next begins.
    ticks = [times[k] for k in range(0, 150, TICK_EVERY) if times[k] > 0.5 and k % 50 >= 20]
    assert [float(start) for start in starts if round(start / 0.04) % 50 >= 20] == pytest.approx(ticks, abs=0.01)


def test_sound_is_written_from_the_first_sample_on(tmp_path: Path) -> None:
    wave = (0.5 * np.sin(np.arange(48000) / 5)).astype(np.float32)[None]
    with VideoWriter(tmp_path / "out.mp4", (64, 48), None, sound=SoundForm(48000, "mono")) as film:
        for index in range(25):
            film.write(grey(90), index / 25, (index + 1) / 25)
            film.write_sound(wave[:, 1920 * index : 1920 * (index + 1)])
    with VideoFile(tmp_path / "out.mp4") as video, SoundReader(video, 0.0) as sound:
        samples = sound.until(1.0)
    assert np.abs(samples[0, 3000:40000] - wave[0, 3000:40000]).mean() < 0.02
