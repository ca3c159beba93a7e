"""Values of ECM and its presets: those of the paper, and `official`, those of the authors' code with what it does more.

That code localizes otherwise than the text says. Each difference is a value here, and the paper's presets have none of
them: `cas_range`, `upsample`, `threshold_inclusive`, `outer_rounding`, `class_fallback`, `test_snippets`, and
`decay_after` in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from untrim.data.sampling import Crop
from untrim.localization.scoring import OuterRounding
from untrim.methods.base import MethodConfig


class ECMConfig(MethodConfig):
    """Values of ECM; defaults are the paper's for THUMOS14 (Sec. 4.1)."""

    of_localization = frozenset({
        "fusion", "test_snippets", "class_threshold", "class_fallback", "cas_range", "upsample", "lowest_threshold",
        "highest_threshold", "threshold_step", "threshold_inclusive", "outer", "outer_rounding", "contrast", "gamma",
        "nms_threshold",
    })  # fmt: skip

    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Adam's step size."""
    decay_after: float | None = Field(default=None, gt=0, lt=1)
    """Share of the training after which the step size is a tenth of `learning_rate`; null: it stays."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """Adam's L2 penalty."""
    iterations: int = Field(default=1875, ge=0)
    """Training steps: 150 epochs of 200 videos; 0 leaves the network untrained, a baseline."""
    batch_size: int = Field(default=16, ge=1)
    """Videos per training step."""
    max_snippets: int | None = Field(default=750, ge=1)
    """T: snippets of a video in training; null: all."""
    crop: Crop = "resample"
    """How: `resample` brings every video to T snippets; otherwise longer videos are cropped to `random` snippets in
    order, a `contiguous` stretch, or `uniform`ly spread snippets."""
    hidden: int = Field(default=2048, ge=1)
    """Width of the classifier's two hidden layers."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the second hidden layer dropped in training."""
    k_share: float = Field(default=0.125, gt=0, le=1)
    """Largest scores averaged in the pre-classification stream, as a share of the video's snippets."""
    streams: Literal["both", "pre", "post"] = "both"
    """Streams that are trained (Table 4)."""
    share_classifier: bool = True
    """Whether both streams have the same classifier (Table 4)."""
    weights: Literal["transition", "attention"] = "transition"
    """Aggregation weights: `transition` from the CAS, for each class; `attention` on the features, class-agnostic."""
    aggregation: Literal["sum", "normalized"] = "sum"
    """Eq. 1-2: weighted sum of the features, or weighted mean."""
    absence: Literal["paper", "official"] = "paper"
    """Absence features: weighted by `W^b` (paper) or by `W^b W^a` (the authors' code)."""
    alpha: float = Field(default=0.05, ge=0)
    """Weight of the classification-to-classification consistency."""
    beta: float = Field(default=5.0, ge=0)
    """Weight of the aggregation-to-classification consistency."""
    detections: Literal["pre", "post", "merged", "fused"] = "pre"
    """Stream that is localized, or both: their detections `merged`, or their sequences `fused` (Table 5)."""
    fusion: float = Field(default=0.8, ge=0, le=1)
    """Weight of the pre-classification stream for `detections: fused`, lambda in Table 5."""
    test_snippets: int | None = Field(default=None, ge=1)
    """Snippets that every video is brought to before it is localized, evenly spread; null: localized as it is."""
    class_threshold: float = Field(default=0.25, ge=0, le=1)
    """Classes with at least this score are localized, tau."""
    class_fallback: bool = True
    """Whether the best class is localized where no class has at least `class_threshold`."""
    cas_range: Literal["full", "positive"] = "full"
    """What becomes 0 and 1 of the CAS: its least and largest value (`full`), or these where they are positive and else
    0 (`positive`)."""
    upsample: bool = False
    """Whether the CAS is interpolated linearly to frames before it is compared with thresholds and scored."""
    lowest_threshold: float = Field(default=0.01, ge=0, lt=1)
    """First threshold on the CAS in [0, 1]."""
    highest_threshold: float = Field(default=0.2, gt=0, le=1, validate_default=True)
    """End of the thresholds, not one of them."""
    threshold_step: float = Field(default=0.025, gt=0, le=1)
    """Step from one threshold to the next."""
    threshold_inclusive: bool = False
    """Whether a value above 0 that equals a threshold belongs to an instance."""
    outer: float = Field(default=0.4, ge=0)
    """Width of the surroundings in the outer-inner contrast, as a share of an instance's length."""
    outer_rounding: OuterRounding = "uneven"
    """How that width becomes whole snippets (frames, where the CAS is upsampled): `uneven`: rounded up before an
    instance and down after it, where one or two snippets may have nothing after them; `up` on both sides; `official`:
    as `uneven`, but one less after it."""
    contrast: Literal["scaled", "logits"] = "scaled"
    """What the outer-inner contrast of an instance counts in: shares of the range of the video's CAS (`scaled`), or
    `logits`."""
    gamma: float = Field(default=0.15, ge=0)
    """Weight of the class score in an instance's score."""
    nms_threshold: float = Field(default=0.6, gt=0, le=1)
    """tIoU from which two detections of a class count as one; the better one is kept."""

    @field_validator("detections")
    @classmethod
    def _of_both(cls, value: str, info: ValidationInfo) -> str:
        if value in ("merged", "fused") and info.data.get("streams", "both") != "both":
            raise ValueError("needs streams=both")
        return value

    @field_validator("highest_threshold")
    @classmethod
    def _in_order(cls, value: float, info: ValidationInfo) -> float:
        if value <= (lowest := info.data.get("lowest_threshold", 0.0)):
            raise ValueError(f"should be above lowest_threshold, {lowest:g}")
        return value

    @classmethod
    def of_training(cls, values: Mapping[str, object]) -> dict[str, object]:
        """As for every method; and whether sequences or detections are joined, the same streams are trained."""
        kept = super().of_training(values)
        return {**kept, "detections": "fused"} if kept.get("detections") == "merged" else kept


# Iterations are the paper's 40 epochs of 4,819 and 10,024 videos, and the 36 of the authors' code.
_ACTIVITYNET = {
    "max_snippets": 100,
    "lowest_threshold": 0.0,
    "highest_threshold": 0.175,
    "outer": 0.5,
    "gamma": 0.45,
    "nms_threshold": 0.7,
}
# What the authors' code does beyond the text.
_OFFICIAL = {
    "absence": "official",
    "class_fallback": False,
    "cas_range": "positive",
    "upsample": True,
    "threshold_inclusive": True,
    "outer_rounding": "official",
}
_OFFICIAL_ACTIVITYNET = {**_OFFICIAL, **_ACTIVITYNET, "test_snippets": 100, "beta": 1.0, "batch_size": 128}
PRESETS: Mapping[str, Mapping[str, object]] = {
    "paper": {},
    "paper_activitynet12": {"iterations": 12048, **_ACTIVITYNET},
    "paper_activitynet13": {"iterations": 25060, **_ACTIVITYNET},
    "official": {**_OFFICIAL, "test_snippets": 750},
    "official_activitynet12": {
        **_OFFICIAL_ACTIVITYNET,
        "iterations": 1355,
        "k_share": 0.25,
        "class_threshold": 0.12,
    },
    "official_activitynet13": {
        **_OFFICIAL_ACTIVITYNET,
        "iterations": 2819,
        "decay_after": 26 / 36,
        "k_share": 0.6,
        "class_threshold": 0.05,
    },
}
"""Values of each preset where they differ from the config's defaults."""
