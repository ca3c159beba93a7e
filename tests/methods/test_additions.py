from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder
from untrim.annotations import Annotations, Video
from untrim.data.dataset import Batch
from untrim.errors import UntrimError
from untrim.methods import load_method, method_names
from untrim.methods.additions import ADDITIONS, added_losses, check_additions
from untrim.methods.base import Activations, Method, MethodConfig
from untrim.nn.attention import gaussian_smooth
from untrim.training.loop import train

LABELS = np.eye(3, dtype=np.float32).repeat(2, axis=0)


def network(method: str, **values: object) -> tuple[Method, MethodConfig]:
    torch.manual_seed(0)
    cls = load_method(method)
    config = cls.Config(**{"dropout": 0.0, **values})
    return cls(config, 6, ["a", "b", "c"]), config


@pytest.fixture
def batch() -> Batch:
    """Four videos, two of each of two classes, in two groups."""
    mask = torch.arange(20) < torch.tensor([20, 13, 17, 9]).unsqueeze(1)
    features = torch.randn(4, 20, 6, generator=torch.Generator().manual_seed(0)) * mask.unsqueeze(-1)
    return Batch(features, mask, torch.from_numpy(LABELS[:4]), torch.tensor([0, 0, 1, 1]))


def test_nothing_is_added_unless_asked_for(batch: Batch) -> None:
    model, config = network("lpat")
    assert added_losses(model, config, model(batch.features, batch.mask), batch) == {}


@pytest.mark.parametrize(("key", "owner"), [("add_coactivity", "wtalc"), ("add_metric", "wsad")])
def test_an_added_loss_is_its_owners(batch: Batch, key: str, owner: str) -> None:
    """The same value as the method whose idea it is gives for the same activations, times the weight."""
    model, config = network("lpat", **{key: 0.25})
    found = model(batch.features, batch.mask)
    added = added_losses(model, config, found, batch)
    assert added.keys() == {key}
    other, _ = network(owner, hidden=2048)
    other.classifier.weight.data = model.class_weights.detach()  # type: ignore[union-attr]
    name = key.removeprefix("add_")
    own = other.losses(found, batch)[name] * (2 if owner == "wtalc" else 1)  # W-TALC's own weight is 1/2
    assert added[key] > 0
    torch.testing.assert_close(added[key], 0.25 * own)


@pytest.mark.parametrize("key", ["add_coactivity", "add_metric"])
def test_an_added_loss_falls_by_a_step(batch: Batch, key: str) -> None:
    model, config = network("lpat", **{key: 1.0})
    parameters = [model.embedding.weight, model.classifier.weight]  # type: ignore[union-attr]
    before = added_losses(model, config, model(batch.features, batch.mask), batch)[key]
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(before, parameters), strict=True):
            assert gradient.abs().sum() > 0
            parameter -= 0.1 * gradient
    assert added_losses(model, config, model(batch.features, batch.mask), batch)[key] < before


class Attentive(Method):
    """A third party's method: class scores and attention of each snippet; a background class if wanted."""

    Config = MethodConfig

    def __init__(self, config: MethodConfig, dim: int, labels: list[str], background: bool = True) -> None:
        super().__init__(config, dim, labels)
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(dim, len(labels) + 2)
        self.background = background

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> Activations:
        scores = self.layer(features)
        background = scores[..., -2] if self.background else None
        return Activations(
            mask, scores[..., :-2], torch.empty(0), attention=scores[..., -1].sigmoid(), background=background
        )


