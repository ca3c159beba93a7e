"""What a page shows of the video files: when their frames are shown, proxies that every browser plays, and sprites.

All of it lies in the project's cache under a name that holds the size and the time of change of the file it was made
of, and can be made again at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from untrim.errors import UntrimError
from untrim.studio.project import ProjectVideo
from untrim.support.array_types import Image
from untrim.support.arrays import read_array, write_array
from untrim.support.files import write_bytes
from untrim.support.progress import Progress, ShouldStop, stop_if
from untrim.timeline import LONGEST, Segment
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter
from untrim.video.frames import FrameTable, frame_table
from untrim.video.planes import color_tags, even, planes_converter
from untrim.video.sound import SoundReader

SPRITES = {10: 10, 100: 10}
"""How many tiles a sprite may have, and how many of them are in a row."""
TILE = (160, 90)
"""Width and height of a tile in pixels; pictures of another aspect are framed in black."""

_PROXY_HEIGHT = 720
_TICKS = 90_000  # per second: the times of frames that a proxy can tell apart
_PLAYABLE = {".mp4": {"h264", "av1", "vp9"}, ".m4v": {"h264"}, ".webm": {"vp8", "vp9", "av1"}, ".mov": {"h264"}}
_FRAMES_BETWEEN_SEEKS = 100  # Seeking decodes about as many, from the key frame before.
_USUAL_RATE = 25
_TIE = 1e-6  # seconds; less than this is rounding
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]


@dataclass(frozen=True)
class Shape:
    """What the container says of a video: size as shown, codec, when a player shows the first frame, and its length."""

    width: int
    height: int
    codec: str
    offset: float
    duration: float | None


def shape_of(path: Path) -> Shape:
    """The shape of a video file, of which only the beginning is read.

    Raises:
        UntrimError: It cannot be read.
    """
    with VideoFile(path) as video:
        info = video.info
        # Containers count from the zero of a player, or of their own clock; the frames are what counts.
        duration = None if info.duration is None else max(info.duration - max(video.offset, 0.0), 0.0) or info.duration
        return Shape(info.width, info.height, info.codec, video.offset, duration)


def plays(video: ProjectVideo, shape: Shape, constant_rate: bool) -> bool:
    """Whether browsers are likely to play the file itself; seeking in WebM of a varying rate is not exact."""
    suffix = video.path.suffix.lower()
    return shape.codec in _PLAYABLE.get(suffix, ()) and (constant_rate or suffix != ".webm")


class Cache:
    """The files that are made of videos.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table_file(self, video: ProjectVideo) -> Path:
        """The table of the frames of a video."""
        return self._file(video, "frames", ".npy")

    def proxy_file(self, video: ProjectVideo) -> Path:
        """The proxy of a video."""
        return self._file(video, "proxies", ".mp4")

    def sprite_file(self, video: ProjectVideo, tiles: int) -> Path:
        """A sprite of a video."""
        return self._file(video, f"sprites{tiles}", ".jpg")

    def table(self, video: ProjectVideo) -> FrameTable:
        """When the frames of a video are shown; kept, so that a long file is read once.

        Raises:
            UntrimError: The file cannot be read.
        """
        path = self.table_file(video)
        try:
            content = np.asarray(read_array(path), np.float64)
            return FrameTable(content[1:-1], float(content[0]), float(content[-1]))
        except (UntrimError, ValueError, IndexError):  # Not there, or damaged.
            table = frame_table(video.path)
            write_array(path, np.concatenate([[table.offset], table.seconds, [table.end]]))
            return table

    def _file(self, video: ProjectVideo, kind: str, ending: str) -> Path:
        try:
            state = video.path.stat()
        except OSError as error:
            raise UntrimError(f"cannot be read: {error.strerror}", where=video.path) from error
        return self.folder / kind / f"{video.id}-{state.st_size:x}-{state.st_mtime_ns:x}{ending}"


def make_proxy(
    source: Path, target: Path, frames: int, progress: Progress | None = None, should_stop: ShouldStop | None = None
) -> None:
    """Write a copy of a video that every browser plays and seeks in: H.264, at most 720 pixels high, with its sound.

    Its frames are those of the source, each at the same seconds from the first, which is shown at 0.

    Raises:
        UntrimError: The source cannot be read, or the target cannot be written.
        Stopped: `should_stop` said so; nothing is left of the target.
    """
    with ExitStack() as resources:
        video = resources.enter_context(VideoFile(source, threads=0))
        scale = min(1.0, _PROXY_HEIGHT / video.info.height)
        size = even(round(video.info.width * scale), round(video.info.height * scale))
        convert = planes_converter(*size, video.info.rotation, video.info.mirrored, threads=0, where=source)
        sound = resources.enter_context(SoundReader(video, 0.0))
        writer: VideoWriter | None = None
        latest = -1
        for number, shown in enumerate(video.shown([Segment(0.0, LONGEST)])):
            stop_if(should_stop)
            if writer is None:
                tags = color_tags(shown.picture)
                new = VideoWriter(
                    target, size, None, preset="ultrafast", threads=0, for_seeking=True, tags=tags, sound=sound.form
                )
                writer = resources.enter_context(new)
            if (tick := round(shown.seconds * _TICKS)) > latest:
                writer.write(convert(shown.picture), shown.seconds, shown.until)
                latest = tick
            if sound.form is not None:
                writer.write_sound(sound.until(shown.until))
            if progress is not None:
                progress("proxy", number + 1, frames, "")


def make_sprite(source: Path, target: Path, tiles: int, duration: float, should_stop: ShouldStop | None = None) -> None:
    """Write a picture of small frames in rows: the middle of each of so many equal parts of a video.

    Raises:
        UntrimError: The source cannot be read, or the target cannot be written.
        Stopped: `should_stop` said so.
    """
    columns, (width, height) = SPRITES[tiles], TILE
    sheet = np.zeros((tiles // columns * height, columns * width, 3), np.uint8)
    with VideoFile(source) as video:
        scale = min(width / video.info.width, height / video.info.height)
        size = max(1, round(video.info.width * scale)), max(1, round(video.info.height * scale))
        moments = [(tile + 0.5) / tiles * duration for tile in range(tiles)]
        for tile, image in enumerate(_at(video, moments, size)):
            stop_if(should_stop)
            top = tile // columns * height + (height - size[1]) // 2
            left = tile % columns * width + (width - size[0]) // 2
            sheet[top : top + size[1], left : left + size[0]] = image
    write_bytes(target, _jpeg(sheet))


def _at(video: VideoFile, moments: Sequence[float], size: tuple[int, int]) -> Iterator[Image]:
    """The frames at ascending moments, all seconds: by seeking, or where they lie close by decoding every frame."""
    apart = (moments[-1] - moments[0]) / max(len(moments) - 1, 1)
    if apart * (video.info.fps or _USUAL_RATE) > _FRAMES_BETWEEN_SEEKS:
        for moment in moments:
            yield video.nearest([moment], size)[0]
        return
    left = deque(moments)
    frames = video.frames(size=size)
    shown = next(frames)
    for frame in frames:
        while left and frame.seconds > left[0] + _TIE:
            left.popleft()
            yield shown.image
        shown = frame
    for _ in left:
        yield shown.image


def _jpeg(image: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _QUALITY)[1].tobytes())
