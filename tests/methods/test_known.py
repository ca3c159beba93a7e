"""Every method on videos with no label, one or all, and on what is known of single snippets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.localization.grouping import likely_classes
from untrim.methods import METHODS, load_method
from untrim.methods.additions import added_losses
from untrim.methods.base import Method
from untrim.methods.ecm import a2c_loss
from untrim.nn.losses import normalized_cross_entropy
from untrim.timeline import SnippetGrid

TRAINED = [name for name in METHODS.built_in if load_method(name).supervision != "none"]
WEAK = [name for name in TRAINED if load_method(name).supervision == "labels"]
VARIANTS = [
    *[(name, {}) for name in TRAINED],
    ("wsad", {"classification": "softmax"}),
    ("wsad", {"classification": "bce", "metric": "none"}),
    ("wsad", {"above_background": True}),
    ("ecm", {"absence": "official"}),
    ("ecm", {"absence": "official", "weights": "attention"}),
    ("ecm", {"streams": "post"}),
    ("wsbm", {"classification": "sigmoid", "add_guidance": 0.0, "proposals": "tcam"}),
    ("lpat", {"temconv": True, "background_weight": 0.3}),
]
IDS = ["-".join([name, *map(str, values.values())]) for name, values in VARIANTS]


def network(name: str, classes: int = 3, **values: object) -> Method:
    method = load_method(name)
    torch.manual_seed(0)
    small = {"hidden": 5} if "hidden" in method.Config.model_fields else {}
    return method(method.Config(**{**small, "dropout": 0.0, **values}), 6, [f"c{c}" for c in range(classes)]).double()


def batch_of(labels: Tensor, lengths: tuple[int, ...], seed: int = 0) -> Batch:
    """Videos with these labels, each of which is known to happen in its second snippet alone; others are unknown."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(*mask.shape, 6, generator=generator, dtype=torch.float64) * mask.unsqueeze(-1)
    present = torch.zeros(*mask.shape, labels.shape[1], dtype=torch.float64)
    present[:, 1] = labels
    known = (present + (labels == 0).all(dim=1).view(-1, 1, 1)).clamp(max=1) * mask.unsqueeze(-1)
    groups = torch.full((len(lengths),), -1)
    return Batch(features, mask, labels.double(), groups, 0.9, present * mask.unsqueeze(-1), known)


def terms_of(model: Method, batch: Batch) -> dict[str, Tensor]:
    found = model(batch.features, batch.mask)
    return {**model.losses(found, batch), **added_losses(model, model.config, found, batch)}


@pytest.mark.parametrize(("name", "values"), VARIANTS, ids=IDS)
@settings(max_examples=12)
@given(rows=st.lists(st.sampled_from(["none", "one", "all"]), min_size=1, max_size=3), classes=st.sampled_from([1, 3]))
def test_losses_are_finite_whatever_the_labels(
    name: str, values: dict[str, object], rows: list[str], classes: int
) -> None:
    model = network(name, classes, **values, **({} if name == "supervised" else {"add_known": 0.5}))
    kinds = {"none": torch.zeros(classes), "one": torch.eye(classes)[0], "all": torch.ones(classes)}
    batch = batch_of(torch.stack([kinds[row] for row in rows]), (7, 4, 3)[: len(rows)])
    for progress in (0.1, 0.9):
        model.after_step(model.optimizer(), progress)  # One method has stages.
        model.zero_grad()
        terms = terms_of(model, replace(batch, progress=progress))
        assert all(term.isfinite() for term in terms.values()), terms
        sum(terms.values()).backward()
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", TRAINED)
def test_a_video_in_which_nothing_happens_teaches_that(name: str) -> None:
    """Its class scores fall; by its labels alone where the method has a loss for that, else by its snippets."""
    model = network(name, **({} if name == "supervised" else {"add_known": 1.0}), learning_rate=1e-2)
    batch = batch_of(torch.zeros(2, 3), (9, 7))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.after_step(optimizer, 0.9)
    before = model.snippet_logits(model(batch.features, batch.mask)).detach()[batch.mask].mean()
    for _ in range(160):
        optimizer.zero_grad()
        sum(terms_of(model, batch).values()).backward()
        optimizer.step()
    after = model.snippet_logits(model(batch.features, batch.mask)).detach()[batch.mask]
    assert after.mean() < before - 0.3
    assert (after > 0).double().mean() < 0.1


