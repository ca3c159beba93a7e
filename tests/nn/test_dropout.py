import pytest
import torch

from untrim.nn.dropout import FastDropout


@pytest.mark.parametrize("p", [0.0, 0.3, 0.7, 0.99])
def test_a_share_p_is_dropped_and_the_mean_stays(p: float) -> None:
    torch.manual_seed(0)
    found = FastDropout(p)(torch.ones(400, 251))
    assert (found == 0).float().mean().item() == pytest.approx(p, abs=0.005)
    assert found.mean().item() == pytest.approx(1, abs=0.05)
    assert found.unique().numel() == (1 if p == 0 else 2)


def test_each_value_is_dropped_whatever_becomes_of_the_others() -> None:
    torch.manual_seed(0)
    kept = (FastDropout(0.5)(torch.ones(40_000, 6)) > 0).float()
    assert torch.corrcoef(kept.T).fill_diagonal_(0).abs().max() < 0.03
    assert kept.mean(dim=0).sub(0.5).abs().max() < 0.02


def test_the_seed_decides_and_only_what_is_kept_has_a_gradient() -> None:
    values = torch.linspace(1, 2, 35).view(5, 7).requires_grad_()
    dropout, found = FastDropout(0.6), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(dropout(values))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    (gradient,) = torch.autograd.grad(found[0].sum(), values)
    torch.testing.assert_close(gradient * values, found[0])


def test_nothing_is_dropped_out_of_training() -> None:
    values = torch.randn(3, 4)
    assert torch.equal(FastDropout(0.9).eval()(values), values)


def test_nothing_is_infinite_where_nearly_all_is_dropped() -> None:
    assert FastDropout(0.9999999)(torch.ones(1000)).isfinite().all()
