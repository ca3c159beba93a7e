"""The curves of a figure, from what a network says of one video."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from untrim.errors import UntrimError
from untrim.methods.base import Activations, Method
from untrim.methods.lpat import LPAT
from untrim.methods.streams import StreamActivations, StreamsMethod
from untrim.reports.stacked import CurvePanel
from untrim.support.array_types import Float64


def panel_of(curve: str, method: Method, found: Activations, label: int) -> CurvePanel:
    """One curve of one class.

    Args:
        curve: As in `RunsOverVideos.curves`.
        method: The network.
        found: What it says of one video.
        label: Index of the class.

    Raises:
        UntrimError: The method has no such curve.
    """
    cas = _values(found.cas[0, :, label])
    if curve == "class":
        return CurvePanel("activation", cas)
    if curve == "threshold" and isinstance(method, LPAT) and found.background is not None:
        return CurvePanel("score, threshold", cas, own_threshold(method, cas, _values(found.background[0])))
    if curve == "attention" and found.attention is not None:
        return CurvePanel("λ", _values(found.attention[0]))
    if curve == "weighted" and isinstance(method, StreamsMethod) and isinstance(found, StreamActivations):
        return CurvePanel("λ w x", _values(method.tcam(*method.class_activations(found, np.array([label])))[0]))
    raise UntrimError(f"{type(method).__name__} has no curve '{curve}'")


def own_threshold(method: LPAT, score: Float64, background: Float64) -> Float64:
    """What LPAT compares the (T,) score of a class with: the (T,) background, or the middle of the score's range."""
    if method.config.threshold == "predicted":
        return background
    return np.full_like(score, (score.max() + score.min()) / 2)


def _values(tensor: Tensor) -> Float64:
    return tensor.double().cpu().numpy()
