from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adam

from untrim.annotations import Annotations
from untrim.data.dataset import Batch
from untrim.data.summary import DataSummary
from untrim.errors import Stopped
from untrim.features.store import FeatureFolder
from untrim.methods.ecm import ECM, ECMActivations, a2c_loss
from untrim.methods.ecm_config import ECMConfig
from untrim.timeline import SnippetGrid
from untrim.training.loop import train

GRID = SnippetGrid.regular(16, 16, 25)


def network(classes: int = 4, dim: int = 8, **values: object) -> ECM:
    torch.manual_seed(0)
    return ECM(ECMConfig(**{"hidden": 6, "dropout": 0.0, **values}), dim, [f"class {c}" for c in range(classes)])


def random_batch(lengths: list[int], classes: int, dim: int, dtype: torch.dtype = torch.float64) -> Batch:
    generator = torch.Generator().manual_seed(1)
    features = torch.rand(len(lengths), max(lengths), dim, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    labels = (torch.rand(len(lengths), classes, generator=generator) < 0.3).to(dtype)
    labels[torch.arange(len(lengths)), torch.arange(len(lengths)) % classes] = 1
    return Batch(features * mask.unsqueeze(-1), mask, labels, torch.full((len(lengths),), -1))


def scaled(model: ECM, factor: float) -> ECM:
    """The same network with all logits `factor` times as large."""
    for classifier in (model.classifier, model.post_classifier):
        if classifier is not None:
            classifier.output.weight.data *= factor
    return model


class TestGoldenValues:
    """Forward pass, losses and gradient of the authors' own code."""

    @pytest.fixture
    def golden(self, shared_data: Path) -> dict[str, Tensor]:
        with np.load(shared_data / "golden" / "ecm_forward.npz") as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}

    @pytest.fixture
    def model(self, golden: dict[str, Tensor]) -> ECM:
        model = network(4, 12, hidden=16, **ECM.presets["official"])
        assert model.transition is not None
        weights = {
            "classifier.conv_1": "base_module.conv_1",
            "classifier.conv_2": "base_module.conv_2",
            "classifier.output": "classifier_module.conv",
            "transition": "attention_module.conv_1",
        }
        state = {
            key: golden[f"w.{weights[layer]}.{kind}"]
            for key in model.state_dict()
            for layer, _, kind in [key.rpartition(".")]
            if layer in weights
        }
        state = {key: value.view(model.state_dict()[key].shape) for key, value in state.items()}
        model.load_state_dict({**model.state_dict(), **state})
        return model

    def test_everything(self, golden: dict[str, Tensor], model: ECM) -> None:
        x = golden["x"].transpose(1, 2).requires_grad_()
        mask = torch.ones(x.shape[:2], dtype=torch.bool)
        found = model(x, mask)
        losses = model.losses(found, Batch(x, mask, golden["labels"], torch.full((3,), -1)))
        absence = model.absence(found, golden["labels"])
        sum(losses.values()).backward()
        expected = {
            "cas": found.cas.transpose(1, 2),
            "pre": found.pre,
            "post": found.post,
            "agg_softmax": torch.cat([found.post, absence], dim=1).softmax(dim=1),
            "loss_pre": losses["cls_pre"],
            "loss_post": losses["cls_post"],
            "loss_c2c": losses["c2c"] / 0.05,
            "loss_a2c": losses["a2c"] / 5,
            "total": sum(losses.values()),
            "grad_x": x.grad.transpose(1, 2),
        }
        for key, value in expected.items():
            # Where hundreds of terms cancel, float32 is good to 1e-7 of the terms, not of what is left.
            torch.testing.assert_close(
                value, golden[key], rtol=1e-5, atol=1e-7, msg=lambda text, key=key: f"{key}: {text}"
            )


