"""Text drawn into pictures, in the letters of matplotlib's own font: Latin, Greek, Cyrillic and more."""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from untrim.support.array_types import Float32, Image

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


def put_text(
    canvas: Image, text: str, x: float, top: float, size: int, color: Color, *, bold: bool = False, right: float = 0.0
) -> None:
    """Write a line of text into a picture; what does not fit into the picture is cut off.

    Args:
        canvas: RGB (H, W, 3), changed in place.
        text: The line.
        x: Where it begins, in pixels from the left.
        top: Upper edge of the line, in pixels from the top.
        size: Size of the letters in pixels.
        color: Of the letters.
        bold: In bold letters.
        right: How far the text is moved to the left, as a share of its width: 0.5 to have its middle at `x`.
    """
    mask = _mask(text, size, bold)
    left, upper = round(x - right * mask.shape[1]), round(top)
    inside = canvas[max(upper, 0) : max(upper + mask.shape[0], 0), max(left, 0) : max(left + mask.shape[1], 0)]
    part = mask[max(-upper, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1], None]
    inside += ((np.array(color, np.float32) - inside) * part).astype(np.int16).astype(np.uint8)


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """Pixels from the left to the right of a line of text."""
    return math.ceil(_font(size, bold).getlength(text)) + 1


def line_height(size: int) -> int:
    """Pixels from the top to the bottom of any line of text."""
    return sum(_font(size, False).getmetrics())


def shortened(text: str, width: float, size: int, *, bold: bool = False) -> str:
    """The text, with its end replaced by ``…`` where it is wider than that many pixels."""
    if text_width(text, size, bold=bold) <= width:
        return text
    fitting = (
        bisect_right(range(len(text)), width, key=lambda count: text_width(f"{text[:count]}…", size, bold=bold)) - 1
    )
    return f"{text[:fitting].rstrip()}…" if fitting > 0 else ""


def text_size(size: tuple[int, int]) -> int:
    """Size of letters that can be read in a video of (width, height) pixels."""
    return min(max(round(min(size) / 30), 11), 48)


def mixed(color: Color, ground: Color, share: float) -> Color:
    """`share` of a colour, the rest of another."""
    red, green, blue = (round(share * a + (1 - share) * b) for a, b in zip(color, ground, strict=True))
    return red, green, blue


@lru_cache(1024)
def _mask(text: str, size: int, bold: bool) -> Float32:
    """How much each pixel is covered by letters, (height, width) in [0, 1]."""
    font = _font(size, bold)
    ascent, descent = font.getmetrics()
    drawn = PillowImage.new("L", (text_width(text, size, bold=bold), ascent + descent))
    ImageDraw.Draw(drawn).text((0, ascent), text, 255, font, anchor="ls")
    return np.asarray(drawn, np.float32) / np.float32(255)


@lru_cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
