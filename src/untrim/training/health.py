"""Checks at the end of a run whether it learned anything. If not, the run says so, with what to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from untrim.data.dataset import TrainingVideos
from untrim.methods.base import Method, MethodConfig
from untrim.support.array_types import Floating
from untrim.training.inspection import evenly, look, mean_average_precision

# Videos that are looked at: enough to see the signs, few enough to cost next to nothing beside the training.
_VIDEOS = 64
# Lines of metrics below which tenths of them say nothing.
_LINES = 20
# A term that fell by less than this share of itself has not fallen.
_FALL = 0.02
# Attention whose standard deviation over time is smaller picks out nothing.
_SPREAD = 0.02
# Attention whose mean is larger leaves next to nothing as background.
_HIGH = 0.8
_SHUFFLES = 200


@dataclass(frozen=True)
class Health:
    """Signs of learning.

    Args:
        loss: Mean loss of the first and the last tenth of the iterations; None where there are too few.
        attention: Mean attention, and its standard deviation over time in the median video; None where there is none.
        classification: mAP of telling training videos apart by class, and the most that chance gives 19 times of 20;
            None where the labels leave nothing to tell, or the videos are so few that chance tells them apart, too.
        warnings: What is wrong, each with what to try; empty if all is well.
    """

    loss: tuple[float, float] | None
    attention: tuple[float, float] | None
    classification: tuple[float, float] | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The form in ``outcome.json``."""
        named = {
            "loss": (self.loss, ("first_tenth", "last_tenth")),
            "attention": (self.attention, ("mean", "spread_over_time")),
            "training_classification": (self.classification, ("mAP", "chance")),
        }
        signs = {
            key: None if pair is None else dict(zip(names, pair, strict=True)) for key, (pair, names) in named.items()
        }
        return {**signs, "warnings": list(self.warnings)}


def examine(
    model: Method,
    config: MethodConfig,
    videos: TrainingVideos,
    device: torch.device,
    metrics: Mapping[str, Floating],
) -> Health:
    """Look for signs of learning in the losses and in up to 64 of the training videos.

    Args:
        model: The trained network.
        config: Its config.
        videos: What it was trained on.
        device: Where the network is.
        metrics: Columns of ``metrics.jsonl``.
    """
    indices = evenly(len(videos), _VIDEOS)
    scores, attentions = [], []
    for found in look(model, videos, indices.tolist(), device):
        scores.append(found.video_scores[0].double().cpu().numpy())
        if found.attention is not None:
            attentions.append(found.attention[0].double().cpu().numpy())
    loss, flat = _loss_fall(metrics)
    attention = _attention_spread(attentions)
    classification = _classification(np.stack(scores), videos.labels[indices])
    warnings = []
    faster = _faster(config)
    if loss is not None and flat:
        warnings.append(f"the loss did not fall (from {loss[0]:.4g} to {loss[1]:.4g}); try {faster}")
    if attention is not None and attention[1] < _SPREAD:
        pooling = "--set pooling=normalized, " if getattr(config, "pooling", "") == "mean" else ""
        warnings.append(
            f"the attention is the same all over the videos (mean {attention[0]:.3f}, spread {attention[1]:.3f}); "
            f"try {pooling}{faster}"
        )
    elif attention is not None and attention[0] > _HIGH:
        warnings.append(
            f"the attention is high nearly all over the videos (mean {attention[0]:.3f}); unless actions fill them, "
            f"try {_sparser(config) or faster}"
        )
    if classification is not None and classification[0] <= classification[1]:
        warnings.append(
            "class scores tell the training videos apart no better than chance "
            f"(mAP {100 * classification[0]:.1f}; chance alone reaches up to {100 * classification[1]:.1f}); "
            f"try {faster}, and check that labels and features belong together"
        )
    return Health(loss, attention, classification, tuple(warnings))


def _loss_fall(metrics: Mapping[str, Floating]) -> tuple[tuple[float, float] | None, bool]:
    """Loss in the first and the last tenth, and whether nothing fell: neither the sum nor any term.

    A term has fallen if it did so by more than a fiftieth of itself and by more than twice its standard error. Terms
    are looked at one by one, for a warm-up lets some of them grow.
    """
    lines = len(metrics.get("loss", ()))
    if lines < _LINES:
        return None, False
    tenth = lines // 10
    fell = False
    for key in metrics.keys() - {"iteration", "seconds"}:
        first, last = metrics[key][:tenth], metrics[key][-tenth:]
        error = np.sqrt((first.var() + last.var()) / tenth)
        fell |= bool(first.mean() - last.mean() > max(_FALL * abs(first.mean()), 2 * error))
        if key == "loss":
            loss = float(first.mean()), float(last.mean())
    return loss, not fell


def _attention_spread(attentions: Sequence[Floating]) -> tuple[float, float] | None:
    """Mean attention, and the median over videos of its standard deviation over time."""
    if not attentions:
        return None
    return float(np.concatenate(attentions).mean()), float(np.median([values.std() for values in attentions]))


def _classification(scores: Floating, labels: Floating) -> tuple[float, float] | None:
    """mAP of the scores, and the 95th percentile of it when labels are dealt to the videos at random.

    None where that is 1: of so few videos, the best scores would look like chance.
    """
    found = mean_average_precision(scores, labels)
    if np.isnan(found):
        return None
    rng = np.random.default_rng(0)
    chance = [mean_average_precision(scores, rng.permutation(labels)) for _ in range(_SHUFFLES)]
    limit = float(np.quantile(chance, 0.95))
    return None if limit >= 1 else (found, limit)


def _sparser(config: MethodConfig) -> str:
    """Settings with which less of a video is attended to; empty if the method has none."""
    weight = getattr(config, "sparsity_weight", None)
    if not weight and getattr(config, "pooling", "") == "mean":
        return "--set pooling=normalized"
    return "" if weight is None else f"--set sparsity_weight={5 * weight or 0.1:.3g}"


def _faster(config: MethodConfig) -> str:
    """Settings that make training go further."""
    scaling = ", --set input_scaling=standard" if config.input_scaling == "none" else ""
    rate, iterations = min(10 * config.learning_rate, 1.0), max(2 * config.iterations, 1000)
    return f"--set learning_rate={rate:.3g}, --set iterations={iterations}{scaling}"
