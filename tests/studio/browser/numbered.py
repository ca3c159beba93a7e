"""Videos whose pictures say which frame they are: the number in 16 black or white blocks, for a program to read."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from untrim.support.array_types import Image
from untrim.video.encode import VideoWriter

BITS, BLOCK, COLUMNS = 16, 40, 8
SIZE = (COLUMNS * BLOCK, (BITS // COLUMNS + 1) * BLOCK)  # A third row changes with each frame too, for people.

# Reads the number that the picture of a <video> shows.
READ = f"""video => {{
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [{SIZE[0]}, {SIZE[1]}];
  const pen = canvas.getContext("2d", {{willReadFrequently: true}});
  pen.drawImage(video, 0, 0, canvas.width, canvas.height);
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit += 1) {{
    const [x, y] = [(bit % {COLUMNS} + 0.5) * {BLOCK}, (Math.floor(bit / {COLUMNS}) + 0.5) * {BLOCK}];
    if (pen.getImageData(x, y, 1, 1).data[0] > 127) number += 2 ** bit;
  }}
  return number;
}}"""


def numbered(index: int) -> Image:
    """The picture of a frame."""
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for bit in range(BITS):
        y, x = bit // COLUMNS * BLOCK, bit % COLUMNS * BLOCK
        image[y : y + BLOCK, x : x + BLOCK] = 235 if index >> bit & 1 else 16
    x = index * 7 % (SIZE[0] - BLOCK)
    image[-BLOCK:, x : x + BLOCK] = (60, 160, 150)
    return image


def film(path: Path, frames: int, fps: float | Fraction | None = 25, seconds: Sequence[float] | None = None) -> Path:
    """Write a video of numbered frames, at a rate or each at its own time."""
    with VideoWriter(path, SIZE, None if seconds is not None else fps, preset="ultrafast") as writer:
        for index in range(frames):
            writer.write(numbered(index), None if seconds is None else seconds[index])
    return path
