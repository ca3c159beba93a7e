from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.methods.base import Activations
from untrim.methods.wtalc import WTALC, WTALCActivations, WTALCConfig
from untrim.timeline import SnippetGrid

GRID = SnippetGrid.regular(16, 16, 25)


def network(classes: int = 4, dim: int = 8, **values: object) -> WTALC:
    torch.manual_seed(0)
    return WTALC(WTALCConfig(**values), dim, [f"class {c}" for c in range(classes)])


def pairs(lengths: list[int], classes: int, dim: int, dtype: torch.dtype = torch.float32) -> Batch:
    """Videos in pairs, both of a pair having its class."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    groups = torch.arange(len(lengths)) // 2
    labels = (torch.rand(len(lengths), classes, generator=generator) < 0.2).to(dtype)
    labels[torch.arange(len(lengths)), groups % classes] = 1
    return Batch(features * mask.unsqueeze(-1), mask, labels, groups)


class TestGoldenValues:
    """Losses and gradients of the authors' own code: the first 2 n_similar videos are pairs, k is rounded up."""

    @pytest.fixture
    def golden(self, shared_data: Path) -> dict[str, Tensor]:
        with np.load(shared_data / "golden" / "wtalc_losses.npz") as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}

    def terms(self, golden: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        mask = torch.arange(golden["x"].shape[1]) < golden["seq_len"].unsqueeze(1)
        u, s = (golden[key].clone().requires_grad_() for key in ("x", "logits"))
        found = Activations(mask, cas=s, video_scores=torch.empty(0), embedded=u)
        index, paired = torch.arange(len(u)), 2 * int(golden["n_similar"])
        batch = Batch(u, mask, golden["labels"], torch.where(index < paired, index // 2, -1))
        return network(6, 24, **WTALC.presets["official"]).losses(found, batch), u, s

    def test_multiple_instance_loss(self, golden: dict[str, Tensor]) -> None:
        terms, _, s = self.terms(golden)
        loss = 2 * terms["mil"]  # lambda is 1/2
        loss.backward()
        torch.testing.assert_close(loss, golden["mil"], rtol=1e-5, atol=0)
        torch.testing.assert_close(s.grad, golden["mil_grad_logits"], rtol=1e-5, atol=1e-9)

    def test_coactivity_loss(self, golden: dict[str, Tensor]) -> None:
        terms, u, s = self.terms(golden)
        loss = 2 * terms["coactivity"]
        loss.backward()
        torch.testing.assert_close(loss, golden["casl"], rtol=1e-5, atol=0)
        # Cosines cancel in float32: the smallest gradients of both codes are precise to 1e-8 of the largest.
        torch.testing.assert_close(u.grad, golden["casl_grad_x"], rtol=1e-5, atol=1e-8)
        torch.testing.assert_close(s.grad, golden["casl_grad_logits"], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("classes", [20, 100])
@pytest.mark.parametrize("rounding", ["down", "up"])
def test_gradients(classes: int, rounding: str) -> None:
    model = network(classes, 3, dropout=0.0, k_rounding=rounding).double()
    batch = pairs([20, 9, 3, 1], classes, 3, torch.float64)
    found = model(batch.features, batch.mask)

    def total(u: Tensor, s: Tensor) -> Tensor:
        activations = Activations(batch.mask, cas=s, video_scores=torch.empty(0), embedded=u)
        return sum(model.losses(activations, batch).values())

    inputs = [found.embedded.detach().requires_grad_(), found.cas.detach().requires_grad_()]
    assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


def test_a_step_lowers_both_losses_and_moves_every_parameter() -> None:
    model = network(dropout=0.0)
    batch = pairs([40, 30, 25, 60], 4, 8)
    parameters = list(model.parameters())
    for name in ("mil", "coactivity"):
        before = model.losses(model(batch.features, batch.mask), batch)[name]
        gradients = torch.autograd.grad(before, parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                # The classifier's bias shifts a class's scores over time alike, which the co-activity loss cannot see.
                assert name == "coactivity" or gradient.abs().sum() > 0
                parameter -= 1e-3 * gradient
        assert model.losses(model(batch.features, batch.mask), batch)[name] < before


@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("lengths", [[1, 1], [59, 1], [130, 7]], ids=str)
def test_extremes_are_finite(scale: float, lengths: list[int]) -> None:
    """One snippet, identical snippets, logits of +-1e4: losses, gradients and detections stay finite."""
    model = network(dropout=0.0)
    batch = pairs(lengths, 4, 8)
    u = torch.ones(*batch.mask.shape, 8).requires_grad_()
    s = (scale * torch.randn(*batch.mask.shape, 4).sign()).requires_grad_()
    found = Activations(batch.mask, cas=s, video_scores=torch.empty(0), embedded=u)
    loss = sum(model.losses(found, batch).values())
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, [u, s]))
    one = Activations(batch.mask[:1], cas=s.detach()[:1], video_scores=torch.empty(0))
    assert all(np.isfinite(detection.score) for detection in model.localize(one, GRID))


def test_padding_and_order_change_nothing() -> None:
    model = network(dropout=0.0)
    batch = pairs([40, 30, 25, 60], 4, 8)
    before = model(batch.features, batch.mask)
    order = torch.tensor([3, 1, 0, 2])
    padded = torch.cat([batch.features, torch.full((4, 7, 8), 9.0)], dim=1)[order]
    longer = torch.cat([batch.mask, torch.zeros(4, 7, dtype=torch.bool)], dim=1)[order]
    after = model(padded, longer)
    torch.testing.assert_close(after.video_scores, before.video_scores[order])
    expected = model.losses(before, batch)
    moved = Batch(padded, longer, batch.labels[order], batch.groups[order])
    for name, value in model.losses(after, moved).items():
        torch.testing.assert_close(value, expected[name])


@pytest.mark.parametrize(("rounding", "n", "k"), [("down", 15, 1), ("down", 16, 2), ("up", 9, 2), ("down", 3, 1)])
def test_k_is_a_share_of_the_snippets(rounding: str, n: int, k: int) -> None:
    model = network(classes=1, k_rounding=rounding)
    s = torch.arange(20.0).view(1, 20, 1)
    pooled = model.pooled(s, torch.arange(20).unsqueeze(0) < n)
    assert pooled.item() == pytest.approx(n - (k + 1) / 2)


class TestLevels:
    """Eq. 7: what one snippet in twenty of the videos without a class exceeds."""

    def after(self, steps: int, scores: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        model = network(classes=scores.shape[2], level="absent")
        u = torch.ones(*mask.shape, 8)
        found = WTALCActivations(mask, scores, video_scores=torch.empty(0), embedded=u, steady=scores)
        for _ in range(steps):
            model.losses(found, Batch(u, mask, labels, torch.full((len(mask),), -1)))
        return model.levels

    def test_one_snippet_in_twenty_is_above(self) -> None:
        scores = torch.stack([torch.linspace(-1, 1, 201), torch.linspace(0, 4, 201)], dim=1).expand(2, 201, 2).clone()
        scores[0, :, 0] += 50  # the first video has the first class, and nothing is learned from that
        labels = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        levels = self.after(1000, scores, torch.ones(2, 201, dtype=torch.bool), labels)
        torch.testing.assert_close(levels, torch.tensor([0.9, 3.8]), atol=0.02, rtol=0)

    def test_padding_does_not_count_and_a_class_that_all_have_keeps_0(self) -> None:
        scores = torch.full((2, 60, 2), 1.5)
        mask = torch.arange(60) < torch.tensor([[60], [20]])
        scores[~mask] = 90.0
        levels = self.after(200, scores, mask, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        assert levels[0] == 0
        assert levels[1] == pytest.approx(1.5, abs=0.2)

    def test_scores_are_those_without_dropout_and_the_weights_those_without_levels(self) -> None:
        batch = pairs([40, 30, 25, 60], 4, 8)
        gradients = []
        for level in ("absent", "midrange"):
            model = network(level=level).train()
            torch.manual_seed(1)
            found = model(batch.features, batch.mask)
            if level == "absent":
                torch.testing.assert_close(found.steady, model.eval()(batch.features, batch.mask).cas)
                assert not torch.equal(found.steady, found.cas)
            loss = sum(model.losses(found, batch).values())
            gradients.append(torch.autograd.grad(loss, list(model.parameters())))
        assert all(map(torch.equal, *gradients))

    def test_nothing_is_learned_outside_of_training(self) -> None:
        model, batch = network(level="absent").eval(), pairs([40, 30, 25, 60], 4, 8)
        model.losses(model(batch.features, batch.mask), batch)
        assert not model.levels.any()
        model.train()
        model.losses(model(batch.features, batch.mask), batch)
        assert model.levels.all()

    def test_a_long_state_is_found_whole(self) -> None:
        """Most of its snippets are below the middle of the range, which its peaks set."""
        row = torch.tensor([-1.0, -0.5, 0.6, 0.9, 4.0, 0.8, 0.7, 5.0, 0.6, -0.8, -0.2]).view(1, -1, 1)
        found = WTALCActivations(torch.ones(1, 11, dtype=torch.bool), row, video_scores=torch.empty(0))
        model = network(classes=1, level="absent").eval()
        model.levels.fill_(0.5)
        ((start, end),) = [(d.segment.start, d.segment.end) for d in model.localize(found, GRID)]
        assert (start, end) == (pytest.approx(2 * 0.64), pytest.approx(9 * 0.64))
        assert len(network(classes=1).localize(found, GRID)) == 2
        assert ((model.snippet_logits(found) > 0).flatten().nonzero().flatten() == torch.arange(2, 9)).all()
        assert torch.equal(model.train().snippet_logits(found), row)  # what follows the scores is not learned against

    def test_the_project_has_them_and_the_presets_have_not(self) -> None:
        ones = np.ones(8, dtype=np.float32)
        data = DataSummary(40, 5, 8, 1.2, np.arange(20, 60), 0 * ones, ones, ones)
        assert "levels" in network(**WTALC.defaults(data)).state_dict()
        assert WTALC.defaults(replace(data, times_known=0.1))["level"] == "midrange"
        for values in WTALC.presets.values():
            assert "levels" not in network(**values).state_dict()


class TestLocalize:
    def detections(self, s: list[list[float]], **values: object) -> list[tuple[str, float, float, float]]:
        model = network(classes=len(s), **values)
        cas = torch.tensor(s).T.unsqueeze(0)
        found = Activations(torch.ones(cas.shape[:2], dtype=torch.bool), cas, video_scores=torch.empty(0))
        return [(d.label, d.segment.start, d.segment.end, d.score) for d in model.localize(found, GRID)]

    def test_middle_of_the_range_and_the_pooled_score(self) -> None:
        first, second = self.detections([[-1.0, 2.0, 4.0, 0.0, 3.0]], k_share=0.4)
        assert first == ("class 0", pytest.approx(0.64), pytest.approx(1.92), pytest.approx(4 + 0.7 * 3.5))
        assert second == ("class 0", pytest.approx(2.56), pytest.approx(3.2), pytest.approx(3 + 0.7 * 3.5))

    def test_official_wants_two_snippets(self) -> None:
        found = self.detections([[-1.0, 2.0, 4.0, 0.0, 3.0]], k_share=0.4, min_snippets=2)
        assert [d[1:3] for d in found] == [pytest.approx((0.64, 1.92))]

    def test_k_is_rounded_down_whatever_training_does(self) -> None:
        row = [0.0, 1.0, 2.0, 8.0, 4.0, 0.0, 1.0, 0.0, 0.0]  # 9 / 8: one is taken, 8; two would have the mean 6
        for rounding in ("down", "up"):
            ((_, start, end, score),) = self.detections([row], k_rounding=rounding, gamma=0.5)
            assert (start, end, score) == (pytest.approx(3 * 0.64), pytest.approx(4 * 0.64), pytest.approx(8 + 0.5 * 8))

    def test_unlikely_classes_are_left_out(self) -> None:
        assert [d[0] for d in self.detections([[-3.0, -1.0, -2.0], [0.0, 1.0, 0.0]])] == ["class 1"]
