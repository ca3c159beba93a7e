"""Consensus: a snippet classifier, trained where two weakly-supervised teachers agree.

The project's own method. Video-level labels train two teachers that err in different ways: WSAD's block-wise
multiple-instance classification, whose scores rank snippets well, and LPAT's learned background threshold, which knows
where an action ends. Then a classifier of snippets with their neighbours, that of `untrim.methods.supervised`, is
trained on what both teachers say of the training videos.

    symbol      variable        shape
    x           features        (B, T, D)
    r           block_scores    (B, T, C)
    q           margins         (B, T, C)
    s           cas             (B, T, C)
    y           labels          (B, C)
    k+, k-      present, absent (B, T, C)
    l           levels          (2, C)

Equations:

    (1) r = W_1 relu(V_1 x), trained with WSAD's L_BBCE (its Eq. 5-6, without the metric loss).
    (2) q = W_2 relu(V_2 x) - b, b the background's score, trained with LPAT's L (its Eq. 8).
    (3) k+ = y and r > m and q > 0; where l_q < 0: y and r > min(m, l_r) and q > l_q.
    (4) k- = not y, or r < -m, or r < 0 and q < 0; where l_q < 0: not y, or r < min(m, l_r).
    (5) s = the convolution of x over `context` snippets.
    (6) L = half the mean of log(1 + exp(-s)) where k+, plus half the mean of log(1 + exp(s)) where k-.

    (7) o = (1 - w) s + w q sd(s) / sd(q), w the `threshold_share`, where l_q < 0 half of it; sd the standard deviation.

The teachers alone are trained up to the share `teaching` of the steps, then the classifier alone; in training s is 0
until then. At the end of its stage each takes the running mean of its weights (`nn.averaging`).

Labels say where a class is not: in all snippets of the videos without it. If the two thresholds of Eq. 3 call a share p
of the snippets of its own videos present, its levels l are the scores of r and q that a share p / 50 of the others
exceeds. So about one in fifty of what is above them is a false alarm. Where l_q is below 0, the second teacher's
threshold asks for more than that: so it is where actions fill the videos. There the levels say what is present and what
is absent, and are hardly ever wrong about the latter; so the classifier itself knows better where an action ends. (p is
that of all steps of the classifier's stage so far, l a running mean over these.) Where a person has shown a moment of
the class, the teachers have learned from it: there the thresholds stay. So what Eq. 7 takes away from w is the less,
the more videos tell of single snippets: (1 - `add_known`) / 2 of it.

What is known of single snippets (`add_known`) the teachers learn of r and q, so that they look for more of the kind,
and the classifier of s, in its own stage: earlier, it would have nothing else to learn from, and would learn these few
videos by heart. Absences in videos of the class weigh more (`nn.losses.even_absences`) where a person knows them or has
shown a moment of the class, and where the levels say them. Snippets that are neither k+ nor k- count for nothing.

Localization is that of `untrim.methods.snippet_classifier`, but its levels and the contrast are those of o: the second
teacher still knows best where an action ends. These levels count in halves of sd(s). The variances of Eq. 7 are running
means over the classifier's stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from untrim.data.dataset import Batch
from untrim.data.sampling import Crop
from untrim.data.summary import DataSummary
from untrim.methods.base import Activations
from untrim.methods.lpat import LPAT, LPATConfig
from untrim.methods.snippet_classifier import SnippetClassifier, SnippetClassifierConfig
from untrim.methods.wsad import WSAD, WSADConfig
from untrim.nn.averaging import AveragingAdam
from untrim.nn.convolution import TemporalConv
from untrim.nn.dropout import FastDropout
from untrim.nn.losses import balanced_cross_entropy, even_absences, known_cross_entropy
from untrim.nn.pooling import exceeded, unpack

_KEPT = 0.01  # share of a step in the running means
_THRESHOLD_SHARE = 0.35  # up to two labels per video
_ALARMS = 0.02  # false ones, as a share of what is found present, of which the levels follow


class ConsensusConfig(SnippetClassifierConfig):
    """Values of the method."""

    of_localization = SnippetClassifierConfig.of_localization | {"threshold_share"}

    iterations: int = Field(default=4000, ge=0)
    """Training steps of teachers and classifier together; 0 leaves the network untrained, a baseline."""
    crop: Crop = "uniform"
    """How the teachers' videos are cropped; the classifier always sees a contiguous stretch."""
    teaching: float = Field(default=0.5, gt=0, lt=1)
    """Share of the steps that trains the teachers; the rest trains the classifier."""
    teachers: Literal["both", "blocks", "threshold"] = "both"
    """Whose word counts: both teachers' where they agree, that of WSAD's blocks, or that of LPAT's threshold."""
    margin: float = Field(default=1.0, ge=0)
    """m in Eq. 3-4: the logit from which on the first teacher is believed."""
    hidden: int = Field(default=256, ge=1)
    """Width of the teachers' embedded features."""
    teacher_dropout: float = Field(default=0.7, ge=0, lt=1)
    """Share of the teachers' embedded features that is dropped in training."""
    threshold_decay: float = Field(default=5e-3, ge=0)
    """Adam's L2 penalty on the second teacher, which otherwise narrows actions to a few snippets."""
    lambda_clas: float = Field(default=0.5, ge=0, le=1)
    """Weight of the second teacher's classification loss, lambda in LPAT's Eq. 8."""
    gamma: float = Field(default=0.5, ge=0)
    """Weight of the video's score in an instance's score."""
    averaged: bool = True
    """Whether teachers and classifier end their stage with the running mean of their weights, or with the last."""
    threshold_share: float = Field(default=_THRESHOLD_SHARE, ge=0, le=1)
    """Share of the second teacher's margins in the sequence that says where an instance starts and ends, Eq. 7."""


