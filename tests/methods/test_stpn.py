import numpy as np
import pytest
import torch

from untrim.data.dataset import Batch
from untrim.methods.stpn import STPN, STPNConfig


def network(**values: object) -> STPN:
    torch.manual_seed(0)
    model = STPN(STPNConfig(hidden=6, **values), 8, ["a", "b", "c"])
    torch.nn.init.normal_(model.networks[0].bias)
    return model.double()


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(9) < torch.tensor([[9], [4], [1]])
    features = torch.randn(3, 9, 8, generator=generator, dtype=torch.float64) * mask.unsqueeze(-1)
    labels = torch.tensor([[1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=torch.float64)
    return Batch(features, mask, labels, torch.full((3,), -1))


def test_losses_are_cross_entropy_and_sparsity_alone(batch: Batch) -> None:
    """The L1 norm of the attention over 400 snippets with weight 1e-4 is its mean with weight 0.04."""
    model = network()
    stream = model.networks[0]
    foreground = sparsity = 0.0
    for video, n in enumerate((9, 4, 1)):
        x = batch.features[video, :n]
        attention = torch.sigmoid(stream.attention(x))
        pooled = (attention.unsqueeze(1) * x).mean(dim=0)
        p = torch.sigmoid(stream.classifier.weight @ pooled + stream.bias)[1:].detach().numpy()
        foreground -= np.log(np.where(batch.labels[video] == 1, p, 1 - p)).mean() / 3
        sparsity += 1e-4 * 400 * attention.mean().item() / 3
    found = model.losses(model(batch.features, batch.mask), batch)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {"foreground": foreground, "sparsity": sparsity}
    )


def test_sparsity_makes_attention_sparse(batch: Batch) -> None:
    attention = []
    for weight in (0.0, 1.0):
        model = network(sparsity_weight=weight)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            sum(model.losses(model(batch.features, batch.mask), batch).values()).backward()
            optimizer.step()
        attention.append(model(batch.features, batch.mask).attention[batch.mask].mean().item())
    assert attention[0] > 0.5 > 2 * attention[1]
