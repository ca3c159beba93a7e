"""A diagnosis in sentences: what is wrong most, and where to look."""

from __future__ import annotations

from untrim.evaluation.diagnosis import Diagnosis

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


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _false_positives(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.bands:
        return ["There are no detections."]
    best = diagnosis.bands[0]
    right = best["true positive"]
    wrong = 1 - right
    if wrong == 0:
        return ["All of the best detections, one an instance, are right."]
    worst = max(_MEANING, key=lambda kind: best[kind])
    return [
        f"Of the best detections, as many as there are instances, {_percent(right)} are right; "
        f"{_percent(best[worst] / wrong)} of the wrong ones {_MEANING[worst]}."
    ]


def _fixes(diagnosis: Diagnosis) -> list[str]:
    gains = {kind: max(fix.mended, fix.removed) - diagnosis.mean for kind, fix in diagnosis.fixes.items()}
    best, second, *_ = sorted(gains, key=lambda kind: -gains[kind])
    if gains[best] <= 0:
        return []
    return [
        f"The most to gain is from {_REMEDY[best]}: mAP@{diagnosis.iou:g} would be "
        f"{_points(diagnosis.mean + gains[best])} instead of {_points(diagnosis.mean)}; next, from {_REMEDY[second]}, "
        f"{_points(diagnosis.mean + gains[second])}."
    ]


def _boundaries(diagnosis: Diagnosis) -> list[str]:
    found = diagnosis.boundaries
    if not found.near_misses:
        return []
    kinds = {
        "reach into the context at both ends": found.too_long,
        "leave out parts at both ends": found.too_short,
        "are shifted to one side": found.shifted,
    }
    main = max(kinds, key=lambda name: kinds[name])
    sentences = [
        f"{_percent(found.past_end)} of the near misses extend past the end of their instance, "
        f"{_percent(found.past_start)} begin before it; {_percent(kinds[main])} {main}."
    ]
    longer, shorter = found.too_long, found.too_short
    if max(longer, shorter) >= 2 * min(longer, shorter):
        verdict = (
            ("over-extension", "incompleteness", longer, shorter)
            if longer > shorter
            else ("incompleteness", "over-extension", shorter, longer)
        )
        sentences.append(
            f"The trouble is {verdict[0]} ({_percent(verdict[2])}), not {verdict[1]} ({_percent(verdict[3])})."
        )
    return sentences


def _fragments(diagnosis: Diagnosis) -> list[str]:
    found = diagnosis.fragments
    sentences = []
    if found.merged_instances >= 0.01:
        sentences.append(
            f"{_percent(found.merged_instances)} of the instances are merged with a neighbour: "
            f"{_percent(found.merging_detections)} of the best detections that touch their class cover two or more."
        )
    if found.split_instances >= 0.01:
        sentences.append(f"{_percent(found.split_instances)} of the instances are missed because they are split.")
    return sentences


def _misses(diagnosis: Diagnosis) -> list[str]:
    sentences = [f"{_percent(diagnosis.missed)} of the instances are found by no detection."]
    for name, bins in diagnosis.properties.items():
        large = [own for own in bins if own.instances >= max(10, 0.02 * diagnosis.instances)]
        if len(large) < 2:
            continue
        worst, best = max(large, key=lambda own: own.missed), min(large, key=lambda own: own.missed)
        if worst.missed - best.missed >= 0.1:
            sentences.append(
                f"{_PROPERTY[name].format(worst.name)} are missed most: {_percent(worst.missed)}, "
                f"against {_percent(best.missed)} ({best.name})."
            )
    return sentences
