"""How certain an mAP is: bootstrap over videos, and a paired comparison of two sets of detections.

Each draw takes as many videos as there are, with replacement (Efron and Tibshirani 1993). Detections are matched only
with instances of their own video. So matching is done once, and a draw only weighs videos.

A video that is drawn twice has each detection twice in a row in the ranking. This raises interpolated average
precision: draws are above the figure itself, more so for classes with few videos. So the draws are shifted to have the
figure as their mean, and then their percentiles are taken. In simulations, nominal 95% intervals held the true value 90
to 97 times in 100 with the shift, and 75 to 88 times without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations, annotations_of, detections_of
from untrim.errors import UntrimError
from untrim.evaluation.comparison import Comparison, compare
from untrim.evaluation.detection import DetectionResult, by_class, checked_thresholds, score
from untrim.support.array_types import Flags, Float64
from untrim.timeline import Detection

_MOST_DRAWS = 1_000_000
_CELLS = 1 << 22
"""Weights held in memory at once."""


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% interval: 2.5th to 97.5th percentile of the draws, shifted to have it as their mean."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """``value``, ``low``, ``high``."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Uncertainty:
    """mAP with 95% intervals.

    Args:
        result: The evaluation itself.
        mean: mAP at each threshold.
        average: Mean of mAP over the thresholds.
        samples: Number of draws.
    """

    result: DetectionResult
    mean: tuple[Interval, ...]
    average: Interval
    samples: int

    def to_json(self) -> dict[str, object]:
        """The intervals, along `iou` of the result."""
        return {
            "samples": self.samples,
            "mAP": [interval.to_json() for interval in self.mean],
            "average_mAP": self.average.to_json(),
        }

    def __str__(self) -> str:
        rows = [*zip((f"{iou:.3g}" for iou in self.result.iou), self.mean, strict=True), ("avg", self.average)]
        lines = [f"95% intervals over {self.result.videos} videos, {self.samples} draws, mAP in %"]
        return "\n".join(lines + [f"{name:>5}  {_percent(interval)}" for name, interval in rows])


@dataclass(frozen=True)
class PairedComparison:
    """How much better the first of two sets of detections is than the second, on the same videos.

    Args:
        first: Evaluation of the first.
        second: Evaluation of the second.
        mean: Difference of mAP, first minus second, at each threshold.
        average: Difference of the mean over the thresholds.
        p_values: Two-sided, at each threshold: how often chance alone would give at least as large a difference.
        average_p: The same for the mean over the thresholds.
        samples: Number of draws.
    """

    first: DetectionResult
    second: DetectionResult
    mean: tuple[Interval, ...]
    average: Interval
    p_values: tuple[float, ...]
    average_p: float
    samples: int

    def to_json(self) -> dict[str, object]:
        """Both evaluations, and differences with p-values along their `iou`."""
        return {
            "samples": self.samples,
            "first": self.first.to_json(),
            "second": self.second.to_json(),
            "mAP": [{**i.to_json(), "p": p} for i, p in zip(self.mean, self.p_values, strict=True)],
            "average_mAP": {**self.average.to_json(), "p": self.average_p},
        }

    def __str__(self) -> str:
        names = [*(f"{iou:.3g}" for iou in self.first.iou), "avg"]
        rows = zip(
            names,
            (*self.first.mean, self.first.average),
            (*self.second.mean, self.second.average),
            (*self.mean, self.average),
            (*self.p_values, self.average_p),
            strict=True,
        )
        lines = [
            f"paired over {self.first.videos} videos, {self.samples} draws, mAP in %",
            "  IoU  first second  difference [95% interval]      p",
        ]
        for name, one, other, interval, p in rows:
            lines.append(f"{name:>5} {100 * one:6.1f} {100 * other:6.1f}  {_percent(interval, '+'):<24} {p:7.4f}")
        return "\n".join([*lines, self.sentence()])

    def sentence(self) -> str:
        """The outcome for the mean over the thresholds in words, at the 5% level."""
        if self.average_p > 0.05:
            return f"The difference could be chance (p = {self.average_p:.2g})."
        better = "first" if self.average.value > 0 else "second"
        return f"The {better} is better (p = {self.average_p:.2g})."


def _percent(interval: Interval, sign: str = "") -> str:
    value, low, high = (format(100 * part, f"{sign}.1f") for part in (interval.value, interval.low, interval.high))
    return f"{value:>5} [{low}, {high}]"


def bootstrap(
    detections: Mapping[str, Sequence[Detection]] | Path | str,
    annotations: Annotations | Path | str,
    iou: npt.ArrayLike,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
    samples: int = 1000,
    seed: int = 0,
) -> Uncertainty:
    """mAP with 95% intervals from a bootstrap over videos.

    If a draw has no instance of a class, the class is left out of that draw's mean, as in an evaluation.

    Args:
        detections: By video, or their file.
        annotations: Ground truth, or its file.
        iou: (K,) tIoU thresholds.
        protocol: Name of the protocol.
        subset: The subset to evaluate; None for all of `annotations`.
        strict: As of `untrim.evaluation.comparison.compare`.
        samples: Number of draws, at least 100.
        seed: Seed of the draws.

    Raises:
        UntrimError: See `untrim.evaluation.comparison.compare`; or there are too few videos or draws.
    """
    thresholds = checked_thresholds(iou, "tIoU")
    detections, annotations = detections_of(detections), annotations_of(annotations)
    compared = compare(detections, annotations, protocol, subset=subset, strict=strict)
    hits = compared.match(thresholds) >= 0
    result = score(compared, hits, thresholds)
    draws = resampled(compared, hits, _draws(len(compared.videos), samples, seed, annotations))  # (B, K)
    mean = [interval_of(value, own) for value, own in zip(result.mean, draws.T, strict=True)]
    return Uncertainty(result, tuple(mean), interval_of(result.average, draws.mean(axis=1)), samples)