@dataclass(frozen=True, kw_only=True)
class ConsensusActivations(Activations):
    """The classifier's sequence as `cas`, and what the teachers say.

    Args:
        block_scores: r, (B, T, C).
        threshold_scores: The second teacher's class scores, (B, T, C).
        threshold: b, (B, T).
    """

    block_scores: Tensor
    threshold_scores: Tensor
    threshold: Tensor

    @property
    def margins(self) -> Tensor:
        """q, by how much the second teacher's scores exceed its threshold, (B, T, C)."""
        return self.threshold_scores - self.threshold.unsqueeze(-1)


class Consensus(SnippetClassifier[ConsensusConfig, ConsensusActivations]):
    """A snippet classifier, trained where two weakly-supervised teachers agree."""

    Config = ConsensusConfig
    presets = {
        "blocks": {"teachers": "blocks", "threshold_share": 0.0},
        "threshold": {"teachers": "threshold"},
        "no_context": {"context": 1},
        "own_edges": {"threshold_share": 0.0},
        "last_weights": {"averaged": False},
    }
    taught: Tensor
    variances: Tensor
    filled: Tensor
    levels: Tensor

    def __init__(self, config: ConsensusConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        common = {"hidden": config.hidden, "dropout": config.teacher_dropout, "warmup": config.warmup}
        blocks = WSADConfig(**common, remainder_in_last=True, metric="none")
        threshold = LPATConfig(**common, lambda_clas=config.lambda_clas)
        self.blocks, self.threshold = WSAD(blocks, dim, labels), LPAT(threshold, dim, labels)
        self.classifier = TemporalConv(dim, len(self.labels), config.context)
        self.dropout = FastDropout(config.dropout)
        self.blocks.dropout = self.threshold.dropout = FastDropout(config.teacher_dropout)
        self.register_buffer("taught", torch.zeros(()))  # 1 in the classifier's stage
        self.register_buffer("variances", torch.zeros(2))  # of s and q, for Eq. 7
        self.register_buffer("filled", torch.zeros(2, len(self.labels)))  # p is the first row in parts of the second
        self.register_buffer("levels", torch.zeros(2, len(self.labels)))  # l of r and q

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The rules for every method, twice as many steps since there are two stages, on centred features.

        The second teacher's scores of a video's classes share one softmax. With more than two labels per video its
        margins follow a long instance less well, and count less, by the square. Mirror images are trained on where
        features know them and no class names a side.
        """
        rules = data.training_defaults()
        share = _THRESHOLD_SHARE * min(1.0, 2 / data.labels_per_video) ** 2
        return {
            **rules,
            "iterations": 2 * int(str(rules["iterations"])),
            "input_scaling": "standard",
            "hidden": min(data.dim, 256),
            "lambda_clas": data.classification_share,
            "threshold_share": round(share, 3),
            "mirrored": data.mirror_known and not data.sides,
        }

    def optimizer(self) -> Optimizer:
        """Adam with running means; the second teacher's weights decay."""
        config = self.config
        groups = [
            {"params": [*self.blocks.parameters(), *self.classifier.parameters()], "weight_decay": config.weight_decay},
            {"params": list(self.threshold.parameters()), "weight_decay": config.threshold_decay},
        ]
        return AveragingAdam(groups, lr=config.learning_rate)

    @property
    def stages(self) -> tuple[float, ...]:
        """The teachers', then the classifier's."""
        return self.config.teaching, 1.0

    def after_step(self, optimizer: Optimizer, progress: float) -> None:
        """End a stage with the mean of its weights; the classifier's begins when the teachers have had their share."""
        taught = progress >= self.config.teaching
        if self.config.averaged and isinstance(optimizer, AveragingAdam):
            if taught and not self.taught:
                optimizer.settle([*self.blocks.parameters(), *self.threshold.parameters()])
            if progress >= 1:
                optimizer.settle(self.classifier.parameters())
        self.taught.fill_(float(taught))

    def crop(self, progress: float) -> Crop:
        """Neighbours stay together for the classifier."""
        return self.config.crop if progress < self.config.teaching else "contiguous"

    def forward(self, features: Tensor, mask: Tensor, settled: Tensor | None = None) -> ConsensusActivations:
        """Activations of (B, T, D) features with their (B, T) mask; `settled`, where the teachers have been asked."""
        learning = self.training and not self.has_settled
        if settled is None:
            self.blocks.train(learning)
            self.threshold.train(learning)
            with torch.set_grad_enabled(torch.is_grad_enabled() and learning):
                r, scores, b = self.teach(features, mask)
        else:
            classes = len(self.labels)
            r, scores, b = settled[..., :classes], settled[..., classes:-1], settled[..., -1]
        # While the teachers learn, nothing trains the classifier.
        s = torch.zeros_like(r) if learning else self.classifier(self.dropout(self.input(features)), mask)  # Eq. 5
        return ConsensusActivations(
            mask,
            s,
            video_scores=self.pooled(s, mask).sigmoid(),
            block_scores=r,
            threshold_scores=scores,
            threshold=b,
        )

    @property
    def has_settled(self) -> bool:
        """Whether the teachers have learned."""
        return bool(self.taught)

    def settled(self, features: Tensor) -> Tensor:
        """What the teachers say of a video, (T, 2 C + 1) of (T, D) features."""
        self.blocks.eval()
        self.threshold.eval()
        with torch.no_grad():
            r, scores, b = self.teach(features.unsqueeze(0), features.new_ones(1, len(features), dtype=torch.bool))
        return torch.cat([r, scores, b.unsqueeze(-1)], dim=-1).squeeze(0)

    def teach(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """r, (B, T, C), the second teacher's class scores, (B, T, C), and its b, (B, T) (Eq. 1-2)."""
        if self.training and not mask.all():
            # Teachers take each snippet alone: all snippets as one long video have no padding to compute.
            parts = self.teach(features[mask].unsqueeze(0), mask[mask].unsqueeze(0))
            r, scores, b = (unpack(part[0], mask) for part in parts)
            return r, scores, b
        x = self.input(features)
        _, r = self.blocks.snippets(x)
        _, scores, b = self.threshold.snippets(x, mask)
        return r, scores, b

    def losses(self, activations: ConsensusActivations, batch: Batch) -> dict[str, Tensor]:
        """Both teachers' losses and the classifier's; those of the other stage are constants, to look at."""
        progress = batch.progress / self.config.teaching
        if self.training and progress >= 1:
            self.measure(activations, batch.labels)
        return {
            **self.teacher_losses(activations, replace(batch, progress=min(progress, 1.0))),
            "consensus": self.consensus_loss(activations, batch),
        }

    def teacher_losses(self, found: ConsensusActivations, batch: Batch) -> dict[str, Tensor]:
        """Both teachers' own losses (Eq. 1-2), and what they learn of snippets that a person knows."""
        mask, scores = found.mask, found.video_scores
        first = self.blocks.losses(Activations(mask, found.block_scores, scores), batch)
        second = Activations(mask, found.threshold_scores, scores, background=found.threshold)
        terms = {
            **{f"blocks_{name}": term for name, term in first.items()},
            **{f"threshold_{name}": term for name, term in self.threshold.losses(second, batch).items()},
        }
        if told := self.told(batch):
            for name, logits in (("blocks", found.block_scores), ("threshold", found.margins)):
                terms[f"{name}_known"] = self.config.add_known * known_cross_entropy(logits, *told, batch.labels)
        return terms

    def told(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Whether each class happens in each snippet, and whether that is known; None where none of it is learned."""
        if self.config.add_known == 0 or batch.snippet_labels is None or batch.known is None:
            return None
        return batch.snippet_labels, batch.known

    def consensus_loss(self, found: ConsensusActivations, batch: Batch) -> Tensor:
        """Balanced binary cross-entropy where the teachers agree (Eq. 6). Where a person knows better, that counts."""
        nothing = torch.zeros_like(found.cas)
        happens, known = (flags > 0 for flags in self.told(batch) or (nothing, nothing))
        shown = (known & happens).any(dim=1, keepdim=True)  # (B, 1, C)
        present, absent = self.consensus(found, batch.labels, self.leveled & ~shown)
        present, absent = torch.where(known, happens, present), torch.where(known, ~happens, absent)
        sure = known | shown | self.leveled
        absent = absent & found.mask.unsqueeze(-1)
        absent = even_absences(absent.to(found.cas), sure.to(found.cas), batch.labels)
        s, present, absent = (values[found.mask] for values in (found.cas, present, absent))  # (N, C)
        return balanced_cross_entropy(s, present, absent)

    def consensus(self, found: ConsensusActivations, labels: Tensor, leveled: Tensor) -> tuple[Tensor, Tensor]:
        """Where each class happens and where it does not, as far as the teachers agree, (B, T, C) each (Eq. 3-4).

        Args:
            found: What the teachers say.
            labels: Labels of the videos, (B, C).
            leveled: Where the levels take the place of the thresholds, (B, T, C), or what can be expanded to that.
        """
        r, q = found.block_scores.detach(), found.margins.detach()
        y = (labels > 0).unsqueeze(1)  # (B, 1, C)
        m = self.config.margin
        least_r = torch.where(leveled, self.levels[0].clamp(max=m), m)
        least_q = torch.where(leveled, self.levels[1], 0.0)
        no = torch.where(leveled, r < least_r, (r < -m) | ((r < 0) & (q < 0)))
        sure = {
            "both": ((r > least_r) & (q > least_q), no),
            "blocks": (r > m, r < 0),
            "threshold": (q > 0, q < 0),
        }
        present, absent = sure[self.config.teachers]
        return present & y, absent | ~y

    @property
    def leveled(self) -> Tensor:
        """The classes whose levels take the place of the teachers' thresholds, (C,)."""
        return self.levels[1] < 0

    @torch.no_grad()
    def measure(self, found: ConsensusActivations, labels: Tensor) -> None:
        """Keep running means of the variances of s and q (Eq. 7), and of the levels of r and q (Eq. 3-4)."""
        share = _KEPT if self.variances.any() else 1.0
        s, r, q = (part[found.mask] for part in (found.cas, found.block_scores, found.margins))  # (N, C)
        now = torch.stack([part.var(correction=0) for part in (s, q)])
        self.variances.lerp_(now.to(self.variances), share)
        if self.config.teachers == "both":
            by_thresholds, _ = self.consensus(found, labels, torch.zeros_like(self.leveled))
            shown = ((labels > 0).unsqueeze(1) & found.mask.unsqueeze(-1))[found.mask]  # (N, C)
            self.filled += torch.stack([part.sum(dim=0) for part in (by_thresholds[found.mask], shown)])
            alarms = _ALARMS * self.filled[0] / self.filled[1].clamp(min=1)
            levels = exceeded(torch.stack([r, q]), ~shown, alarms).to(self.levels)
            new = torch.where(self.levels == 0, 1.0, _KEPT).to(levels)  # whole where a class had no absent snippet yet
            self.levels.lerp_(torch.where((~shown).any(dim=0), levels, self.levels), new)

    def outline(self, activations: ConsensusActivations) -> Tensor:
        """The classifier's sequence, with a share of the second teacher's margins (Eq. 7)."""
        known = min(self.config.add_known, 1.0)
        share = self.config.threshold_share * torch.where(self.leveled, (1 + known) / 2, 1.0)  # (C,)
        if not self._measured:
            return activations.cas
        scale = (self.variances[0] / self.variances[1]).sqrt()
        return (1 - share) * activations.cas + share * scale * activations.margins

    @property
    def level_unit(self) -> float:
        """Half a standard deviation of s: how far logits lie apart depends on the corpus."""
        return float(self.variances[0].sqrt()) / 2 if self._measured else 1.0

    @property
    def _measured(self) -> bool:
        """Whether the classifier's stage has been; an untrained network, and one of an older version, has not."""
        return bool(self.variances.all())
