"""From the raw scores of detections to confidences in [0, 1], in the same order; and where to draw the line.

A raw score r is whatever a method ranks by. It is judged with y: whether detections of such scores are right.

    symbol      variable    shape
    r           raw         (N,)
    y           right       (N,)

Equations:

    (1) confidence = sigmoid(a (r - l)): 0.5 at the line l
    (2) l = the score with the best F1 = 2 |y, r >= l| / (|r >= l| + wanted)
    (3) a = the slope of the logistic regression of y on r, with the targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2);
        at least two over the standard deviation of r

If the best line of Eq. 2 is below all scores, nothing says how far below: then it is two standard deviations below the
mean of the right ones. The targets of Eq. 3, for N+ right and N- wrong ones, keep the slope finite where scores tell
all apart; J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from untrim.support.array_types import Flags, Float64
from untrim.timeline import Detection

_STEPS = 100
# Of the logistic function of standardized scores: with less, few videos leave all confidences near 0.5.
_LEAST_SLOPE = 2.0
# exp(-700) is still a normal double.
_FAR = 700.0


@dataclass(frozen=True)
class Confidence:
    """What brings raw scores to [0, 1].

    Args:
        line: The raw score that becomes 0.5.
        slope: Of the logistic function, above 0.
    """

    line: float
    slope: float

    def of(self, raw: Float64) -> Float64:
        """Confidences of (N,) raw scores, in the same order and with the same ties, whatever rounding would make equal.

        Where two scores would become one number, the lower of them gets the next smaller number that there is.
        """
        scores, place = np.unique(raw, return_inverse=True)  # ascending
        with np.errstate(over="ignore"):
            z = np.clip(self.slope * (scores - self.line), -_FAR, _FAR)
        # Positive doubles are in the order of their bits: as whole numbers, each must be below the next one.
        bits, index = (1 / (1 + np.exp(-z))).view(np.int64), np.arange(len(scores))
        highest = np.minimum.accumulate((bits - index)[::-1])[::-1] + index
        return highest.view(np.float64)[place]

    def on(self, detections: Mapping[str, Sequence[Detection]]) -> dict[str, list[Detection]]:
        """The same detections with confidences in the place of raw scores."""
        raw = np.array([found.score for own in detections.values() for found in own], dtype=np.float64)
        scores = iter(self.of(raw).tolist())
        return {name: [replace(found, score=next(scores)) for found in own] for name, own in detections.items()}


def best_line(raw: Float64, right: Flags, wanted: int) -> tuple[float, float]:
    """The line with the best F1, in the middle between the scores next to it, and that F1 (Eq. 2).

    Args:
        raw: Scores, (N,), at least one.
        right: Which of them are right, (N,).
        wanted: How many right ones there are to find, at least 1.
    """
    order = np.argsort(-raw, kind="stable")
    scores, hits = raw[order], np.cumsum(right[order])
    apart = np.append(scores[1:] != scores[:-1], True)  # equal scores are all above the line, or none is
    f1 = np.where(apart, 2 * hits / (np.arange(1, len(scores) + 1) + wanted), -1.0)
    best = int(f1.argmax())
    if best + 1 < len(scores):
        return float(scores[best] / 2 + scores[best + 1] / 2), float(f1[best])
    good = raw[right]
    return float(min(scores[best], good.mean() - 2 * good.std()) if len(good) else scores[best]), float(f1[best])


def logistic_slope(raw: Float64, right: Flags) -> float:
    """How steeply the chance of being right grows with (N,) scores (Eq. 3)."""
    spread = float(raw.std()) or 1.0
    wanted = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))
    x = np.stack([(raw - raw.mean()) / spread, np.ones(len(raw))])  # (2, N)
    weights = np.zeros(2)

    def loss(tried: Float64) -> float:
        z = tried @ x
        return float((np.logaddexp(0, z) - wanted * z).mean())

    for _ in range(_STEPS):  # Newton's, each halved until the loss falls.
        p = 1 / (1 + np.exp(-np.clip(weights @ x, -_FAR, _FAR)))
        gradient, curvature = x @ (p - wanted) / len(raw), (x * (p * (1 - p))) @ x.T / len(raw)
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-12:
            step = step / 2
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return max(float(weights[0]), _LEAST_SLOPE) / spread