@pytest.mark.parametrize("background", [True, False])
def test_guidance_pulls_the_attention_towards_the_classes(batch: Batch, background: bool) -> None:
    config = MethodConfig(add_guidance=2.0)
    model = Attentive(config, 6, ["a", "b", "c"], background)
    check_additions(model, config, LABELS)
    found = model(batch.features, batch.mask)
    assert found.attention is not None
    loss = added_losses(model, config, found, batch)["add_guidance"]
    logits = found.cas if not background else torch.cat([found.cas, found.background.unsqueeze(-1)], dim=-1)
    p = gaussian_smooth(logits.softmax(dim=-1), batch.mask, 1.0)
    targets = [(p[..., :3] * batch.labels.unsqueeze(1)).amax(dim=2), 1 - p[..., -1]][: 1 + background]
    expected = [sum((found.attention[v, t] - y[v, t]).abs() for y in targets) / n for v, t, n in snippets(batch.mask)]
    torch.testing.assert_close(loss, 2.0 * sum(expected) / len(batch.mask))


def snippets(mask: torch.Tensor) -> list[tuple[int, int, int]]:
    """Video, snippet, snippets of the video."""
    return [(v, t, int(row.sum())) for v, row in enumerate(mask) for t in range(int(row.sum()))]


@pytest.mark.parametrize(
    ("method", "values", "labels", "message"),
    [
        ("wsad", {"add_metric": 1.0}, LABELS, "'add_metric': WSAD has this loss of its own"),
        ("wtalc", {"add_coactivity": 1.0}, LABELS, "'add_coactivity': WTALC has this loss of its own"),
        (
            "supervised",
            {"add_metric": 1.0, "groups": 3},
            LABELS,
            "needs embedded features, which Supervised does not have",
        ),
        ("lpat", {"add_guidance": 1.0}, LABELS, "needs attention, which LPAT does not have"),
        ("lpat", {"add_coactivity": 1.0}, LABELS, "groups is 0.*set groups to 3"),
        ("lpat", {"add_metric": 1.0, "groups": 3}, np.eye(3, dtype=np.float32), "no class has two videos"),
    ],
)
def test_refusals(method: str, values: dict[str, object], labels: np.ndarray, message: str) -> None:
    with pytest.raises(UntrimError, match=message) as caught:
        check_additions(*network(method, **values), labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("lpat", {"add_coactivity": 1.0, "add_metric": 1.0, "groups": 3}),
        ("wtalc", {"add_metric": 1.0}),
        ("wsad", {"add_coactivity": 1.0}),
        ("supervised", {}),
    ],
)
def test_what_fits_is_accepted(method: str, values: dict[str, object]) -> None:
    check_additions(*network(method, **values), LABELS)


@pytest.mark.parametrize("method", method_names())
def test_class_weights_make_the_class_scores(method: str, batch: Batch) -> None:
    cls = load_method(method)
    torch.manual_seed(0)
    model = cls(cls.Config(), 6, ["a", "b", "c"]).eval()
    if model.class_weights is None:
        pytest.skip("no linear class scores")
    found = model(batch.features, batch.mask)
    bias = (found.cas - found.embedded @ model.class_weights.T)[batch.mask]
    torch.testing.assert_close(bias, bias[:1].expand_as(bias), rtol=0, atol=1e-5)


def test_every_weight_is_a_value_of_every_method() -> None:
    for method in method_names():
        for key in ADDITIONS:
            assert load_method(method).Config.model_fields[key].default == 0


def test_refused_before_training(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, rgb=6)
    for name in ("one", "two"):
        folder.save(name, np.random.default_rng(0).normal(size=(9, 6)))
    videos = Annotations([Video(name, "training", 5.8, ("jump",)) for name in ("one", "two")])
    with pytest.raises(UntrimError, match="groups is 0"):
        train("lpat", [(folder, videos)], tmp_path / "run", settings={"add_coactivity": 1.0})
    assert not (tmp_path / "run").exists()
    settings = {"add_coactivity": 0.5, "add_metric": 0.5, "groups": 1, "iterations": 2, "hidden": 4}
    train("lpat", [(folder, videos)], tmp_path / "run", settings=settings)
    assert "add_metric" in (tmp_path / "run" / "metrics.jsonl").read_text()
