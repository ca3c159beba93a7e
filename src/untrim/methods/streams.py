"""What WSBM and STPN share: one network of attention and classes for each stream of the features.

    symbol              variable                    shape
    x                   features                    (B, T, D), D_s columns of them for each of S streams
    lambda              sigmoid(attention_logits)   (S, B, T)
    w_c x               scores, background first    (S, B, T, 1 + C)

Numbers of equations are WSBM's (`untrim.methods.wsbm`). STPN trains neither the background nor the clusters.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn
from typing_extensions import TypeVar

from untrim.errors import UntrimError, nearest
from untrim.features.store import FeatureInfo
from untrim.localization.grouping import Runs, likely_classes, sweep
from untrim.localization.nms import nms
from untrim.localization.scoring import run_mean
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.attention import AttentionModule, attention_pooling
from untrim.support.array_types import Float64
from untrim.timeline import Detection, SnippetGrid


class StreamsConfig(MethodConfig):
    """Values of both methods."""

    of_localization = frozenset({"class_threshold", "highest_threshold", "threshold_step", "nms_threshold"})

    stream: str | None = None
    """Name in features.json of the only stream to use; null: all streams."""
    hidden: int = Field(default=256, ge=1)
    """Width of the hidden layer of the attention module."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of each snippet's features dropped in training."""
    pooling: Literal["mean", "normalized"] = "mean"
    """Eq. 1 and 4: divide by the number of snippets, or (`normalized`) by the sum of the weights."""
    sparsity_weight: float = Field(default=0.0, ge=0)
    """Weight of STPN's sparsity loss: the mean of the attention over the video."""
    class_threshold: float = Field(default=0.1, ge=0, le=1)
    """Classes with at least this p_fg are localized; if there is none, the best one."""
    lowest_threshold: float = Field(default=0.0, ge=0, lt=1)
    """First threshold."""
    highest_threshold: float = Field(default=0.5, ge=0, lt=1, validate_default=True)
    """Last threshold."""
    threshold_step: float = Field(default=0.025, gt=0, le=1)
    """Step from one threshold to the next."""
    theta: float = Field(default=0.5, ge=0, le=1)
    """Weight of the first of two streams in Eq. 12; any other number of streams have equal weights."""
    nms_threshold: float = Field(default=0.5, gt=0, le=1)
    """tIoU from which two detections of a class count as one; the better one is kept."""

    @field_validator("highest_threshold")
    @classmethod
    def _in_order(cls, value: float, info: ValidationInfo) -> float:
        if value < (lowest := info.data.get("lowest_threshold", value)):
            raise ValueError(f"should be at least lowest_threshold, {lowest:g}")
        return value


@dataclass(frozen=True, kw_only=True)
class StreamActivations(Activations):
    """What the networks of all streams compute.

    Args:
        attention_logits: Logits of lambda, (S, B, T).
        scores: w_c x_t, background first, (S, B, T, 1 + C).
        clusters: u_fg x_t and u_bg x_t, (S, B, T, 2).
    """

    attention_logits: Tensor
    scores: Tensor
    clusters: Tensor

    by_stream = frozenset({"attention_logits", "scores", "clusters"})


