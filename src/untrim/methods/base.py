"""What every method has: a network with a config, its losses, and its way from activations to detections."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from typing_extensions import TypeVar

from untrim.data.dataset import Batch
from untrim.data.sampling import Crop
from untrim.data.summary import DataSummary
from untrim.features.store import FeatureInfo
from untrim.localization.grouping import Runs
from untrim.timeline import Detection, SnippetGrid

InputScaling = Literal["none", "unit", "standard"]
Supervision = Literal["labels", "segments", "none"]


class MethodConfig(BaseModel):
    """Values that every method has. A subclass adds its own; defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    of_localization: ClassVar[frozenset[str]] = frozenset()
    """Keys that only localization reads: whatever their values, the same network is trained."""

    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """Adam's step size."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Adam's L2 penalty."""
    clip_gradient: float | None = Field(default=None, gt=0)
    """Gradients with a larger norm are scaled down to this norm; null: never."""
    iterations: int = Field(default=5000, ge=0)
    """Training steps; 0 leaves the network untrained, a baseline."""
    batch_size: int = Field(default=20, ge=1)
    """Videos per training step."""
    groups: int = Field(default=0, ge=0)
    """Groups of videos with a class in common, per batch."""
    group_videos: int = Field(default=2, ge=2)
    """Videos per group."""
    max_snippets: int | None = Field(default=None, ge=1)
    """Longer videos are cropped to this many snippets in training; null: never."""
    crop: Crop = "random"
    """How videos are cropped: `random` snippets in order, a `contiguous` stretch, or `uniform`ly spread snippets.
    `resample` spreads them in the same way and brings shorter videos to that many snippets too."""
    warmup: float = Field(default=0.0, ge=0, le=1)
    """Share of the training that is a warm-up; 0: none. At its start a video is pooled evenly over all of its snippets;
    at its end it is pooled as the method does. Losses other than the classification grow to their weight meanwhile.
    Without a warm-up, a class whose action starts with low scores or little attention may never be found."""
    input_scaling: InputScaling = "none"
    """`none`: features as they are; `standard`: the mean of each column is subtracted, then each stream is divided by
    its root mean square over the training videos; `unit`: the same, but means are only reduced, so that they are no
    larger than the variation about them."""
    mirrored: bool = False
    """Whether training shows each video, as likely as not, as its mirror image. Features must know that, as those of
    hoghof do, and no classes may differ in left and right alone. By default `consensus` does so where no class names a
    side."""
    add_coactivity: float = Field(default=0.0, ge=0)
    """Weight of W-TALC's co-activity similarity loss, added to the method's own; 0: none."""
    add_metric: float = Field(default=0.0, ge=0)
    """Weight of WSAD's metric loss, added to the method's own; 0: none."""
    add_guidance: float = Field(default=0.0, ge=0)
    """Weight of WSBM's guidance of the attention by the classes, added to the method's own; 0: none."""
    add_known: float = Field(default=0.0, ge=0)
    """Weight of the supervised loss where it is known whether a class happens in a snippet: in segments and at points,
    and elsewhere where all instances are marked. Added to the method's own; 0: none."""

    def ramp(self, progress: float) -> float:
        """How far the warm-up is, from 0 to 1, when `progress` is the share of the training that is done."""
        return min(progress / self.warmup, 1.0) if self.warmup > 0 else 1.0

    @classmethod
    def of_training(cls, values: Mapping[str, object]) -> dict[str, object]:
        """Those of some values, by key, that the training depends on: where they are equal, so is the network."""
        return {key: value for key, value in values.items() if key not in cls.of_localization}


@dataclass(frozen=True)
class Activations:
    """What a network computes for a batch of videos.

    Args:
        mask: (B, T), True where there is a snippet.
        cas: Class activation sequence as raw logits, (B, T, C).
        video_scores: Score of each class for the whole video, (B, C) in [0, 1].
        embedded: Task-specific features (B, T, E), where the method has them.
        attention: Class-agnostic foreground attention in [0, 1], (B, T), where the method has it.
        background: Background logits, (B, T), where the method has them.
    """

    mask: Tensor
    cas: Tensor
    video_scores: Tensor
    embedded: Tensor | None = None
    attention: Tensor | None = None
    background: Tensor | None = None

    of_whole_video: ClassVar[frozenset[str]] = frozenset({"video_scores"})
    """Those without a dimension of snippets."""
    by_stream: ClassVar[frozenset[str]] = frozenset()
    """Those whose first dimension is not the batch, but the streams of the features."""

    def of_video(self, index: int, snippets: int) -> Self:
        """What is said of one video of the batch, B = 1, without the padding after its `snippets`."""

        def cut(name: str, value: Tensor) -> Tensor:
            batch = int(name in self.by_stream)
            own = value.narrow(batch, index, 1)
            return own if name in self.of_whole_video else own.narrow(batch + 1, 0, snippets)

        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: cut(name, value) for name, value in found.items() if value is not None})


