"""From which score on a detection of a run is worth showing.

Methods give many detections with low scores, so that a person needs a level. It is the run's operating point, as in
everything that shows detections (`untrim.evaluation.found`). Scores of another scale have no such point: their level is
the score at which "the class was found in the video" agrees best with the tags, by F1 over all tagged videos and
classes of the run. Without any tag, it is the median over the videos of their best score.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untrim.evaluation.found import least_score
from untrim.timeline import Detection


@dataclass(frozen=True)
class Level:
    """The level of a run.

    Args:
        score: From here on, a detection is shown.
        spread: Half of the range in which the middle half of all scores lies: the unit of how sure a score is. None
            where scores say themselves how sure they are.
    """

    score: float
    spread: float | None

    def certainty(self, score: float) -> float:
        """How far above the level a score is, from 0 to 1; 0.5 at the level."""
        if self.spread is None:
            return score
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, (score - self.score) / self.spread))))


def level_of(found: Mapping[str, Sequence[Detection]], tags: Mapping[str, Collection[str]]) -> Level:
    """The level of a run.

    Args:
        found: Its detections by video.
        tags: The tags of videos that have any, under the names that the detections have.
    """
    if math.isfinite(point := least_score(found)):
        return Level(point, None)
    scores = np.array([one.score for own in found.values() for one in own])
    low, high = np.quantile(scores, (0.25, 0.75))
    spread = float(high - low) / 2 or 1.0
    pairs: list[tuple[float, bool]] = []
    for video, own in tags.items():
        best: dict[str, float] = {}
        for one in found.get(video, ()):
            best[one.label] = max(best.get(one.label, -math.inf), one.score)
        pairs += [(score, label in own) for label, score in best.items()]
    if not any(right for _, right in pairs):
        return Level(float(np.median([max(one.score for one in own) for own in found.values() if own])), spread)
    pairs.sort(key=lambda pair: -pair[0])
    right = np.cumsum([pair[1] for pair in pairs])
    wanted = sum(len(own) for video, own in tags.items() if video in found)
    f1 = 2 * right / (np.arange(1, len(pairs) + 1) + max(wanted, 1))
    last = int(f1.argmax())
    after = pairs[last + 1][0] if last + 1 < len(pairs) else pairs[last][0]
    return Level((pairs[last][0] + after) / 2, spread)


def shown(found: Sequence[Detection], level: Level, tags: Collection[str]) -> list[bool]:
    """Which detections of a video are worth showing: those above the level, and the best of each tag.

    Args:
        found: Detections of one video, best first.
        level: That of the run.
        tags: The tags of the video.
    """
    seen: set[str] = set()
    show = []
    for one in found:
        first = one.label not in seen
        seen.add(one.label)
        show.append(one.score >= level.score or (first and one.label in tags))
    return show
