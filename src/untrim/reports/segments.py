"""Every detection as text: what the page's table sorts and filters."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from untrim.annotations import Annotations
from untrim.evaluation.found import right_detections
from untrim.timeline import Detection

FIRST_ROWS = 50
"""Rows that are there without a script."""


@dataclass(frozen=True)
class SegmentRow:
    """A detection in the table; `right` is None where there is no ground truth of its video."""

    video: str
    label: str
    color: str
    start: float
    end: float
    score: float
    right: bool | None


@dataclass(frozen=True)
class SegmentTable:
    """The table of detections.

    Args:
        rows: The best detections, which count as found before the others.
        content: All detections, for the script: JSON that may stand in a page.
        judged: Whether it is known of some detections whether they are right.
        labels: The classes that were detected, sorted.
    """

    rows: tuple[SegmentRow, ...]
    content: Markup
    judged: bool
    labels: tuple[str, ...]


def segment_table(
    found: Mapping[str, Sequence[Detection]], truth: Annotations, colors: Mapping[str, str], least: float
) -> SegmentTable:
    """The table of all detections in the videos of `truth`, best first.

    Args:
        found: Detections by video.
        truth: The videos, with what is known of them.
        colors: Class -> colour.
        least: The score from which a detection counts as found.
    """
    rows: list[SegmentRow] = []
    for name, own in found.items():
        ordered = sorted(own, key=lambda one: -one.score)
        known = truth[name].instances
        right = right_detections(ordered, known).tolist() if known else [None] * len(ordered)
        for one, good in zip(ordered, right, strict=True):
            rows.append(
                SegmentRow(name, one.label, colors[one.label], one.segment.start, one.segment.end, one.score, good)
            )
    rows.sort(key=lambda row: -row.score)
    videos = {name: index for index, name in enumerate(dict.fromkeys(row.video for row in rows))}
    labels = {label: index for index, label in enumerate(sorted({row.label for row in rows}))}
    content = {
        "least": least if math.isfinite(least) else None,
        "videos": list(videos),
        "labels": list(labels),
        "colors": [colors[label] for label in labels],
        "rows": [
            [videos[row.video], labels[row.label], round(row.start, 3), round(row.end, 3), row.score, row.right]
            for row in rows
        ],
    }
    text = json.dumps(content, separators=(",", ":")).translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"})
    return SegmentTable(
        tuple(rows[:FIRST_ROWS]), Markup(text), any(row.right is not None for row in rows), tuple(labels)
    )
