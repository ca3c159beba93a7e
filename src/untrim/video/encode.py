"""Writing video files: H.264 in MP4, which every player and browser shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.stream import VideoStream

from untrim.errors import UntrimError
from untrim.support.array_types import Float32, Image
from untrim.support.files import atomic_path
from untrim.video.planes import ColorTags, Planes
from untrim.video.sound import SoundForm, SoundWriter

_TICK = Fraction(1, 90_000)  # of timestamps that are given
_KEY_SECONDS = 2  # between key frames, so that seeking is quick
_KEY_FRAMES_WHEN_SEEKING = 30  # frames between key frames in a file that is jumped about in
_USUAL_RATE = 25


class VideoWriter:
    """A video file to write frames to; a context manager.

    The file is there, whole, once the block has ended; if it ends with an error, nothing is left of it. The same
    frames and options give the same bytes.

    Args:
        path: The file, whatever its ending; one that exists is replaced.
        size: (width, height) of the frames in pixels, both even: as H.264 in its most common form has it.
        fps: Frames per second; a fraction for rates such as 30000/1001. None: every frame comes with its time.
        preset: How much work x264 puts in, ``ultrafast`` to ``veryslow``.
        crf: Quality, 0 (lossless) to 51; 6 less is about twice the size.
        threads: Threads for encoding; 0 lets FFmpeg choose. The bytes depend on it.
        tags: What the colours of pictures given as planes mean.
        sound: Form of the sound, which `write_sound` adds; None for a silent film.
        about: Texts that the file carries, such as ``title`` and ``comment``.
        for_seeking: Whether a browser will jump about in the file: its index comes first, key frames come often, and
            no frame depends on a later one.

    Raises:
        UntrimError: `size` or `fps` is of no use, or, when the block begins or ends, the file cannot be written or has
            got no frame.
    """

    def __init__(
        self,
        path: Path | str,
        size: tuple[int, int],
        fps: float | Fraction | None,
        *,
        preset: str = "superfast",
        crf: int = 23,
        threads: int = 1,
        tags: ColorTags | None = None,
        sound: SoundForm | None = None,
        about: Mapping[str, str] | None = None,
        for_seeking: bool = False,
    ) -> None:
        width, height = size
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise UntrimError(f"size {width} x {height} of a video", where=path, fix="use even numbers of pixels")
        if fps is not None and not 0 < fps < float("inf"):
            raise UntrimError(f"fps {fps} must be a positive number", where=path)
        self.path, self.size = Path(path), size
        self._rate = None if fps is None else Fraction(fps).limit_denominator(1001)
        self._options = {"preset": preset, "crf": str(crf)}
        if fps is None:
            self._options["bf"] = "0"  # MP4 keeps how long frames last in the order in which they are decoded.
        self._threads, self._tags, self._form, self._about = threads, tags, sound, dict(about or {})
        self._for_seeking = for_seeking
        self._lengths: dict[int, int] = {}  # ticks for which frames last whose packets are not written yet
        self._latest: int | None = None  # ticks of the latest frame, or how many there were before it

    def __enter__(self) -> VideoWriter:
        rate = self._rate or Fraction(_USUAL_RATE)
        with ExitStack() as resources:
            temporary = resources.enter_context(atomic_path(self.path))
            layout = {"movflags": "+faststart"} if self._for_seeking else {}
            self._container = resources.enter_context(av.open(str(temporary), "w", format="mp4", options=layout))
            stream = self._container.add_stream("libx264", rate=rate, options=self._options)
            (stream.width, stream.height), stream.pix_fmt = self.size, "yuv420p"
            stream.codec_context.thread_count = self._threads
            stream.codec_context.gop_size = max(1, round(_KEY_SECONDS * rate))
            if self._for_seeking:
                stream.codec_context.gop_size, stream.codec_context.max_b_frames = _KEY_FRAMES_WHEN_SEEKING, 0
            if self._rate is None:
                stream.codec_context.time_base = _TICK
            if self._tags is not None:
                stream.codec_context.colorspace = self._tags.matrix
                stream.codec_context.color_primaries = self._tags.primaries
                stream.codec_context.color_trc = self._tags.transfer
            self._container.metadata.update(self._about)
            self._stream = stream
            if self._form is not None:
                self._sound = SoundWriter(self._container, self._form)
            resources.push(self._finish)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, value, trace)

    def write(self, image: Image | Planes, seconds: float | None = None, until: float | None = None) -> None:
        """Add the next frame.

        Args:
            image: RGB uint8 (height, width, 3), or its planes.
            seconds: When it is shown, from the start of the file and later than the frame before; for files without
                an `fps` only, and there always.
            until: When the next one is shown; to be given where the frame may be the last, which nothing follows.

        Raises:
            UntrimError: `image` is of another form, or `seconds` is missing, not wanted or not later.
        """
        if (seconds is None) != (self._rate is not None):
            raise UntrimError("frames have either a rate or each its own time", where=self.path)
        frame = self._frame(image)
        if seconds is not None:
            ticks = round(seconds / _TICK) if 0 <= seconds < float("inf") else -1
            if ticks < 0 or (self._latest is not None and ticks <= self._latest):
                raise UntrimError(f"a frame at {seconds} s, which must be later than the one before", where=self.path)
            self._latest, frame.pts, frame.time_base = ticks, ticks, _TICK
            if until is not None:
                self._lengths[ticks] = max(1, round(until / _TICK) - ticks)
        else:
            self._latest = 0
        self._mux(self._stream.encode(frame))

    def write_sound(self, samples: Float32) -> None:
        """Add sound after that which was added before; the first begins with the file.

        Args:
            samples: float32 (channels, N) from -1 to 1.
        """
        self._sound.write(samples)

    def _frame(self, image: Image | Planes) -> av.VideoFrame:
        if isinstance(image, Planes) and image.size == self.size:
            return image.frame()
        width, height = self.size
        if isinstance(image, Planes) or image.shape != (height, width, 3) or image.dtype != np.uint8:
            form = f"planes {image.size}" if isinstance(image, Planes) else f"{image.dtype} {image.shape}"
            raise UntrimError(f"a frame {form}, wanted uint8 {(height, width, 3)}", where=self.path)
        return av.VideoFrame.from_ndarray(image, format="rgb24")

    def _mux(self, packets: Sequence[av.Packet[VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is not None and (length := self._lengths.pop(packet.pts, None)) is not None:
                packet.duration = length
        self._container.mux(packets)

    def _finish(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        if self._latest is None:
            raise UntrimError("a video without a frame", where=self.path)
        self._mux(self._stream.encode())
        if self._form is not None:
            self._sound.finish()
