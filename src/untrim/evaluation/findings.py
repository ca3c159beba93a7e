"""A diagnosis in sentences: what is wrong most, and where to look.

A sentence claims that one thing is more than another only where a 95% interval leaves no room for the opposite; a share
comes with its interval. See `untrim.evaluation.intervals`, and for mAP the bootstrap over videos in `diagnose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from untrim.errors import numbered
from untrim.evaluation.diagnosis import Bin, Diagnosis
from untrim.evaluation.intervals import difference, outnumbers, wilson

_FEW = 10
"""Cases below which shares of them are not said."""

_MEANING = {
    "double": "find an instance that a better detection has found already",
    "wrong label": "have the time of an instance, but another class",
    "localization": "touch an instance of their class with the wrong boundaries",
    "confusion": "touch an instance of another class",
    "background": "lie where nothing happens",
}
_REMEDY = {
    "double": "suppressing doubles",
    "wrong label": "the right class in place",
    "localization": "right boundaries",
    "confusion": "the right class and boundaries",
    "background": "nothing in the background",
}
_PROPERTY = {
    "length": "Instances of {}",
    "number": "Instances that number {} in their video",
    "coverage": "Instances that cover {} of their video",
}


def findings(diagnosis: Diagnosis) -> list[str]:
    """The findings, the most telling first."""
    return [
        *_false_positives(diagnosis),
        *_fixes(diagnosis),
        *_boundaries(diagnosis),
        *_fragments(diagnosis),
        *_misses(diagnosis),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _sure(share: float, total: int) -> str:
    """A share of `total` cases with its interval: ``29% (26 to 31%)``."""
    low, high = wilson(share * total, total)
    return f"{_percent(share)} ({100 * low:.0f} to {_percent(high)})"


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _leader(shares: Mapping[str, float], total: int) -> str | None:
    """The largest of `shares` of the same `total` cases; None where the next may be as large."""
    counts = {name: round(share * total) for name, share in shares.items()}
    first, second = sorted(counts, key=lambda name: -counts[name])[:2]
    return first if outnumbers(counts[first], counts[second]) else None


def _false_positives(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.bands:
        return ["There are no detections."]
    best, count = diagnosis.bands[0], diagnosis.best
    right = best["true positive"]
    wrong = 1 - right
    if round(wrong * count) == 0:
        return [f"All of the best detections, one an instance, are right: {count:,} of {count:,}."]
    if count < _FEW:
        return [f"Right of the best detections, one an instance: {round(right * count)} of {count}."]
    sentence = f"Of the best detections, as many as there are instances, {_sure(right, count)} are right"
    worst = _leader({kind: best[kind] for kind in _MEANING}, count)
    if worst is None:
        return [f"{sentence}; no kind of error is clearly the most frequent."]
    share = _sure(best[worst] / wrong, round(wrong * count))
    return [f"{sentence}; {share} of the wrong ones {_MEANING[worst]}."]


def _fixes(diagnosis: Diagnosis) -> list[str]:
    gains = diagnosis.gains()
    best, second, *_ = gains
    if gains[best] <= 0:
        return []
    now, most, next_ = (_points(diagnosis.mean + gain) for gain in (0.0, gains[best], gains[second]))
    if diagnosis.lead is not None and diagnosis.lead[0] > 0:
        return [
            f"The most to gain is from {_REMEDY[best]}: mAP@{diagnosis.iou:g} would be {most} instead of {now}; next, "
            f"from {_REMEDY[second]}, {next_}."
        ]
    return [
        f"mAP@{diagnosis.iou:g} would be {most} instead of {now} with {_REMEDY[best]}, and {next_} with "
        f"{_REMEDY[second]}; which of them gives more could be chance."
    ]


def _boundaries(diagnosis: Diagnosis) -> list[str]:
    found, count = diagnosis.boundaries, diagnosis.boundaries.near_misses
    if not count:
        return []
    if count < _FEW:
        return [f"{numbered(count, 'near miss is', 'near misses are')} too few to tell how boundaries err."]
    kinds = {
        "reach into the context at both ends": found.too_long,
        "leave out parts at both ends": found.too_short,
        "are shifted to one side": found.shifted,
    }
    main = _leader(kinds, count)
    sentences = [
        f"{_sure(found.past_end, count)} of the near misses extend past the end of their instance, "
        f"{_sure(found.past_start, count)} begin before it"
        + ("." if main is None else f"; {_sure(kinds[main], count)} {main}.")
    ]
    verdicts = {"over-extension": found.too_long, "incompleteness": found.too_short}
    trouble, other = sorted(verdicts, key=lambda name: -verdicts[name])
    more, less = (round(verdicts[name] * count) for name in (trouble, other))
    if more >= 2 * less and outnumbers(more, less):
        sentences.append(
            f"The trouble is {trouble} ({_percent(verdicts[trouble])}), not {other} ({_percent(verdicts[other])})."
        )
    return sentences


def _fragments(diagnosis: Diagnosis) -> list[str]:
    found, count = diagnosis.fragments, diagnosis.instances
    sentences = []
    if found.merged_instances >= 0.01 and count >= _FEW:
        sentences.append(
            f"{_sure(found.merged_instances, count)} of the instances are merged with a neighbour of their class in "
            "one of the best detections."
        )
    if found.split_instances >= 0.01 and count >= _FEW:
        sentences.append(f"{_sure(found.split_instances, count)} of the instances are missed because they are split.")
    return sentences


def _misses(diagnosis: Diagnosis) -> list[str]:
    count = diagnosis.instances
    if count < _FEW:
        missed = round(diagnosis.missed * count)
        return [f"Instances that no detection finds: {missed} of {count}."]
    sentences = [f"{_sure(diagnosis.missed, count)} of the instances are found by no detection."]
    for name, bins in diagnosis.properties.items():
        large = [own for own in bins if own.instances >= max(_FEW, 0.02 * count)]
        if len(large) < 2:
            continue
        worst, best = max(large, key=lambda own: own.missed), min(large, key=lambda own: own.missed)
        if worst.missed - best.missed >= 0.1 and _surely_more(worst, best, len(large)):
            sentences.append(
                f"{_PROPERTY[name].format(worst.name)} are missed more often, {_percent(worst.missed)}, than those of "
                f"{best.name}, {_percent(best.missed)}."
            )
    return sentences


def _surely_more(worst: Bin, best: Bin, bins: int) -> bool:
    """Whether more instances are missed in one bin than in another, the two having been picked among several."""
    pairs = len(list(combinations(range(bins), 2)))
    counts = [(own.missed * own.instances, own.instances) for own in (worst, best)]
    return difference(counts[0], counts[1], 1 - 0.05 / pairs)[0] > 0
