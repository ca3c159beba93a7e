"""The sound of video files, in step with their frames: read, and written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import cast

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from untrim.support.array_types import Float32
from untrim.video.clock import clock_may_jump, media_zero
from untrim.video.decode import VideoFile
from untrim.video.reopening import reopened

_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Those that every player of AAC knows.
_LAYOUTS = ("mono", "stereo")
_SLACK = 0.02  # seconds by which timestamps, which are rounded, may differ from the count of samples
_BACK, _AHEAD = 1.0, 10.0  # seconds by which times of one broadcast differ, before its clock has started anew
_WARM_UP = 0.5  # seconds that decoders need after a seek


@dataclass(frozen=True, slots=True)
class SoundForm:
    """Samples per second, and ``mono`` or ``stereo``."""

    rate: int
    layout: str

    @property
    def channels(self) -> int:
        """Number of channels."""
        return 1 + _LAYOUTS.index(self.layout)


class SoundReader:
    """The sound of a video from a moment on; a context manager.

    Where the file has no sound, before its first sample or in a gap, there is silence. Sound that does not decode is
    silence too.

    Args:
        video: The file, open; it is read a second time.
        begin: Where to begin, in seconds from the first frame.

    Attributes:
        form: Of the samples; None if the file holds no sound that can be decoded.

    Raises:
        UntrimError: The file cannot be opened again.
    """

    def __init__(self, video: VideoFile, begin: float) -> None:
        self._video, self._begin = video, begin
        self._resources = ExitStack()
        self._cursor = 0  # samples given
        self._block: tuple[int, Float32] | None = None  # decoded, not all of it given yet
        self.form = _form(self._stream) if self._open() else None
        self._blocks = iter(()) if self.form is None else self._placed(self.form)

    def __enter__(self) -> SoundReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def until(self, seconds: float) -> Float32:
        """The samples from where it was to `seconds` from the first frame, float32 (channels, N)."""
        assert self.form is not None
        stop = max(round((seconds - self._begin) * self.form.rate), self._cursor)
        parts, end = [], self._cursor
        while end < stop:
            place, block = self._block or next(self._blocks, (stop, self._silence(0)))
            silence = min(place, stop) - end
            if silence > 0:
                parts.append(self._silence(silence))
                end += silence
            own = block[:, max(0, end - place) :][:, : stop - end] if place < stop else self._silence(0)
            parts.append(own)
            end += own.shape[1]
            self._block = (place, block) if place + block.shape[1] > end and block.shape[1] else None
        self._cursor = stop
        return np.concatenate([self._silence(0), *parts], axis=1)

    def _silence(self, samples: int) -> Float32:
        assert self.form is not None
        return np.zeros((self.form.channels, samples), np.float32)

    def _open(self) -> bool:
        """Open the file at its start; whether it holds sound that can be decoded."""
        self._container = reopened(self._video.path, self._resources)
        able = [stream for stream in self._container.streams.audio if stream.codec_context and stream.rate]
        if able:
            self._stream = able[0]
        return bool(able)

    def _placed(self, form: SoundForm) -> Iterator[tuple[int, Float32]]:
        """Blocks of samples, each with its place counted from `begin`; none reaches back before the one before."""
        resampler = AudioResampler("fltp", form.layout, form.rate)
        end: int | None = None
        for seconds, frame in self._timed():
            try:
                parts = resampler.resample(frame)
            except (ValueError, av.FFmpegError):  # Rate or layout change on the way.
                resampler = AudioResampler("fltp", form.layout, form.rate)
                parts = resampler.resample(frame)
            samples = [part.to_ndarray().astype(np.float32, copy=False) for part in parts]
            if not samples:
                continue
            block = np.concatenate(samples, axis=1)
            place = round((seconds - self._begin) * form.rate)
            if end is not None and abs(place - end) <= _SLACK * form.rate:
                place = end
            end = place + block.shape[1]
            if end > 0:
                yield max(place, 0), block[:, max(0, -place) :]

    def _timed(self) -> Iterator[tuple[float, av.AudioFrame]]:
        """Decoded sound with seconds from the first frame of the video, from before `begin` on."""
        zero = media_zero(self._container) + self._video.offset
        if clock_may_jump(self._container):
            yield from self._by_clock()
            return
        if self._begin > _WARM_UP:
            with suppress(av.FFmpegError):
                self._container.seek(int((zero + self._begin - _WARM_UP) * av.time_base))
        first = True
        for frame in self._decoded():
            if frame.pts is None or frame.time_base is None:
                continue
            seconds = float(frame.pts * frame.time_base) - zero
            if first and seconds > self._begin and self._begin > _WARM_UP:
                # It led too far, or there is no sound before: only the whole file tells.
                self._resources.close()
                self._open()
                yield from self._plainly(zero)
                return
            first = False
            yield seconds, frame

    def _plainly(self, zero: float) -> Iterator[tuple[float, av.AudioFrame]]:
        for frame in self._decoded():
            if frame.pts is not None and frame.time_base is not None:
                yield float(frame.pts * frame.time_base) - zero, frame

    def _by_clock(self) -> Iterator[tuple[float, av.AudioFrame]]:
        """As the frames of a broadcast: where its clock jumps, pictures continue without a gap, the sound with them.

        Both jump at about the same place of the file, in any order.
        """
        pictures, sound = _JumpingClock(self._video.first_stamp), _JumpingClock(None)
        usual = 1 / self._video.info.fps if self._video.info.fps else 0.04  # seconds of a frame that does not say
        waits = False  # The sound has jumped, and the pictures have not yet.
        with suppress(av.FFmpegError, OSError):
            for packet in self._container.demux(self._container.streams[self._video.stream_index], self._stream):
                if packet.stream.type == "video":
                    if packet.pts is not None:
                        length = float(packet.duration * packet.time_base) if packet.duration else usual
                        if pictures.follow(float(packet.pts * packet.time_base), length) and waits:
                            sound.zero, waits = pictures.zero, False
                    continue
                for frame in _decode(cast("av.Packet[AudioStream]", packet)):
                    if frame.pts is None or frame.time_base is None:
                        continue
                    stamp, length = float(frame.pts * frame.time_base), frame.samples / frame.rate
                    if sound.follow(stamp, length):
                        waits = not pictures.fits(stamp)
                        sound.zero = sound.zero if waits else pictures.zero
                    yield stamp - (sound.zero or 0.0), frame

    def _decoded(self) -> Iterator[av.AudioFrame]:
        with suppress(av.FFmpegError, OSError):
            for packet in self._container.demux(self._stream):
                yield from _decode(packet)


class _JumpingClock:
    """The clock of one stream of a broadcast, which may start anew; time then continues without a gap.

    Args:
        zero: What it says when time begins; None if it is not known.
    """

    def __init__(self, zero: float | None) -> None:
        self.zero, self._end = zero, 0.0

    def fits(self, stamp: float) -> bool:
        """Whether a time is not far from the latest one."""
        return self.zero is not None and -_BACK <= stamp - self.zero - self._end <= _AHEAD

    def follow(self, stamp: float, length: float) -> bool:
        """Take in the next time, and whether the clock has started anew with it."""
        anew = not self.fits(stamp)
        if anew:
            self.zero = stamp - self._end
        self._end = max(self._end, stamp - (self.zero or 0.0) + length)
        return anew


def _decode(packet: av.Packet[AudioStream]) -> list[av.AudioFrame]:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []


class SoundWriter:
    """The sound of a file that is being written, as AAC; the first sample begins with the file.

    Args:
        container: The file.
        form: Of the samples.
    """

    def __init__(self, container: OutputContainer, form: SoundForm) -> None:
        self._container, self._form = container, form
        self._stream = container.add_stream("aac", rate=form.rate, layout=form.layout)
        self._samples = 0

    def write(self, samples: Float32) -> None:
        """Add samples, float32 (channels, N) from -1 to 1, after those that were added before."""
        if samples.shape[1] == 0:
            return
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._form.layout)
        block.sample_rate, block.pts, block.time_base = self._form.rate, self._samples, Fraction(1, self._form.rate)
        self._samples += samples.shape[1]
        self._container.mux(self._stream.encode(block))

    def finish(self) -> None:
        """Write what the encoder holds back."""
        if self._samples:
            self._container.mux(self._stream.encode())


def _form(stream: AudioStream) -> SoundForm:
    """What the sound is written as: as it is, where every player knows that."""
    rate = stream.rate if stream.rate in _RATES else 48000
    return SoundForm(rate, "mono" if stream.layout.nb_channels == 1 else "stereo")