OPTIONS = [
    {},
    {"absence": "official"},
    {"aggregation": "normalized"},
    {"aggregation": "normalized", "absence": "official"},
    {"share_classifier": False},
    {"weights": "attention"},
    {"weights": "attention", "absence": "official"},
    {"streams": "pre"},
    {"streams": "post"},
    {"streams": "post", "weights": "attention", "beta": 0.0},
    {"alpha": 0.0, "beta": 0.0},
    {"share_classifier": False, "weights": "attention", "alpha": 0.0, "beta": 0.0, "detections": "post"},
    {"share_classifier": False, "weights": "attention", "alpha": 0.0, "beta": 0.0, "detections": "merged"},
    {"share_classifier": False, "weights": "attention", "alpha": 0.0, "beta": 0.0, "detections": "fused"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_loss_learns(options: dict[str, object]) -> None:
    """A step of gradient descent lowers every variant's loss, and every parameter takes part."""
    model = network(**options).double()
    batch = random_batch([50, 31, 9, 12], 4, 8)
    parameters = list(model.parameters())
    before = sum(model.losses(model(batch.features, batch.mask), batch).values())
    gradients = torch.autograd.grad(before, parameters)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= 1e-4 * gradient
    assert sum(model.losses(model(batch.features, batch.mask), batch).values()) < before


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(options: dict[str, object], classes: int) -> None:
    model = network(classes, 3, **options).double()
    batch = random_batch([9, 6, 2, 1], classes, 3)

    def total(features: Tensor, output: Tensor) -> Tensor:
        model.classifier.output.weight.data = output.data
        return sum(model.losses(model(features, batch.mask), batch).values())

    assert torch.autograd.gradcheck(
        lambda features: total(features, model.class_weights), batch.features.requires_grad_(), fast_mode=True
    )


@pytest.mark.parametrize("classes", [20, 100])
def test_a2c_gradients(classes: int) -> None:
    labels = random_batch([1, 1, 1], classes, 1).labels
    action, absence = (torch.randn(3, classes, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: a2c_loss(a, b, labels), [action, absence])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("factor", [0.0, 3e5])
@pytest.mark.parametrize("lengths", [[1], [2, 1], [23, 4]], ids=str)
def test_extremes_are_finite(options: dict[str, object], factor: float, lengths: list[int]) -> None:
    """One snippet, fewer snippets than folds, identical snippets, logits of 0 and beyond +-1e4."""
    model = scaled(network(**options), factor)
    batch = random_batch(lengths, 4, 8, dtype=torch.float32)
    features = torch.ones_like(batch.features).requires_grad_()
    found = model(features, batch.mask)
    loss = sum(model.losses(found, batch).values())
    gradients = torch.autograd.grad(loss, [features, *model.parameters()])
    assert found.cas.abs().max() > 1e4 or factor == 0
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)
    with torch.inference_mode():
        alone = model(features[:1, : lengths[0]], batch.mask[:1, : lengths[0]])
    assert all(np.isfinite(detection.score) for detection in model.localize(alone, GRID))


def test_a2c_is_finite_however_sure() -> None:
    """The absence of the wrong one of two present classes is certain: -log(1 - q) is the distance of the logits."""
    labels = torch.tensor([[1.0, 0.0]])
    action, absence = torch.zeros(1, 2), torch.tensor([[1e4, 0.0]]).requires_grad_()
    loss = a2c_loss(action, absence, labels)
    loss.backward()
    torch.testing.assert_close(loss.item(), (1e4 + 1e4 - np.log(3)) / 2)
    torch.testing.assert_close(absence.grad, torch.tensor([[1.0, -1 / 6]]))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_padding_and_order_change_nothing(options: dict[str, object]) -> None:
    model = network(**options).double()
    batch = random_batch([31, 17, 2, 9], 4, 8)
    found = model(batch.features, batch.mask)
    padded = torch.cat([batch.features, torch.full((4, 7, 8), 9.0)], dim=1)
    padded = torch.where(torch.cat([batch.mask, torch.zeros(4, 7, dtype=torch.bool)], dim=1).unsqueeze(-1), padded, 9.0)
    longer = torch.cat([batch.mask, torch.zeros(4, 7, dtype=torch.bool)], dim=1)
    order = torch.tensor([3, 1, 0, 2])
    again = replace(batch, features=padded[order], mask=longer[order], labels=batch.labels[order])
    expected, terms = model.losses(found, batch), model(again.features, again.mask)
    for name, value in model.losses(terms, again).items():
        torch.testing.assert_close(value, expected[name])
    for video in range(4):
        n = int(batch.mask[video].sum())
        alone = model(batch.features[video : video + 1, :n], batch.mask[video : video + 1, :n])
        torch.testing.assert_close(alone.cas[0], found.cas[video, :n])
        torch.testing.assert_close(alone.video_scores[0], found.video_scores[video])


@pytest.mark.parametrize("aggregation", ["sum", "normalized"])
def test_aggregation_by_hand(aggregation: str) -> None:
    model = network(2, 3, aggregation=aggregation)
    batch = random_batch([8, 2], 2, 3)
    w = torch.rand(2, 8, 2, dtype=torch.float64)
    found = model.aggregate(w.log(), batch.features, batch.mask)
    for video, n in enumerate([8, 2]):
        for c in range(2):
            for fold in range(3):
                weights, f = w[video, fold:n:3, c], batch.features[video, fold:n:3]
                expected = (weights.unsqueeze(1) * f).sum(dim=0)
                if aggregation == "normalized" and len(f):
                    expected /= weights.sum()
                torch.testing.assert_close(found[video, c, fold], expected)


def test_weighted_means_outlive_underflow() -> None:
    """Weights that are all too small for a float still have a mean."""
    model = network(1, 1, aggregation="normalized")
    log_w = torch.tensor([-1e4, -1e4, -1e4, -1e4 + 1.0]).view(1, 4, 1)
    found = model.aggregate(log_w, torch.tensor([0.0, 5.0, 7.0, 1.0]).view(1, 4, 1), torch.ones(1, 4, dtype=torch.bool))
    expected = torch.tensor([torch.tensor(1.0).sigmoid(), 5.0, 7.0])
    torch.testing.assert_close(found.flatten(), expected)


def test_separate_classifiers_with_the_same_weights_are_one() -> None:
    shared, apart = network(), network(share_classifier=False)
    state = shared.state_dict()
    assert len({value.data_ptr() for value in state.values()}) == len(state)  # what is shared is saved once
    apart.load_state_dict({key: state[key.removeprefix("post_")] for key in apart.state_dict()})
    batch = random_batch([20, 9], 4, 8, dtype=torch.float32)
    expected = shared.losses(shared(batch.features, batch.mask), batch)
    found = apart.losses(apart(batch.features, batch.mask), batch)
    assert {key: value.item() for key, value in found.items()} == {key: value.item() for key, value in expected.items()}


def test_each_class_is_classified_by_its_own_feature() -> None:
    model = network().double()
    batch = random_batch([30], 4, 8)
    found = model(batch.features, batch.mask)
    moved = F.logsigmoid(found.transition) + torch.tensor([0.0, 0.0, 1.0, 0.0])
    post = model.classify_aggregated(moved, found.features, found.mask)
    assert ((post - found.post).abs() > 1e-6).tolist() == [[False, False, True, False]]


def test_mean_of_the_largest_eighth() -> None:
    model = network()
    batch = random_batch([16, 23, 5], 4, 8, dtype=torch.float32)
    found = model(batch.features, batch.mask)
    for video, (n, k) in enumerate([(16, 2), (23, 2), (5, 1)]):
        expected = found.cas[video, :n].sort(dim=0, descending=True).values[:k].mean(dim=0)
        torch.testing.assert_close(found.pre[video], expected)


def test_embedded_features_and_class_weights_make_the_scores() -> None:
    model = network()
    batch = random_batch([16, 9], 4, 8, dtype=torch.float32)
    found = model(batch.features, batch.mask)
    torch.testing.assert_close(found.cas, found.embedded @ model.class_weights.T)


class TestLocalize:
    def detections(
        self, sequences: list[list[float]], pre: list[float], model: ECM | None = None, **activations: Tensor
    ) -> list[tuple[str, float, float, float]]:
        """Label, first and last snippet + 1, and score of each detection in a video with these (C, T) activations."""
        model = model or network(len(sequences))
        s = torch.tensor(sequences).T.unsqueeze(0)
        logits = torch.tensor([pre])
        found = replace(
            model(torch.zeros(1, s.shape[1], 8), torch.ones(s.shape[:2], dtype=torch.bool)),
            **{"cas": s, "pre": logits, "video_scores": logits.softmax(dim=1), "post_cas": s, **activations},
        )
        return [(d.label, d.segment.start / 0.64, d.segment.end / 0.64, d.score) for d in model.localize(found, GRID)]

    def test_contrast_and_class_score(self) -> None:
        (found,) = self.detections([[0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0]], [3.0])
        assert found == ("class 0", pytest.approx(3), pytest.approx(6), pytest.approx(1 + 0.15))

    def test_surroundings_below_the_threshold_count(self) -> None:
        """Values of 0.005 are below every threshold, but they are what the contrast is against."""
        (found,) = self.detections([[0.0, 0.005, 1.0, 1.0, 0.005, 0.0]], [3.0], network(1, outer=0.5))
        assert found[1:3] == (pytest.approx(2), pytest.approx(4))
        assert found[3] == pytest.approx(1 - 0.005 + 0.15)

    @pytest.mark.parametrize(("values", "unit"), [({}, 6.0), ({"cas_range": "positive"}, 4.0)])
    def test_a_contrast_of_logits_is_as_large_as_theirs(self, values: dict[str, object], unit: float) -> None:
        """A CAS from -2 to 4, or from 0 where what is below does not count; and one tenth of it, as in a video in which
        nothing happens: in shares of the range the two are equal."""
        loud = [[-2.0, -2.0, -2.0, 4.0, 4.0, -2.0, -2.0, -2.0]]
        quiet = [[value / 10 for value in loud[0]]]
        for row, size in ((loud, unit), (quiet, unit / 10)):
            for contrast, expected in (("scaled", 1.0), ("logits", size)):
                found = self.detections(row, [0.0], network(1, contrast=contrast, **values))
                inner = 1.0 if not values else 1.5  # less what is below 0 on either side
                assert [score for *_, score in found] == [pytest.approx(expected * inner + 0.15, abs=1e-6)]

    def test_the_project_has_it_where_there_are_videos_in_which_nothing_happens(self) -> None:
        ones = np.ones(8, dtype=np.float32)
        data = DataSummary(40, 5, 8, 1.2, np.arange(20, 60), 0 * ones, ones, ones)
        assert ECM.defaults(data)["contrast"] == "scaled"
        assert ECM.defaults(replace(data, nothing_happens=0.1))["contrast"] == "logits"

    def test_likely_classes(self) -> None:
        """Class 0 is as good as any other; of classes that are all unlikely, the best one is taken."""
        cas = [[0.0, 1.0, 1.0, 0.0]] * 5
        assert {row[0] for row in self.detections(cas, [5.0, 0.0, 0.0, 0.0, 0.0])} == {"class 0"}
        assert {row[0] for row in self.detections(cas, [0.0, 5.0, 5.0, 0.0, 0.0])} == {"class 1", "class 2"}
        assert {row[0] for row in self.detections(cas, [0.1, 0.0, 0.0, 0.0, 0.0])} == {"class 0"}

    def test_suppression_is_per_class(self) -> None:
        """Two thresholds cut the same instance; the nearly equal one goes, for each class on its own."""
        cas = [[0.0, 0.02, 1.0, 1.0, 1.0, 1.0, 0.0]] * 2
        found = self.detections(cas, [0.0, 0.0])
        assert sorted(row[:3] for row in found) == [
            (f"class {c}", pytest.approx(2), pytest.approx(6)) for c in range(2)
        ]

    def test_a_video_without_any_change_is_one_instance(self) -> None:
        assert [row[1:3] for row in self.detections([[0.3]], [0.0])] == [(pytest.approx(0), pytest.approx(1))]

    def streams(self, detections: str, **values: object) -> list[tuple[str, float, float, float]]:
        model = network(1, share_classifier=False, weights="attention", detections=detections, **values)
        pre, post = [[0.0, 4.0, 0.0, 0.0, 0.0, 0.0]], torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.2, 0.0]]).unsqueeze(2)
        shown = {"cas": post} if detections == "post" else {}
        return self.detections(pre, [0.0], model, post_cas=post, post=torch.zeros(1, 1), **shown)

    def test_either_stream_merged_and_fused(self) -> None:
        first, second = (pytest.approx(1), pytest.approx(2)), (pytest.approx(4), pytest.approx(5))
        assert [row[1:3] for row in self.streams("pre")] == [first]
        assert [row[1:3] for row in self.streams("post")] == [second]
        assert [row[1:3] for row in self.streams("merged")] == [first, second]
        assert [(row[1:3], row[3]) for row in self.streams("fused", fusion=0.8)] == [
            (first, pytest.approx(1.15)),
            (second, pytest.approx(0.25 + 0.15)),  # 0.2 of the post-classification stream, over 0.8
        ]
        units = {"merged": (4, 0.2), "fused": (0.8 * 4 + 0.2 * 0.2, 0.25 * (0.8 * 4 + 0.2 * 0.2))}
        for detections, contrasts in units.items():
            found = self.streams(detections, contrast="logits", fusion=0.8)
            assert [row[3] for row in found] == pytest.approx([contrast + 0.15 for contrast in contrasts])


