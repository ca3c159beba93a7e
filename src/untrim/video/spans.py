"""Frames on the screen in spans of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import av

from untrim.timeline import Segment

_TIE = 1e-6  # seconds; less than this is rounding


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame as it was decoded, and the seconds from the first frame on in which it is on the screen."""

    seconds: float
    until: float
    picture: av.VideoFrame

    def is_in(self, span: Segment) -> bool:
        """Whether it is on the screen at some time of `span`, whose end does not belong to it."""
        begun = self.seconds < span.end - _TIE or self.seconds <= span.start + _TIE
        return begun and self.until > span.start + _TIE


def joined(spans: Iterable[Segment]) -> list[Segment]:
    """The spans in order; those that overlap or touch made one."""
    apart: list[Segment] = []
    for span in sorted(spans):
        if apart and span.start <= apart[-1].end:
            apart[-1] = Segment(apart[-1].start, max(apart[-1].end, span.end))
        else:
            apart.append(span)
    return apart
