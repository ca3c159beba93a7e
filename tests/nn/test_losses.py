from itertools import product
from math import exp, log1p
from statistics import mean

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from untrim.nn.losses import (
    coactivity_loss,
    even_absences,
    known_cross_entropy,
    log_noisy_or,
    metric_loss,
    normalized_cross_entropy,
    projected_distances,
)
from untrim.nn.pooling import class_features


def group_batch(
    lengths: list[int], classes: int, groups: list[int], dtype: torch.dtype = torch.float32, dim: int = 3
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, scores, mask, labels (class 0 in every video) and groups."""
    generator = torch.Generator().manual_seed(sum(lengths))
    features = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=dtype)
    scores = torch.randn(len(lengths), max(lengths), classes, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    labels = (torch.rand(len(lengths), classes, generator=generator) < 0.3).to(dtype)
    labels[:, 0] = 1
    return features, scores, mask, labels, torch.tensor(groups)


def euclidean(a: Tensor, b: Tensor, classes: Tensor) -> Tensor:
    return projected_distances(a, b, torch.eye(a.shape[2], dtype=a.dtype).expand(len(classes), -1, -1))


def coactivity_by_a_loop(u: Tensor, s: Tensor, mask: Tensor, labels: Tensor, groups: Tensor, margin: float) -> Tensor:
    terms = []
    for i in range(len(u)):
        for j in range(i):
            for c in range(labels.shape[1]):
                if groups[i] < 0 or groups[i] != groups[j] or labels[i, c] * labels[j, c] == 0:
                    continue
                high, low = [], []
                for video in (i, j):
                    n = int(mask[video].sum())
                    weight = s[video, :n, c].softmax(dim=0).unsqueeze(1)
                    high.append((weight * u[video, :n]).sum(dim=0))
                    low.append(((1 - weight) / (n - 1) * u[video, :n]).sum(dim=0))
                alike = 1 - F.cosine_similarity(high[0], high[1], dim=0)
                for one, other in ((high[0], low[1]), (low[0], high[1])):
                    terms.append(F.relu(alike - (1 - F.cosine_similarity(one, other, dim=0)) + margin))
    return torch.stack(terms).mean() if terms else torch.zeros(())


@given(st.lists(st.integers(2, 12), min_size=2, max_size=6), st.data(), st.sampled_from([1, 4]), st.floats(0, 1))
@settings(max_examples=40)
def test_coactivity_against_a_loop(lengths: list[int], data: st.DataObject, classes: int, margin: float) -> None:
    groups = data.draw(st.lists(st.integers(-1, 2), min_size=len(lengths), max_size=len(lengths)))
    batch = group_batch(lengths, classes, groups)
    torch.testing.assert_close(coactivity_loss(*batch, margin), coactivity_by_a_loop(*batch, margin))


@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(classes: int) -> None:
    u, s, mask, labels, groups = group_batch([7, 4, 2, 1], classes, [0, 0, 0, 1], torch.float64)
    inputs = [u.requires_grad_(), s.requires_grad_()]
    weight = torch.randn(classes, 1, 3, dtype=torch.float64)

    def coactivity(u: Tensor, s: Tensor) -> Tensor:
        return coactivity_loss(u, s, mask, labels, groups)

    def metric(u: Tensor, s: Tensor) -> Tensor:
        distances = lambda a, b, classes: projected_distances(a, b, weight[classes])  # noqa: E731
        return metric_loss(u, s, mask, labels, groups, distances)

    assert torch.autograd.gradcheck(coactivity, inputs, fast_mode=True)
    assert torch.autograd.gradcheck(metric, inputs, fast_mode=True)
    assert torch.autograd.gradcheck(lambda s: normalized_cross_entropy(s.mean(dim=1), labels), inputs[1:])
    present, absent = log_noisy_or(inputs[1], mask.unsqueeze(-1).expand_as(s), dim=1)
    torch.testing.assert_close(present.exp() + absent.exp(), torch.ones_like(absent))


@pytest.mark.parametrize("loss", ["coactivity", "metric"])
@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("lengths", [[1, 1], [9, 1]], ids=str)
def test_extremes_are_finite(loss: str, scale: float, lengths: list[int]) -> None:
    """One snippet, identical snippets, features that are all zero, logits of +-1e4."""
    _, s, mask, labels, groups = group_batch(lengths, 4, [0, 0])
    for features in (torch.ones(*mask.shape, 3), torch.zeros(*mask.shape, 3)):
        inputs = [features.requires_grad_(), (scale * s.sign()).requires_grad_()]
        if loss == "coactivity":
            value = coactivity_loss(*inputs, mask, labels, groups)
        else:
            value = metric_loss(*inputs, mask, labels, groups, euclidean)
        assert value.isfinite()
        assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(value, inputs))


@pytest.mark.parametrize("groups", [[0, 0, 1, 1, -1], [0, 0, 0, 0, -1]], ids=str)
def test_padding_and_order_change_nothing(groups: list[int]) -> None:
    u, s, mask, labels, groups = group_batch([9, 6, 8, 5, 7], 6, groups)
    order = torch.tensor([3, 4, 1, 0, 2])
    longer = torch.cat([mask, torch.zeros(5, 4, dtype=torch.bool)], dim=1)
    padded = [torch.cat([part, torch.full((5, 4, part.shape[2]), 9.0)], dim=1)[order] for part in (u, s)]
    moved = (*padded, longer[order], labels[order], groups[order])
    torch.testing.assert_close(coactivity_loss(*moved), coactivity_loss(u, s, mask, labels, groups))
    expected = metric_loss(u, s, mask, labels, groups, euclidean)
    torch.testing.assert_close(metric_loss(*moved, euclidean), expected)


def test_a_video_is_never_paired_with_itself_and_strangers_never_at_all() -> None:
    u, s, mask, labels, _ = group_batch([6, 6, 6], 3, [0, 0, 0])
    for groups in ([0, 1, 2], [-1, -1, -1], [0, -1, -1]):
        assert coactivity_loss(u, s, mask, labels, torch.tensor(groups)) == 0
        assert metric_loss(u, s, mask, labels, torch.tensor(groups), euclidean) == 0
    apart = torch.eye(3)  # a group whose videos have no class in common
    assert coactivity_loss(u, s, mask, apart, torch.zeros(3, dtype=torch.long)) == 0


def test_coactivity_wants_the_same_class_alike_and_the_rest_unlike() -> None:
    """0 where the class looks the same in both videos and its surroundings differ by the margin, else above."""
    action, scenery = torch.eye(2)
    u = torch.stack([action, scenery, scenery]).expand(2, 3, 2)
    s = torch.tensor([9.0, -9.0, -9.0]).view(1, 3, 1).expand(2, 3, 1)
    mask, labels, groups = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 1), torch.zeros(2, dtype=torch.long)
    assert coactivity_loss(u, s, mask, labels, groups) == 0
    assert coactivity_loss(u, -s, mask, labels, groups) == pytest.approx(0.5**0.5 - 0.5)
    assert coactivity_loss(u, torch.zeros_like(s), mask, labels, groups) == pytest.approx(0.5)


def test_class_features_of_a_certain_snippet() -> None:
    u = torch.tensor([[[3.0, 4.0], [0.0, 1.0], [0.0, 3.0]]])
    s = torch.tensor([[[99.0], [0.0], [0.0]]])
    z, z_not = class_features(u, s, torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(z, torch.tensor([[[0.6, 0.8]]]))
    torch.testing.assert_close(z_not, torch.tensor([[[0.0, 1.0]]]))
    z, z_not = class_features(u, s, torch.tensor([[True, False, False]]))
    torch.testing.assert_close(z, torch.tensor([[[0.6, 0.8]]]))
    assert (z_not == 0).all()


def test_absences_in_videos_with_the_class_count_as_much_as_those_elsewhere() -> None:
    """A plain loop: the mean where a class happens, where it does not in its videos, and in all others."""
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 7, 5), torch.tensor([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1]]).float()
    happens = torch.rand(3, 7, 5).round() * labels.unsqueeze(1)
    known = torch.ones(3, 7, 1)
    known[0, 5:] = 0  # a shorter video
    parts: dict[str, list[float]] = {"present": [], "inside": [], "elsewhere": []}
    for video, snippet, label in product(range(3), range(7), range(5)):
        if known[video, snippet, 0]:
            s = float(logits[video, snippet, label])
            if happens[video, snippet, label]:
                parts["present"].append(log1p(exp(-s)))
            else:
                parts["inside" if labels[video, label] else "elsewhere"].append(log1p(exp(s)))
    assert len(parts["inside"]) < len(parts["elsewhere"])
    wanted = mean(parts["present"]) / 2 + mean(parts["inside"]) / 4 + mean(parts["elsewhere"]) / 4
    assert known_cross_entropy(logits, happens, known, labels).item() == pytest.approx(wanted, rel=1e-5)


def test_what_is_not_sure_keeps_its_weight_and_few_classes_change_nothing() -> None:
    absent, labels = torch.ones(2, 4, 6), torch.zeros(2, 6)
    labels[0, 0] = 1  # 4 absences inside, 44 elsewhere
    sure = torch.zeros(2, 4, 6)
    torch.testing.assert_close(even_absences(absent, sure, labels), absent)
    sure[0, 0] = 1
    weights = even_absences(absent, sure, labels)
    assert weights[0, 0, 0] == 11
    weights[0, 0, 0] = 1
    torch.testing.assert_close(weights, absent)
    torch.testing.assert_close(even_absences(absent, sure, torch.ones(2, 6)), absent)  # nothing is elsewhere