OFFICIAL = {key: value for key, value in ECM.presets["official"].items() if key not in ("absence", "test_snippets")}


class TestTheAuthorsLocalization:
    """What their code does, value by value and together, as loops over classes, thresholds and frames."""

    def by_hand(self, model: ECM, cas: list[list[float]], p: list[float], stride: int) -> list[tuple[float, ...]]:
        """Class, first and last step + 1, and score, best first in each class."""
        config, found = model.config, []
        for c, row in enumerate(cas):
            if p[c] < config.class_threshold and not (
                config.class_fallback and p[c] == max(p) < config.class_threshold
            ):
                continue
            low, high = min(row), max(row)
            if config.cas_range == "positive":
                low, high = max(low, 0.0), max(high, 0.0)
            scaled = [(value - low) / (high - low if high > low else 1.0) for value in row]
            if config.upsample:
                scaled = self.frames(scaled, stride)
            runs = set()
            for threshold in np.arange(config.lowest_threshold, config.highest_threshold, config.threshold_step):
                start = None
                for step, value in enumerate([*scaled, -1.0]):
                    above = value >= threshold and value > 0 if config.threshold_inclusive else value > threshold
                    if above and start is None:
                        start = step
                    if not above and start is not None:
                        runs.add((start, step))
                        start = None
            scored = [(self.contrast(config, scaled, *run) + config.gamma * p[c], *run) for run in sorted(runs)]
            kept: list[tuple[float, int, int]] = []
            for score, first, stop in sorted(scored, reverse=True):
                if all(self.overlap((first, stop), other[1:]) < config.nms_threshold for other in kept):
                    kept.append((score, first, stop))
            found += [(c, first, stop, score) for score, first, stop in kept]
        return found

    def frames(self, row: list[float], stride: int) -> list[float]:
        values = []
        for frame in range(len(row) * stride):
            place = (frame + 0.5) / stride - 0.5
            left = int(np.floor(place))
            before, after = row[max(left, 0)], row[min(left + 1, len(row) - 1)]
            values.append(before + (place - left) * (after - before))
        return values

    def contrast(self, config: ECMConfig, row: list[float], first: int, stop: int) -> float:
        margin = config.outer * (stop - first)
        end = {"uneven": stop - 1 + margin + 1, "up": np.ceil(stop + margin), "official": stop - 1 + margin}
        around = [*range(max(0, int(np.floor(first - margin))), first), *range(stop, int(end[config.outer_rounding]))]
        outer = [row[step] for step in around if step < len(row)]
        inner = row[first:stop]
        return sum(inner) / len(inner) - (sum(outer) / len(outer) if outer else 0.0)

    def overlap(self, one: tuple[int, int], other: tuple[int, int]) -> float:
        inner = max(min(one[1], other[1]) - max(one[0], other[0]), 0)
        return inner / (one[1] - one[0] + other[1] - other[0] - inner)

    @pytest.mark.parametrize(
        "options",
        [{}, *({key: value} for key, value in OFFICIAL.items()), {"outer_rounding": "up"}, OFFICIAL],
        ids=str,
    )
    def test_detections_are_those_of_plain_loops(self, options: dict[str, object]) -> None:
        stride, some = 6, 0
        for seed in range(12):
            rng = np.random.default_rng(seed)
            snippets, threshold = int(rng.integers(1, 30)), float(rng.choice([0.0, 0.01]))
            # Values that repeat meet thresholds exactly: those of a range of 4 at 0, 1/4, 1/2, 3/4.
            cas = rng.integers(-2, 3, (3, snippets)) if seed % 2 else rng.normal(0.2, 1, (3, snippets))
            values = {"lowest_threshold": threshold, "highest_threshold": 0.6, "threshold_step": 0.25, **options}
            model = network(3, class_threshold=0.45, **values).eval()
            logits = torch.from_numpy(rng.normal(0, 1, (1, 3)))
            p = logits.softmax(dim=1)
            blank = model(torch.zeros(1, snippets, 8), torch.ones(1, snippets, dtype=torch.bool))
            shown = torch.from_numpy(np.asarray(cas, float)).T.unsqueeze(0)
            found = replace(blank, cas=shown, pre=logits, video_scores=p)
            detections = model.localize(found, SnippetGrid.regular(16, stride, 25))
            second = 25 if model.config.upsample else 25 / stride
            offset = (16 - stride) / 2 / 25  # A snippet sees more frames than its cell has.
            got = [
                (int(d.label[-1]), (d.segment.start - offset) * second, (d.segment.end - offset) * second, d.score)
                for d in detections
            ]
            expected = self.by_hand(model, np.asarray(cas, float).tolist(), p[0].tolist(), stride)
            assert sorted(got) == [pytest.approx(row, abs=1e-9) for row in sorted(expected)]
            some += len(got)
        assert some > 12

    @pytest.mark.parametrize("detections", ["pre", "merged"])
    @pytest.mark.parametrize("snippets", [1, 5, 40])
    def test_a_uniform_length(self, detections: str, snippets: int) -> None:
        """A video is localized as the same video of that many evenly spread snippets, over the same time."""
        options = {"detections": detections, "share_classifier": False, "class_threshold": 0.0}
        plain, uniform = network(**options).eval(), network(**options, test_snippets=12).eval()
        features = torch.randn(2, snippets, 8, generator=torch.Generator().manual_seed(0))
        taken = [int((step + 0.5) * snippets / 12) for step in range(12)]
        shown = [min(int((step + 0.5) * 12 / snippets), 11) for step in range(snippets)]
        mask = torch.ones(2, snippets, dtype=torch.bool)
        with torch.inference_mode():
            found, expected = uniform(features, mask), plain(features[:, taken], mask[:, :1].expand(2, 12))
            trained = uniform.train()(features, mask)
            alone = uniform.eval()(features[:1], mask[:1])
        torch.testing.assert_close(found.cas, expected.cas[:, shown])
        torch.testing.assert_close(found.video_scores, expected.video_scores)
        torch.testing.assert_close(trained.cas, plain(features, mask).cas)
        grid = SnippetGrid.regular(16, 16, 25)
        wanted = plain.localize(
            replace(expected, **self.first(expected)), SnippetGrid(1, 1, 12 / snippets, 0.5 * snippets / 12)
        )
        got = uniform.localize(alone, grid)
        assert len(got) == len(wanted) > 0
        for one, other in zip(got, wanted, strict=True):
            assert one.label == other.label
            assert one.score == pytest.approx(other.score, abs=1e-6)
            assert one.segment.start == pytest.approx(other.segment.start * 0.64, abs=1e-6)
            assert one.segment.end == pytest.approx(other.segment.end * 0.64, abs=1e-6)

    def first(self, found: ECMActivations) -> dict[str, Tensor]:
        """The parts of the first video that are localized."""
        return {key: getattr(found, key)[:1] for key in ("mask", "cas", "post_cas", "pre", "post", "video_scores")}

    def test_padding_does_not_change_a_uniform_length(self) -> None:
        model = network(test_snippets=9).eval()
        batch = random_batch([13, 5], 4, 8, dtype=torch.float32)
        with torch.inference_mode():
            found, alone = model(batch.features, batch.mask), model(batch.features[1:, :5], batch.mask[1:, :5])
        torch.testing.assert_close(found.cas[1, :5], alone.cas[0])
        torch.testing.assert_close(found.video_scores[1], alone.video_scores[0])
        own, wanted = (model.localize(each, GRID) for each in (found.of_video(1, 5), alone))
        assert len(own) > 0
        assert [(one.label, one.segment) for one in own] == [(one.label, one.segment) for one in wanted]
        assert [one.score for one in own] == pytest.approx([one.score for one in wanted], abs=1e-6)


