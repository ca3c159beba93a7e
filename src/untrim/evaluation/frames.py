"""Measures on moments instead of instances: frame accuracy, segmental F1, edit score.

A moment is labelled by the best detection that covers it. Time is cut at every start and end, so no frame rate enters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations
from untrim.evaluation.comparison import Comparison, compare
from untrim.evaluation.matching import overlapping
from untrim.support.array_types import Float64, Indices
from untrim.timeline import Detection, SnippetGrid


@dataclass(frozen=True)
class SegmentalResult:
    """Segmental scores as fractions.

    Args:
        f1: tIoU threshold -> F1 over all videos.
        edit: Edit score, the mean over videos.
    """

    f1: Mapping[float, float]
    edit: float

    def to_json(self) -> dict[str, object]:
        """``F1@10`` and so on (percent of overlap, as the field writes it), and ``edit``."""
        return {**{f"F1@{100 * iou:g}": value for iou, value in self.f1.items()}, "edit": self.edit}


def frame_accuracy(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
) -> float:
    """Share of the time inside instances where the label is right; background does not count (ECM, Table 6).

    Where instances of several classes happen at once, each of their labels is right. ECM measures activations without
    background: pass the result of `activation_detections`.

    Raises:
        UntrimError: See `untrim.evaluation.comparison.compare`.
    """
    compared = compare(detections, annotations, protocol, subset=subset, strict=strict)
    right = total = 0.0
    for found, truth in _by_video(compared):
        cuts = np.unique(np.concatenate([compared.segments[found].ravel(), compared.truth_segments[truth].ravel()]))
        label, length = _best_label(compared, found, cuts), np.diff(cuts)
        inside, correct = np.zeros(len(length), dtype=bool), np.zeros(len(length), dtype=bool)
        for own, (first, stop) in zip(truth, np.searchsorted(cuts, compared.truth_segments[truth]), strict=True):
            inside[first:stop] = True
            correct[first:stop] |= label[first:stop] == compared.truth_label[own]
        right, total = right + float(length[correct].sum()), total + float(length[inside].sum())
    return right / total if total else 0.0


def segmental_scores(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    iou: Sequence[float] = (0.1, 0.25, 0.5),
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
    least: float = -np.inf,
) -> SegmentalResult:
    """Segmental F1 and edit score (Lea et al., CVPR 2017) of the sequence of segments that the detections make.

    F1: segments are taken in order of time. A segment is true if it overlaps the instance of its class that it overlaps
    most by at least the threshold, and no earlier segment has found that instance.

        edit = 1 - Levenshtein distance of the two sequences of labels / length of the longer one

    Args:
        detections: By video. All count, so set `least` if a method gives many of low score.
        annotations: Ground truth.
        iou: tIoU thresholds.
        protocol: Name of the protocol.
        subset: The subset to evaluate; None for all of `annotations`.
        strict: As of `untrim.evaluation.comparison.compare`.
        least: Detections of a lower score are left out.

    Raises:
        UntrimError: See `untrim.evaluation.comparison.compare`.
    """
    compared = compare(detections, annotations, protocol, subset=subset, strict=strict)
    video, label, segments = _sequences(compared, compared.scores >= least)
    classes = len(compared.labels)
    truth_group = compared.truth_video * classes + compared.truth_label
    pairs = overlapping(video * classes + label, segments, truth_group, compared.truth_segments)
    best = np.lexsort((-pairs.overlap, pairs.detection))  # of each segment the largest overlap first
    best = best[np.unique(pairs.detection[best], return_index=True)[1]]
    f1 = {}
    for threshold in iou:
        enough = best[pairs.overlap[best] >= threshold]
        hits = len(np.unique(pairs.instance[enough]))
        f1[float(threshold)] = 2 * hits / (len(video) + len(compared.truth_video))
    order = np.lexsort((compared.truth_segments[:, 0], compared.truth_video))
    edits = []
    for row in np.union1d(video, compared.truth_video):
        one, other = label[video == row], compared.truth_label[order][compared.truth_video[order] == row]
        edits.append(1 - _levenshtein(one, other) / max(len(one), len(other)))
    return SegmentalResult(f1, float(np.mean(edits)))


def activation_detections(
    cas: npt.NDArray[np.floating],
    video_scores: npt.NDArray[np.floating],
    labels: Sequence[str],
    grid: SnippetGrid,
    least: float = 0.25,
) -> list[Detection]:
    """One detection per snippet, as ECM's frame accuracy takes it: the class with the strongest response.

    Only classes with a video-level score of at least `least` count; if there is none, the best one does.

    Args:
        cas: Class activation sequence, (T, C).
        video_scores: How much each class is in the video, (C,).
        labels: Names of the C classes.
        grid: Where the snippets are in time.
        least: ECM's tau.
    """
    kept = np.flatnonzero(video_scores >= min(least, float(video_scores.max())))
    best = kept[cas[:, kept].argmax(axis=1)]  # (T,)
    return [Detection(labels[c], grid.segment(t, t + 1), float(cas[t, c])) for t, c in enumerate(best.tolist())]


def _by_video(compared: Comparison) -> Iterator[tuple[Indices, Indices]]:
    """Rows of the detections, best first, and of the instances of each video."""
    rows = np.arange(len(compared.videos) + 1)
    order, truth_order = np.argsort(compared.video, kind="stable"), np.argsort(compared.truth_video, kind="stable")
    first = np.searchsorted(compared.video[order], rows)
    truth_first = np.searchsorted(compared.truth_video[truth_order], rows)
    for row in rows[:-1]:
        yield order[first[row] : first[row + 1]], truth_order[truth_first[row] : truth_first[row + 1]]


def _best_label(compared: Comparison, found: Indices, cuts: Float64) -> Indices:
    """For each span between `cuts`, the label of the best of the detections `found` that cover it; -1 for none."""
    label = np.full(max(len(cuts) - 1, 0), -1, dtype=np.intp)
    spans = np.searchsorted(cuts, compared.segments[found])
    for row, (first, stop) in zip(found[::-1].tolist(), spans[::-1].tolist(), strict=True):
        label[first:stop] = compared.label[row]
    return label


def _sequences(compared: Comparison, kept: npt.NDArray[np.bool_]) -> tuple[Indices, Indices, Float64]:
    """Video, label and ends of the segments that the `kept` detections make, in order of time in each video."""
    video, label, ends = [], [], []
    for row, (found, _) in enumerate(_by_video(compared)):
        own = found[kept[found]]
        cuts = np.unique(compared.segments[own])
        best = _best_label(compared, own, cuts)
        first = np.flatnonzero(np.diff(best, prepend=-2))
        stop = np.append(first[1:], len(best))[: len(first)]
        action = best[first] >= 0
        video.append(np.full(action.sum(), row))
        label.append(best[first][action])
        ends.append(np.stack([cuts[first[action]], cuts[stop[action]]], axis=1).reshape(-1, 2))
    return np.concatenate(video), np.concatenate(label), np.concatenate(ends)


def _levenshtein(one: Indices, other: Indices) -> int:
    """Least number of insertions, deletions and substitutions that turn one sequence into the other."""
    place = np.arange(len(other) + 1)
    row = place.copy()
    for count, item in enumerate(one, start=1):
        replaced = np.minimum(row[1:] + 1, row[:-1] + (other != item))
        row = np.minimum.accumulate(np.concatenate([[count], replaced]) - place) + place
    return int(row[-1])
