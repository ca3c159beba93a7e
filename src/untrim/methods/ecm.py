"""ECM: Equivalent Classification Mapping for Weakly Supervised Temporal Action Localization.

T. Zhao, J. Han, L. Yang, D. Zhang. 2020. One classifier serves two streams: it classifies snippets (pre-classification
stream) and features aggregated over the video (post-classification stream).

    symbol      variable        shape
    F           features, f     (B, T, D)
    Phi         Classifier      (N, T, D) -> (N, T, H) embedded -> (N, T, C)
    CAS         cas             (B, T, C)
    W^a, W^b    log_w_a, log_w_b (B, T, K), their logarithms; K = C, or 1 where all classes share the weights
    f^a, f^b    of aggregate    (B, K, 3, D)
    s^e, s^o    pre, post       (B, C), logits
    s-tilde^o   absence         (B, C), logits

Equations:

    W^a = sigmoid(Conv1x1(CAS)) (Sec. 3.2)
    W^b = 1 - W^a
    (1) f^a_c = sum_t w^a_ct f_t over the snippets i, i + 3, i + 6, ... of each fold i of three
    (2) f^b_c = sum_t w^b_ct f_t over the same snippets
    s^o_c = mean of Phi_c(f^a_c) over its three positions
    s-tilde^o_c = mean of Phi_c(f^b_c) over its three positions
    s^e_c = mean of the largest k T of class c in the CAS
    (3) L_c2c = 1/C sum_c (s^e_c - s^o_c)^2
    (4) L_a2c = -1/2k (sum_c log s^o_c + sum_c log(1 - s-tilde^o_c)), over the k classes that are present
    (5) L = L_cls,e + L_cls,o + alpha L_c2c + beta L_a2c

L_cls is the softmax cross-entropy against L1-normalised labels. Inference takes the classes whose score is at least
tau, or the best one, and brings their CAS to [0, 1]. Candidates are the runs above each of many thresholds. Their score
is the outer-inner contrast plus gamma times the class score. NMS keeps the best.

Variants. Table 4: `streams: pre`; `streams: post, weights: attention, beta: 0`; both streams with `alpha: 0, beta: 0`;
with `alpha: 0`; with `share_classifier: false`; class-agnostic (Sec. 4.3) with `weights: attention`. Table 5, with two
independent networks: `share_classifier: false, weights: attention, alpha: 0, beta: 0`, and each of `detections`. Table
6 is the frame accuracy of Table 4's first two rows and of the whole.

Deviations and typos: Eq. 3 takes logits. Eq. 4 takes probabilities: the softmax over all 2C action and absence logits.
The authors' code (preset `official`) weighs absence features twice: for each present class c, every class j has f_j =
sum_t w^b_ct w^a_jt f_t. A present class takes the logit of its own c, an absent class the mean over c. A sum over T
snippets is T / 3 times as large as a snippet, but both streams should see the same kind of feature: `aggregation:
normalized` is the weighted mean. The paper has T snippets of each video throughout. Here that holds in training (`crop:
resample`); detections come from the snippets as they are, or from T (`test_snippets`). Table 5's sequences are brought
to [0, 1] before they are fused, since the streams differ in scale. The paper gives neither the thresholds nor the score
of an instance nor the NMS: they are from the authors' code. What else that code does is in `untrim.methods.ecm_config`.
k T is rounded down. A sequence that is constant is one instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.localization.grouping import Runs, likely_classes, sweep
from untrim.localization.nms import nms
from untrim.localization.scaling import positive_range, stretch, unit_range
from untrim.localization.scoring import outer_inner_contrast
from untrim.methods.base import Activations, Method
from untrim.methods.ecm_config import PRESETS, ECMConfig
from untrim.nn.attention import AttentionModule
from untrim.nn.convolution import TemporalConv
from untrim.nn.losses import normalized_cross_entropy
from untrim.nn.pooling import topk_mean
from untrim.support.array_types import Float64
from untrim.timeline import Detection, SnippetGrid

FOLDS = 3
# Width of the layer between features and attention, as in STPN.
_ATTENTION_HIDDEN = 256


@dataclass(frozen=True, kw_only=True)
class ECMActivations(Activations):
    """What both streams compute.

    Args:
        features: Scaled features, zero where there is no snippet, (B, T, D).
        pre: s^e, (B, C).
        post: s^o, (B, C); None where the post-classification stream is not trained.
        post_cas: CAS of the post-classification stream, (B, T, C).
        transition: Logits of W^a, (B, T, K); None where the post-classification stream is not trained.
        spread: The same of videos of `test_snippets`, which are localized; None where videos are as they are.
    """

    features: Tensor
    pre: Tensor
    post: Tensor | None
    post_cas: Tensor
    transition: Tensor | None
    spread: ECMActivations | None = None

    of_whole_video = Activations.of_whole_video | {"pre", "post"}

    def of_video(self, index: int, snippets: int) -> Self:
        """What is said of one video of the batch, B = 1, without the padding after its `snippets`."""
        if self.spread is None:
            return super().of_video(index, snippets)
        own = replace(self, spread=None).of_video(index, snippets)
        return replace(own, spread=self.spread.of_video(index, self.spread.mask.shape[1]))


class Classifier(nn.Module):
    """Phi: two temporal convolutions and a linear layer (Fig. 2)."""

    def __init__(self, dim: int, classes: int, config: ECMConfig) -> None:
        super().__init__()
        self.conv_1 = TemporalConv(dim, config.hidden, 3)
        self.conv_2 = TemporalConv(config.hidden, config.hidden, 3)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden, classes, bias=False)

    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """Embedded features, (N, T, H), of (N, T, D) features."""
        hidden = F.leaky_relu(self.conv_1(features, mask))
        embedded: Tensor = self.dropout(F.leaky_relu(self.conv_2(hidden, mask)))
        return embedded


class ECM(Method[ECMConfig, ECMActivations]):
    """Equivalent classification of snippets and of aggregated features."""

    Config = ECMConfig
    presets = PRESETS
    learns_from_nothing = False

    def __init__(self, config: ECMConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        classes = len(self.labels)
        self.classifier = Classifier(dim, classes, config)
        apart = config.streams == "both" and not config.share_classifier
        self.post_classifier = Classifier(dim, classes, config) if apart else None
        self.transition: nn.Module | None = None
        if config.streams != "pre":
            attention = config.weights == "attention"
            self.transition = AttentionModule(dim, _ATTENTION_HIDDEN) if attention else nn.Linear(classes, classes)
        self.source = config.detections if config.streams == "both" else config.streams

    @classmethod
    def defaults(cls, data: DataSummary) -> dict[str, object]:
        """The paper's values, with what training needs on this data.

        Features are centred: the convolutions see zeros beyond a video's ends. `max_snippets` is the median length of
        the videos, so that few snippets are repeated, and at most 320, as in LPAT: the cost of a step is proportional
        to it. The classifier is as wide as the features, up to 512: a step costs the square of that. The weights decay.
        Otherwise the convolutions learn the training videos by heart once they tell them apart. `beta` is a tenth of
        the paper's. Where a video has several labels, none of them can come near Eq. 4's s = 1, and with the paper's
        weight the loss of the first stream hardly fell. The thresholds reach up to the middle of a sequence's range: a
        CAS that is less peaked than the authors' is clear of the background only there. A class counts from a tenth of
        the score, as in WSBM, or less where videos have several labels. NMS keeps fewer of the detections that overlap.
        Where there are videos in which nothing happens, the contrast is that of the logits: in [0, 1], the largest
        contrast of such a video is as large as that of any other.
        """
        return {
            **data.training_defaults(),
            "crop": "resample",
            "input_scaling": "standard",
            "max_snippets": min(int(np.median(data.snippets)), 320),
            "hidden": min(data.dim, 512),
            "weight_decay": 2e-2,
            "beta": 0.5,
            "highest_threshold": 0.5,
            "class_threshold": data.class_threshold,
            "nms_threshold": 0.4,
            "contrast": "logits" if data.nothing_happens > 0 else "scaled",
        }

    @property
    def class_weights(self) -> Tensor:
        """W of ``cas = W u``, (C, H)."""
        return self.classifier.output.weight

    def forward(self, features: Tensor, mask: Tensor) -> ECMActivations:
        """Activations of (B, T, D) features with their (B, T) mask."""
        f = self.input(features).masked_fill(~mask.unsqueeze(-1), 0.0)
        if self.training or self.config.test_snippets is None:
            return self._streams(f, mask)
        snippets, counts = self.config.test_snippets, mask.sum(dim=1)  # (B,)
        taken = _spread(counts, counts.new_full(counts.shape, snippets), snippets)  # (B, T')
        spread = self._streams(_take(f, taken), torch.ones_like(taken, dtype=torch.bool))
        shown = _spread(torch.full_like(counts, snippets), counts, mask.shape[1]).clamp(max=snippets - 1)  # (B, T)
        return replace(
            spread,
            mask=mask,
            features=f,
            cas=_take(spread.cas, shown),
            post_cas=_take(spread.post_cas, shown),
            embedded=None if spread.embedded is None else _take(spread.embedded, shown),
            transition=None if spread.transition is None else _take(spread.transition, shown),
            spread=spread,
        )

    def _streams(self, f: Tensor, mask: Tensor) -> ECMActivations:
        """What both streams say of scaled features."""
        embedded = self.classifier.embed(f, mask)  # (B, T, H)
        cas = self.classifier.output(embedded)  # (B, T, C)
        pre = self.pooled(cas, mask)
        transition, post, post_cas = None, None, cas
        if self.transition is not None:
            attention = self.config.weights == "attention"
            transition = self.transition(f).unsqueeze(-1) if attention else self.transition(cas)  # (B, T, K)
            post = self.classify_aggregated(F.logsigmoid(transition), f, mask)
        if self.post_classifier is not None and self.source != "pre":
            post_cas = self.post_classifier.output(self.post_classifier.embed(f, mask))
        scores = post if self.source == "post" and post is not None else pre
        return ECMActivations(
            mask=mask,
            cas=post_cas if self.source == "post" else cas,
            video_scores=scores.softmax(dim=1),
            embedded=embedded,
            features=f,
            pre=pre,
            post=post,
            post_cas=post_cas,
            transition=transition,
        )

    def pooled(self, cas: Tensor, mask: Tensor, ramp: float = 1.0) -> Tensor:
        """Mean of the largest scores of each class, s^e of (B, C); as `ramp` falls to 0, of all of them."""
        share = 1 - ramp * (1 - self.config.k_share)
        return topk_mean(cas, mask, (share * mask.sum(dim=1)).long())

    def classify_aggregated(self, log_w: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """Score of each class for its own aggregated feature.

        Args:
            log_w: Logarithm of the weights, (B, T, K), K = C or 1.
            f: (B, T, D).
            mask: (B, T).

        Returns:
            (B, C).
        """
        phi, f_c = self.post_classifier or self.classifier, self.aggregate(log_w, f, mask)  # (B, K, 3, D)
        rows = f_c.flatten(0, 1)  # (B K, 3, D)
        u = phi.embed(rows, torch.ones_like(rows[..., 0])).mean(dim=1)  # the last layer is linear: the mean first
        return torch.einsum("bch,ch->bc", u.view(*f_c.shape[:2], -1), phi.output.weight)

    def aggregate(self, log_w: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """Weighted sum or mean of the features of each fold, (B, K, 3, D) (Fig. 3)."""
        never = torch.finfo(log_w.dtype).min
        # An exported network takes a size of 1 for another case than the others: then there is one N more, of weight 0.
        count = (f.shape[1] + FOLDS - 1) // FOLDS + torch.compiler.is_exporting()  # N
        short = FOLDS * count - f.shape[1]
        log_w = F.pad(log_w.masked_fill(~mask.unsqueeze(-1), never), (0, 0, 0, short), value=never)
        log_w = log_w.unfold(1, FOLDS, FOLDS).transpose(2, 3)  # (B, N, 3, K)
        f = F.pad(f, (0, 0, 0, short)).unfold(1, FOLDS, FOLDS).transpose(2, 3)  # (B, N, 3, D)
        w = log_w.softmax(dim=1) if self.config.aggregation == "normalized" else log_w.exp()
        return torch.einsum("bnik,bnid->bkid", w, f)  # Eq. 1-2

    def absence(self, found: ECMActivations, labels: Tensor) -> Tensor:
        """s-tilde^o, the score of each class for the features of where it is absent, (B, C)."""
        assert found.transition is not None
        log_w_a, log_w_b = F.logsigmoid(found.transition), F.logsigmoid(-found.transition)
        if self.config.absence == "paper":
            return self.classify_aggregated(log_w_b, found.features, found.mask)
        video, present = labels.nonzero(as_tuple=True)  # (P,), every video and class that is in it
        if len(video) == 0:
            return torch.zeros_like(labels)  # counts for nothing in Eq. 4
        own = present if log_w_b.shape[2] > 1 else torch.zeros_like(present)
        log_w = log_w_a[video] + log_w_b[video, :, own].unsqueeze(-1)  # (P, T, K)
        scores = self.classify_aggregated(log_w, found.features[video], found.mask[video])  # (P, C)
        counts = labels.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.zeros_like(labels).index_add(0, video, scores) / counts
        of_present = torch.zeros_like(labels).index_put((video, present), scores.gather(1, present[:, None]).squeeze(1))
        return torch.where(labels > 0, of_present, mean)

    def losses(self, activations: ECMActivations, batch: Batch) -> dict[str, Tensor]:
        """Classification and consistency losses of the streams that are trained, weighted (Eq. 5)."""
        found, config, labels, terms = activations, self.config, batch.labels, {}
        ramp = config.ramp(batch.progress)
        cas = found.cas
        if self.post_classifier is not None and self.source == "post":  # Then that one is the second stream's.
            cas = self.classifier.output(found.embedded)
        pre = self.pooled(cas, found.mask, ramp)
        if config.streams != "post":
            terms["cls_pre"] = normalized_cross_entropy(pre, labels)
        if found.post is not None:
            terms["cls_post"] = normalized_cross_entropy(found.post, labels)
            if config.streams == "both" and config.alpha > 0:
                terms["c2c"] = ramp * config.alpha * (pre - found.post).square().mean()  # Eq. 3
            if config.beta > 0:
                terms["a2c"] = ramp * config.beta * a2c_loss(found.post, self.absence(found, labels), labels)
        return terms

    def after_step(self, optimizer: Optimizer, progress: float) -> None:
        """The step size falls to a tenth, where the config says when."""
        config = self.config
        if config.decay_after is not None and progress >= config.decay_after:
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate / 10

    def localize(self, activations: ECMActivations, grid: SnippetGrid) -> list[Detection]:
        """Runs above each of many thresholds, for each class that is likely in the video (Sec. 3.5)."""
        found, snippets = activations.spread or activations, activations.mask.shape[1]
        steps = snippets * grid.stride_frames if self.config.upsample else found.mask.shape[1]
        parts = [self._candidates(*sequence, steps) for sequence in self._sequences(found)]
        runs = Runs(*(np.concatenate(column) for column in zip(*(runs for runs, _ in parts), strict=True)))
        scores = np.concatenate([scores for _, scores in parts])
        kept = nms(np.stack([runs.first, runs.stop], axis=1), scores, self.config.nms_threshold, runs.row)
        grid = grid.resampled(snippets, steps)
        return self.detections(Runs(*(column[kept] for column in runs)), scores[kept], grid)

    def _sequences(self, found: ECMActivations) -> list[tuple[Float64, Float64, Float64]]:
        """Sequences to localize, scaled, (C, T), with class scores and units of contrast, (C,) each; two such triples
        for merged streams."""
        scaled, least = (unit_range, -np.inf) if self.config.cas_range == "full" else (positive_range, 0.0)
        cas, scores = [found.cas], [found.video_scores]
        if self.source in ("merged", "fused"):
            assert found.post is not None
            cas, scores = [found.cas, found.post_cas], [found.pre.softmax(dim=1), found.post.softmax(dim=1)]
        logits = [s[0].double().cpu().numpy().T for s in cas]
        values = [scaled(s) for s in logits]
        p = [score[0].double().cpu().numpy() for score in scores]
        units = [np.ones(len(s)) for s in logits]
        if self.config.contrast == "logits":
            units = [np.ptp(s.clip(min=least), axis=1) for s in logits]
        if self.source == "fused":
            share = self.config.fusion
            values, p, units = ([share * one + (1 - share) * other] for one, other in (values, p, units))
            values = [scaled(s) for s in values]
        return list(zip(values, p, units, strict=True))

    def _candidates(self, values: Float64, p: Float64, units: Float64, steps: int) -> tuple[Runs, Float64]:
        """Runs, and their scores, of (C, T) `values` that become (C, `steps`), and of (C,) class scores and units."""
        config = self.config
        likely = np.flatnonzero(likely_classes(p, config.class_threshold, fallback=config.class_fallback))
        values = values[likely] if steps == values.shape[1] else stretch(values[likely], steps)
        thresholds = np.arange(config.lowest_threshold, config.highest_threshold, config.threshold_step)
        if config.threshold_inclusive:
            thresholds = np.maximum(thresholds, np.nextafter(0.0, 1.0))  # 0 itself is never an action
        runs = sweep(values, thresholds, inclusive=config.threshold_inclusive)
        contrast = outer_inner_contrast(values, runs, config.outer, config.outer_rounding)
        runs = runs._replace(row=likely[runs.row])
        return runs, contrast * units[runs.row] + config.gamma * p[runs.row]


def _spread(count: Tensor, among: Tensor, length: int) -> Tensor:
    """Which of `count` snippets is at each of `among` even places, each (B,); whole numbers, (B, `length`)."""
    places = torch.arange(length, dtype=torch.float64, device=count.device) + 0.5
    return (places * count.unsqueeze(-1) / among.unsqueeze(-1)).long()


def _take(values: Tensor, snippets: Tensor) -> Tensor:
    """(B, N, K) values of (B, N) `snippets` of (B, T, K) `values`."""
    return values.gather(1, snippets.unsqueeze(-1).expand(-1, -1, values.shape[2]))


def a2c_loss(action: Tensor, absence: Tensor, labels: Tensor) -> Tensor:
    """Aggregation-to-classification consistency, mean over the videos that have labels (Eq. 4).

    ``-1/2k (sum_c log p_c + sum_c log(1 - q_c))`` over the k classes that are present. p and q are the two halves of
    the softmax over all action and absence logits.

    Args:
        action: s^o, (B, C).
        absence: s-tilde^o, (B, C).
        labels: (B, C) in {0, 1}.
    """
    classes = action.shape[1]
    logits = torch.cat([action, absence], dim=1)  # (B, 2C)
    log_p = logits.log_softmax(dim=1)[:, :classes]
    # 1 - q as the share of all the others: never log(0), however sure q is.
    itself = torch.eye(2 * classes, dtype=torch.bool, device=logits.device)[classes:]
    others = logits.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(dim=2)  # (B, C)
    log_not_q = others - logits.logsumexp(dim=1, keepdim=True)
    k = labels.sum(dim=1)
    terms = (labels * (log_p + log_not_q)).sum(dim=1) / (2 * k.clamp(min=1))
    return -terms.sum() / (k > 0).sum().clamp(min=1)  # Eq. 4
