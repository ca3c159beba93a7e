"""Films whose frames show their number, and whose sound ticks with them: read back from any film made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from untrim.support.array_types import Float64, Image
from untrim.video.decode import VideoFile

_BITS, _BAR, _HEIGHT = 10, 8, 64
_RATE = 48000
TICK_EVERY = 10
"""Frames from one tick of the sound to the next; the first ticks with frame 0."""


def numbered(number: int) -> Image:
    """A picture of 80 x 64 that shows a number as ten bars, black or white, in its upper half; the lower is red."""
    bars = np.repeat([255 if number >> bit & 1 else 0 for bit in range(_BITS)], _BAR).astype(np.uint8)
    image = np.zeros((_HEIGHT, _BITS * _BAR, 3), np.uint8)
    image[: _HEIGHT // 2] = bars[None, :, None]
    image[_HEIGHT // 2 :, :, 0] = 200
    return image


def number_on(image: Image) -> int:
    """The number that a picture shows."""
    bars = image[4 : _HEIGHT // 2 - 4].mean(axis=(0, 2)).reshape(_BITS, _BAR)[:, 2:-2].mean(axis=1)
    assert ((bars < 60) | (bars > 195)).all(), bars
    return sum(1 << bit for bit, bar in enumerate(bars) if bar > 128)


def film_numbered(
    path: Path,
    seconds: Sequence[float],
    *,
    codec: str = "libx264",
    sound: str | None = "aac",
    turn: int = 0,
    late: float = 0.0,
    sound_late: float = 0.0,
) -> Path:
    """Write a film whose frame ``i`` shows the number ``i`` at ``seconds[i]``; key frames come every 12 frames.

    Args:
        path: The file.
        seconds: Times of the frames, from 0.
        codec: Of the pictures.
        sound: Codec of the sound, None for none. It ticks for 20 ms with every tenth frame.
        turn: How a player turns the pictures, in quarters counter-clockwise; they are stored turned the other way.
        late: Seconds of the file after which the pictures begin.
        sound_late: Seconds of the file after which the sound begins, if it is not there from the start.
    """
    tick = Fraction(1, 90000)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        images = [np.rot90(numbered(index), -turn) for index in range(len(seconds))]
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if codec != "mpeg4":
            stream.codec_context.time_base = tick
        stream.options = (
            {"preset": "ultrafast", "crf": "10", "g": "12", "bf": "2"} if codec == "libx264" else {"g": "12"}
        )
        if turn:
            matrices = {1: [0, -1, 1, 0], 2: [-1, 0, 0, -1], 3: [0, 1, -1, 0]}
            a, b, c, d = (value << 16 for value in matrices[turn])
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        track = container.add_stream(sound, rate=_RATE, layout="mono") if sound else None
        for image, moment in zip(images, seconds, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round((moment + late) / tick), tick
            container.mux(stream.encode(frame))
        if track is not None:
            wave = _ticks(seconds, late)[round(sound_late * _RATE) :].astype(np.float32)
            block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = _RATE, round(sound_late * _RATE), Fraction(1, _RATE)
            container.mux(track.encode(block))
            container.mux(track.encode())
        container.mux(stream.encode())
    return path


def _ticks(seconds: Sequence[float], late: float) -> Float64:
    """Samples: a tone of 20 ms at every tenth frame, until half a second after the last one."""
    wave = np.zeros(round((seconds[-1] + late + 0.5) * _RATE))
    tone = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(round(0.02 * _RATE)) / _RATE)
    for moment in seconds[::TICK_EVERY]:
        first = round((moment + late) * _RATE)
        wave[first : first + len(tone)] = tone
    return wave


def shown_numbers(path: Path, look: Callable[[Image], int] = number_on) -> tuple[list[int], list[float], float]:
    """The number on each frame of a film, the seconds of the frames, and the seconds of the end."""
    with VideoFile(path) as video:
        frames = [(look(frame.image), frame.seconds) for frame in video.frames()]
        return [number for number, _ in frames], [seconds for _, seconds in frames], video.duration


def heard_ticks(path: Path) -> list[float]:
    """When the sound of a film begins to tick, in seconds of the time line that players show."""
    blocks: list[Float64] = []
    rate, begin = 0, 0.0
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            if not blocks:
                rate, begin = frame.sample_rate, float(frame.pts * frame.time_base)
            blocks.append(frame.to_ndarray().astype(np.float64).mean(axis=0))
    wave = np.concatenate(blocks)
    loud = np.convolve(np.abs(wave), np.ones(rate // 500) / (rate // 500), mode="same") > 0.1
    starts = begin + np.flatnonzero(loud & ~np.concatenate([[False], loud[:-1]])) / rate
    return [float(start) for start, before in zip(starts, [-1.0, *starts], strict=False) if start - before > 0.06]
