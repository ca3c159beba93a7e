"""The classes that are found at a moment, with their scores, on the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from untrim.rendering.lanes import Lane
from untrim.rendering.text import Color, line_height, mixed, put_text, shortened, text_size, text_width
from untrim.support.array_types import Image
from untrim.video.planes import Planes

_MOST = 5  # chips at a time


class Chips:
    """Labels in the upper left corner.

    Args:
        size: (width, height) of the video in pixels.
        lanes: What is found of each class.
        paint: Turns an RGB picture into planes.
    """

    def __init__(self, size: tuple[int, int], lanes: Sequence[Lane], paint: Callable[[Image], Planes]) -> None:
        self._size, self._lanes, self._paint = size, lanes, paint
        self._text = round(1.15 * text_size(size))
        self._pad = max(4, self._text // 2) // 2 * 2
        self._painted: dict[tuple[str, float], Planes] = {}

    def paste(self, canvas: Planes, now: float) -> None:
        """Put what is found at `now` seconds on the picture, the best first."""
        width, height = self._size
        active = [
            (found.score, lane.label, lane.color)
            for lane in self._lanes
            for found in lane.found
            if found.segment.start <= now < found.segment.end
        ]
        top = self._pad
        for score, label, color in sorted(active, reverse=True)[:_MOST]:
            if (label, score) not in self._painted:
                self._painted[label, score] = self._paint(self._chip(label, score, color))
            chip = self._painted[label, score]
            if top + chip.size[1] > height or self._pad + chip.size[0] > width:
                return
            canvas.paste(chip, self._pad, top)
            top += chip.size[1] + self._pad // 4 * 2

    def _chip(self, label: str, score: float, color: Color) -> Image:
        """White on the colour of the class, of even width and height."""
        pad = max(4, self._text // 3)
        room = self._size[0] - 2 * self._pad - 2 * pad
        score_text = f"  {score:.2f}"
        name = shortened(label, room - text_width(score_text, self._text), self._text, bold=True)
        wide = text_width(name, self._text, bold=True)
        width, height = wide + text_width(score_text, self._text) + 2 * pad, line_height(self._text) + pad
        canvas: Image = np.full((height + height % 2, width + width % 2, 3), mixed(color, (0, 0, 0), 0.72), np.uint8)
        put_text(canvas, name, pad, pad / 2, self._text, (255, 255, 255), bold=True)
        put_text(canvas, score_text, pad + wide, pad / 2, self._text, (235, 235, 235))
        return canvas
