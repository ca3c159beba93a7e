import pytest
import torch
import torch.nn.functional as F

from untrim.nn.convolution import TemporalConv


@pytest.mark.parametrize("width", [2, 6], ids=["narrow", "wide"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("snippets", [1, 2, 7])
def test_it_is_torchs_convolution(kernel: int, snippets: int, width: int) -> None:
    torch.manual_seed(0)
    conv = TemporalConv(12, width, kernel).double()
    x = torch.randn(3, snippets, 12, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(3, snippets, dtype=torch.bool)
    mask[1, 1:] = False
    inside = x * mask.unsqueeze(-1)
    weights = torch.randn(3, snippets, width, dtype=torch.float64)
    wanted = F.conv1d(inside.transpose(1, 2), conv.weight, conv.bias, padding=kernel // 2).transpose(1, 2)
    torch.testing.assert_close(conv(x, mask), wanted)
    inputs = (x, conv.weight, conv.bias)
    for ours, theirs in zip(
        torch.autograd.grad((conv(x, mask) * weights).sum(), inputs),
        torch.autograd.grad((wanted * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
