from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.errors import UntrimError
from untrim.features.store import FeatureInfo
from untrim.methods.streams import StreamActivations
from untrim.methods.wsbm import WSBM, WSBMConfig
from untrim.timeline import SnippetGrid

GRID = SnippetGrid.regular(16, 16, 25)
BOTH = {"rgb": (0, 5), "flow": (5, 8)}

TABLE_1 = {
    "fg": {"background_weight": 0.0, "guide_weight": 0.0, "cluster_weight": 0.0},
    "fg, sparse": {"background_weight": 0.0, "guide_weight": 0.0, "cluster_weight": 0.0, "sparsity_weight": 0.1},
    "fg, guide": {"background_weight": 0.0, "cluster_weight": 0.0},
    "fg, bg": {"guide_weight": 0.0, "cluster_weight": 0.0},
    "fg, bg, guide": {"cluster_weight": 0.0},
    "fg, bg, cluster": {"guide_weight": 0.0},
    "fg, guide, cluster": {"background_weight": 0.0},
    "fg, bg, guide, cluster": {},
}
ROWS = [pytest.param(values, id=name) for name, values in TABLE_1.items()]
OPTIONS = [
    *ROWS,
    pytest.param({"pooling": "normalized"}, id="normalized"),
    pytest.param({"pooling": "normalized", "bias": True, "sparsity_weight": 0.1}, id="bias"),
    pytest.param({"classification": "sigmoid"}, id="sigmoid"),
    pytest.param({"sigma": 0.0}, id="no smoothing"),
]


def network(classes: int = 4, streams: dict[str, tuple[int, int]] = BOTH, **values: object) -> WSBM:
    torch.manual_seed(0)
    model = WSBM(WSBMConfig(**{"hidden": 6, **values}), 8, [f"class {c}" for c in range(classes)], streams)
    for name, parameter in model.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # zeros would not show a bias that is forgotten
    return model


def random_batch(lengths: list[int], classes: int = 4, dtype: torch.dtype = torch.float32) -> Batch:
    """Videos of the given lengths with one or more labels each."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(len(lengths), max(lengths), 8, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    labels = (torch.rand(len(lengths), classes, generator=generator) < 0.2).to(dtype)
    labels[torch.arange(len(lengths)), torch.arange(len(lengths)) % classes] = 1
    return Batch(features * mask.unsqueeze(-1), mask, labels, torch.full((len(lengths),), -1))


def losses_by_hand(model: WSBM, batch: Batch) -> dict[str, float]:
    """The paper's formulas one by one: a loop over streams and videos."""
    config = model.config
    terms = dict.fromkeys(("foreground", "background", "guide", "cluster", "sparsity"), 0.0)
    for (first, stop), network in zip(model.columns, model.networks, strict=True):
        w, u = (layer.weight.detach().numpy() for layer in (network.classifier, network.clustering))
        bias = network.bias.detach().numpy() if config.bias else 0.0
        for video, n in enumerate(batch.mask.sum(dim=1).tolist()):
            x = batch.features[video, :n, first:stop]
            attention = torch.sigmoid(network.attention(x)).detach().numpy()
            x, y = x.numpy(), np.flatnonzero(batch.labels[video]) + 1

            def pool(weight: np.ndarray, x: np.ndarray = x, n: int = n) -> np.ndarray:
                return weight @ x / (weight.sum() if config.pooling == "normalized" else n)

            x_fg, x_bg = pool(attention), pool(1 - attention)
            if config.classification == "softmax":
                terms["foreground"] -= log_softmax(w @ x_fg + bias)[y].mean()
            else:
                p = 1 / (1 + np.exp(-(w @ x_fg + bias)))[1:]
                terms["foreground"] -= np.log(np.where(batch.labels[video] == 1, p, 1 - p)).mean()
            terms["background"] -= log_softmax(w @ x_bg + bias)[0]
            p = np.exp([log_softmax(w @ x_t) for x_t in x])
            time = np.arange(n)
            kernel = np.exp(-((time[:, None] - time) ** 2) / (2 * config.sigma**2)) if config.sigma else np.eye(n)
            p = kernel / kernel.sum(axis=1, keepdims=True) @ p
            terms["guide"] += (abs(attention - p[:, y].max(axis=1)) + abs(attention - 1 + p[:, 0])).mean()
            terms["cluster"] -= log_softmax(u @ x_fg)[0] + log_softmax(u @ x_bg)[1]
            terms["sparsity"] += attention.mean()
    weights = {name: getattr(config, f"{name}_weight", 1.0) for name in terms}
    return {name: weights[name] * value / len(batch.labels) for name, value in terms.items() if weights[name] > 0}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum())


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("streams", [BOTH, {"rgb": (0, 8)}], ids=["two streams", "one"])
def test_losses_are_the_papers_formulas(options: dict[str, object], streams: dict[str, tuple[int, int]]) -> None:
    model = network(streams=streams, **options).double()
    batch = random_batch([9, 6, 3, 1], dtype=torch.float64)
    found = {name: value.item() for name, value in model.losses(model(batch.features, batch.mask), batch).items()}
    assert found == pytest.approx(losses_by_hand(model, batch), rel=1e-4)  # the Gaussian is cut off