@pytest.mark.parametrize("name", WEAK)
def test_what_is_known_of_snippets_is_learned(name: str) -> None:
    model = network(name, add_known=1.0)
    batch = batch_of(torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]), (8, 6, 5))
    assert batch.snippet_labels is not None
    assert batch.known is not None
    parameters, last = list(model.parameters()), 0.0
    optimizer = torch.optim.Adam(parameters, lr=2e-2)
    model.after_step(optimizer, 0.9)  # The stage of consensus's classifier.
    for _ in range(150):
        found = model(batch.features, batch.mask)
        loss = added_losses(model, model.config, found, batch)["add_known"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
    logits = model.snippet_logits(model(batch.features, batch.mask))
    assert last < 0.2
    right = (logits > 0) == (batch.snippet_labels > 0)
    assert right[batch.known > 0].double().mean() > 0.95
    half = added_losses(model, model.config.model_copy(update={"add_known": 0.5}), found, batch)["add_known"]
    torch.testing.assert_close(half, loss / 2)
    nothing = replace(batch, snippet_labels=None, known=None)
    assert added_losses(model, model.config, found, nothing)["add_known"] == 0


@pytest.mark.parametrize("name", WEAK)
def test_neither_padding_nor_order_counts(name: str) -> None:
    model = network(name, add_known=1.0).eval()
    batch = batch_of(torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]), (8, 6, 5))
    order = torch.tensor([2, 0, 1])

    def moved(values: Tensor, filling: float) -> Tensor:
        return F.pad(values[order], (0, 0, 0, 4), value=filling)

    assert batch.snippet_labels is not None
    assert batch.known is not None
    other = replace(
        batch,
        features=moved(batch.features, 3.0),
        mask=F.pad(batch.mask[order], (0, 4)),
        labels=batch.labels[order],
        snippet_labels=moved(batch.snippet_labels, 0),
        known=moved(batch.known, 0),
    )
    losses = [added_losses(model, model.config, model(b.features, b.mask), b)["add_known"] for b in (batch, other)]
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(name: str, classes: int) -> None:
    model = network(name, classes, add_known=1.0)
    labels = torch.zeros(2, classes)
    labels[0, :2] = 1
    batch = batch_of(labels, (4, 3))
    model.after_step(model.optimizer(), 0.9)

    def loss(features: Tensor) -> Tensor:
        moved = replace(batch, features=features)
        return added_losses(model, model.config, model(moved.features, moved.mask), moved)["add_known"]

    assert torch.autograd.gradcheck(loss, batch.features.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("wsad", {}),
        ("lpat", {"class_threshold": 0.0}),
        ("stpn", {"class_threshold": 0.0, "highest_threshold": 0.3, "lowest_threshold": 0.3}),
        ("wsbm", {"proposals": "combined", "class_threshold": 0.0, "lowest_threshold": 0.5}),
    ],
)
def test_logits_are_above_zero_where_the_class_is_localized(name: str, values: dict[str, object]) -> None:
    model, grid = network(name, **values).eval(), SnippetGrid.regular(25, 25, 25)
    model.requires_grad_(False)
    for parameter in model.parameters():
        parameter *= 3
    features = torch.randn(1, 60, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    found = model(features, torch.ones(1, 60, dtype=torch.bool))
    called = np.zeros((60, 3), dtype=bool)
    for detection in model.localize(found, grid):
        snippets = grid.snippets(detection.segment, 60)
        called[snippets.start : snippets.stop, model.labels.index(detection.label)] = True
    logits = model.snippet_logits(found)[0].numpy()
    assert likely_classes(found.video_scores[0].numpy(), 0.0).all()
    assert 0 < called.mean() < 1
    np.testing.assert_array_equal(logits >= 0 if name == "wsad" else logits > 0, called)  # WSAD: a score of 0.5 counts


def test_of_labelled_videos_the_losses_are_what_they_were() -> None:
    """Value and gradient, bit for bit: as the expressions of the papers, without a thought of empty rows."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(6, 5, generator=generator) < 0.4).float()
    labels[:, 0] = 1
    logits, more = (torch.randn(6, 5, generator=generator).requires_grad_() for _ in range(2))

    def plain(x: Tensor) -> Tensor:
        return -(labels / labels.sum(dim=1, keepdim=True) * x.log_softmax(dim=1)).sum(dim=1).mean()

    def plain_a2c(x: Tensor) -> Tensor:
        both = torch.cat([x, more], dim=1)
        itself = torch.eye(10, dtype=torch.bool)[5:]
        log_p = both.log_softmax(dim=1)[:, :5]
        others = both.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(dim=2)
        terms = log_p + (others - both.logsumexp(dim=1, keepdim=True))
        return -((labels * terms).sum(dim=1) / (2 * labels.sum(dim=1))).mean()

    pairs = [
        (plain, lambda x: normalized_cross_entropy(x, labels)),
        (plain_a2c, lambda x: a2c_loss(x, more, labels)),
    ]
    for before, now in pairs:
        values = [function(logits) for function in (before, now)]
        gradients = [torch.autograd.grad(value, logits)[0] for value in values]
        assert torch.equal(*values)
        assert torch.equal(*gradients)