def compare_paired(
    first: Mapping[str, Sequence[Detection]] | Path | str,
    second: Mapping[str, Sequence[Detection]] | Path | str,
    annotations: Annotations | Path | str,
    iou: npt.ArrayLike,
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
    strict: bool = False,
    samples: int = 1000,
    seed: int = 0,
) -> PairedComparison:
    """Compare two sets of detections on the same draws of videos.

    The p-value is the share of draws whose difference is at least as far from the mean of all draws as the observed
    difference is from 0. This is a bootstrap test with the draws shifted to the null hypothesis. The p-value has two
    lower bounds: 1 / (samples + 1), and 2^(1-V), the least p-value of an exact sign test over the V videos in which the
    two differ. Few videos that agree can be chance.

    Args:
        first: Detections by video, or their file.
        second: Detections by video, or their file, on the same annotations.
        annotations: Ground truth, or its file.
        iou: (K,) tIoU thresholds in (0, 1].
        protocol: Name of the protocol.
        subset: The subset to evaluate; None for all of `annotations`.
        strict: Refuse detections in videos, or of classes, that are not in `annotations`.
        samples: Number of draws.
        seed: Seed of the draws.

    Raises:
        UntrimError: As of `bootstrap`.
    """
    thresholds = checked_thresholds(iou, "tIoU")
    annotations, results, draws = annotations_of(annotations), [], []
    first, second = detections_of(first), detections_of(second)
    for detections in (first, second):
        compared = compare(detections, annotations, protocol, subset=subset, strict=strict)
        hits = compared.match(thresholds) >= 0
        results.append(score(compared, hits, thresholds))
        draws.append(resampled(compared, hits, _draws(len(compared.videos), samples, seed, annotations)))
    observed = np.array([*results[0].mean, results[0].average]) - np.array([*results[1].mean, results[1].average])
    difference = draws[0] - draws[1]
    difference = np.concatenate([difference, difference.mean(axis=1, keepdims=True)], axis=1)  # (B, K + 1)
    extreme = np.abs(difference - difference.mean(axis=0)) >= np.abs(observed)
    differing = sum(list(first.get(name, ())) != list(second.get(name, ())) for name in compared.videos)
    least = min(1.0, 2.0 ** (1 - differing))
    p_values = np.maximum((1 + extreme.sum(axis=0)) / (samples + 1), least).tolist()
    intervals = [interval_of(value, own) for value, own in zip(observed.tolist(), difference.T, strict=True)]
    return PairedComparison(
        results[0], results[1], tuple(intervals[:-1]), intervals[-1], tuple(p_values[:-1]), p_values[-1], samples
    )


def resampled(compared: Comparison, hits: Flags, weights: Float64) -> Float64:
    """mAP at each threshold for each row of (B, V) `weights`, how often each video counts; (B, K)."""
    result = np.zeros((len(weights), len(hits)))
    rows = by_class(compared)
    block = max(1, _CELLS // max(1, *map(len, rows)))
    for start in range(0, len(weights), block):
        own = weights[start : start + block]
        present, total = np.zeros((len(own), 1)), np.zeros((len(own), len(hits)))
        for c, found in enumerate(rows):
            instances = own[:, compared.truth_video[compared.truth_label == c]].sum(axis=1, keepdims=True)  # (B, 1)
            sums = _weighted_sums(hits[:, found], own[:, compared.video[found]], compared.protocol.interpolated)
            total += np.divide(sums, instances, out=np.zeros_like(sums), where=instances > 0)
            present += instances > 0
        result[start : start + block] = total / np.maximum(present, 1)
    return result


def _weighted_sums(hits: Flags, weights: Float64, interpolated: bool) -> Float64:
    """Average precision times the number of instances, for (K, N) `hits`, best first, with (B, N) `weights`; (B, K).

    Copies of a detection are next to each other in the ranking, so a detection of weight w counts as one step of height
    w. This is exact if precision is interpolated, since precision is best at the last copy.
    """
    seen = np.cumsum(weights, axis=1)
    sums = np.zeros((len(weights), len(hits)))
    for k, own in enumerate(hits):
        rank = np.flatnonzero(own)
        weight = weights[:, rank]
        precision = np.cumsum(weight, axis=1) / np.maximum(seen[:, rank], 1)
        if interpolated:
            precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        sums[:, k] = (weight * precision).sum(axis=1)
    return sums


def _draws(videos: int, samples: int, seed: int, annotations: Annotations) -> Float64:
    """As `draw_videos`, of enough videos and draws for an interval."""
    if videos < 2 or not 100 <= samples <= _MOST_DRAWS:
        wanted = f"an interval needs at least 2 videos and 100 draws, {_MOST_DRAWS:,} draws at most"
        what = f"{wanted}, not {videos} and {samples!r:.40}"
        raise UntrimError(what, where=annotations.source)
    return draw_videos(videos, samples, seed)


def draw_videos(videos: int, samples: int, seed: int) -> Float64:
    """How often each video is drawn, (B, V), in each of B `samples`."""
    return np.random.default_rng(seed).multinomial(videos, np.full(videos, 1 / videos), size=samples).astype(float)


def interval_of(value: float, draws: Float64) -> Interval:
    """The 95% interval of a figure from its (B,) draws."""
    low, high = np.percentile(draws - draws.mean() + value, (2.5, 97.5)).tolist()
    return Interval(value, low, high)
