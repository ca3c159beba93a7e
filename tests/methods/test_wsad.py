from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.methods.base import Activations
from untrim.methods.wsad import WSAD, WSADConfig
from untrim.nn.levels import BackgroundLevel
from untrim.nn.pooling import class_features
from untrim.timeline import SnippetGrid
from untrim.training.parallel import video_dimensions

GRID = SnippetGrid.regular(16, 16, 25)


def network(classes: int = 4, dim: int = 8, **values: object) -> WSAD:
    torch.manual_seed(0)
    return WSAD(WSADConfig(**values), dim, [f"class {c}" for c in range(classes)])


def random_batch(lengths: list[int], classes: int, dim: int, group: int, dtype: torch.dtype = torch.float32) -> Batch:
    """Videos of the given lengths in groups of `group`, all videos of a group having its class."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    groups = torch.arange(len(lengths)) // group
    labels = (torch.rand(len(lengths), classes, generator=generator) < 0.2).to(dtype)
    labels[torch.arange(len(lengths)), groups % classes] = 1
    return Batch(features * mask.unsqueeze(-1), mask, labels, groups)


class TestGoldenValues:
    """Losses and gradients of the authors' own code."""

    @pytest.fixture
    def golden(self, shared_data: Path) -> dict[str, Tensor]:
        with np.load(shared_data / "golden" / "wsad_losses.npz") as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}

    @pytest.fixture
    def model(self, golden: dict[str, Tensor]) -> WSAD:
        model = network(6, 24, **WSAD.presets["official"], kappa=float(golden["clip"]))
        model.classifier.weight.data = golden["weight"]
        return model

    def activations(self, golden: dict[str, Tensor]) -> Activations:
        mask = torch.arange(golden["x"].shape[1]) < golden["seq_len"].unsqueeze(1)
        u, s = (golden[key].detach().clone().requires_grad_() for key in ("x", "logits"))
        return Activations(mask, cas=s, video_scores=torch.empty(0), embedded=u)

    def test_classification(self, golden: dict[str, Tensor], model: WSAD) -> None:
        found = self.activations(golden)
        loss = model.classification_loss(found, golden["labels"]) / 2  # the authors halve it
        loss.backward()
        torch.testing.assert_close(loss, golden["mil"], rtol=1e-5, atol=0)
        # The authors' 1 - P cancels in float32: their gradients lie up to 1e-7 from the float64 ones, ours 1e-9.
        torch.testing.assert_close(found.cas.grad, golden["mil_grad_logits"], rtol=1e-5, atol=1e-7)

    def test_classification_gradient_is_precise(self, golden: dict[str, Tensor], model: WSAD) -> None:
        single, double = self.activations(golden), self.activations({**golden, "logits": golden["logits"].double()})
        for found in (single, double):
            model.classification_loss(found, golden["labels"].to(found.cas.dtype)).backward()
        torch.testing.assert_close(single.cas.grad.double(), double.cas.grad, rtol=1e-5, atol=1e-12)

    def test_metric(self, golden: dict[str, Tensor], model: WSAD) -> None:
        found = self.activations(golden)
        groups = torch.arange(len(golden["labels"])) // int(golden["group"])
        loss = model.metric_loss(found, golden["labels"], groups)
        loss.backward()
        torch.testing.assert_close(loss, golden["metric"], rtol=1e-5, atol=0)
        torch.testing.assert_close(found.embedded.grad, golden["metric_grad_x"], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(found.cas.grad, golden["metric_grad_logits"], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(model.classifier.weight.grad, golden["metric_grad_weight"], rtol=1e-5, atol=1e-7)


OPTIONS = [
    {"classification": "bbce"},
    {"classification": "bce"},
    {"classification": "softmax"},
    {"block_size": None},
    {"kappa": None},
    {"metric": "contrastive"},
    {"metric": "none"},
    {"distance": "cosine"},
    {"distance": "cosine_unsquared"},
    {"distance": "euclidean"},
    {"distance": "learned", "rank": 2},
    {"distance": "learned", "rank": None},
    {"remainder_in_last": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_loss_learns(options: dict[str, object]) -> None:
    """A step of gradient descent lowers every variant's loss, and every parameter takes part."""
    model = network(dropout=0.0, **options)
    batch = random_batch([150, 70, 61, 30, 90, 12], 4, 8, group=2)
    parameters = list(model.parameters())
    before = sum(model.losses(model(batch.features, batch.mask), batch).values())
    gradients = torch.autograd.grad(before, parameters)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= 1e-3 * gradient
    assert sum(model.losses(model(batch.features, batch.mask), batch).values()) < before


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(options: dict[str, object], classes: int) -> None:
    model = network(classes, 3, dropout=0.0, k=2, **{"block_size": 4, **options}).double()
    batch = random_batch([9, 6, 3, 1], classes, 3, group=2, dtype=torch.float64)

    def total(u: Tensor, s: Tensor) -> Tensor:
        found = Activations(batch.mask, cas=s, video_scores=torch.empty(0), embedded=u)
        return sum(model.losses(found, batch).values())

    found = model(batch.features, batch.mask)
    inputs = [found.embedded.detach().requires_grad_(), found.cas.detach().requires_grad_()]
    assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("lengths", [[1, 1], [59, 1], [130, 7]], ids=str)
def test_extremes_are_finite(options: dict[str, object], scale: float, lengths: list[int]) -> None:
    """One snippet, videos below a block, identical snippets, logits of +-1e4: loss and gradient stay finite."""
    model = network(dropout=0.0, **options)
    batch = random_batch(lengths, 4, 8, group=2)
    u = torch.ones(*batch.mask.shape, 8).requires_grad_()
    s = (scale * torch.sign(torch.randn(*batch.mask.shape, 4))).requires_grad_()
    loss = sum(model.losses(Activations(batch.mask, cas=s, video_scores=torch.empty(0), embedded=u), batch).values())
    gradients = torch.autograd.grad(loss, [u, s], allow_unused=True)
    assert loss.isfinite()
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_padding_and_order_change_nothing(options: dict[str, object]) -> None:
    model = network(dropout=0.0, **options)
    batch = random_batch([130, 70, 61, 30], 4, 8, group=2)
    expected = model.losses(model(batch.features, batch.mask), batch)
    padded = torch.cat([batch.features, torch.full((4, 77, 8), 9.0)], dim=1)
    longer = torch.cat([batch.mask, torch.zeros(4, 77, dtype=torch.bool)], dim=1)
    order = torch.tensor([3, 1, 0, 2])
    found = Batch(padded[order], longer[order], batch.labels[order], batch.groups[order])
    for name, value in model.losses(model(found.features, found.mask), found).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-6, atol=1e-7)


def test_video_score_is_the_noisy_or_of_blocks() -> None:
    model = network(k=1, block_size=2, kappa=None)
    s = torch.tensor([[1.0, -2.0, 0.5, 3.0, 9.0]]).T.unsqueeze(0)  # blocks (1, -2), (0.5, 3); 9 is left over
    log_present, log_absent = model.video_log_probabilities(s, torch.ones(1, 5, dtype=torch.bool))
    absent = (1 - torch.sigmoid(torch.tensor(1.0))) * (1 - torch.sigmoid(torch.tensor(3.0)))
    torch.testing.assert_close(log_absent.exp().item(), absent.item())
    torch.testing.assert_close(log_present.exp().item(), 1 - absent.item())


def test_videos_in_no_group_take_no_part_in_the_metric() -> None:
    model = network(dropout=0.0)
    batch = random_batch([40, 50, 60, 70], 4, 8, group=2)
    found = model(batch.features, batch.mask)
    alone = torch.tensor([0, 0, -1, -1])
    first = Activations(found.mask[:2], found.cas[:2], found.video_scores[:2], found.embedded[:2])
    torch.testing.assert_close(
        model.metric_loss(found, batch.labels, alone), model.metric_loss(first, batch.labels[:2], alone[:2])
    )
    assert model.metric_loss(found, batch.labels, torch.arange(4)) == 0


@pytest.mark.parametrize("metric", ["triplet", "contrastive"])
@pytest.mark.parametrize("distance", ["cosine", "cosine_unsquared", "euclidean", "learned"])
def test_distances_by_hand(distance: str, metric: str) -> None:
    model = network(distance=distance, metric=metric, rank=None, dropout=0.0).double()
    if distance == "learned":
        assert model.metric_factor.shape == (4, 8, 8)
    batch = random_batch([40, 50, 60], 4, 8, group=3, dtype=torch.float64)
    found = model(batch.features, batch.mask)
    z, z_not = class_features(found.embedded, model.clip(found.cas), batch.mask)

    def between(u: Tensor, v: Tensor, c: int) -> Tensor:
        if distance in ("cosine", "cosine_unsquared"):
            value = 1 - (u * v).sum() / (u.norm() * v.norm())
            return value**2 if distance == "cosine" else value
        matrix = torch.eye(8, dtype=torch.float64) if distance == "euclidean" else model.metric_factor[c]
        return (matrix @ (u - v)).square().sum()

    losses = []
    for c in batch.labels.all(dim=0).nonzero().flatten().tolist():
        pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
        near = sum(between(z[i, c], z[j, c], c) for i, j in pairs) / 6
        far = sum(between(z[i, c], z_not[j, c], c) for i, j in pairs) / 6
        losses.append((near - far + 3).clamp(min=0) if metric == "triplet" else near + (3 - far).clamp(min=0))
    assert losses
    expected = torch.stack(losses).mean()
    torch.testing.assert_close(model.metric_loss(found, batch.labels, batch.groups), expected)


def test_the_unsquared_cosine_distance_is_half_the_euclidean_one() -> None:
    batch = random_batch([40, 50, 60], 4, 8, group=3, dtype=torch.float64)
    losses = []
    for distance, alpha in (("cosine_unsquared", 1.5), ("euclidean", 3.0)):
        model = network(distance=distance, alpha=alpha, dropout=0.0).double()
        losses.append(model.metric_loss(model(batch.features, batch.mask), batch.labels, batch.groups))
    torch.testing.assert_close(2 * losses[0], losses[1])


class TestLocalize:
    def test_a_score_of_a_half_counts(self) -> None:
        """Only what is less is discarded (Sec. 3.5)."""
        assert [found[:2] for found in self.detections([-1.0, 0.0, 2.0, -1e-6])] == [pytest.approx((0.64, 1.92))]

    def detections(self, s: list[float], **values: object) -> list[tuple[float, float, float]]:
        model = network(classes=1, block_size=None, k=1, **values)
        cas = torch.tensor(s).view(1, -1, 1)
        mask = torch.ones(cas.shape[:2], dtype=torch.bool)
        found = Activations(mask, cas, model.video_log_probabilities(cas, mask)[0].exp())
        return [(d.segment.start, d.segment.end, d.score) for d in model.localize(found, GRID)]

    def test_paper(self) -> None:
        (first, second) = self.detections([-1.0, 2.0, 1.0, -1.0, 3.0])
        sigmoid = torch.tensor([2.0, 3.0]).sigmoid().tolist()
        assert first == pytest.approx((0.64, 1.92, sigmoid[0] + 0.7 * sigmoid[1]))
        assert second == pytest.approx((2.56, 3.2, 1.7 * sigmoid[1]))

    def test_official(self) -> None:
        found = self.detections([-1.0, 2.0, 3.0, 0.5, 9.0], **WSAD.presets["official"])
        assert found == []  # above (9 - 1) / 2 stands one snippet only, and two are wanted
        assert self.detections([-1.0, 8.0, 9.0], **WSAD.presets["official"]) == [pytest.approx((0.64, 1.92, 9 * 1.7))]

    def test_nothing_above(self) -> None:
        assert self.detections([-1.0, -2.0]) == []


class TestBackgroundLevel:
    """What one snippet in twenty exceeds in videos in which nothing happens."""

    def test_only_what_is_above_it_too_is_found(self) -> None:
        """The range reaches so low that its middle is in the background."""
        row = torch.tensor([-1.0, -3.0, 2.0, 3.0, -3.0, -2.0, -30.0]).view(1, -1, 1)
        found = Activations(torch.ones(1, 7, dtype=torch.bool), row, torch.ones(1, 1))
        for above, expected in ((False, (0.0, 6 * 0.64)), (True, (2 * 0.64, 4 * 0.64))):
            model = network(classes=1, block_size=None, threshold="midrange", above_background=above).eval()
            if model.background is not None:
                model.background.level.fill_(-1.0)
            ((start, end),) = [(d.segment.start, d.segment.end) for d in model.localize(found, GRID)]
            assert (start, end) == pytest.approx(expected)

    def test_it_is_learned_in_training_alone_without_dropout_and_changes_no_gradient(self) -> None:
        batch = random_batch([40, 30, 25, 60], 4, 8, group=2)
        batch.labels[2:] = 0
        gradients = []
        for above in (True, False):
            model = network(above_background=above, k=3)
            for training in (False, True):
                model.train(training)
                torch.manual_seed(1)
                loss = sum(model.losses(model(batch.features, batch.mask), batch).values())
                assert ("steady" in video_dimensions(model)) == above  # so that several processes share it
                assert model.background is None or bool(model.background.level.any()) == training
            gradients.append(torch.autograd.grad(loss, list(model.parameters())))
            if model.background is not None:
                scores = model.eval()(batch.features, batch.mask).cas[2:][batch.mask[2:]]  # 85 snippets
                share = (scores > model.background.level).float().mean(dim=0)
                torch.testing.assert_close(share, torch.full((4,), 4 / 85))
        assert all(map(torch.equal, *gradients))

    def test_it_is_a_running_mean_over_steps_with_such_videos(self) -> None:
        model = BackgroundLevel(2)
        mask = torch.arange(60) < torch.tensor([[60], [20]])
        scores = torch.stack([torch.linspace(-1, 1, 60), torch.linspace(0, 4, 60)], dim=1).repeat(2, 1, 1)
        scores[~mask] = 90.0
        model.move(scores, mask, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        assert not model.level.any()
        model.move(scores, mask, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        torch.testing.assert_close(model.level, scores[1, 18])  # one of 20 is above
        model.move(scores + 1, mask, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        torch.testing.assert_close(model.level, scores[1, 18] + 0.01)

    def test_the_project_has_it_where_there_are_such_videos(self) -> None:
        ones = np.ones(8, dtype=np.float32)
        data = DataSummary(40, 5, 8, 1.2, np.arange(20, 60), 0 * ones, ones, ones)
        assert network(**WSAD.defaults(data)).background is None
        assert network(**WSAD.defaults(replace(data, nothing_happens=0.1))).background is not None
        assert all(network(**values).background is None for values in WSAD.presets.values())
