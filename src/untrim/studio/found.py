"""What runs found, read when it is first asked for, under the names that classes have now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from untrim.activations import ActivationFolder
from untrim.annotations import read_detections
from untrim.annotations.reviews import ReviewedSegment
from untrim.errors import UntrimError
from untrim.features.store import read_info
from untrim.studio.project import KnownRun, Project
from untrim.support.array_types import Float32
from untrim.timeline import Detection, Segment
from untrim.training.class_names import LABELS, read_class_names

SAME_IOU = 0.5
"""tIoU from which a detection is the one that a decision of its class is about."""
_INSIDE = 0.9  # Share of a detection in a segment that holds from which it is a part of it, as after two were merged.


@dataclass(frozen=True)
class Curves:
    """What a network said of one video.

    Args:
        labels: Classes, in the order of `values`.
        centers: Seconds of the snippets, (T,).
        values: Activations in [0, 1], (C, T).
        threshold: For each class the value from which a snippet counts as the class; None where that is not known.
    """

    labels: tuple[str, ...]
    centers: Float32
    values: Float32
    threshold: tuple[float, ...] | None


class FoundByRun:
    """Detections and curves of one run.

    Args:
        key: Name of the run in the studio.
        project: The project that it belongs to.
        known: Where its parts lie.
    """

    def __init__(self, key: str, project: Project, known: KnownRun) -> None:
        self.key, self._project, self.known = key, project, known

    @cached_property
    def detections(self) -> Mapping[str, Sequence[Detection]]:
        """Detections by video, under the names of the run.

        Raises:
            UntrimError: The file is missing or wrong.
        """
        if self.known.detections is None:
            return {}
        return read_detections(self._project.at(self.known.detections))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Classes of the run, under its own names."""
        if self.known.run is not None:
            return read_class_names(self._project.at(self.known.run) / LABELS)
        return tuple(sorted({found.label for own in self.detections.values() for found in own}))

    @cached_property
    def all_labels(self) -> frozenset[str]:
        """Classes of the run and of its detections, which may be of another, under their own names."""
        return frozenset(self.labels) | {found.label for own in self.detections.values() for found in own}

    @property
    def made(self) -> str:
        """When it was made, in UTC."""
        for path in (self.known.detections, self.known.run):
            if path is not None and self._project.at(path).exists():
                changed = os.path.getmtime(self._project.at(path))
                return datetime.fromtimestamp(changed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return ""

    def curves(self, video: str) -> Curves | None:
        """What the network said of a video; None if that was not kept.

        Raises:
            UntrimError: The file is wrong.
        """
        if self.known.activations is None or self.known.run is None:
            return None
        folder = ActivationFolder(self._project.at(self.known.activations))
        if not folder.file(video).is_file():
            return None
        found = folder.load(video, len(self.labels))
        centers = found.centers
        if centers is None:  # In files of older versions.
            grid = read_info(self._project.at(self.known.run) / "features.json").grid(video)
            centers = np.array([grid.center(index) for index in range(len(found.cas))])
        values = 1 / (1 + np.exp(-np.clip(found.cas if found.logits is None else found.logits, -60, 60)))
        return Curves(
            self.labels,
            np.asarray(centers, np.float32),
            np.ascontiguousarray(values.T, np.float32),
            threshold=None if found.logits is None else (0.5,) * len(self.labels),
        )


def decisions_about(detections: Sequence[Detection], segments: Sequence[ReviewedSegment]) -> list[str | None]:
    """For each detection the id of the decision about it: the one of its class that covers it best, or one that holds
    and has nearly all of it inside.

    Args:
        detections: Of one video.
        segments: Decisions about this video. What a decision was about counts where it says so, else where it is now.
    """
    by_label: dict[str, _Decided] = {}
    for label in {segment.label for segment in segments}:
        by_label[label] = _Decided([segment for segment in segments if segment.label == label])
    return [by_label[one.label].about(one.segment) if one.label in by_label else None for one in detections]


class _Decided:
    """Decisions of one class in one video, and where they are: each where it is now, and where it was found."""

    def __init__(self, segments: Sequence[ReviewedSegment]) -> None:
        places = [
            (segment, place.start, place.end)
            for segment in segments
            for place in ((segment,) if segment.origin is None else (segment, segment.origin))
        ]
        self._ids = [segment.id for segment, _, _ in places]
        self._starts, self._ends = np.array([place[1:] for place in places]).T
        self._holds = np.array([segment.holds for segment, _, _ in places])

    def about(self, found: Segment) -> str | None:
        """The id of the decision about a detection."""
        inner = np.maximum(0.0, np.minimum(self._ends, found.end) - np.maximum(self._starts, found.start))
        union = (self._ends - self._starts) + found.duration - inner
        overlap = np.divide(inner, union, out=np.zeros_like(inner), where=union > 0)
        best = int(overlap.argmax())
        if overlap[best] >= SAME_IOU:
            return self._ids[best]
        within = np.where(self._holds, inner, 0.0)
        best = int(within.argmax())
        return self._ids[best] if within[best] >= _INSIDE * found.duration > 0 else None


def runs_of(project: Project) -> dict[str, FoundByRun]:
    """The runs of a project by key, the oldest first."""
    found = {}
    for number, known in enumerate(project.content.runs, 1):
        path = known.run or known.detections or ""
        name = Path(path).stem if known.run is None else Path(path).name
        key = name if name and name not in found else f"{name}-{number}"
        found[key] = FoundByRun(key, project, known)
    return found


def check_given(project: Project, runs: Mapping[str, FoundByRun]) -> None:
    """Refuse a run that was given just now and cannot be read. One of an earlier day is left out, with a note.

    Raises:
        UntrimError: It cannot be read.
    """
    for run in runs.values():
        if run.known == project.given:
            _ = run.detections, run.labels


def readable(run: FoundByRun) -> str | None:
    """Why a run cannot be shown; None if it can."""
    try:
        _ = run.detections, run.labels
    except UntrimError as error:
        return str(error)
    return None
