"""When frames are shown: seconds that only ascend, whatever timestamps a file carries."""

from __future__ import annotations

import av

_USUAL_LENGTH = 0.04  # seconds of a frame where neither it nor the container says
_BACK = 1.0  # seconds: frames in disorder never lie as far back
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
        self._usual = 1 / fps if fps else _USUAL_LENGTH
        self._ahead = _AHEAD_IN_BROADCASTS if broadcast else _AHEAD
        self._zero: float | None = None
        self.seconds, self.length = 0.0, 0.0  # of the latest frame

    @property
    def end(self) -> float:
        """When the latest frame ends."""
        return self.seconds + self.length

    def time(self, frame: av.VideoFrame) -> float:
        """When the next frame is shown; it becomes the latest."""
        stamp, seconds = timestamp(frame), self.end
        if stamp is not None:
            if self._zero is None or not -_BACK <= stamp - self._zero - self.seconds <= self._ahead:
                self._zero = stamp - self.end
            seconds = stamp - self._zero
            if self.length and seconds <= self.seconds:
                seconds = self.seconds + self.length / 2
        length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
        self.seconds, self.length = seconds, length if 0 < length <= self._ahead else self._usual
        return seconds


def timestamp(frame: av.VideoFrame) -> float | None:
    """Seconds on the file's own clock. AVI tells only when to decode; frames come out of the decoder at that pace."""
    ticks = frame.pts if frame.pts is not None else frame.dts
    return None if ticks is None or frame.time_base is None else float(ticks * frame.time_base)
