import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.methods.base import Activations
from untrim.methods.lpat import LPAT, LPATConfig
from untrim.timeline import SnippetGrid

GRID = SnippetGrid.regular(16, 16, 25)


def network(classes: int = 4, dim: int = 8, **values: object) -> LPAT:
    torch.manual_seed(0)
    return LPAT(LPATConfig(**{"hidden": 12, **values}), dim, [f"class {c}" for c in range(classes)])


def ragged(lengths: list[int], classes: int, dim: int, dtype: torch.dtype = torch.float32) -> Batch:
    generator = torch.Generator().manual_seed(sum(lengths))
    features = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    labels = (torch.rand(len(lengths), classes, generator=generator) < 0.3).to(dtype)
    labels[torch.arange(len(lengths)), torch.arange(len(lengths)) % classes] = 1
    return Batch(features * mask.unsqueeze(-1), mask, labels, torch.full((len(lengths),), -1))


def activations(s: Tensor, b: Tensor, mask: Tensor | None = None) -> Activations:
    mask = torch.ones(s.shape[:2], dtype=torch.bool) if mask is None else mask
    p = network(classes=s.shape[2]).video_log_probabilities(s, b, mask).exp()
    return Activations(mask, cas=s, video_scores=p[:, :-1], background=b)


def losses_by_a_loop(s: Tensor, b: Tensor, batch: Batch, w_b: float, eps: float) -> tuple[Tensor, Tensor]:
    """Eq. 1-7 as the paper writes them, one video at a time."""
    classification, confidence = [], []
    for video, present in enumerate(batch.labels):
        n = int(batch.mask[video].sum())
        st, bt = s[video, :n], b[video, :n]
        gate = torch.sigmoid(st - bt.unsqueeze(1))
        s_hat = (gate * st).sum(dim=0) / gate.sum(dim=0)
        p = torch.cat([s_hat, bt.mean().view(1)]).softmax(dim=0)
        y = present / present.sum()
        classification.append(-(y * p[:-1].log()).sum() - w_b * p[-1].log())
        s_tilde = st[:, present > 0].max(dim=1).values
        confidence.append((s_tilde * bt + 0.5).clamp(min=0).sum() / (s_tilde.norm() * bt.norm() + eps))
    return torch.stack(classification).mean(), torch.stack(confidence).mean()


@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(1, 6), st.sampled_from([None, 0.0, 1.0]))
@settings(max_examples=30)
def test_losses_against_a_loop(lengths: list[int], classes: int, background_weight: float | None) -> None:
    model = network(classes, background_weight=background_weight, lambda_clas=0.3, dropout=0.0)
    batch = ragged(lengths, classes, 8)
    found = model(batch.features, batch.mask)
    w_b = 1 / classes if background_weight is None else background_weight
    expected = losses_by_a_loop(found.cas, found.background, batch, w_b, model.config.eps)
    terms = model.losses(found, batch)
    torch.testing.assert_close(terms["classification"], 0.3 * expected[0])
    torch.testing.assert_close(terms["confidence"], 0.7 * expected[1])


@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(classes: int) -> None:
    model = network(classes, 3, dropout=0.0).double()
    batch = ragged([9, 6, 3, 1], classes, 3, torch.float64)
    found = model(batch.features, batch.mask)

    def total(s: Tensor, b: Tensor) -> Tensor:
        inner = Activations(batch.mask, cas=s, video_scores=torch.empty(0), background=b)
        return sum(model.losses(inner, batch).values())

    # Scores of the size that training gives: at 0 the confidence loss of Eq. 7 has a cusp.
    inputs = [(8 * part).detach().requires_grad_() for part in (found.cas, found.background)]
    assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


@pytest.mark.parametrize("temconv", [False, True])
def test_a_step_lowers_both_losses_and_moves_every_parameter(temconv: bool) -> None:
    model = network(dropout=0.0, temconv=temconv)
    batch = ragged([40, 30, 25, 60], 4, 8)
    parameters = list(model.parameters())
    for name in ("classification", "confidence"):
        before = model.losses(model(batch.features, batch.mask), batch)[name]
        gradients = torch.autograd.grad(before, parameters)
        assert all(gradient.abs().sum() > 0 for gradient in gradients)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= 1e-4 * gradient
        assert model.losses(model(batch.features, batch.mask), batch)[name] < before


@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("lengths", [[1, 1], [59, 1], [130, 7]], ids=str)
def test_extremes_are_finite(scale: float, lengths: list[int]) -> None:
    """One snippet, all scores the same, scores of +-1e4 on either side of the threshold: nothing is NaN or infinite."""
    batch = ragged(lengths, 4, 8)
    s = (scale * torch.randn(*batch.mask.shape, 4).sign()).requires_grad_()
    for sign in (1.0, -1.0):
        b = torch.full(batch.mask.shape, sign * scale).requires_grad_()
        found = activations(s, b, batch.mask)
        loss = sum(network().losses(found, batch).values())
        assert loss.isfinite()
        assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, [s, b]))
        one = activations(s.detach()[:1], b.detach()[:1], batch.mask[:1])
        assert all(np.isfinite(detection.score) for detection in network().localize(one, GRID))


