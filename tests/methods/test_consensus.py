import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder
from untrim.annotations import Annotations, Video
from untrim.data.dataset import Batch
from untrim.errors import Stopped
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.features.store import FeatureFolder
from untrim.methods.consensus import Consensus, ConsensusActivations, ConsensusConfig
from untrim.pipeline import localize
from untrim.timeline import Instance, SnippetGrid
from untrim.training.loop import train

GRID = SnippetGrid.regular(16, 16, 25)


def network(classes: int = 3, dim: int = 5, **values: object) -> Consensus:
    torch.manual_seed(0)
    return Consensus(ConsensusConfig(hidden=8, **values), dim, [f"class {c}" for c in range(classes)])


def batch(lengths: list[int], classes: int = 3, dim: int = 5, progress: float = 0.0) -> Batch:
    generator = torch.Generator().manual_seed(sum(lengths))
    features = torch.randn(len(lengths), max(lengths), dim, generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    labels = torch.eye(classes)[torch.arange(len(lengths)) % classes]
    return Batch(features, mask, labels, torch.full((len(lengths),), -1), progress=progress)


def said(classes: int, lengths: list[int], dtype: torch.dtype = torch.float64) -> ConsensusActivations:
    """What teachers and classifier might say of videos."""
    generator = torch.Generator().manual_seed(classes)
    count, most = len(lengths), max(lengths)

    def draw(*shape: int) -> torch.Tensor:
        return 2 * torch.randn(*shape, generator=generator, dtype=dtype)

    return ConsensusActivations(
        torch.arange(most) < torch.tensor(lengths).unsqueeze(1),
        draw(count, most, classes),
        video_scores=torch.zeros(count, classes, dtype=dtype),
        block_scores=draw(count, most, classes),
        threshold_scores=draw(count, most, classes),
        threshold=draw(count, most),
    )


@pytest.mark.parametrize("teachers", ["both", "blocks", "threshold"])
def test_the_loss_is_that_of_a_plain_loop(teachers: str) -> None:
    model, found = network(4, teachers=teachers, margin=0.5), said(4, [6, 9])
    labels = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 0]], dtype=torch.float64)
    present, absent = [], []
    for video, length in enumerate([6, 9]):
        for t in range(length):
            for c in range(4):
                s, r = found.cas[video, t, c].item(), found.block_scores[video, t, c].item()
                q = found.threshold_scores[video, t, c].item() - found.threshold[video, t].item()
                yes = {"both": r > 0.5 and q > 0, "blocks": r > 0.5, "threshold": q > 0}[teachers]
                no = {"both": r < -0.5 or (r < 0 and q < 0), "blocks": r < 0, "threshold": q < 0}[teachers]
                if labels[video, c] and yes:
                    present.append(math.log1p(math.exp(-s)))
                if not labels[video, c] or no:
                    absent.append(math.log1p(math.exp(s)))
    expected = (np.mean(present) + np.mean(absent)) / 2
    assert model.consensus_loss(found, told(found, labels)).item() == pytest.approx(expected)


def told(found: ConsensusActivations, labels: torch.Tensor, **known: torch.Tensor) -> Batch:
    """A batch of videos with these labels."""
    return Batch(found.cas, found.mask, labels, torch.full((len(labels),), -1), **known)


def test_what_a_person_knows_counts_more_than_what_teachers_say() -> None:
    found, labels = said(3, [5]), torch.tensor([[1.0, 1, 0]], dtype=torch.float64)
    known, happens = torch.zeros(1, 5, 3), torch.zeros(1, 5, 3)
    known[0, 2, :2], happens[0, 2, 0] = 1, 1
    sure = told(found, labels, known=known, snippet_labels=happens)
    never = replace(found, block_scores=torch.full_like(found.cas, -9.0), threshold_scores=-9.0 + 0 * found.cas)
    always = replace(found, block_scores=-never.block_scores, threshold_scores=-never.threshold_scores)
    loss = network(add_known=0.5).consensus_loss
    gradients = []
    for teachers in (never, always):
        s = found.cas.clone().requires_grad_()
        gradients.append(torch.autograd.grad(loss(replace(teachers, cas=s), sure), s)[0][0, 2])
    for gradient in gradients:
        assert gradient[0] < 0 < gradient[1]  # the first class happens there, the second does not
    assert network().consensus_loss(never, sure) == network().consensus_loss(never, told(found, labels))