class Stream(nn.Module):
    """The network of one stream: attention, classes, clusters. A bias is added to pooled class scores only."""

    def __init__(self, dim: int, classes: int, hidden: int, *, bias: bool) -> None:
        super().__init__()
        self.attention = AttentionModule(dim, hidden)
        self.classifier = nn.Linear(dim, 1 + classes, bias=False)
        self.clustering = nn.Linear(dim, 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(1 + classes)) if bias else None
        for layer in (self.classifier, self.clustering):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the attention (B, T), class scores (B, T, 1 + C), cluster scores (B, T, 2)."""
        return self.attention(features), self.classifier(features), self.clustering(features)


S = TypeVar("S", bound=StreamsConfig)


class StreamsMethod(Method[S, StreamActivations]):
    """Attention pooling and thresholds in each stream.

    Args:
        config: Of the class's own `Config` type.
        dim: Width of the features.
        labels: Class names in the order of the class dimension.
        streams: Columns of each stream; None for all columns as one.

    Raises:
        UntrimError: The features have no stream of the name in the config.
    """

    def __init__(
        self,
        config: S,
        dim: int,
        labels: Sequence[str],
        streams: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(config, dim, labels)
        streams = streams or {"features": (0, dim)}
        if config.stream is not None and config.stream not in streams:
            raise UntrimError(f"the features have no stream '{config.stream}'", fix=nearest(config.stream, streams))
        self.columns = sorted(columns for name, columns in streams.items() if config.stream in (None, name))
        self.dropout = nn.Dropout(config.dropout)
        self.networks = nn.ModuleList(
            Stream(stop - first, len(labels), config.hidden, bias=self.has_bias) for first, stop in self.columns
        )

    @classmethod
    def for_features(cls, config: S, features: FeatureInfo, labels: Sequence[str]) -> Self:
        """The untrained network, one for each stream of the features."""
        return cls(config, features.dim, labels, features.streams)

    @property
    @abstractmethod
    def has_bias(self) -> bool:
        """Whether pooled class scores have a bias."""

    def forward(self, features: Tensor, mask: Tensor) -> StreamActivations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        x = self.dropout(self.input(features))
        parts = [
            network(x[..., first:stop]) for (first, stop), network in zip(self.columns, self.networks, strict=True)
        ]
        attention_logits, scores, clusters = (torch.stack(part) for part in zip(*parts, strict=True))
        return self.assemble(mask, attention_logits, scores, clusters)

    def assemble(self, mask: Tensor, attention_logits: Tensor, scores: Tensor, clusters: Tensor) -> StreamActivations:
        """All activations, from what the networks compute for each snippet."""
        foreground, _ = self.classify_pooled(attention_logits, mask, scores)
        fused = torch.einsum("s,sbtc->btc", self.stream_weights(scores), scores)
        return StreamActivations(
            mask,
            cas=fused[..., 1:],
            video_scores=self.class_probabilities(foreground).mean(dim=0),
            attention=attention_logits.sigmoid().mean(dim=0),
            background=fused[..., 0],
            attention_logits=attention_logits,
            scores=scores,
            clusters=clusters,
        )

    def pool(self, attention_logits: Tensor, mask: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Foreground and background of (S, B, T, K) values, each (S, B, K) (Eq. 1 and 4)."""
        return attention_pooling(attention_logits, mask, values, normalized=self.config.pooling == "normalized")

    def classify_pooled(self, attention_logits: Tensor, mask: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits of x_fg and x_bg, each (S, B, 1 + C)."""
        foreground, background = self.pool(attention_logits, mask, scores)
        if self.has_bias:
            bias = torch.stack([network.get_parameter("bias") for network in self.networks]).unsqueeze(1)
            return foreground + bias, background + bias
        return foreground, background

    @abstractmethod
    def class_probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the C classes, of (..., 1 + C) logits."""

    def stream_weights(self, like: Tensor) -> Tensor:
        """Weight of each stream in Eq. 12, (S,)."""
        theta, count = self.config.theta, len(self.columns)
        return like.new_tensor([theta, 1 - theta] if count == 2 else [1 / count] * count)

    @property
    def thresholds(self) -> Float64:
        """Thresholds that the runs of snippets are above, (K,)."""
        config = self.config
        steps = round((config.highest_threshold - config.lowest_threshold) / config.threshold_step)
        return np.array([config.lowest_threshold + config.threshold_step * step for step in range(steps + 1)])

    def localize(self, activations: StreamActivations, grid: SnippetGrid) -> list[Detection]:
        """Runs of snippets above many thresholds, for each class that is likely in the video (Sec. 3.2)."""
        config = self.config
        p_fg = activations.video_scores[0].double().cpu().numpy()
        classes = np.flatnonzero(likely_classes(p_fg, config.class_threshold))
        proposed, scored = self.sequences(activations, classes)
        runs = sweep(proposed, self.thresholds)
        runs = runs._replace(row=runs.row % len(classes))
        scores = self.instance_scores(scored, runs)
        kept = nms(np.stack([runs.first, runs.stop], axis=1), scores, config.nms_threshold, runs.row)
        found = Runs(classes[runs.row[kept]], runs.first[kept], runs.stop[kept])
        return self.detections(found, scores[kept], grid)

    @abstractmethod
    def sequences(self, activations: StreamActivations, classes: npt.NDArray[np.intp]) -> tuple[Float64, Float64]:
        """Sequences to compare with the thresholds, (R N, T), and sequences to score, (N, T), of N `classes`."""

    def instance_scores(self, scored: Float64, runs: Runs) -> Float64:
        """The score of each run, (K,), from the (N, T) sequences that are scored."""
        return run_mean(scored, runs)

    def class_activations(self, activations: StreamActivations, classes: npt.NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        """lambda, (S, 1, T), and w_c x of N `classes`, (S, N, T), of the one video."""
        attention = activations.attention_logits[:, :1].double().sigmoid()
        chosen = torch.from_numpy(classes).to(attention.device)
        return attention, activations.scores[:, 0].double()[..., 1:][..., chosen].transpose(1, 2)

    def tcam(self, attention: Tensor, w: Tensor) -> Tensor:
        """lambda w_c x of the streams, weighted, (N, T)."""
        return torch.einsum("s,snt->nt", self.stream_weights(w), attention * w)  # Eq. 12