@pytest.mark.parametrize("options", OPTIONS)
def test_every_loss_learns(options: dict[str, object]) -> None:
    """A step of gradient descent lowers every variant's loss."""
    model = network(**options)
    batch = random_batch([15, 7, 6, 3, 9, 1])
    parameters = list(model.parameters())
    before = sum(model.losses(model(batch.features, batch.mask), batch).values())
    gradients = torch.autograd.grad(before, parameters, allow_unused=True)
    for name, gradient in zip(dict(model.named_parameters()), gradients, strict=True):
        assert gradient is None or gradient.abs().sum() > 0
        assert gradient is not None or ("clustering" in name and model.config.cluster_weight == 0)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter -= 1e-3 * gradient
    assert sum(model.losses(model(batch.features, batch.mask), batch).values()) < before


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(options: dict[str, object], classes: int) -> None:
    """All losses together; targets are held where they are, since no gradient is to flow through them."""
    model = network(classes, **options).double()
    batch = random_batch([9, 6, 3, 1], classes, dtype=torch.float64)
    found = model(batch.features, batch.mask)

    def total(attention_logits: Tensor, scores: Tensor, clusters: Tensor) -> Tensor:
        given = model.assemble(batch.mask, attention_logits, scores, clusters)
        terms = model.losses(given, batch)
        if "guide" in terms:
            terms["guide"] = model.losses(replace(given, scores=found.scores.detach()), batch)["guide"]
        return sum(terms.values())

    inputs = [getattr(found, key).detach().requires_grad_() for key in ("attention_logits", "scores", "clusters")]
    assert torch.autograd.gradcheck(total, inputs, fast_mode=True)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("lengths", [[1, 1], [13, 1]], ids=str)
def test_extremes_are_finite(options: dict[str, object], scale: float, lengths: list[int]) -> None:
    """One snippet, identical snippets, logits of +-1e4: loss, gradient and detections stay finite."""
    model, batch = network(**options), random_batch(lengths)
    shapes = [(2, *batch.mask.shape), (2, *batch.mask.shape, 5), (2, *batch.mask.shape, 2)]
    inputs = [(scale * torch.sign(torch.randn(shape))).requires_grad_() for shape in shapes]
    found = model.assemble(batch.mask, *inputs)
    loss = sum(model.losses(found, batch).values())
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True)
    assert loss.isfinite()
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)
    assert all(np.isfinite(found.score) for found in model.localize(found_alone(found, 0), GRID))


def found_alone(found: StreamActivations, video: int) -> StreamActivations:
    """One video of a batch."""
    cut = {
        key: value.detach()[:, [video]] for key, value in vars(found).items() if value is not None and key in STACKED
    }
    rest = {
        key: value.detach()[[video]] for key, value in vars(found).items() if value is not None and key not in STACKED
    }
    return StreamActivations(**cut, **rest)


STACKED = ("attention_logits", "scores", "clusters")


