"""Video files: frames with true timestamps, whatever the container says of them.

Frames are demuxed packet by packet, so that a broken packet costs only itself. Containers lie about frame counts and
durations; times come from the frames' own timestamps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast

import av
from av.container import Flags, InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from untrim.errors import UntrimError
from untrim.support.array_types import Float64, Image
from untrim.support.paths import as_path, similar
from untrim.timeline import Segment, is_finite
from untrim.video.clock import Clock, clock_may_jump, first_media_seconds, length, timestamp
from untrim.video.images import converter, orientation
from untrim.video.limits import USUAL_LIMITS, Limits
from untrim.video.packets import packet_times
from untrim.video.resampling import at_rate, nearest_in_time
from untrim.video.spans import Shown, joined

T = TypeVar("T")

_REORDER = 0.5  # seconds by which a key frame may be shown later than it is decoded
_TIE = 1e-6  # seconds; less than this is rounding
_COMPARED = 48  # frames: more than any decoder holds back


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: seconds from the first frame, and the picture as shown, RGB uint8 (H, W, 3) or grey (H, W)."""

    seconds: float
    image: Image


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the container says of a video stream.

    Args:
        width: Pixels of the picture as shown: square pixels, mirrored and turned as the file asks for.
        height: Pixels, likewise.
        rotation: Degrees, counter-clockwise, by which the stored picture is turned: 0, 90, 180 or 270.
        mirrored: Whether left and right of the stored picture are swapped before it is turned.
        codec: Name of the codec.
        fps: Average frames per second; may be wrong or unknown.
        duration: Seconds; may be wrong or unknown.
    """

    width: int
    height: int
    rotation: int
    mirrored: bool
    codec: str
    fps: float | None
    duration: float | None


class VideoFile:
    """A video file, open for reading; a context manager.

    Args:
        path: The file.
        threads: Threads for decoding and scaling; 0 lets FFmpeg choose. One, for many files at once in a pool.
        limits: How large pictures may be, and how long gaps between them.

    Attributes:
        info: What the container says.
        offset: When a player shows the first frame, in seconds on its own time line; see `untrim.video.frames`.
        first_stamp: Seconds of the first frame on the file's own clock.
        broken_packets: As `frames` says.

    Raises:
        UntrimError: Missing, empty, no video in it, or nothing in it can be decoded or may be.
    """

    def __init__(self, path: Path | str, threads: int = 1, limits: Limits = USUAL_LIMITS) -> None:
        self.path = as_path(path, "video")
        self.broken_packets = 0
        self._threads, self._limits = threads, limits
        with ExitStack() as self._resources:  # closed if anything here fails
            self._open()
            first = next(self._decoded(), None)
            if first is None:
                self._limits.check_size(*self._claimed_size(), self.path)
                raise UntrimError("holds no frame that can be decoded", where=self.path, fix="repair or remove it")
            self.first_stamp = timestamp(first) or 0.0
            self.offset = first_media_seconds(self._container, self._stream, first)
            self.info = self._describe(first)
            self._clock = self._new_clock()
            self._resources = self._resources.pop_all()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def stream_index(self) -> int:
        """Number of the video's stream in the file."""
        return self._stream.index

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last one decoded: the whole, once `frames` has ended."""
        return self._clock.end

    def frames(
        self, fps: float | None = None, size: tuple[int, int] | int | None = None, *, grey: bool = False
    ) -> Iterator[Frame]:
        """All frames from the start, one at a time; one such iteration at a time.

        Afterwards `duration` is the video's true length and `broken_packets` says how many packets were damaged, did
        not decode or gave a damaged picture; a damaged picture is shown, a missing one is not.

        Args:
            fps: Resample to this rate: at each time ``k / fps`` the frame whose timestamp is nearest (the earlier of
                two), as long as the time is before the end by half a step of the grid or half of the last frame,
                whichever is less. So N frames at their own rate stay N. Frames that repeat share one image. None:
                every frame with its own time.
            size: (width, height) of the images, or the length of their short side; None: as shown.
            grey: Whether to give brightness alone, (H, W), as the file stores it: faster, and exact where RGB, from
                which it could be computed, is rounded.

        Raises:
            UntrimError: `fps` or `size` is not positive, the file cannot be read to its end, or a limit is exceeded.
        """
        if fps is not None and not (is_finite(fps) and fps > 0):
            raise UntrimError(f"fps {fps!r:.40} must be a positive number")
        timed = self._timed() if fps is None else self._resampled(fps)
        return itertools.starmap(Frame, self._converted(timed, self._converter(size, grey)))

    def images(self, fps: float, forms: Sequence[tuple[int, bool]]) -> Iterator[tuple[Image, ...]]:
        """The images that `frames` gives, in several forms at a time: each picture is decoded once.

        Args:
            fps: As in `frames`.
            forms: The short side of each, and whether it is grey.

        Raises:
            UntrimError: As for `frames`.
        """
        converters = [self._converter(*form) for form in forms]
        converted = self._converted(self._resampled(fps), lambda picture: tuple(to(picture) for to in converters))
        return (images for _, images in converted)

    def times(self) -> Iterator[float]:
        """Seconds of all frames, equal to those that `frames` gives; much faster, as few pictures are decoded.

        Times are read from the packets where those can be trusted (see `untrim.video.packets`); otherwise every frame
        is decoded. Afterwards `duration` is the video's true length; `broken_packets` says nothing.

        Raises:
            UntrimError: The file cannot be read to its end.
        """
        packets = self._packet_times()
        if packets is None:
            yield from (seconds for seconds, _ in self._timed())
        else:
            yield from map(self._clock.time, packets[0].tolist(), packets[1].tolist())

    def shown(self, spans: Iterable[Segment]) -> Iterator[Shown]:
        """The frames on the screen at some time of any of `spans`, each once, in their order.

        Where the packets' times can be trusted (see `untrim.video.packets`), what lies between is not decoded.

        Args:
            spans: In seconds from the first frame; one that starts after the end of the video has no frame.

        Raises:
            UntrimError: The file cannot be read to its end.
        """
        wanted = joined(spans)
        packets = self._packet_times()
        if packets is None:
            yield from self._shown_in_passing(wanted)
            return
        starts = list(map(self._clock.time, packets[0].tolist(), packets[1].tolist()))
        place = {stamp: index for index, stamp in enumerate(packets[0].tolist())}
        ends = [*starts[1:], self._clock.end]
        latest = -1
        for span in wanted:
            for frame in self._decoded_before(span.start):
                stamp = timestamp(frame)
                if stamp is None or (index := place.get(stamp)) is None:
                    continue
                found = Shown(starts[index], ends[index], frame)
                if index > latest and found.is_in(span):
                    latest = index
                    yield found
                elif found.seconds >= span.end:
                    break

    def nearest(self, moments: Sequence[float], size: tuple[int, int] | int | None = None) -> list[Image]:
        """The frames whose timestamps are nearest to some `moments` in seconds, in any order; found by seeking.

        Args:
            moments: Seconds from the first frame; before it is the first, after the last is the last.
            size: As in `frames`.

        Raises:
            UntrimError: `size` is not positive, or the file cannot be read.
        """
        convert = self._converter(size)
        found = {moment: self._sought(moment, convert) for moment in set(moments)}
        missed = sorted(moment for moment, image in found.items() if image is None)
        if missed:
            found |= {moment: convert(frame) for moment, frame in nearest_in_time(missed, self._timed())}
        return [image for moment in moments if (image := found[moment]) is not None]

    def _open(self) -> None:
        if not self.path.is_file():
            raise UntrimError("no such file", where=self.path, fix=similar(self.path))
        try:
            file = self._resources.enter_context(self.path.open("rb"))
            if not file.peek(1):
                raise UntrimError("is empty", where=self.path, fix="copy it again")
            # FFmpeg is handed the open file and may open no other: not those that a playlist in it names.
            bounds = {"protocol_whitelist": "none", "max_pixels": str(self._limits.max_pixels)}
            container = av.open(file, "r", options=bounds, metadata_errors="ignore")
        except (av.FFmpegError, OSError) as error:
            raise UntrimError(
                f"is not a readable video: {error.strerror}", where=self.path, fix="check that it plays elsewhere"
            ) from error
        self._container: InputContainer = self._resources.enter_context(container)
        # Made-up timestamps are wrong where there are B-frames, and making them up reads far ahead.
        self._container.flags &= ~cast(int, Flags.gen_pts.value)
        self._stream = self._choose_stream()

    def _choose_stream(self) -> VideoStream:
        """The first video stream that is not the cover picture of a piece of music."""
        streams = self._container.streams
        pictures = [stream for stream in streams.video if not stream.disposition & Disposition.attached_pic]
        if not pictures:
            what = "only audio" if streams.audio else "no video"
            raise UntrimError(f"holds {what}", where=self.path, fix="name a file with moving pictures")
        stream = pictures[0]
        if not stream.codec_context:
            raise UntrimError("is coded in a way that cannot be decoded", where=self.path, fix="convert it to H.264")
        stream.codec_context.options = {"max_pixels": str(self._limits.max_pixels)}
        stream.thread_type = "AUTO"
        stream.thread_count = self._threads
        return stream

    def _claimed_size(self) -> tuple[int, int]:
        """Pixels of a picture as the file says, without decoding any; 0, 0 where it does not say."""
        options = {"protocol_whitelist": "none", "codec_whitelist": "none"}
        with suppress(av.FFmpegError), self.path.open("rb") as file, av.open(file, "r", options=options) as container:
            found = container.streams[self._stream.index]
            if isinstance(found, VideoStream) and found.codec_context:
                return found.codec_context.width, found.codec_context.height
        return 0, 0

    def _describe(self, first: av.VideoFrame) -> StreamInfo:
        rotation, mirrored = orientation(first)
        aspect = float(self._stream.sample_aspect_ratio or 1)
        width = max(1, round(first.width * aspect)) if 0.25 <= aspect <= 4 else first.width
        microseconds = self._container.duration
        return StreamInfo(
            width=first.height if rotation % 180 else width,
            height=width if rotation % 180 else first.height,
            rotation=rotation,
            mirrored=mirrored,
            codec=self._stream.codec_context.name,
            fps=float(self._stream.average_rate) if self._stream.average_rate else None,
            duration=microseconds / av.time_base if microseconds and microseconds > 0 else None,
        )

    def _new_clock(self) -> Clock:
        return Clock(self.info.fps, broadcast=clock_may_jump(self._container))

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Frames from the current place in the container; broken packets are counted and skipped."""
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decode(packet)
        except av.FFmpegError:
            self.broken_packets += 1
            yield from self._decode(None)
        except OSError as error:
            raise UntrimError(f"cannot be read to its end: {error.strerror}", where=self.path) from error

    def _decode(self, packet: av.Packet[VideoStream] | None) -> list[av.VideoFrame]:
        try:
            frames = self._stream.decode(packet)
            broken = any(frame.is_corrupt for frame in frames) or (packet is not None and packet.is_corrupt)
        except av.FFmpegError:
            frames, broken = [], True
        self.broken_packets += broken
        return frames

    def _rewind(self) -> None:
        self._resources.close()  # Not every file can be wound back; each can be opened again.
        self._open()
        self.broken_packets, self._clock = 0, self._new_clock()

    def _timed(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """All frames from the start, with seconds from the first."""
        self._rewind()
        for frame in self._decoded():
            yield self._clock.time(timestamp(frame), length(frame)), frame

    def _shown_in_passing(self, wanted: Sequence[Segment]) -> Iterator[Shown]:
        """The frames of spans that do not overlap, all frames up to the last one being decoded."""
        timed = self._timed()
        now, left = next(timed, None), list(wanted)
        while now is not None and left:
            following = next(timed, None)
            shown = Shown(now[0], self._clock.end if following is None else following[0], now[1])
            if any(shown.is_in(span) for span in left):
                yield shown
            left = [span for span in left if span.end > shown.until]
            now = following

    def _decoded_before(self, seconds: float) -> Iterator[av.VideoFrame]:
        """Frames from a key frame on that is shown before `seconds`; from the start, if seeking fails."""
        try:
            self._container.seek(int((self.first_stamp + max(seconds - _REORDER, 0.0)) * av.time_base))
            decoded = self._decoded()
            first = next(decoded, None)
            stamp = None if first is None else timestamp(first)
            if first is not None and stamp is not None and stamp - self.first_stamp <= seconds + _TIE:
                return itertools.chain([first], decoded)
        except av.FFmpegError:
            pass
        self._rewind()
        return self._decoded()

    def _resampled(self, fps: float) -> Iterator[tuple[float, av.VideoFrame]]:
        timed = self._limits.check_gaps(self._timed(), lambda: self._clock.end, self.path)
        return at_rate(timed, lambda: self._clock, fps)

    def _sought(self, moment: float, convert: Callable[[av.VideoFrame], Image]) -> Image | None:
        """The frame nearest to `moment`; None if seeking fails, or leads past it."""
        before: tuple[float, av.VideoFrame] | None = None
        try:
            self._container.seek(int((self.first_stamp + max(moment - _REORDER, 0.0)) * av.time_base))
        except av.FFmpegError:
            return None
        for frame in self._decoded():
            stamp = timestamp(frame)
            if stamp is None or (before is None and stamp - self.first_stamp > max(moment, 0.0) + _TIE):
                return None
            seconds = stamp - self.first_stamp
            if seconds >= moment:
                closer = before is None or seconds - moment < moment - before[0] - _TIE
                return convert(frame if before is None or closer else before[1])
            before = seconds, frame
        return None if before is None else convert(before[1])

    def _packet_times(self) -> tuple[Float64, Float64] | None:
        """Timestamps and lengths of all frames, if the first ones come out of the decoder as the packets say."""
        self._rewind()
        try:
            packets = packet_times(self._container, self._stream)
        except OSError as error:
            raise UntrimError(f"cannot be read to its end: {error.strerror}", where=self.path) from error
        if packets is None:
            return None
        self._rewind()
        first = zip(packets[0][:_COMPARED].tolist(), packets[1][:_COMPARED].tolist(), strict=True)
        decoded = ((timestamp(frame), length(frame)) for frame in itertools.islice(self._decoded(), _COMPARED))
        agree = list(first) == list(decoded)
        self._rewind()
        return packets if agree else None

    def _converter(self, size: tuple[int, int] | int | None, grey: bool = False) -> Callable[[av.VideoFrame], Image]:
        shown = self.info.width, self.info.height
        if isinstance(size, int):
            scale = size / min(shown)
            size = max(1, round(shown[0] * scale)), max(1, round(shown[1] * scale)) if size > 0 else size
        width, height = size or shown
        self._limits.check_size(width, height, self.path)
        turned = self.info.rotation, self.info.mirrored
        return converter(width, height, *turned, self._threads, where=self.path, grey=grey)

    @staticmethod
    def _converted(
        timed: Iterator[tuple[float, av.VideoFrame]], convert: Callable[[av.VideoFrame], T]
    ) -> Iterator[tuple[float, T]]:
        shown: av.VideoFrame | None = None
        for seconds, picture in timed:
            if picture is not shown:
                image, shown = convert(picture), picture
            yield seconds, image
