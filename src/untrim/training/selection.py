"""Choosing a checkpoint and thresholds without segments, by the labels of held-out videos.

There are three criteria, each 1 at best, and their mean:

- *classification*: mAP of ranking the held-out videos by the score of each class.
- *agreement*: Spearman's rank correlation over time of attention and class scores, for the classes that a video has. It
  is a mean over videos, brought to [0, 1]. A method without attention uses its negated background scores. A method with
  neither has no such criterion.
- *calibration*: Brier skill of the class scores: the share by which their squared error is below that of predicting the
  frequency of each class; 0 if it is not below.

Candidates are evenly spaced over the training. Later is better unless the labels say otherwise: the last candidate
within 0.01 of the best is chosen. Then each threshold of the config is tried at other values. Another value must be
better by more than 0.01 in *detected classes*: mAP of ranking the held-out videos by the best detection of each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import get_args

import numpy as np
import torch

from untrim.data.dataset import TrainingVideos
from untrim.errors import UntrimError
from untrim.methods.base import Activations, Method
from untrim.support.array_types import Floating
from untrim.support.files import write_json
from untrim.support.progress import ShouldStop, stop_if
from untrim.support.validation import validate
from untrim.training.checkpoint import SELECTION, Run
from untrim.training.inspection import evenly, look, mean_average_precision

_CANDIDATES = 10
_MARGIN = 0.01
_FACTORS = (0.25, 0.5, 2.0, 4.0)


@dataclass(frozen=True)
class Criteria:
    """How well a network does on held-out videos, as far as labels can tell; see the module.

    Args:
        classification: In [0, 1].
        agreement: In [0, 1]; None where the method has neither attention nor background scores.
        calibration: In [0, 1].
    """

    classification: float
    agreement: float | None
    calibration: float

    @property
    def score(self) -> float:
        """Mean of the criteria that there are."""
        parts = (self.classification, self.agreement, self.calibration)
        return float(np.mean([part for part in parts if part is not None]))


def checkpoint_steps(iterations: int) -> tuple[int, ...]:
    """After how many iterations candidates are kept: ten times along the training, the last at its end."""
    return tuple(sorted({max(iterations * part // _CANDIDATES, 1) for part in range(1, _CANDIDATES + 1)}))


def choose(
    run: Run, held: TrainingVideos, device: torch.device, should_stop: ShouldStop | None = None
) -> tuple[Run, Method]:
    """Choose among the checkpoints of a run, then its thresholds, and write ``selection.json``.

    Args:
        run: A run that is trained to the end.
        held: Held-out videos, with the classes of the run.
        device: Where to compute.
        should_stop: Asked before each candidate.

    Returns:
        The run, with the chosen thresholds in its config, and its network.

    Raises:
        Stopped: It should stop; nothing is chosen.
    """
    run = run.before_selection()
    chosen, judged = _best_step(run, held, device, should_stop)
    changed, tried = _choose_thresholds(run, chosen, held, device, should_stop)
    thresholds = {
        key: {"before": getattr(run.config, key), "after": getattr(changed.config, key), "tried": values}
        for key, values in tried.items()
    }
    write_json(run.path / SELECTION, {**judged, "thresholds": thresholds})
    changed.save_description()
    return changed, changed.load_checkpoint(chosen, device)


def choose_by_rehearsal(
    run: Run, rehearsal: Run, held: TrainingVideos, device: torch.device, should_stop: ShouldStop | None = None
) -> tuple[Method, Method]:
    """Choose the checkpoint of a run at which its rehearsal was best, and write ``selection.json``.

    Args:
        run: A run that is trained to the end, on all videos.
        rehearsal: The same training without the held-out videos.
        held: Held-out videos, with the classes of the run.
        device: Where to compute.
        should_stop: Asked before each candidate.

    Returns:
        The networks of the run and of the rehearsal.

    Raises:
        Stopped: It should stop; nothing is chosen.
    """
    chosen, judged = _best_step(rehearsal, held, device, should_stop)
    write_json(run.path / SELECTION, {**judged, "thresholds": {}})
    return run.load_checkpoint(chosen, device), rehearsal.load_checkpoint(chosen, device)


def _best_step(
    run: Run, held: TrainingVideos, device: torch.device, should_stop: ShouldStop | None
) -> tuple[int, dict[str, object]]:
    """The best of the checkpoints of a run, and what ``selection.json`` tells of them."""
    candidates = {}
    for step in checkpoint_steps(run.config.iterations):
        stop_if(should_stop)
        candidates[step] = judge(run.load_checkpoint(step, device), held, device)
    best = max(found.score for found in candidates.values())
    chosen = max(step for step, found in candidates.items() if found.score >= best - _MARGIN)
    return chosen, {
        "schema": 1,
        "held_out": held.names,
        "candidates": [
            {"iteration": step, **asdict(found), "score": found.score} for step, found in candidates.items()
        ],
        "chosen": chosen,
        "score": candidates[chosen].score,
    }


def judge(model: Method, held: TrainingVideos, device: torch.device, most: int | None = None) -> Criteria:
    """The criteria of one network, on the videos or on as many of them as `most`, taken evenly."""
    indices = evenly(len(held), most or len(held))
    scores, agreements, own = [], [], held.labels[indices]
    for labels, found in zip(own, look(model, held, indices.tolist(), device), strict=True):
        scores.append(found.video_scores[0].double().cpu().numpy())
        agreements.append(_agreement(found, labels))
    known = [value for value in agreements if value is not None]
    p = np.stack(scores)
    return Criteria(
        classification=_or_zero(mean_average_precision(p, own)),
        agreement=float(np.mean(known) + 1) / 2 if known else None,
        calibration=brier_skill(p, own),
    )


def brier_skill(p: Floating, labels: Floating) -> float:
    """``1 - sum (p - y)^2 / sum (f - y)^2``, f the frequency of each class; at least 0.

    Args:
        p: Probabilities, (V, C).
        labels: y, (V, C) in {0, 1}.
    """
    known = ((labels.mean(axis=0) - labels) ** 2).sum()
    return float(max(0.0, 1 - ((p - labels) ** 2).sum() / known)) if known > 0 else 0.0


def rank_correlation(a: Floating, b: Floating) -> float:
    """Spearman's rank correlation of two (T,) sequences, ties sharing their mean rank; 0 where one is constant."""
    x, y = (_ranks(values) for values in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm > 0 else 0.0


def _ranks(values: Floating) -> Floating:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floating = ((last - counts + last - 1) / 2)[index]
    return ranks


def _agreement(found: Activations, labels: Floating) -> float | None:
    """Correlation over time of foreground and class scores of one video; None where nothing tells the
    foreground, or nothing happens."""
    foreground = found.attention if found.attention is not None else found.background
    if foreground is None or not labels.any():
        return None
    sign = 1.0 if found.attention is not None else -1.0
    cas = found.cas[0].double().cpu().numpy()[:, labels > 0].max(axis=1)
    return rank_correlation(sign * foreground[0].double().cpu().numpy(), cas)


def _choose_thresholds(
    run: Run, step: int, held: TrainingVideos, device: torch.device, should_stop: ShouldStop | None
) -> tuple[Run, dict[str, dict[str, float]]]:
    """The run with the best value of each threshold; what each value scored, by key."""
    tried: dict[str, dict[str, float]] = {}
    for key, values in _alternatives(run).items():
        own = getattr(run.config, key)
        runs = {value: _with_value(run, key, value) for value in (own, *values)}
        scores = {}
        for value, other in runs.items():
            stop_if(should_stop)
            if other:
                scores[value] = _detected_classes(other, step, held, device)
        best = max(scores, key=lambda value: scores[value])
        tried[key] = {str(value): score for value, score in scores.items()}
        if scores[best] > scores[own] + _MARGIN:
            run = runs[best] or run
    return run, tried


def _alternatives(run: Run) -> dict[str, Sequence[object]]:
    """Other values of the thresholds that a method's config has."""
    found: dict[str, Sequence[object]] = {}
    fields, values = type(run.config).model_fields, run.config.model_dump()
    if "threshold" in fields:
        kinds = get_args(fields["threshold"].annotation)
        found["threshold"] = [kind for kind in kinds if kind != values["threshold"]]
    own = values.get("class_threshold")
    if own is not None:
        found["class_threshold"] = sorted({factor * own for factor in _FACTORS} - {own})
    return found


def _with_value(run: Run, key: str, value: object) -> Run | None:
    """The run with one value changed; None where the config does not allow it."""
    try:
        return replace(run, config=validate(type(run.config), {**run.config.model_dump(), key: value}, run.path))
    except UntrimError:
        return None


def _detected_classes(run: Run, step: int, held: TrainingVideos, device: torch.device) -> float:
    """mAP of ranking the held-out videos by the best detection of each class."""
    model = run.load_checkpoint(step, device)
    scores = np.full(held.labels.shape, -np.inf)
    for index, found in enumerate(look(model, held, range(len(held)), device)):
        for detection in model.localize(found, held.grid(index)):
            column = held.class_names.index(detection.label)
            scores[index, column] = max(scores[index, column], detection.score)
    return _or_zero(mean_average_precision(scores, held.labels))


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value
