"""How sure a share is: what sentences ask before they claim something of few cases.

Wilson's interval for one share (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
JASA 22, 1927), Newcombe's for the difference of two (R. G. Newcombe, "Interval estimation for the difference between
independent proportions", Statistics in Medicine 17, 1998, method 10). Both hold for few cases, and for shares of 0 and
1. Cases count as independent, which detections of one video are not quite.
"""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson(count: float, total: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share of `count` among `total` cases; (0, 1) where there are none."""
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, square = count / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def outnumbers(more: int, less: int) -> bool:
    """Whether `more` cases of one kind against `less` of another are more than chance gives: an exact sign test, 5%."""
    total = more + less
    logs = (math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in range(more, total + 1))
    return 2 * more > total and 2 * sum(math.exp(log - total * math.log(2)) for log in logs) < 0.05


def difference(first: tuple[float, int], second: tuple[float, int], level: float = 0.95) -> tuple[float, float]:
    """The interval of the difference of two shares, each a count and a total: the first minus the second."""
    (count, total), (other, others) = first, second
    share, reference = count / max(total, 1), other / max(others, 1)
    (low, high), (lower, higher) = wilson(count, total, level), wilson(other, others, level)
    found = share - reference
    return found - math.hypot(share - low, higher - reference), found + math.hypot(high - share, reference - lower)
