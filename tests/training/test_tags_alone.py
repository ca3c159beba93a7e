"""With names of actions alone, every method's weights are those of the version before other labels were learned from.

`BEFORE` was made by that version (commit 91090e0) on the corpora of the tests. Arithmetic of floats differs between
machines and between versions of PyTorch, in the last bit. So a stored digest counts where a fixed computation, whose
digest is stored beside it, comes out the same; elsewhere the test has nothing to compare with. The supervised upper
bound is not among them: it cannot learn from names, and what it learns from segments is no longer the same.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from untrim.annotations import Annotations
from untrim.features.store import FeatureFolder
from untrim.training.loop import train

Corpus = tuple[FeatureFolder, Annotations]
METHODS = {
    "wsad": {"hidden": 24},
    "wsbm": {"hidden": 24},
    "lpat": {},
    "ecm": {"hidden": 24, "absence": "official"},
    "stpn": {"hidden": 24},
    "wtalc": {"hidden": 24, "groups": 2, "level": "midrange"},
}
BEFORE = {
    "c70ff81ddd1638fa": {
        "wsad": "50612813651243c0",
        "wsbm": "55319db16e1330e9",
        "lpat": "28d503b311ae1e2b",
        "ecm": "f5e0ad9bde4017f1",
        "stpn": "6c805f91e3d447c8",
        "wtalc": "a50e8ae8e770e489",
    },
}


def digest(tensors: Iterable[torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(tensor.detach().numpy().tobytes() for tensor in tensors)).hexdigest()[:16]


def arithmetic() -> str:
    """Digest of a small network after some steps: of everything that the methods compute with."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    layers = torch.nn.Linear(48, 24), torch.nn.Conv1d(24, 24, 3, padding=1), torch.nn.Linear(24, 3)
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, weight_decay=5e-3)
    for _ in range(12):
        x, y = torch.randn(10, 24, 48, generator=generator), torch.rand(10, 3, generator=generator)
        hidden = F.dropout(F.relu(layers[0](x)), 0.5)
        scores = layers[2](F.leaky_relu(layers[1](hidden.transpose(1, 2)).transpose(1, 2)))
        pooled = (scores.softmax(dim=1) * scores).sum(dim=1) + scores.topk(3, dim=1).values.mean(dim=1)
        loss = -(y * pooled.log_softmax(dim=1)).sum(dim=1).mean() + F.softplus(scores).mean() + scores.sigmoid().mean()
        optimizer.zero_grad()
        (loss + F.logsigmoid(pooled).exp().mean()).backward()
        optimizer.step()
    return digest(parameters)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("method", METHODS)
def test_weights_are_those_of_the_version_before(method: str, mixed: Corpus, tmp_path: Path) -> None:
    known = BEFORE.get(arithmetic())
    if known is None:
        pytest.skip("this machine or version of PyTorch computes otherwise than those that have stored digests")
    settings = {"iterations": 12, "max_snippets": 24, **METHODS[method]}
    run = train(method, [mixed], tmp_path / "run", settings=settings, device="cpu")
    assert digest(run.load_model(torch.device("cpu")).state_dict().values()) == known[method]
