"""Frames of a video at its best detections, each linked to its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.rendering.thumbnails import data_uri, thumbnails
from untrim.reports.plots import spread
from untrim.timeline import Detection, Segment

MOST_PICTURES = 5
"""Largest number of pictures above a timeline."""

_WIDTH = 100 / MOST_PICTURES  # In percent of the time axis, margins included.
_HEIGHT = 144  # In pixels; a fifth of the page is about 190 wide.


@dataclass(frozen=True)
class Thumbnail:
    """A frame at the middle of a detection.

    Args:
        label: Class of the detection.
        color: Colour of the class.
        segment: The detection, in seconds.
        row: Row of the class, from 0.
        seconds: Time of the frame.
        x: The time in percent of the axis.
        center: Centre of the picture in percent of the axis.
        gap: Percent between the picture and the one before it.
        image: JPEG as a data URI.
    """

    label: str
    color: str
    segment: Segment
    row: int
    seconds: float
    x: float
    center: float
    gap: float
    image: str


def detection_thumbnails(
    file: Path, ordered: Sequence[Detection], rows: Sequence[str], colors: Mapping[str, str], duration: float
) -> tuple[Thumbnail, ...]:
    """Frames at the middle of the best detections, in the order of time; none inside a better detection.

    Args:
        file: The video.
        ordered: Detections, best first, of classes that have a row.
        rows: Classes of the rows.
        colors: Class -> colour.
        duration: Length of the time axis in seconds.

    Raises:
        UntrimError: The file cannot be read.
    """
    chosen: list[Detection] = []
    for found in ordered:
        covered = any(better.segment.start <= _middle(found) <= better.segment.end for better in chosen)
        if not covered and len(chosen) < MOST_PICTURES:
            chosen.append(found)
    chosen.sort(key=_middle)
    times = [_middle(found) for found in chosen]
    centers = spread([100 * seconds / duration for seconds in times], _WIDTH)
    frames = thumbnails(file, times, _HEIGHT) if chosen else []
    pictures, right = [], 0.0
    for found, seconds, center, frame in zip(chosen, times, centers, frames, strict=True):
        left = center - _WIDTH / 2
        pictures.append(
            Thumbnail(
                label=found.label,
                color=colors[found.label],
                segment=found.segment,
                row=rows.index(found.label),
                seconds=seconds,
                x=100 * seconds / duration,
                center=center,
                gap=left - right,
                image=data_uri(frame),
            )
        )
        right = left + _WIDTH
    return tuple(pictures)


def _middle(found: Detection) -> float:
    return (found.segment.start + found.segment.end) / 2
