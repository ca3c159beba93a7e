"""Detections and ground truth under one protocol, as columns: the input of every measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untrim.annotations import Annotations, Detections, Video
from untrim.errors import UntrimError, listing, numbered
from untrim.evaluation.matching import match, overlapping
from untrim.evaluation.protocols import BROADER, Protocol, find_protocol
from untrim.support.array_types import Flags, Float64, Indices
from untrim.support.names import there_as
from untrim.timeline import Detection, Instance


@dataclass(frozen=True)
class Comparison:
    """N detections, best first (equal scores in the order given), and M instances, in the protocol's unit of time.

    Args:
        protocol: How they are compared.
        subset: Subset of the videos; ``mixed`` if there are several.
        videos: The V videos that count.
        labels: The C classes of the ground truth, in order of first appearance.
        durations: Of each video, NaN if unknown, (V,).
        video, label: Of each detection, as indices, (N,).
        segments: Start and end of each detection, (N, 2).
        scores: Of each detection, (N,).
        truth_video, truth_label: Of each instance, as indices, (M,).
        truth_segments: Start and end of each instance, (M, 2).
        notes: What was left out and why, one sentence each.
    """

    protocol: Protocol
    subset: str
    videos: tuple[str, ...]
    labels: tuple[str, ...]
    durations: Float64
    video: Indices
    label: Indices
    segments: Float64
    scores: Float64
    truth_video: Indices
    truth_label: Indices
    truth_segments: Float64
    notes: tuple[str, ...]

    def match(self, thresholds: Float64) -> Indices:
        """Index of the instance that each detection is matched to at each of K thresholds, -1 for none, (K, N)."""
        videos = len(self.videos)
        return match(
            self.label * videos + self.video,
            self.segments,
            self.truth_label * videos + self.truth_video,
            self.truth_segments,
            thresholds,
            self.protocol.prefer,
        )


def compare(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
    classless: bool = False,
) -> Comparison:
    """Bring detections and ground truth together for evaluation.

    Args:
        detections: By video.
        annotations: Ground truth; with `subset` given, of other subsets too.
        protocol: Name of the protocol.
        subset: The subset to evaluate; None for all of `annotations`.
        strict: Refuse detections in videos, or of classes, that are not in `annotations`; otherwise they are left out
            and noted.
        classless: Labels do not matter: all detections and instances are of one class, ``any``.

    Raises:
        UntrimError: There is nothing to compare (no instance, no video or no class in common), the videos are not
            those of the protocol, or `strict` refuses a detection. The error shows examples of both sides.
    """
    rules, found = find_protocol(protocol), Detections.of(detections)
    chosen = annotations if subset is None else annotations.subset(subset)
    videos, notes = _videos(chosen, rules)
    truth = [(row, instance) for row, video in enumerate(videos) for instance in _instances(video, rules)]
    if not truth:
        raise UntrimError("has no instance with a segment", where=annotations.source, fix="evaluate on another subset")
    repeated = len(truth) - len(set(truth))
    notes += [f"{repeated} instances repeat another of the same class and time."] if repeated else []
    names = tuple(video.name for video in videos)
    labels = ("any",) if classless else tuple(dict.fromkeys(instance.label for _, instance in truth))
    there = set(np.unique(found.video).tolist())
    with_detections = [name for row, name in enumerate(found.videos) if row in there]
    notes += _check_names(with_detections, chosen, annotations, strict)
    if unseen := [name for name in names if name not in found]:
        notes.append(f"{len(unseen)} of {len(names)} videos are not in the detections: {listing(unseen)}.")
    notes += [] if classless else _check_labels(found.labels, labels, annotations, strict)
    video = _renamed(found.video, found.videos, names)
    label = np.zeros_like(found.label) if classless else _renamed(found.label, found.labels, labels)
    kept = np.flatnonzero((video >= 0) & (label >= 0))
    kept = kept[np.argsort(-found.scores[kept], kind="stable")]
    segments = rules.times(found.segments[kept])
    if rules.drop_ambiguous:
        clear = ~_touches(video[kept], segments, videos, rules)
        notes.append(f"{np.sum(~clear)} detections that touch an Ambiguous span were dropped.")
        kept, segments = kept[clear], segments[clear]
    subsets = {video.subset for video in videos}
    return Comparison(
        rules,
        subsets.pop() if len(subsets) == 1 else "mixed",
        names,
        labels,
        np.array([np.nan if video.duration is None else video.duration for video in videos]),
        video[kept],
        label[kept],
        segments,
        found.scores[kept],
        np.array([row for row, _ in truth]),
        np.array([0 if classless else labels.index(instance.label) for _, instance in truth]),
        rules.times(np.array([(instance.segment.start, instance.segment.end) for _, instance in truth])),
        tuple(notes),
    )


def _videos(annotations: Annotations, rules: Protocol) -> tuple[list[Video], list[str]]:
    """The videos that count. A video with labels without times does not count."""
    own = [video for name, video in annotations.items() if name not in rules.left_out]
    timed = [video for video in own if set(video.labels) == {instance.label for instance in video.instances}]
    notes = [f"{len(own) - len(timed)} videos have labels without times and do not count."] if own != timed else []
    if rules.only_with_instances:
        timed = [video for video in timed if video.instances]
    if rules.videos is not None and len(timed) != rules.videos:
        raise UntrimError(
            f"{len(timed)} videos remain, but protocol '{rules.name}' has {rules.videos}: {rules.summary}",
            where=annotations.source,
            fix="choose the subset of the THUMOS14 test videos, or another protocol",
        )
    if rules.drop_ambiguous and not any(video.ambiguous for video in timed):
        raise UntrimError(
            f"protocol '{rules.name}' needs the Ambiguous spans, and there are none",
            where=annotations.source,
            fix="give the folder of the official THUMOS14 text files",
        )
    return timed, notes


def _instances(video: Video, rules: Protocol) -> list[Instance]:
    """Instances that count: all. A `distinct` protocol leaves out those that repeat a more specific one."""
    if not rules.distinct:
        return list(video.instances)
    specific = set(video.instances)
    return [i for i in video.instances if Instance(BROADER.get(i.label, ""), i.segment) not in specific]


def _check_names(names: Sequence[str], chosen: Annotations, annotations: Annotations, strict: bool) -> list[str]:
    """A note on videos that have detections but no ground truth."""
    foreign = [name for name in names if name not in chosen]
    if foreign and len(foreign) == len(names):
        elsewhere = {annotations[name].subset for name in names if name in annotations}
        raise UntrimError(
            f"no video in common: detections in {listing(names)}, ground truth of {listing(chosen)}",
            where=annotations.source,
            fix=f"the detections are of subset {listing(elsewhere)}"
            if elsewhere
            else there_as(foreign, chosen) or "use the same video names",
        )
    unknown = [name for name in foreign if name not in annotations]
    if strict and unknown:
        raise UntrimError(
            f"{len(unknown)} of {len(names)} videos with detections are not annotated: {listing(unknown)}; "
            f"annotated: {listing(annotations)}",
            where=annotations.source,
            fix=there_as(unknown, annotations)
            or "use the same video names, or leave them out with --ignore-unknown (in Python: strict=False)",
        )
    if not foreign:
        return []
    return [f"Detections in {numbered(len(foreign), 'video', 'videos')} outside the ground truth were left out."]


def _check_labels(found: Sequence[str], labels: Sequence[str], annotations: Annotations, strict: bool) -> list[str]:
    """A note on classes that have detections but no ground truth."""
    foreign = sorted(set(found) - set(labels))
    if foreign and len(foreign) == len(found):
        raise UntrimError(
            f"no class in common: detections of {listing(foreign)}, ground truth of {listing(labels)}",
            where=annotations.source,
            fix=there_as(foreign, labels) or "use the same class names",
        )
    unknown = sorted(set(foreign) - set(annotations.labels))
    if strict and unknown:
        raise UntrimError(
            f"{len(unknown)} of {len(found)} classes with detections are not annotated: {listing(unknown)}; "
            f"annotated: {listing(annotations.labels)}",
            where=annotations.source,
            fix=there_as(unknown, annotations.labels)
            or "use the same class names, or leave them out with --ignore-unknown (in Python: strict=False)",
        )
    if not foreign:
        return []
    return [f"Detections of {numbered(len(foreign), 'class', 'classes')} without ground truth were left out."]


def _renamed(column: Indices, names: Sequence[str], wanted: Sequence[str]) -> Indices:
    """Indices into `names` as indices into `wanted`, -1 for a name that `wanted` does not have."""
    index = {name: i for i, name in enumerate(wanted)}
    return np.array([index.get(name, -1) for name in names], dtype=np.intp)[column]


def _touches(video: Indices, segments: Float64, videos: Sequence[Video], rules: Protocol) -> Flags:
    """Whether each detection overlaps an Ambiguous span of its video, (N,)."""
    spans = [(row, span.start, span.end) for row, own in enumerate(videos) for span in own.ambiguous]
    row, *ends = np.array(spans).T
    touching = np.zeros(len(video), dtype=bool)
    touching[overlapping(video, segments, row.astype(np.intp), rules.times(np.stack(ends, axis=1))).detection] = True
    return touching