class TestDecay:
    """The step size of ActivityNet 1.3: a tenth after 26 of 36 epochs."""

    def test_each_step(self) -> None:
        model = network(iterations=36, decay_after=ECM.presets["official_activitynet13"]["decay_after"])
        optimizer, rates = model.optimizer(), []
        for step in range(36):
            rates.append(optimizer.param_groups[0]["lr"])
            model.after_step(optimizer, (step + 1) / 36)
        assert rates == [2e-4] * 26 + [pytest.approx(2e-5)] * 10

    def test_without_a_decay_nothing_changes(self) -> None:
        model = network()
        optimizer = model.optimizer()
        model.after_step(optimizer, 1.0)
        assert optimizer.param_groups[0]["lr"] == 2e-4

    def test_a_stopped_training_resumes_with_the_same_step_size(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
    ) -> None:
        settings = {"iterations": 8, "decay_after": 0.5, "hidden": 8, "max_snippets": 9, "learning_rate": 0.01}
        whole = train("ecm", [corpus], tmp_path / "whole", settings=settings, rehearsal=False)
        for stop in (3, 6):
            asked, run = iter([False] * stop + [True]), tmp_path / str(stop)
            with pytest.raises(Stopped):
                train("ecm", [corpus], run, settings=settings, rehearsal=False, should_stop=lambda: next(asked))  # noqa: B023
            resumed = train("ecm", [corpus], run, settings=settings, rehearsal=False, resume=True)
            assert (resumed.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
        constant = train("ecm", [corpus], tmp_path / "c", settings={**settings, "decay_after": None}, rehearsal=False)
        assert (constant.path / "model.safetensors").read_bytes() != (whole.path / "model.safetensors").read_bytes()

    def test_a_training_that_starts_from_a_run_starts_with_the_small_step(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = {"iterations": 10, "decay_after": 0.5, "hidden": 8, "max_snippets": 9}
        first = train("ecm", [corpus], tmp_path / "first", settings=settings, rehearsal=False)
        rates, step = [], Adam.step
        monkeypatch.setattr(Adam, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self)))
        train(None, [corpus], tmp_path / "second", start=first)
        assert rates == [pytest.approx(first.config.learning_rate / 10)]