@pytest.mark.parametrize("temconv", [False, True])
def test_padding_and_order_change_nothing(temconv: bool) -> None:
    model = network(dropout=0.0, temconv=temconv)
    batch = ragged([40, 30, 25, 60], 4, 8)
    before = model(batch.features, batch.mask)
    order = torch.tensor([3, 1, 0, 2])
    padded = torch.cat([batch.features, torch.full((4, 7, 8), 9.0)], dim=1)[order]
    padded[1, 30:] = -5.0  # what stands behind the end of a video is nobody's business
    longer = torch.cat([batch.mask, torch.zeros(4, 7, dtype=torch.bool)], dim=1)[order]
    after = model(padded, longer)
    torch.testing.assert_close(after.cas[1, :30], before.cas[1, :30])
    torch.testing.assert_close(after.video_scores, before.video_scores[order])
    expected = model.losses(before, batch)
    for name, value in model.losses(after, Batch(padded, longer, batch.labels[order], batch.groups)).items():
        torch.testing.assert_close(value, expected[name])


def test_temconv_sees_one_snippet_to_either_side() -> None:
    model = network(temconv=True).eval()
    x = torch.randn(1, 9, 8)
    changed = x.clone()
    changed[0, 4] += 1
    mask = torch.ones(1, 9, dtype=torch.bool)
    moved = (model(x, mask).cas != model(changed, mask).cas).any(dim=2)[0]
    assert moved.nonzero().flatten().tolist() == [3, 4, 5]


def test_pooling_weighs_by_the_gate() -> None:
    """Snippets far below the threshold do not count; those far above count alike; at equal gates it is the mean."""
    s = torch.tensor([[8.0, 6.0, -60.0, -40.0]]).unsqueeze(-1)
    mask = torch.ones(1, 4, dtype=torch.bool)
    assert network(1).pooled(s, torch.full((1, 4), -20.0), mask).item() == pytest.approx(7.0, abs=1e-4)
    assert network(1).pooled(s, s.squeeze(-1), mask).item() == pytest.approx(-21.5)
    assert network(1).pooled(s, torch.full((1, 4), 1e4), mask).isfinite()


def test_confidence_is_zero_where_signs_are_opposite_by_the_margin() -> None:
    s = torch.tensor([[1.0, -1.0, 2.0]]).unsqueeze(-1)
    batch = Batch(s, torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 1), torch.tensor([-1]))
    loss = network(1).confidence_loss
    assert loss(s, torch.tensor([[-0.5, 0.5, -0.25]]), batch.mask, batch.labels) == 0
    assert loss(s, torch.tensor([[0.5, 0.5, -0.25]]), batch.mask, batch.labels) > 0


class TestLocalize:
    S = torch.tensor([[[-1.0, -9.0], [2.0, -8.0], [3.0, -9.0], [1.0, -9.0], [4.0, -9.0]]])
    B = torch.tensor([[0.0, 0.0, 1.0, 2.0, 0.0]])

    def test_predicted_threshold(self) -> None:
        found = network(2).localize(activations(self.S, self.B), GRID)
        pooled = network(2).pooled(self.S, self.B, torch.ones(1, 5, dtype=torch.bool))[0, 0].item()
        assert [(d.label, d.segment.start, d.segment.end, d.score) for d in found] == [
            ("class 0", pytest.approx(0.64), pytest.approx(1.92), pytest.approx(3 + 0.7 * pooled)),
            ("class 0", pytest.approx(2.56), pytest.approx(3.2), pytest.approx(4 + 0.7 * pooled)),
        ]

    def test_midrange_threshold(self) -> None:
        found = network(2, threshold="midrange").localize(activations(self.S - 50, self.B), GRID)
        spans = [(d.segment.start, d.segment.end) for d in found if d.label == "class 0"]
        assert spans == [pytest.approx((0.64, 1.92)), pytest.approx((2.56, 3.2))]
        assert network(2).localize(activations(self.S - 50, self.B), GRID) == []

    def test_classes_below_the_mean_are_found_from_a_threshold_of_their_own_on(self) -> None:
        scores = activations(self.S.new_tensor([[[5.0, 2.0], [5.0, 2.0], [-9.0, -9.0]]]), torch.zeros(1, 3))
        assert {d.label for d in network(2).localize(scores, GRID)} == {"class 0"}
        assert {d.label for d in network(2, class_threshold=0.01).localize(scores, GRID)} == {"class 0", "class 1"}

    def test_a_single_class_can_be_found(self) -> None:
        assert len(network(1).localize(activations(self.S[..., :1], self.B), GRID)) == 2