class InputScale(nn.Module):
    """Shifts and scales features as measured on the training videos. Before `fit` it changes nothing."""

    mean: Tensor
    gain: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("gain", torch.ones(dim))

    def fit(self, scaling: InputScaling, data: DataSummary) -> None:
        """Take mean and gain from the training data, or leave features as they are."""
        if scaling == "standard":
            self.mean.copy_(torch.from_numpy(data.column_means))
            self.gain.copy_(torch.from_numpy(1.0 / data.stream_deviations))
        elif scaling == "unit":
            mean, rms = data.unit_scale()
            self.mean.copy_(torch.from_numpy(mean))
            self.gain.copy_(torch.from_numpy(1.0 / rms))

    def forward(self, features: Tensor) -> Tensor:
        """Scaled features, (B, T, D)."""
        return (features - self.mean).mul_(self.gain)


C = TypeVar("C", bound=MethodConfig, default=Any)
A = TypeVar("A", bound=Activations, default=Any)


class Method(nn.Module, Generic[C, A]):
    """A weakly-supervised temporal action localization method, generic over its config and its activations.

    Training saves the `state_dict` of the network, with its buffers, and that of the optimizer. A stopped training
    resumes from both and ends with the same weights. So a method keeps what it carries from step to step, such as a
    moving average, in buffers. It derives everything else from `progress`.

    Args:
        config: Of the class's own `Config` type.
        dim: Width of the features.
        labels: Class names in the order of the class dimension.
    """

    Config: ClassVar[type[MethodConfig]]
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"paper": {}}
    """Values of each preset where they differ from the config's defaults."""
    supervision: ClassVar[Supervision] = "labels"
    """What it is trained on: video-level `labels` alone, or `segments`; `none`: it comes trained, as a ready run."""
    learns_from_nothing: ClassVar[bool] = True
    """Whether its own loss learns from a video in which no action happens."""
    any_stride: ClassVar[bool] = False
    """Whether it takes each snippet alone, so that features of another stride than the run's fit, too."""

    def __init__(self, config: C, dim: int, labels: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.labels = tuple(labels)
        self.input = InputScale(dim)

    @classmethod
    def for_features(cls, config: C, features: FeatureInfo, labels: Sequence[str]) -> Self:
        """The untrained network for features of this kind. A method that treats streams separately overrides it."""
        return cls(config, features.dim, labels)

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The project's own values for this data. They are used where neither a recipe nor the user sets a value."""
        return {}

    def look_for(self, labels: Collection[str]) -> None:
        """Told which classes a person asks for, before videos are localized; others are dropped from the detections.

        A method that looks for likely classes alone may look for these in any case.
        """

    @property
    def class_weights(self) -> Tensor | None:
        """W of ``cas = W u + b``, u the embedded features, (C, E); None where there is no such W."""
        return None

    @abstractmethod
    def forward(self, features: Tensor, mask: Tensor) -> A:
        """Activations of (B, T, D) features with their (B, T) mask."""

    @property
    def has_settled(self) -> bool:
        """Whether parts of the network no longer learn, in this stage of training; then it has `settled`."""
        return False

    def settled(self, features: Tensor) -> Tensor:
        """What these parts say of each snippet, (T, K) of one video's (T, D) features.

        Training computes it once for each video. Then `forward` takes it as a third argument, (B, T, K).
        """
        raise NotImplementedError

    @abstractmethod
    def losses(self, activations: A, batch: Batch) -> dict[str, Tensor]:
        """Named loss terms, already weighted; their sum is minimised."""

    def snippet_logits(self, activations: A) -> Tensor:
        """Logits of each class in each snippet, (B, T, C), which what is known of snippets is learned by (`add_known`).

        Above 0 where `localize` would call the snippet the class. Where it compares with the range of a video's own
        scores, which says nothing of a single snippet, the scores themselves.
        """
        return activations.cas

    @abstractmethod
    def localize(self, activations: A, grid: SnippetGrid) -> list[Detection]:
        """Detections in the one video of `activations`, in seconds."""

    def optimizer(self) -> Optimizer:
        """The optimizer of the losses: Adam with the config's step size and weight decay.

        Called once before the first step. Called again to resume; the saved state is then loaded into it.
        """
        return Adam(self.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay)

    def after_step(self, optimizer: Optimizer, progress: float) -> None:
        """Called after each step of the optimizer, for a schedule, a moving average or a stage; nothing by default.

        A training that starts from a finished run calls it once before its first step, too.

        Args:
            optimizer: What `optimizer` returned. Its state and the values of its groups (`lr`) are saved.
            progress: Share of the training that is done, this step included, in (0, 1].
        """

    @property
    def stages(self) -> tuple[float, ...]:
        """The shares of a training at which its stages end, ascending to 1; most methods have one.

        A training that starts from a finished run does the last tenth of each once more.
        """
        return (1.0,)

    def crop(self, progress: float) -> Crop:
        """How the videos of a step are cropped, where `progress`, in [0, 1), is the share of the training before it."""
        return self.config.crop

    def detections(self, runs: Runs, scores: npt.NDArray[np.float64], grid: SnippetGrid) -> list[Detection]:
        """Detections in seconds, from runs of snippets and their scores; the row of a run is its class."""
        return [
            Detection(self.labels[c], grid.segment(int(first), int(stop)), float(score))
            for c, first, stop, score in zip(*runs, scores, strict=True)
        ]