def test_a_known_absence_in_a_video_of_the_class_weighs_more() -> None:
    """As much more as there are more absences in other videos: here 20 and 10."""
    found, labels = said(3, [5, 5]), torch.eye(3, dtype=torch.float64)[:2]
    known = torch.zeros(2, 5, 3)
    known[0, 2] = 1
    s = torch.zeros_like(found.cas).requires_grad_()
    never = replace(found, cas=s, block_scores=torch.full_like(found.cas, -9.0), threshold_scores=-9.0 + 0 * found.cas)
    loss = network(add_known=0.5).consensus_loss(never, told(found, labels, known=known, snippet_labels=0 * known))
    (gradient,) = torch.autograd.grad(loss, s)
    own, other = gradient[0, :, 0], gradient[0, :, 1]
    torch.testing.assert_close(own / other, torch.tensor([1.0, 1, 2, 1, 1], dtype=torch.float64))


def test_where_a_person_pointed_what_teachers_say_is_absent_weighs_more() -> None:
    """All that the teachers say is absent of that class in that video; here 9 such absences and 20 in other videos."""
    found, labels = said(3, [5, 5]), torch.eye(3, dtype=torch.float64)[:2]
    known = torch.zeros(2, 5, 3)
    known[0, 2, 0] = 1
    s = torch.zeros_like(found.cas).requires_grad_()
    never = replace(found, cas=s, block_scores=torch.full_like(found.cas, -9.0), threshold_scores=-9.0 + 0 * found.cas)
    loss = network(add_known=0.5).consensus_loss(never, told(found, labels, known=known, snippet_labels=known))
    (gradient,) = torch.autograd.grad(loss, s)
    pointed, only_named, other = gradient[0, :, 0], gradient[1, :, 1], gradient[0, :, 1]
    absent = torch.tensor([0, 1, 3, 4])
    torch.testing.assert_close((pointed / other)[absent], torch.full((4,), 20 / 9, dtype=torch.float64))
    torch.testing.assert_close(only_named, other)
    assert pointed[2] < 0


def test_levels_below_the_thresholds_take_their_place() -> None:
    """Of the first class alone: that of the second is not below the second teacher's threshold."""
    model, found, labels = network(2, margin=1.0), said(2, [40]), torch.ones(1, 2, dtype=torch.float64)
    model.levels.copy_(torch.tensor([[-2.0, -2.0], [-0.5, 0.5]]))
    r, q = found.block_scores, found.margins
    present, absent = model.consensus(found, labels, model.leveled)
    today = model.consensus(found, labels, torch.tensor(False))
    assert torch.equal(present[..., 0], (r[..., 0] > -2) & (q[..., 0] > -0.5))
    assert torch.equal(absent[..., 0], r[..., 0] < -2)
    for flags, before in zip((present, absent), today, strict=True):
        assert flags.any()
        assert not torch.equal(flags[..., 0], before[..., 0])
        assert torch.equal(flags[..., 1], before[..., 1])
    model.levels[0] = 9.0
    assert torch.equal(model.consensus(found, labels, model.leveled)[0][..., 0], (r[..., 0] > 1) & (q[..., 0] > -0.5))


def test_where_a_person_pointed_the_thresholds_stay() -> None:
    model, found = network(2, margin=1.0, add_known=1.0), said(2, [40, 40])
    labels = torch.ones(2, 2, dtype=torch.float64)
    model.levels.copy_(torch.tensor([[-2.0, -2.0], [-0.5, -0.5]]))
    known = torch.zeros(2, 40, 2)
    known[0, 3, 0] = 1
    found.cas.requires_grad_()
    batch = told(found, labels, known=known, snippet_labels=known)
    (gradient,) = torch.autograd.grad(model.consensus_loss(found, batch), found.cas)
    by_levels = model.consensus(found, labels, model.leveled)
    by_thresholds = model.consensus(found, labels, torch.tensor(False))
    others = torch.arange(40) != 3
    for sign, levels, thresholds in zip((-1, 1), by_levels, by_thresholds, strict=True):
        learned = gradient.sign() == sign
        assert torch.equal(learned[0, others, 0], thresholds[0, others, 0])
        assert torch.equal(learned[1], levels[1])
        assert torch.equal(learned[0, :, 1], levels[0, :, 1])
        assert not torch.equal(levels[0, others, 0], thresholds[0, others, 0])


