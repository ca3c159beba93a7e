"""The moving timeline below a video: a lane for each class, with what was found, its curve, and where the video is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from untrim.rendering.lanes import Lane
from untrim.rendering.text import line_height, mixed, put_text, shortened, text_size, text_width
from untrim.support.array_types import Image

_MOST_LANES = 6  # classes that have a lane, those of the best detections
_WINDOW = 30.0  # seconds that are in sight
_STEPS = (0.5, 1, 2, 5, 10, 15)
_GROUND, _STRIP, _INK, _SOFT, _LINE = (18, 21, 24), (32, 37, 42), (236, 239, 242), (152, 162, 173), (64, 72, 80)


class Panel:
    """Draws the timeline for a moment.

    Args:
        size: (width, height) of the video in pixels.
        lanes: The classes; those of the best detections are drawn.
        duration: Seconds of the video.
    """

    def __init__(self, size: tuple[int, int], lanes: Sequence[Lane], duration: float) -> None:
        self.width, self._lanes, self._duration = size[0], _best(lanes), max(duration, 1e-3)
        self.text = text_size(size)
        self._pad = max(4, round(0.45 * self.text))
        self._row = round(2.2 * self.text)
        self._axis = line_height(self.text) + self._pad
        widest = max((text_width(lane.label, self.text) for lane in self._lanes), default=0)
        self._key = round(0.6 * self.text)
        self._gutter = min(widest + self._key + 4 * self._pad, round(0.4 * self.width))
        self.height = (self._pad + len(self._lanes) * (self._row + self._gap) + self._axis + 1) // 2 * 2
        self._window = min(self._duration, _WINDOW)
        self._names = [
            shortened(lane.label, self._gutter - self._key - 3 * self._pad, self.text) for lane in self._lanes
        ]

    @property
    def _gap(self) -> int:
        return max(2, self.text // 6)

    def draw(self, now: float) -> Image:
        """The panel at `now` seconds, RGB (height, width, 3)."""
        canvas: Image = np.full((self.height, self.width, 3), _GROUND, np.uint8)
        end = max(self._duration, now)  # Files do not always tell how long they are.
        left = min(max(now - self._window / 2, 0.0), max(end - self._window, 0.0))
        bottom = self._pad + len(self._lanes) * (self._row + self._gap)
        for index, (lane, name) in enumerate(zip(self._lanes, self._names, strict=True)):
            top = self._pad + index * (self._row + self._gap)
            self._draw_lane(canvas, lane, name, top, left, now)
        self._draw_axis(canvas, bottom, left, now)
        x = round(self._x(now, left))
        cv2.line(canvas, (x, self._pad // 2), (x, bottom), _INK, max(1, self.text // 9), cv2.LINE_AA)
        return canvas

    def _x(self, seconds: float, left: float) -> float:
        """Pixels from the left of a time, if the timeline begins at `left`."""
        return self._gutter + (seconds - left) / self._window * (self.width - self._gutter - self._pad)

    def _draw_lane(self, canvas: Image, lane: Lane, name: str, top: int, left: float, now: float) -> None:
        end = self.width - self._pad
        strip = canvas[top : top + self._row, self._gutter : end]
        strip[:] = _STRIP
        active = any(found.segment.start <= now < found.segment.end for found in lane.found)
        middle = top + (self._row - line_height(self.text)) / 2
        put_text(canvas, name, 2 * self._pad + self._key, middle, self.text, _INK if active else _SOFT)
        upper = top + (self._row - self._key) // 2
        canvas[upper : upper + self._key, self._pad : self._pad + self._key] = lane.color
        for found in lane.found:
            first, last = (
                min(max(round(self._x(t, left)), self._gutter), end) for t in (found.segment.start, found.segment.end)
            )
            if last <= first:
                continue
            here = found.segment.start <= now < found.segment.end
            bar = canvas[top : top + self._row, first : max(last, first + 2)]
            bar[:] = mixed(lane.color, _STRIP, 0.8 if here else 0.5)
        self._draw_curve(strip, lane, left)
        for found in lane.found:
            score, size = f"{found.score:.2f}", round(0.75 * self.text)
            x = max(self._x(found.segment.start, left), self._gutter) + self._pad / 2
            if self._x(found.segment.end, left) - x > text_width(score, size) + self._pad / 2 and x < end:
                put_text(canvas, score, x, top, size, _INK)

    def _draw_curve(self, strip: Image, lane: Lane, left: float) -> None:
        first, last = np.searchsorted(lane.seconds, [left, left + self._window])
        inside = slice(max(first - 1, 0), last + 1)
        x = (lane.seconds[inside] - left) / self._window * strip.shape[1]
        if len(x) < 2:
            return
        y = (0.93 - 0.5 * lane.heights[inside]) * strip.shape[0]  # Below the scores.
        points = (16 * np.stack([x, y], axis=1)).round().astype(np.int32)
        cv2.polylines(strip, [points], False, _INK, max(1, self.text // 10), cv2.LINE_AA, shift=4)

    def _draw_axis(self, canvas: Image, top: int, left: float, now: float) -> None:
        size = round(0.8 * self.text)
        step = next((step for step in _STEPS if self._window / step <= 7), _STEPS[-1])
        middle, label = self._x(now, left), clock(now, 1)
        for index in range(math.ceil(left / step), math.floor((left + self._window) / step) + 1):
            x, text = self._x(index * step, left), clock(index * step)
            cv2.line(canvas, (round(x), top), (round(x), top + self._pad // 2), _SOFT, 1)
            apart = (text_width(text, size) + text_width(label, size, bold=True)) / 2 + size / 2
            if abs(x - middle) > apart:
                put_text(canvas, text, x, top + self._pad / 2, size, _SOFT, right=0.5)
        put_text(canvas, label, middle, top + self._pad / 2, size, _INK, right=0.5, bold=True)


def clock(seconds: float, digits: int = 0) -> str:
    """``1:05``, or ``1:05.3`` with one digit more."""
    ticks = round(seconds * 10**digits)
    whole, rest = divmod(ticks, 10**digits)
    return f"{whole // 60}:{whole % 60:02d}" + (f".{rest:0{digits}d}" if digits else "")


def _best(lanes: Sequence[Lane]) -> list[Lane]:
    """The lanes that are drawn, in their order."""
    best = sorted(lanes, key=lambda lane: -max(found.score for found in lane.found))[:_MOST_LANES]
    return [lane for lane in lanes if lane in best]