@pytest.mark.parametrize("options", OPTIONS)
def test_padding_and_order_change_nothing(options: dict[str, object]) -> None:
    model = network(**options)
    batch = random_batch([13, 7, 6, 3])
    expected = model.losses(model(batch.features, batch.mask), batch)
    padded = torch.cat([batch.features, torch.full((4, 7, 8), 9.0)], dim=1)
    longer = torch.cat([batch.mask, torch.zeros(4, 7, dtype=torch.bool)], dim=1)
    order = torch.tensor([3, 1, 0, 2])
    found = Batch(padded[order], longer[order], batch.labels[order], batch.groups[order])
    for name, value in model.losses(model(found.features, found.mask), found).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-7)
    alone = model(batch.features[1:2, :7], batch.mask[1:2, :7])
    torch.testing.assert_close(alone.video_scores, model(padded, longer).video_scores[1:2])


class TestStreams:
    def test_two_streams_are_two_models(self) -> None:
        """Each has the losses, gradients and activations that it has alone."""
        both, batch = network(), random_batch([9, 6, 3])
        singles = []
        for name in BOTH:
            single = network(stream=name)
            single.networks[0].load_state_dict(both.networks[len(singles)].state_dict())
            singles.append(single)
        found = both(batch.features, batch.mask)
        alone = [single(batch.features, batch.mask) for single in singles]
        torch.testing.assert_close(found.attention, (alone[0].attention + alone[1].attention) / 2)
        torch.testing.assert_close(found.video_scores, (alone[0].video_scores + alone[1].video_scores) / 2)
        torch.testing.assert_close(found.cas, (alone[0].cas + alone[1].cas) / 2)
        terms = both.losses(found, batch)
        parts = [single.losses(part, batch) for single, part in zip(singles, alone, strict=True)]
        for name, value in terms.items():
            torch.testing.assert_close(value, parts[0][name] + parts[1][name])
        sum(terms.values()).backward()
        for single, part, trained in zip(singles, parts, both.networks, strict=True):
            sum(part.values()).backward()
            for one, other in zip(single.parameters(), trained.parameters(), strict=True):
                torch.testing.assert_close(one.grad, other.grad)

    def test_either_alone_sees_its_columns_only(self) -> None:
        model, batch = network(stream="flow"), random_batch([9, 6])
        before = model(batch.features, batch.mask).cas
        changed = batch.features.clone()
        changed[..., :5] += 1
        torch.testing.assert_close(model(changed, batch.mask).cas, before)
        changed[..., 6] += 1
        assert not torch.allclose(model(changed, batch.mask).cas, before)

    def test_theta_is_the_weight_of_the_first_columns(self) -> None:
        batch = random_batch([9])
        rgb, flow, mixed = (
            network(streams={"flow": (5, 8), "rgb": (0, 5)}, theta=theta)(batch.features, batch.mask).cas
            for theta in (1.0, 0.0, 0.25)
        )
        torch.testing.assert_close(mixed, 0.25 * rgb + 0.75 * flow)
        alone = network(stream="rgb")
        alone.networks[0].load_state_dict(network().networks[0].state_dict())
        torch.testing.assert_close(alone(batch.features, batch.mask).cas, rgb)

    def test_they_come_from_the_feature_folder(self) -> None:
        info = FeatureInfo(
            snippet_frames=16, stride_frames=16, fps=25, first_center_seconds=0.32, dim=8, streams=BOTH, backbone="t"
        )  # fmt: skip
        assert WSBM.for_features(WSBMConfig(), info, ["a"]).columns == [(0, 5), (5, 8)]
        assert WSBM.for_features(WSBMConfig(stream="flow"), info, ["a"]).columns == [(5, 8)]
        with pytest.raises(UntrimError, match=r"no stream 'flwo'.*did you mean 'flow'"):
            WSBM.for_features(WSBMConfig(stream="flwo"), info, ["a"])


