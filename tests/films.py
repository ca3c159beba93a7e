"""Films that several tests write, in any container and codec."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from untrim.support.array_types import Image

MILLISECOND = Fraction(1, 1000)


def grey(level: int, width: int = 64, height: int = 48) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def record(
    path: Path,
    images: Sequence[Image],
    milliseconds: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    prepare: Callable[[av.VideoStream], None] = lambda stream: None,
    **options: str,
) -> Path:
    """Write a video of `images` shown at some times, 25 a second unless told otherwise."""
    with av.open(path, "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        if milliseconds:
            stream.codec_context.time_base = MILLISECOND
        stream.options = {"preset": "ultrafast", "crf": "10", "g": "12", "bf": "2"} if codec == "libx264" else {}
        prepare(stream)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = milliseconds[index] if milliseconds else 40 * index, MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def record_levels(path: Path, count: int = 20, **settings) -> Path:
    """Frames that tell their number by their grey level, ten apart."""
    return record(path, [grey(10 + 10 * number) for number in range(count)], **settings)


def overwrite(path: Path, start: float, length: int) -> Path:
    """Put noise over `length` bytes from the fraction `start` of the file on."""
    content = bytearray(path.read_bytes())
    begin = int(start * len(content))
    content[begin : begin + length] = np.random.default_rng(1).bytes(length)
    path.write_bytes(content)
    return path


def noise_film(path: Path, count: int = 100, **settings) -> Path:
    """A film with something in every frame, so that damage hits pictures."""
    random = np.random.default_rng(0)
    return record(path, [random.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(count)], **settings)


def late_film(path: Path, late: int = 3000, count: int = 50) -> Path:
    """A film whose pictures begin so many milliseconds after the file does, as after a cut without encoding again."""
    levels = [grey(5 * number) for number in range(count)]
    return record(path, levels, milliseconds=[late + 40 * number for number in range(count)])
