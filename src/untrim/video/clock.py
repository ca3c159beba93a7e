"""When frames are shown: seconds that only ascend, whatever timestamps a file carries."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

_TS_DISCONT = 0x0200  # FFmpeg's AVFMT_TS_DISCONT
_USUAL_LENGTH = 0.04  # seconds of a frame where neither it nor the container says
_BACK = 1.0  # seconds: frames in disorder are never as far back
_AHEAD = 3600.0  # seconds: no frame is shown for as long
_AHEAD_IN_BROADCASTS = 10.0


class Clock:
    """Seconds from the first frame, strictly ascending.

    A frame without a timestamp follows the one before. One that is not later than the one before comes half a frame
    after it. After a jump, more than a second back or an hour ahead, the file's clock is taken to have started anew,
    without a gap.

    Args:
        fps: Average frames per second, if known: for frames that do not say how long they last.
        broadcast: The file is of a kind that is cut and joined with its clock (MPEG transport and program streams):
            ten seconds ahead are a jump.
    """

    def __init__(self, fps: float | None, broadcast: bool) -> None:
        self._ahead = _AHEAD_IN_BROADCASTS if broadcast else _AHEAD
        self._usual = 1 / fps if fps and 1 / fps <= self._ahead else _USUAL_LENGTH
        self._zero: float | None = None
        self.seconds, self.length = 0.0, 0.0  # of the latest frame

    @property
    def end(self) -> float:
        """When the latest frame ends."""
        return self.seconds + self.length

    def time(self, stamp: float | None, length: float) -> float:
        """When the next frame is shown; it becomes the latest.

        Args:
            stamp: Seconds on the file's own clock, as `timestamp` gives them.
            length: Seconds for which the frame says that it is shown; 0 if it does not say.
        """
        seconds = self.end
        if stamp is not None:
            if self._zero is None or not -_BACK <= stamp - self._zero - self.seconds <= self._ahead:
                self._zero = stamp - self.end
            seconds = stamp - self._zero
            if self.length and seconds <= self.seconds:
                seconds = self.seconds + self.length / 2
        self.seconds, self.length = seconds, length if 0 < length <= self._ahead else self._usual
        return seconds


def timestamp(frame: av.VideoFrame | av.Packet[VideoStream]) -> float | None:
    """Seconds on the file's own clock. AVI tells only when to decode; frames come out of the decoder at that pace."""
    ticks = frame.pts if frame.pts is not None else frame.dts
    return None if ticks is None or frame.time_base is None else _seconds(ticks, frame.time_base)


def length(frame: av.VideoFrame | av.Packet[VideoStream]) -> float:
    """Seconds for which a frame or packet says that it is shown; 0 if it does not say."""
    return _seconds(frame.duration, frame.time_base) if frame.duration and frame.time_base else 0.0


def _seconds(ticks: int, base: Fraction) -> float:
    """`ticks` of `base` seconds each; what ``float(ticks * base)`` is, many times faster."""
    return ticks * base.numerator / base.denominator


def clock_may_jump(container: InputContainer) -> bool:
    """Whether the file is of a kind that is cut and joined with its clock, which starts anywhere: broadcasts."""
    return bool(container.format.flags & _TS_DISCONT)


def media_zero(container: InputContainer) -> float:
    """What a player shows as zero, in seconds on the file's own clock; the rule is that of `untrim.video.frames`."""
    start = (container.start_time or 0) / av.time_base
    return start if clock_may_jump(container) else min(start, 0.0)


def first_media_seconds(container: InputContainer, stream: VideoStream, first: av.VideoFrame) -> float:
    """When a player shows the first frame, in seconds on its own time line; the rule is that of `untrim.video.frames`.

    Args:
        container: The open file.
        stream: Its video stream.
        first: The first frame decoded.
    """
    stamp = timestamp(first)
    if stamp is None or container.start_time is None:
        return 0.0
    if container.format.name == "avi" and stream.start_time is not None and stream.time_base is not None:
        stamp = float(stream.start_time * stream.time_base)  # The decoder's delay is no delay on the screen.
    return stamp - media_zero(container)