def test_what_levels_say_is_absent_weighs_more() -> None:
    """Ten absences in a video of the class, twenty in others, as above."""
    found, labels = said(3, [5, 5]), torch.eye(3, dtype=torch.float64)[:2]
    model, s = network(), torch.zeros_like(found.cas).requires_grad_()
    model.levels.copy_(torch.tensor([[-5.0] * 3, [-1.0, 1, 1]]))
    never = replace(found, cas=s, block_scores=torch.full_like(found.cas, -9.0), threshold_scores=-9.0 + 0 * found.cas)
    (gradient,) = torch.autograd.grad(model.consensus_loss(never, told(found, labels)), s)
    leveled, other = gradient[0, :, 0], gradient[1, :, 1]
    torch.testing.assert_close(leveled, 2 * other)


def test_levels_leave_one_false_alarm_in_fifty() -> None:
    """Above them is as large a share of the videos without the class as a fiftieth of what is present in its own."""
    model, found = network(3, margin=0.0).train(), said(3, [150, 100], torch.float32)
    labels = torch.tensor([[1.0, 0, 1], [1, 1, 0]], dtype=torch.float64)  # The first class is in both.
    model.measure(found, labels)
    r, q = found.block_scores, found.margins
    for column, own, other in ((1, 1, slice(150)), (2, 0, slice(100))):
        length = 250 - len(range(*other.indices(250)))
        share = ((r[own, :length, column] > 0) & (q[own, :length, column] > 0)).double().mean().item()
        assert 0.1 < share < 0.9
        for level, scores in zip(model.levels, (r, q), strict=True):
            above = (scores[1 - own, other, column] > level[column]).double().mean().item()
            assert above <= share / 50 + 1e-9
            assert above + 1 / 100 > share / 50
    assert model.levels[:, 0].tolist() == [0, 0]
    before = model.levels.clone()
    model.measure(replace(found, block_scores=found.block_scores + 100), labels)
    assert (model.levels[0, 1:] - before[0, 1:] > 0.5).all()  # a hundredth of the way
    torch.testing.assert_close(model.levels[1, 1:], before[1, 1:], atol=0.1, rtol=0)


def test_the_teachers_learn_what_a_person_knows() -> None:
    found, labels = said(3, [5]), torch.tensor([[1.0, 1, 0]], dtype=torch.float64)
    known, happens = torch.zeros(1, 5, 3), torch.zeros(1, 5, 3)
    known[0, 2, :2], happens[0, 2, 0] = 1, 1
    terms = network(add_known=0.5).teacher_losses(found, told(found, labels, known=known, snippet_labels=happens))
    for name, logits in (("blocks_known", found.block_scores), ("threshold_known", found.margins)):
        yes, no = logits[0, 2, :2].tolist()
        expected = 0.5 * (math.log1p(math.exp(-yes)) + math.log1p(math.exp(no))) / 2
        assert terms[name].item() == pytest.approx(expected)
    told_nothing = network(add_known=0.5).teacher_losses(found, told(found, labels))
    assert {*terms} - {*told_nothing} == {"blocks_known", "threshold_known"}


@pytest.mark.parametrize("classes", [20, 100])
def test_the_gradient_of_the_loss(classes: int) -> None:
    model, found = network(classes), said(classes, [3, 2])
    labels = torch.eye(classes, dtype=torch.float64)[[0, 7]]

    def loss(cas: torch.Tensor) -> torch.Tensor:
        return model.consensus_loss(replace(found, cas=cas), told(found, labels))

    assert torch.autograd.gradcheck(loss, found.cas.clone().requires_grad_())


def test_where_nothing_is_known_the_loss_is_finite() -> None:
    found = said(3, [4])
    silent = replace(found, block_scores=torch.full_like(found.cas, 0.5))  # Neither above the margin nor below 0.
    assert network().consensus_loss(silent, told(silent, torch.ones(1, 3, dtype=torch.float64))).item() == 0.0


