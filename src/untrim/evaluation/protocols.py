"""Evaluation protocols by name: how papers count, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np

from untrim.errors import UntrimError, nearest
from untrim.evaluation.matching import Preference
from untrim.support.array_types import Float64


@dataclass(frozen=True)
class Protocol:
    """How detections are compared with ground truth.

    Args:
        name: Its name, which every result carries.
        summary: What it does and who uses it.
        left_out: Names of videos that do not count.
        videos: Number of videos that must remain; None for any number.
        drop_ambiguous: Detections that touch an Ambiguous span are dropped.
        distinct: Instances that repeat a more specific one at the same time are dropped (`BROADER`).
        only_with_instances: Videos without an instance do not count.
        quantized: Times are rounded to snippets of 16 frames at 25 frames per second.
        prefer: Which free instance a detection takes.
        interpolated: All-point interpolated average precision, or the plain mean of precision at each hit.
    """

    name: str
    summary: str
    left_out: frozenset[str] = frozenset()
    videos: int | None = None
    drop_ambiguous: bool = False
    distinct: bool = False
    only_with_instances: bool = False
    quantized: bool = False
    prefer: Preference = "overlap"
    interpolated: bool = True

    def times(self, segments: Float64) -> Float64:
        """Segments in the protocol's unit of time: seconds, or whole snippets."""
        return np.round(segments * 25 / 16) if self.quantized else segments


BROADER = {"Diving": "CliffDiving"}
"""THUMOS14 labels every CliffDiving instance as Diving, too."""

_V270, _V1292, _V1496 = "video_test_0000270", "video_test_0001292", "video_test_0001496"
_ACTIVITYNET = Protocol(
    "activitynet",
    "As the ActivityNet challenge: times in seconds; detections are matched by score, each to its best free instance; "
    "all-point interpolated AP. Classes without ground truth are ignored; classes without detections count "
    "as 0.",
)
_THUMOS14 = Protocol(
    "thumos14",
    "210 test videos with 3,311 instances, as most papers count: without 270 and 1496 (wrongly annotated) and 1292 "
    "(only Ambiguous spans). CliffDiving counts as Diving, too. Everything else as activitynet.",
    left_out=frozenset({_V270, _V1292, _V1496}),
    videos=210,
)
_LEGACY = Protocol(
    "legacy",
    "As the WSAD authors' code: times are rounded to 16-frame snippets at 25 frames per second, also in videos with "
    "30; detections that touch an Ambiguous span are dropped; every test video with an instance counts (212). A class "
    "without detections counts as 0.",
    drop_ambiguous=True,
    only_with_instances=True,
    quantized=True,
)

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _ACTIVITYNET,
        _THUMOS14,
        replace(
            _THUMOS14,
            name="thumos14-211",
            summary="As thumos14 with 211 videos (SSN, BSN): 1292 counts, where every detection is false.",
            left_out=frozenset({_V270, _V1496}),
            videos=211,
        ),
        replace(
            _THUMOS14,
            name="thumos14-212",
            summary="As thumos14 with the 212 videos that have an instance (3,358 instances): only 1292 is left out.",
            left_out=frozenset({_V1292}),
            videos=212,
        ),
        replace(
            _THUMOS14,
            name="thumos14-213",
            summary="As thumos14 with all 213 annotated test videos (3,358 instances). Needs the official text files, "
            "since conversions lose video 1292.",
            left_out=frozenset(),
            videos=213,
        ),
        replace(
            _THUMOS14,
            name="thumos14-distinct",
            summary="As thumos14, but a CliffDiving instance is no Diving instance (3,094 instances).",
            distinct=True,
        ),
        replace(
            _THUMOS14,
            name="thumos14-ambiguous",
            summary="As thumos14, but detections that touch an Ambiguous span are dropped first, as in W-TALC and "
            "WSAD. Needs the official text files.",
            drop_ambiguous=True,
        ),
        _LEGACY,
        replace(
            _LEGACY,
            name="legacy-wtalc",
            summary="As the W-TALC authors' code: as legacy, but a detection takes the first free instance that "
            "overlaps enough, not the best, and AP is not interpolated. (In that code all classes count as 0 if one "
            "class has no detections; here only that class does.)",
            prefer="order",
            interpolated=False,
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UntrimError: There is none.
    """
    if name not in PROTOCOLS:
        raise UntrimError(f"unknown protocol '{name}'", fix=nearest(name, PROTOCOLS))
    return PROTOCOLS[name]


def describe_protocols() -> str:
    """All protocols with what they do, for a terminal."""
    width = max(map(len, PROTOCOLS)) + 2
    return "\n".join(
        fill(f"{name:<{width}}{protocol.summary}", 100, subsequent_indent=" " * width)
        for name, protocol in PROTOCOLS.items()
    )