class TestLocalize:
    """Attention, class scores and p_fg put by hand; streams of one column each, 0.64 s a snippet."""

    def detections(
        self, attention: list[list[float]], scores: list[list[list[float]]], p_fg: list[float], **values: object
    ) -> list[tuple[str, float, float, float]]:
        """From lambda (S, T), class scores (S, T, C) and p_fg (C,)."""
        streams = {str(s): (s, s + 1) for s in range(len(attention))}
        model = WSBM(WSBMConfig(**values), len(streams), ["a", "b"][: len(p_fg)], streams)
        logits = torch.tensor(attention).logit().unsqueeze(1)
        padded = torch.nn.functional.pad(torch.tensor(scores), (1, 0)).unsqueeze(1)
        mask = torch.ones(logits.shape[1:], dtype=torch.bool)
        found = model.assemble(mask, logits, padded, torch.zeros(*padded.shape[:3], 2))
        found = replace(found, video_scores=torch.tensor([p_fg]))
        return [(d.label, d.segment.start, d.segment.end, d.score) for d in model.localize(found, GRID)]

    def test_equation_12_and_the_sweep(self) -> None:
        """lambda averaged over streams is 0.05, 0.3, 0.6, 0.05, 0.45: three levels of proposals."""
        attention = [[0.1, 0.3, 0.8, 0.1, 0.5], [1e-9, 0.3, 0.4, 1e-9, 0.4]]
        scores = [[[0.0], [2.0], [4.0], [0.0], [1.0]], [[0.0], [1.0], [2.0], [0.0], [1.0]]]
        found = self.detections(attention, scores, [0.9])
        weighted = [0.0, 0.5 * (0.6 + 0.3), 0.5 * (3.2 + 0.8), 0.0, 0.5 * (0.5 + 0.4)]
        assert found == [
            ("a", pytest.approx(1.28), pytest.approx(1.92), pytest.approx(weighted[2])),  # above 0.3
            # Snippets 1 and 2 (above 0.05) overlap it by half, which NMS at 0.5 takes for the same.
            ("a", pytest.approx(0.0), pytest.approx(3.2), pytest.approx(sum(weighted) / 5)),  # above 0
            ("a", pytest.approx(2.56), pytest.approx(3.2), pytest.approx(weighted[4])),
        ]

    def test_classes(self) -> None:
        """Those with p_fg of at least 0.1, or else the best one; each class has its own NMS."""
        attention, scores = [[0.9, 0.01]], [[[3.0, 2.0], [0.0, 0.0]]]
        for p_fg, labels in (([0.1, 0.8], {"a", "b"}), ([0.09, 0.8], {"b"}), ([0.05, 0.04], {"a"})):
            assert {label for label, *_ in self.detections(attention, scores, p_fg)} == labels

    def test_tcam_proposals(self) -> None:
        """STPN's: the class decides too where its instances are."""
        found = self.detections(
            [[0.9, 0.9, 0.9]],
            [[[6.0, -6.0], [-6.0, 6.0], [-6.0, 6.0]]],
            [0.5, 0.5],
            proposals="tcam",
            lowest_threshold=0.05,
            highest_threshold=0.05,
        )
        assert [(label, round(start / 0.64), round(end / 0.64)) for label, start, end, _ in found] == [
            ("a", 0, 1),
            ("b", 1, 3),
        ]

    def test_contrast_prefers_the_whole_instance(self) -> None:
        """Of a plateau with a peak, Eq. 12 scores the peak best, the contrast all of it."""
        attention = [[0.02, 0.02, 0.4, 0.49, 0.4, 0.02, 0.02]]
        scores = [[[-6.0], [-6.0], [6.0], [7.0], [6.0], [-6.0], [-6.0]]]
        best = [
            max(self.detections(attention, scores, [0.9], score=score, proposals=proposals), key=lambda found: found[3])
            for score, proposals in (("mean", "attention"), ("contrast", "attention"), ("contrast", "combined"))
        ]
        assert [(round(start / 0.64), round(end / 0.64)) for _, start, end, _ in best] == [(3, 4), (2, 5), (2, 5)]

    def test_nothing_above(self) -> None:
        assert self.detections([[0.2, 0.1]], [[[1.0], [1.0]]], [0.9], lowest_threshold=0.25) == []
