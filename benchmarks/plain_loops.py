"""The reference of the benchmarks: parts of the methods as plain loops over videos, pairs, classes and snippets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from untrim.localization.grouping import Runs
from untrim.methods.ecm import ECM


def topk_mean(scores: Tensor, mask: Tensor, k: Tensor) -> Tensor:
    rows = []
    for video, real, count in zip(scores, mask, k.tolist(), strict=True):
        chosen = min(max(count, 1), max(int(real.sum()), 1))
        columns = [column[real].topk(chosen).values.mean() if real.any() else column.sum() * 0 for column in video.T]
        rows.append(torch.stack(columns))
    return torch.stack(rows)


def where_and_where_not(embedded: Tensor, scores: Tensor, mask: Tensor, video: int, c: int) -> tuple[Tensor, Tensor]:
    """Features of where one class is in one video, and where it is not."""
    u, pi = embedded[video][mask[video]], scores[video, mask[video], c].softmax(dim=0)
    return F.normalize(pi @ u, dim=0), F.normalize((1 - pi) @ u / (len(u) - 1), dim=0)


def metric_loss(embedded, scores, mask, labels, groups, squared_distances, kind="triplet", alpha=3.0) -> Tensor:
    losses = []
    for group in range(int(groups.max()) + 1):
        members = (groups == group).nonzero().flatten().tolist()
        for c in labels[members].prod(dim=0).nonzero().flatten().tolist():
            parts = [where_and_where_not(embedded, scores, mask, video, c) for video in members]
            near, far, of = [], [], torch.tensor([c])
            for i, (z, _) in enumerate(parts):
                for j, (other, other_not) in enumerate(parts):
                    if i != j:
                        near.append(squared_distances(z[None, None], other[None, None], of).squeeze())
                        far.append(squared_distances(z[None, None], other_not[None, None], of).squeeze())
            losses.append(F.relu(torch.stack(near).mean() - torch.stack(far).mean() + alpha))
    return torch.stack(losses).mean() if losses else embedded.sum() * 0


def coactivity_loss(embedded, scores, mask, labels, groups, margin=0.5) -> Tensor:
    losses = []
    for i in range(len(labels)):
        for j in range(len(labels)):
            if i == j or groups[i] != groups[j] or groups[i] < 0:
                continue
            for c in (labels[i] * labels[j]).nonzero().flatten().tolist():
                high, _ = where_and_where_not(embedded, scores, mask, i, c)
                other, low = where_and_where_not(embedded, scores, mask, j, c)
                losses.append(F.relu(high @ low - high @ other + margin))
    return torch.stack(losses).mean() if losses else embedded.sum() * 0


def classify_aggregated(model: ECM, log_w: Tensor, f: Tensor, mask: Tensor) -> Tensor:
    scores = []
    for features, w, real in zip(f, log_w.exp(), mask, strict=True):
        for c in range(w.shape[1]):
            folds = torch.stack([w[real][i::3, c] @ features[real][i::3] for i in range(3)]).unsqueeze(0)
            u = model.classifier.embed(folds, torch.ones(1, 3))[0]
            scores.append((u @ model.classifier.output.weight[c]).mean())
    return torch.stack(scores).view(len(f), -1)


def connected_components(above: np.ndarray, min_length: int = 1) -> Runs:
    found = []
    for row, values in enumerate(above):
        first = None
        for t, value in enumerate([*values, False]):
            if value and first is None:
                first = t
            if not value and first is not None:
                if t - first >= min_length:
                    found.append((row, first, t))
                first = None
    return Runs(*np.array(found, dtype=np.intp).reshape(-1, 3).T)


def sweep(values: np.ndarray, thresholds: np.ndarray, min_length: int = 1, *, inclusive: bool = False) -> Runs:
    found = set()
    for threshold in thresholds:
        above = values >= threshold if inclusive else values > threshold
        found |= set(zip(*connected_components(above, min_length), strict=True))
    return Runs(*np.array(sorted(found), dtype=np.intp).reshape(-1, 3).T)


def run_max(values: np.ndarray, runs: Runs) -> np.ndarray:
    return np.array([max(values[row, t] for t in range(first, stop)) for row, first, stop in zip(*runs, strict=True)])


def run_mean(values: np.ndarray, runs: Runs) -> np.ndarray:
    means = [
        sum(values[row, t] for t in range(first, stop)) / (stop - first) for row, first, stop in zip(*runs, strict=True)
    ]
    return np.array(means)


def outer_inner_contrast(values: np.ndarray, runs: Runs, outer: float, rounding: str = "uneven") -> np.ndarray:
    assert rounding == "uneven", "these loops know no other"
    scores = []
    for row, first, stop in zip(*runs, strict=True):
        margin, length = outer * (stop - first), values.shape[1]
        low, high = max(int(np.floor(first - margin)), 0), min(int(np.floor(stop - 1 + margin)) + 1, length)
        inside = sum(values[row, t] for t in range(first, stop)) / (stop - first)
        around = [values[row, t] for t in [*range(low, first), *range(stop, high)]]
        scores.append(inside - (sum(around) / len(around) if around else 0.0))
    return np.array(scores)


def nms(segments: np.ndarray, scores: np.ndarray, threshold: float, classes: np.ndarray) -> np.ndarray:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        for j in kept:
            inner = min(segments[i][1], segments[j][1]) - max(segments[i][0], segments[j][0])
            union = segments[i][1] - segments[i][0] + segments[j][1] - segments[j][0] - max(inner, 0)
            if classes[i] == classes[j] and inner > 0 and inner >= threshold * union:
                break
        else:
            kept.append(i)
    return np.array(kept, dtype=np.intp)


@contextmanager
def plain_loops() -> Iterator[None]:
    """Replaces functions of the same name in the modules of all methods by those above."""
    ours = (topk_mean, metric_loss, coactivity_loss, connected_components, sweep, run_max, run_mean)
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            for function in (*ours, outer_inner_contrast, nms):
                if name.startswith("untrim.methods.") and hasattr(module, function.__name__):
                    stack.enter_context(patch.object(module, function.__name__, function))
        stack.enter_context(patch.object(ECM, "classify_aggregated", classify_aggregated))
        yield
