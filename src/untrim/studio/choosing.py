"""Which video deserves a look, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from untrim.annotations.reviews import Review
from untrim.timeline import Detection

_STRONG = 0.8


def reason_to_look(
    review: Review, found: Sequence[Detection], left: Sequence[Detection], scale: Mapping[str, tuple[float, float]]
) -> tuple[float, str] | None:
    """How much a video deserves a look, from 0 to 1, and why in words; None if everything is decided.

    Args:
        review: What was decided about it.
        found: All detections of the run in it, under the names that classes have now.
        left: Those that nobody has decided about.
        scale: For each class the lowest and the highest score in any video: scores compare within one run only.
    """
    if review.exhaustive is True or (review.labels and set(review.exhaustive) >= set(review.labels)):
        return None
    if not found:
        return (0.5, "not tagged yet") if not review.labels else (0.2, "tagged, nothing found yet")
    best: dict[str, float] = {}
    for detection in found:
        low, high = scale[detection.label]
        share = (detection.score - low) / (high - low) if high > low else 0.5
        best[detection.label] = max(best.get(detection.label, 0.0), share)
    if review.labels:
        if missing := [label for label in review.labels if label not in best]:
            return 0.9, f"{missing[0]} is tagged and was not found"
        extra = [label for label in best if label not in review.labels and best[label] >= _STRONG]
        if extra:
            return 0.8, f"{max(extra, key=best.__getitem__)} was found and is not tagged"
    if not left:
        return 0.1, "all that was found is decided; is anything missing?"
    unsure = {label: _entropy(share) for label, share in best.items()}
    label = max(unsure, key=unsure.__getitem__)
    return 0.3 + 0.4 * sum(unsure.values()) / len(unsure), f"{label} is the least certain here"


def _entropy(share: float) -> float:
    """Of a yes or no, in bits."""
    return -sum(part * math.log2(part) for part in (share, 1 - share) if part > 0)