def gradients(model: Consensus, data: Batch) -> set[str]:
    model.zero_grad()
    torch.stack(list(model.losses(model(data.features, data.mask), data).values())).sum().backward()
    return {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def test_the_teachers_learn_first_and_then_the_classifier_alone() -> None:
    model, data = network(teaching=0.5), batch([30, 20, 25])
    assert gradients(model, data) == {"blocks", "threshold"}
    model.after_step(model.optimizer(), 0.49)
    assert gradients(model, replace(data, progress=0.49)) == {"blocks", "threshold"}
    model.after_step(model.optimizer(), 0.5)
    assert gradients(model, replace(data, progress=0.5)) == {"classifier"}
    assert [model.crop(progress) for progress in (0.0, 0.49, 0.5, 0.9)] == ["uniform"] * 2 + ["contiguous"] * 2


def test_the_spread_of_scores_and_margins_is_that_of_the_classifiers_stage() -> None:
    model, data = network(teaching=0.5), batch([30, 20])
    model.losses(model(data.features, data.mask), data)
    assert model.variances.tolist() == [0, 0]
    model.after_step(model.optimizer(), 0.5)
    found = model(data.features, data.mask)
    model.losses(found, replace(data, progress=0.5))
    s, q = (part[data.mask].detach() for part in (found.cas, found.threshold_scores - found.threshold.unsqueeze(-1)))
    spread = [s.var(correction=0).item(), q.var(correction=0).item()]
    assert model.variances.tolist() == pytest.approx(spread)
    model.eval().losses(found, replace(data, progress=0.5))
    assert model.variances.tolist() == pytest.approx(spread)


def test_edges_are_those_of_both_brought_to_one_spread() -> None:
    model, found = network(threshold_share=0.25), said(3, [6], torch.float32)
    torch.testing.assert_close(model.outline(found), found.cas)  # untrained: nothing is known of the spreads
    model.variances.copy_(torch.tensor([4.0, 1.0]))
    model.levels.copy_(torch.tensor([[-1.0, -1, -1], [1, -1, 0]]))
    outline = model.outline(found)
    for t in range(6):
        for c, w in enumerate((0.25, 0.125, 0.25)):
            q = found.threshold_scores[0, t, c] - found.threshold[0, t]
            assert outline[0, t, c].item() == pytest.approx(((1 - w) * found.cas[0, t, c] + w * q * 2).item(), abs=1e-5)
    model.config = model.config.model_copy(update={"add_known": 1.0})
    torch.testing.assert_close(model.outline(found)[..., 0], outline[..., 0])
    again = 0.75 * found.cas[..., 1] + 0.25 * 2 * found.margins[..., 1]
    torch.testing.assert_close(model.outline(found)[..., 1], again)


def test_padding_changes_nothing() -> None:
    model, data = network().eval(), batch([12, 7])
    together = model(data.features, data.mask)
    alone = model(data.features[1:, :7], data.mask[1:, :7])
    torch.testing.assert_close(together.cas[1:, :7], alone.cas)
    torch.testing.assert_close(together.video_scores[1:], alone.video_scores)


def test_teachers_say_the_same_whether_or_not_they_are_spared_the_padding() -> None:
    model, data = network(teacher_dropout=0.0), batch([12, 7, 3])
    spared, whole = model(data.features, data.mask), model.eval()(data.features, data.mask)
    for name in ("block_scores", "threshold_scores", "threshold"):
        torch.testing.assert_close(getattr(spared, name)[data.mask], getattr(whole, name)[data.mask])
        assert (getattr(spared, name)[~data.mask] == 0).all()


@pytest.mark.parametrize("add_known", [0.0, 0.5])
def test_the_classifier_is_not_asked_before_its_stage(add_known: float) -> None:
    """What is known trains it then: earlier, it would have nothing else to learn from."""
    model, data = network(add_known=add_known), batch([12, 7])
    assert not model(data.features, data.mask).cas.any()
    model.after_step(model.optimizer(), 0.5)
    assert model(data.features, data.mask).cas.any()


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[FeatureFolder, Annotations]:
    """Sixteen videos of two classes, each with its own action; what all share lies around it. D = 6."""
    rng = np.random.default_rng(0)
    folder = new_folder(tmp_path / "features", rgb=6)
    videos = []
    for index in range(16):
        features, own, start = rng.normal(0, 0.3, (40, 6)), index % 2, int(rng.integers(3, 27))
        features[start : start + 10, own] += 2
        features[: start - 2, 3] += 1
        folder.save(f"video{index}", features)
        label, subset = ("jump", "run")[own], "training" if index < 10 else "validation"
        instance = Instance(label, folder.info.grid().segment(start, start + 10))
        videos.append(Video(f"video{index}", subset, 25.6, instances=(instance,)))
    return folder, Annotations(videos).without_segments("training")


SETTINGS = {"iterations": 300, "learning_rate": 0.01, "hidden": 16, "warmup": 0.2, "input_scaling": "standard"}


def test_actions_are_found_from_labels_alone(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    run = train("consensus", [corpus], tmp_path / "run", settings=SETTINGS)
    truth = corpus[1].subset("validation")
    found = localize(run, corpus[0], truth)
    assert evaluate_detections(found, truth, iou_thresholds("0.5")).average > 0.9


@pytest.mark.parametrize("stop", [9, 10, 15])
def test_a_stopped_run_resumes_in_its_stage(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, stop: int
) -> None:
    settings = {**SETTINGS, "iterations": 20}
    whole = train("consensus", [corpus], tmp_path / "whole", settings=settings)
    asked = iter(range(100))
    with pytest.raises(Stopped):
        train("consensus", [corpus], tmp_path / "run", settings=settings, should_stop=lambda: next(asked) >= stop)
    again = train("consensus", [corpus], tmp_path / "run", settings=settings, resume=True)
    assert (again.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_detections_of_one_class_do_not_overlap_much() -> None:
    model = network(classes=1, dim=1, context=1, nms_threshold=0.4).eval()
    with torch.no_grad():
        model.classifier.weight.fill_(1.0)
        model.classifier.bias.fill_(0.0)
    ramp = torch.tensor([-3.0, 0.2, 0.7, 2.0, 2.0, 0.7, -3, -3, -3, 1.5, -3]).view(1, -1, 1)
    with torch.inference_mode():
        found = model.localize(model(ramp, torch.ones(1, 11, dtype=torch.bool)), GRID)
    assert len(found) == 2
    assert found[0].segment.tiou(found[1].segment) == 0
    assert all(instance.score > 0 for instance in found)


@pytest.mark.parametrize("averaged", [True, False])
def test_a_stage_ends_with_the_mean_of_its_weights(averaged: bool) -> None:
    model, data = network(teaching=0.5, averaged=averaged), batch([30, 20, 25])
    optimizer = model.optimizer()
    places: dict[str, list[torch.Tensor]] = {"blocks": [], "classifier": []}
    for step in range(8):
        optimizer.zero_grad()
        terms = model.losses(model(data.features, data.mask), replace(data, progress=step / 8))
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        if step < 4:
            places["blocks"].append(model.blocks.classifier.weight.detach().clone())
        else:
            places["classifier"].append(model.classifier.weight.detach().clone())
        model.after_step(optimizer, (step + 1) / 8)
    weights = torch.tensor([6.0, 24, 60, 120]) / 210 if averaged else torch.tensor([0.0, 0, 0, 1])
    for name, found in (("blocks", model.blocks.classifier.weight), ("classifier", model.classifier.weight)):
        expected = torch.einsum("t,t...->...", weights, torch.stack(places[name]))
        torch.testing.assert_close(found.detach(), expected, msg=name)


def test_a_class_that_every_video_so_far_had_begins_with_its_whole_level() -> None:
    model, found = network(3, margin=0.0).train(), said(3, [150, 100], torch.float32)
    everywhere = torch.tensor([[1.0, 0, 1], [1, 1, 0]], dtype=torch.float64)
    other = torch.tensor([[0.0, 0, 1], [1, 1, 0]], dtype=torch.float64)
    model.measure(found, everywhere)
    assert not model.levels[:, 0].any()
    model.measure(found, other)
    whole, moved = model.levels[:, 0].clone(), model.levels[:, 1].clone()
    assert whole.all()
    model.measure(replace(found, block_scores=found.block_scores + 9), other)
    assert 0 < model.levels[0, 0] - whole[0] < 1
    assert 0 < model.levels[0, 1] - moved[0] < 1
