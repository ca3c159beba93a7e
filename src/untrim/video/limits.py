"""How much a video may ask for: a few bytes can claim pictures that fill the memory, or a length that never ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from untrim.errors import UntrimError

STILL = 10.0
"""Seconds: longer gaps between two frames count towards `Limits.max_gap_seconds`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused in a video file.

    Args:
        max_pixels: Pixels of a picture: as coded, and as it is scaled. The default is 8192 x 8192.
        max_gap_seconds: Seconds in all for which gaps between frames, as far as one is longer than ten seconds, are
            filled with copies of the frame before.
    """

    max_pixels: int = 1 << 26
    max_gap_seconds: float = 3600.0

    def check_size(self, width: int, height: int, where: Path) -> None:
        """Refuse pictures that are too large.

        Raises:
            UntrimError: They are.
        """
        if width * height > self.max_pixels:
            raise UntrimError(
                f"asks for pictures of {width} x {height} pixels, more than max_pixels={self.max_pixels:,} allows",
                where=where,
                fix=f"if that is right: `untrim extract --set max_pixels={width * height}`",
            )

    def check_gaps(
        self, timed: Iterator[tuple[float, T]], end: Callable[[], float], where: Path
    ) -> Iterator[tuple[float, T]]:
        """The frames `timed`, each with its seconds, as long as the gaps between them may be filled.

        Args:
            timed: Frames with their seconds, which ascend.
            end: Tells, after the last frame, when that ends.
            where: The file, for errors.

        Raises:
            UntrimError: The gaps are too long together; raised before the one that is too much is filled.
        """
        filled, before = 0.0, 0.0
        for seconds, frame in timed:
            filled += max(0.0, seconds - before - STILL)
            self._check_filled(filled, where)
            yield seconds, frame
            before = seconds
        self._check_filled(filled + max(0.0, end() - before - STILL), where)

    def _check_filled(self, filled: float, where: Path) -> None:
        if filled > self.max_gap_seconds:
            raise UntrimError(
                f"has no pictures for {filled:,.0f} s or more in all, more than max_gap_seconds="
                f"{self.max_gap_seconds:g} allows to fill",
                where=where,
                fix="if that is right, as in a slide show: `untrim extract --set max_gap_seconds=…`",
            )


USUAL_LIMITS = Limits()
