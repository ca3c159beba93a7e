"""The one table of a video's presentation times: frame number <-> seconds <-> media seconds.

*Seconds* count from the first frame, as everywhere in untrim. *Media seconds* are what a player shows, and so what
annotation tools write down. The two differ by the table's `offset`, since a file's pictures may begin later than the
file does, for instance in a clip that was cut without encoding it again.

What a player calls zero:

- MP4, MOV, Matroska, WebM, FLV, GIF and others with a time line of their own: the zero of that time line, edit lists
  applied. A file whose timestamps begin below zero is moved up until the earliest of all its streams is at zero.
- MPEG transport and program streams, Ogg: their clock starts anywhere, so zero is the earliest timestamp of all their
  streams, FFmpeg's ``start_time``.
- AVI stores no presentation times: the first frame is shown where the stream starts, however late it is decoded.
- Raw streams without any timestamps: the first frame.

Sources: Chromium's ``media/filters/ffmpeg_demuxer.cc`` subtracts the start time only where it is negative. ISO/IEC
14496-12, 8.6.6, defines edit lists. mpv subtracts the start time always (``--rebase-start-time``), as every player does
for transport streams. Where the sound *and* the pictures of an MP4 or
Matroska file start late, players differ, and untrim follows browsers.

Where the clock of a broadcast jumps, time continues without a gap (`untrim.video.clock`), in both kinds of seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from untrim.errors import UntrimError
from untrim.support.array_types import Float64
from untrim.timeline import Segment, is_finite
from untrim.video.decode import VideoFile

_TIE = 1e-6  # seconds; less than this is rounding
_MOST_FRAMES = 100_000_000
_ROUNDED = 2e-3  # seconds by which timestamps in milliseconds may differ from an even rate, at most


@dataclass(frozen=True, eq=False)
class FrameTable:
    """When the frames of a video are shown.

    Args:
        seconds: From the first frame, float64 (frames,): starts at 0 and ascends strictly.
        offset: Media seconds of the first frame: what a player shows when it is on the screen.
        end: Seconds from the first frame to the end of the last one.

    Raises:
        UntrimError: `seconds` is empty, does not start at 0 or does not ascend, or `end` is not after the last frame.
    """

    seconds: Float64 = field(repr=False)
    offset: float
    end: float

    def __post_init__(self) -> None:
        if self.seconds.ndim != 1 or not len(self.seconds) or self.seconds[0] or not (np.diff(self.seconds) > 0).all():
            raise UntrimError("the times of frames must start at 0 and ascend")
        if not self.end > self.seconds[-1]:
            raise UntrimError(f"the end, {self.end} s, must come after the last frame at {self.seconds[-1]} s")
        own = self.seconds.copy()
        own.flags.writeable = False
        object.__setattr__(self, "seconds", own)

    @classmethod
    def regular(cls, fps: float, end: float) -> FrameTable:
        """What a tool assumes that knows nothing but a rate: frame ``i`` is shown at ``i / fps``.

        Args:
            fps: Frames per second.
            end: Seconds that the frames must reach; there is at least one frame.

        Raises:
            UntrimError: `fps` is not a positive number, or there would be more than a hundred million frames.
        """
        if not (is_finite(fps) and fps > 0):
            raise UntrimError(f"fps {fps!r:.40} must be a positive number")
        count = max(1, math.ceil(end * fps - _TIE))
        if count > _MOST_FRAMES:
            raise UntrimError(f"{end:.10g} s at {fps:g} fps are more than {_MOST_FRAMES:,} frames")
        return cls(np.arange(count) / fps, 0.0, count / fps)

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def media_seconds(self) -> Float64:
        """What a player shows at each frame, float64 (frames,)."""
        return self.seconds + self.offset

    @property
    def fps(self) -> float:
        """Frames per second; on average, where the rate varies."""
        return (len(self) - 1) / float(self.seconds[-1]) if len(self) > 1 else 1 / self.end

    @property
    def constant_rate(self) -> bool:
        """Whether frames come at an even pace, up to 2 ms or a quarter of a frame, whichever is less."""
        even = np.arange(len(self)) / self.fps
        return bool(np.abs(self.seconds - even).max() <= min(_ROUNDED, 0.25 / self.fps))

    def index_at(self, seconds: float) -> int:
        """The frame on the screen at a time in seconds from the first: the first before it, the last after the end."""
        return max(0, int(np.searchsorted(self.seconds, seconds + _TIE, side="right")) - 1)

    def seconds_of(self, index: int) -> float:
        """When a frame is shown, in seconds from the first.

        Raises:
            UntrimError: There is no such frame.
        """
        if not 0 <= index < len(self):
            raise UntrimError(f"frame {index} of a video of {len(self)} frames, which are counted from 0")
        return float(self.seconds[index])

    def frames_of(self, segment: Segment) -> range:
        """The frames that are shown in a segment, whose ends move to the nearest borders of frames.

        Args:
            segment: In seconds from the first frame.

        Returns:
            Their numbers; empty where both ends move to the same border.
        """
        return range(self._border_at(segment.start), self._border_at(segment.end))

    def segment_of(self, frames: range) -> Segment:
        """When frames are shown, from the first of them to the end of the last, in seconds from the first frame.

        Raises:
            UntrimError: They are none, or are not all there.
        """
        if not (0 <= frames.start < frames.stop <= len(self) and frames.step == 1):
            what = f"frames {frames.start} to {frames.stop - 1} of a video of {len(self)} frames"
            raise UntrimError(f"{what}, which are counted from 0")
        return Segment(self._border(frames.start), self._border(frames.stop))

    def _border(self, index: int) -> float:
        """When frame `index` begins and the one before ends."""
        return float(self.seconds[index]) if index < len(self) else self.end

    def _border_at(self, seconds: float) -> int:
        """The border nearest to a time; the earlier of two."""
        after = int(np.searchsorted(self.seconds, seconds))
        if after == 0 or (after == len(self) and seconds >= self.end):
            return after
        return after if self._border(after) - seconds < seconds - self._border(after - 1) else after - 1

    def to_media(self, seconds: float) -> float:
        """Media seconds of a time in seconds from the first frame."""
        return seconds + self.offset

    def from_media(self, media_seconds: float) -> float:
        """Seconds from the first frame of a time in media seconds; negative before the first frame."""
        return media_seconds - self.offset


def frame_table(path: Path | str) -> FrameTable:
    """The times of all frames of a video file, equal to those of `VideoFile.frames`.

    The whole file is read. Most of it is not decoded where its packets' times can be trusted; see `VideoFile.times`.
    The `offset` alone is had without reading the file: ``VideoFile(path).offset``.

    Raises:
        UntrimError: The file cannot be read or holds no frame.
    """
    with VideoFile(path) as video:
        seconds = np.fromiter(video.times(), dtype=np.float64)
        return FrameTable(seconds, video.offset, video.duration)
