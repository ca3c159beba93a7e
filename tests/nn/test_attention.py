import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from untrim.nn.attention import AttentionModule, attention_pooling, gaussian_smooth, guidance_loss, guidance_targets

lengths = st.lists(st.integers(1, 30), min_size=1, max_size=4)


def ragged(counts: list[int], *shape: int) -> tuple[Tensor, Tensor]:
    """Random values (B, T, *shape), also where there is no snippet, and their mask."""
    generator = torch.Generator().manual_seed(sum(counts))
    mask = torch.arange(max(counts)) < torch.tensor(counts).unsqueeze(1)
    return torch.randn(*mask.shape, *shape, generator=generator, dtype=torch.float64), mask


def smooth_by_hand(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian average of one (T, C) sequence, from the definition and without a cut-off."""
    time = np.arange(len(values))
    weights = np.exp(-((time[:, None] - time) ** 2) / (2 * sigma**2))
    return weights @ values / weights.sum(axis=1, keepdims=True)


class TestGaussianSmooth:
    @given(lengths, st.floats(0.3, 20))
    def test_against_the_definition(self, counts: list[int], sigma: float) -> None:
        values, mask = ragged(counts, 3)
        found = gaussian_smooth(values, mask, sigma)
        for row, count, video in zip(found, counts, values, strict=True):
            # Cut off at 4 sigma: at most 2 * 3.2e-5 of the mass is missing, of values around 1.
            np.testing.assert_allclose(row[:count], smooth_by_hand(video[:count].numpy(), sigma), atol=1e-3)
            assert (row[count:] == 0).all()

    @given(lengths, st.floats(0, 50))
    def test_a_constant_stays_up_to_the_ends(self, counts: list[int], sigma: float) -> None:
        _, mask = ragged(counts, 1)
        found = gaussian_smooth(torch.full((*mask.shape, 1), 0.7, dtype=torch.float64), mask, sigma)
        torch.testing.assert_close(found.squeeze(-1), 0.7 * mask.double())

    def test_leading_dimensions_are_videos_too(self) -> None:
        values, mask = ragged([5, 9], 3)
        stacked = gaussian_smooth(torch.stack([values, 2 * values]), mask, 1.5)
        torch.testing.assert_close(stacked[1], 2 * gaussian_smooth(values, mask, 1.5))


class TestAttentionPooling:
    @given(lengths, st.booleans())
    def test_against_a_loop(self, counts: list[int], normalized: bool) -> None:
        values, mask = ragged(counts, 3)
        logits, _ = ragged(counts)
        fg, bg = attention_pooling(logits, mask, values, normalized=normalized)
        for video, count in enumerate(counts):
            weights = logits[video, :count].sigmoid()
            for found, weight in ((fg[video], weights), (bg[video], 1 - weights)):
                wanted = (weight.unsqueeze(1) * values[video, :count]).sum(dim=0)
                torch.testing.assert_close(found, wanted / (weight.sum() if normalized else count))

    @pytest.mark.parametrize("logit", [-1e4, 1e4])
    def test_where_all_is_foreground_or_none(self, logit: float) -> None:
        """Weights that are 0 to the last bit still have a mean, and the attention a gradient."""
        values, mask = ragged([4, 7], 3)
        logits = torch.full(mask.shape, logit, dtype=torch.float64, requires_grad=True)
        fg, bg = attention_pooling(logits, mask, values, normalized=True)
        torch.testing.assert_close(fg[0], values[0, :4].mean(dim=0))
        torch.testing.assert_close(bg[0], values[0, :4].mean(dim=0))
        (gradient,) = torch.autograd.grad((fg if logit < 0 else bg).square().sum(), logits)
        assert gradient.isfinite().all()
        assert gradient[0, :4].abs().min() > 0


class TestGuidance:
    def test_targets_are_smoothed_probabilities(self) -> None:
        counts = [6, 9]
        scores, mask = ragged(counts, 5)
        labels = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 1]], dtype=torch.float64)
        fg, bg = guidance_targets(scores[..., 1:], scores[..., 0], labels, mask, 1.0)
        for video, count in enumerate(counts):
            p = torch.softmax(scores[video, :count], dim=1).numpy()
            smooth = smooth_by_hand(p, 1.0)
            present = 1 + np.flatnonzero(labels[video])
            np.testing.assert_allclose(fg[video, :count], smooth[:, present].max(axis=1), atol=1e-4)  # footnote 1
            np.testing.assert_allclose(bg[video, :count], 1 - smooth[:, 0], atol=1e-4)

    def test_loss_and_who_learns_from_it(self) -> None:
        counts = [6, 9]
        scores, mask = ragged(counts, 5)
        scores.requires_grad_()
        attention = torch.rand(mask.shape, dtype=torch.float64, requires_grad=True)
        labels = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 1]], dtype=torch.float64)
        loss = guidance_loss(attention, scores[..., 1:], scores[..., 0], labels, mask, 1.0)
        targets = guidance_targets(scores[..., 1:], scores[..., 0], labels, mask, 1.0)
        wanted = [
            sum((attention[video, :n] - target[video, :n]).abs().mean() for target in targets)
            for video, n in enumerate(counts)
        ]
        torch.testing.assert_close(loss, (wanted[0] + wanted[1]) / 2)
        loss.backward()
        assert scores.grad is None  # the classes are the teacher
        assert (attention.grad[~mask] == 0).all()
        assert attention.grad.abs().sum() > 0


def test_attention_module_sees_each_snippet_alone() -> None:
    torch.manual_seed(0)
    module, features = AttentionModule(4, 8), torch.randn(2, 5, 4)
    logits = module(features)
    assert logits.shape == (2, 5)
    features[0, 3] += 1
    changed = module(features) != logits
    assert changed.nonzero().tolist() == [[0, 3]]
