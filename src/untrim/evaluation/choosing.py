"""Which video deserves a look, and why; and which one is next."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from untrim.annotations.reviews import Review
from untrim.evaluation.levels import Level
from untrim.timeline import Detection

EVERY = 5
"""Of so many videos that are looked at, one is picked at random."""

_STRONG = 0.85


@dataclass(frozen=True)
class Reason:
    """Why a video deserves a look.

    Args:
        need: How much, from 0 to 1.
        words: Why, in words.
        label: The class that it is about, if it is about one.
    """

    need: float
    words: str
    label: str | None = None


def is_decided(review: Review) -> bool:
    """Whether a person says that everything in a video is marked."""
    return review.exhaustive is True or bool(review.labels and set(review.exhaustive) >= set(review.labels))


def reason_to_look(
    review: Review, found: Sequence[Detection], left: Sequence[Detection], level: Level
) -> Reason | None:
    """Why a video deserves a look; None if everything in it is decided.

    Args:
        review: What was decided about it.
        found: All detections of the run in it, best first.
        left: Those worth showing that nobody has decided about.
        level: That of the run.
    """
    if is_decided(review):
        return None
    if not found:
        return Reason(0.1, "tagged; nothing was looked for yet") if review.labels else Reason(0.4, "not tagged yet")
    best: dict[str, float] = {}
    for one in found:
        best.setdefault(one.label, level.certainty(one.score))
    if review.labels:
        missing = [label for label in review.labels if best.get(label, 0.0) < 1 - _STRONG]
        if missing:
            return Reason(0.9, f"{missing[0]} is tagged and was not found", missing[0])
        extra = [label for label in best if label not in review.labels and best[label] >= _STRONG]
        if extra:
            label = max(extra, key=best.__getitem__)
            return Reason(0.8, f"{label} was found and is not tagged", label)
    if not left:
        return Reason(0.2, "all that was found is decided: is anything missing?")
    looked_at = [label for label in best if not review.labels or label in review.labels] or list(best)
    unsure = {label: _entropy(best[label]) for label in looked_at}
    label = max(unsure, key=unsure.__getitem__)
    return Reason(0.3 + 0.4 * sum(unsure.values()) / len(unsure), f"least sure about {label}", label)


def next_to_look_at(
    reasons: Mapping[str, Reason], decided: Mapping[str, int], looked_at: int, seed: str
) -> tuple[str, Reason, bool] | None:
    """The video to look at next: of the class of which least was decided the one that needs it most; every fifth is
    picked at random, so that how right detections are can be measured.

    Args:
        reasons: Why each video that deserves it deserves a look.
        decided: How many segments of each class were decided.
        looked_at: In how many videos something was decided.
        seed: Of the random picks.

    Returns:
        The video, why, and whether it was picked at random; None if none deserves a look.
    """
    if not reasons:
        return None
    if looked_at % EVERY == EVERY - 1:
        video = random.Random(f"{seed}-{looked_at}").choice(sorted(reasons))
        return video, Reason(reasons[video].need, "picked at random, to measure how right the detections are"), True
    about = {reason.label for reason in reasons.values() if reason.label is not None}
    rarest = min(sorted(about), key=lambda label: decided.get(label, 0), default=None)
    candidates = {video: reason for video, reason in reasons.items() if reason.label == rarest} or reasons
    video = max(candidates, key=lambda video: (candidates[video].need, video))
    return video, candidates[video], False


def _entropy(share: float) -> float:
    """Of a yes or no, in bits."""
    return -sum(part * math.log2(part) for part in (share, 1 - share) if part > 0)
