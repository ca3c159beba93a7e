from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder
from untrim.annotations import Annotations, Video
from untrim.data.dataset import Batch, TrainingVideos
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods.base import Activations
from untrim.methods.supervised import Supervised, SupervisedConfig
from untrim.pipeline import localize
from untrim.timeline import Instance, SnippetGrid
from untrim.training.checkpoint import Run
from untrim.training.loop import train

GRID = SnippetGrid.regular(16, 16, 25)


def network(classes: int = 3, dim: int = 5, **values: object) -> Supervised:
    torch.manual_seed(0)
    return Supervised(SupervisedConfig(**values), dim, [f"class {c}" for c in range(classes)])


def batch(lengths: list[int], classes: int, dim: int, dtype: torch.dtype = torch.float32) -> Batch:
    generator = torch.Generator().manual_seed(sum(lengths))
    features = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=dtype)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    labels = (torch.rand(len(lengths), max(lengths), classes, generator=generator) < 0.3).to(dtype)
    labels = labels * mask.unsqueeze(-1)
    return Batch(features, mask, labels.amax(dim=1), torch.full((len(lengths),), -1), snippet_labels=labels)


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[FeatureFolder, Annotations]:
    """Eight videos of two classes that differ only in what happens when: labels alone would not do. D = 4."""
    rng = np.random.default_rng(0)
    folder = new_folder(tmp_path / "features", rgb=4)
    videos = []
    for index in range(8):
        features = rng.normal(0, 0.2, (40, 4))
        features[5:15, 0] += 2
        features[20 + index : 30 + index, 1] += 2
        folder.save(f"video{index}", features)
        instances = (
            Instance("jump", folder.info.grid().segment(5, 15)),
            Instance("run", folder.info.grid().segment(20 + index, 30 + index)),
        )
        subset = "training" if index < 6 else "validation"
        videos.append(Video(f"video{index}", subset, 25.6, ("jump", "run"), instances))
    return folder, Annotations(videos, source="labels.json")


@pytest.mark.parametrize("hidden", [None, 16])
def test_segments_are_learnt(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, hidden: int | None) -> None:
    settings = {"iterations": 200, "learning_rate": 0.02, "hidden": hidden}
    train("supervised", [corpus], tmp_path / "run", settings=settings)
    found = localize(Run.open(tmp_path / "run"), corpus[0], corpus[1].subset("validation"))
    for name, video in corpus[1].subset("validation").items():
        assert len(found[name]) == 2
        for detection in found[name]:
            instance = next(instance for instance in video.instances if instance.label == detection.label)
            assert detection.segment.tiou(instance.segment) > 0.8
    assert "segments" in (tmp_path / "run" / "README.md").read_text()


def test_a_label_without_a_segment_is_refused(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    wrong = Annotations([*corpus[1].values(), Video("more", "training", 25.6, ("jump",))], source="labels.json")
    corpus[0].save("more", np.zeros((3, 4)))
    with pytest.raises(UntrimError, match=r"labels\.json: 1 training videos have labels without segments: more"):
        train("supervised", [(corpus[0], wrong)], tmp_path / "run")
    train("wtalc", [(corpus[0], wrong)], tmp_path / "run", settings={"iterations": 1})  # needs no segments


def test_batches_tell_each_snippet_only_where_segments_are_asked_for(
    corpus: tuple[FeatureFolder, Annotations],
) -> None:
    chosen = [(corpus[0], corpus[1].subset("training"))]
    videos, groups = np.array([2, 0]), np.array([-1, -1])
    drawn = TrainingVideos(chosen, segments=True).batch(videos, groups, None, "random", np.random.default_rng(0))
    assert drawn.snippet_labels is not None
    expected = torch.zeros(2, 40, 2)
    expected[:, 5:15, 0] = expected[0, 22:32, 1] = expected[1, 20:30, 1] = 1
    torch.testing.assert_close(drawn.snippet_labels, expected)
    assert drawn.known is not None
    assert drawn.known.all(), "the segments are all that there are"
    chosen = [(corpus[0], corpus[1].without_segments("training").subset("training"))]
    unaware = TrainingVideos(chosen).batch(videos, groups, None, "random", np.random.default_rng(0))
    assert unaware.snippet_labels is unaware.known is None
    assert unaware.to(torch.device("cpu")).snippet_labels is None


@pytest.mark.parametrize("crop", ["random", "contiguous", "uniform"])
def test_crops_keep_snippets_and_their_labels_together(corpus: tuple[FeatureFolder, Annotations], crop: str) -> None:
    data = TrainingVideos([(corpus[0], corpus[1].subset("training"))], segments=True)
    drawn = data.batch(np.arange(6), np.full(6, -1), 17, crop, np.random.default_rng(3))
    assert drawn.features.shape[:2] == drawn.snippet_labels.shape[:2] == (6, 17)
    torch.testing.assert_close(drawn.snippet_labels, (drawn.features[..., :2] > 1).float())


@pytest.mark.parametrize("classes", [20, 100])
def test_gradients(classes: int) -> None:
    drawn = batch([6, 3, 1], classes, 4, torch.float64)

    def total(s: torch.Tensor) -> torch.Tensor:
        return network(classes).losses(Activations(drawn.mask, s, torch.empty(0)), drawn)["snippets"]

    s = torch.randn(*drawn.snippet_labels.shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(total, [s], fast_mode=True)


def test_loss_weighs_what_happens_and_what_does_not_alike() -> None:
    """However rare a class is, saying never costs as much as saying always."""
    mask = torch.ones(1, 50, dtype=torch.bool)
    labels = torch.zeros(1, 50, 1)
    labels[0, 7] = 1
    drawn = Batch(torch.empty(0), mask, torch.ones(1, 1), torch.tensor([-1]), snippet_labels=labels)
    never, always = (Activations(mask, torch.full((1, 50, 1), s), torch.empty(0)) for s in (-3.0, 3.0))
    torch.testing.assert_close(network(1).losses(never, drawn), network(1).losses(always, drawn))


def test_context_is_that_many_snippets() -> None:
    model = network(1, context=5).eval()
    x = torch.zeros(1, 9, 5)
    changed = x.clone()
    changed[0, 4] = 1
    mask = torch.ones(1, 9, dtype=torch.bool)
    moved = (model(x, mask).cas != model(changed, mask).cas)[0, :, 0]
    assert moved.nonzero().flatten().tolist() == [2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="odd"):
        SupervisedConfig(context=2)


@pytest.mark.parametrize("hidden", [None, 16])
def test_padding_and_order_change_nothing(hidden: int | None) -> None:
    model = network(hidden=hidden).eval()
    drawn = batch([6, 3, 8], 3, 5)
    order = torch.tensor([2, 0, 1])
    padded, labels = (
        torch.cat([part, torch.full((3, 4, part.shape[2]), 1.0)], dim=1)[order]
        for part in (drawn.features, drawn.snippet_labels)
    )
    longer = torch.cat([drawn.mask, torch.zeros(3, 4, dtype=torch.bool)], dim=1)[order]
    before, after = model(drawn.features, drawn.mask), model(padded, longer)
    torch.testing.assert_close(after.video_scores, before.video_scores[order])
    moved = Batch(padded, longer, drawn.labels[order], drawn.groups, snippet_labels=labels)
    torch.testing.assert_close(model.losses(after, moved), model.losses(before, drawn))


def test_extremes_are_finite() -> None:
    drawn = batch([1, 4], 3, 5)
    s = (1e4 * torch.randn(2, 4, 3).sign()).requires_grad_()
    loss = network().losses(Activations(drawn.mask, s, torch.empty(0)), drawn)["snippets"]
    assert loss.isfinite()
    assert torch.autograd.grad(loss, s)[0].isfinite().all()


def test_localize_what_stands_out() -> None:
    s = torch.tensor([[-1.0, 2.0, 2.0, -1.0, 3.0], [-1.0, -2.0, -1.0, -1.0, -3.0]]).T.unsqueeze(0)
    found = Activations(torch.ones(1, 5, dtype=torch.bool), s, torch.empty(0))
    detections = network(2).localize(found, GRID)
    assert [d.label for d in detections] == ["class 0", "class 0"]
    assert [d.segment for d in detections] == [GRID.segment(4, 5), GRID.segment(1, 3)]
    # Contrast, half of the peak, 0.7 of the largest eighth: an eighth of 5 is 1 snippet.
    assert [d.score for d in detections] == pytest.approx([4 + 0.5 * 3 + 0.7 * 3, 3 + 0.5 * 2 + 0.7 * 3])
    assert len(network(2, min_snippets=2).localize(found, GRID)) == 1


def test_instances_close_together_are_apart_and_what_joins_them_comes_last() -> None:
    line = [-2.0] * 4 + [2.0] * 3 + [-0.8] * 2 + [2.0] * 3 + [-2.0] * 4
    s = torch.tensor([line]).T.unsqueeze(0)
    found = Activations(torch.ones(1, len(line), dtype=torch.bool), s, torch.empty(0))
    detections = network(1, second_choice=3.0, outer=1.0).localize(found, GRID)
    assert [d.segment for d in detections] == [GRID.segment(4, 7), GRID.segment(9, 12), GRID.segment(4, 12)]
    # Outside of each are the three snippets before or after it, and the two between: not the other instance.
    one = 2 - (3 * -2.0 + 2 * -0.8) / 5 + 0.5 * 2 + 0.7 * 2
    both = (6 * 2 + 2 * -0.8) / 8 + 2 + 0.5 * 2 + 0.7 * 2
    assert [d.score for d in detections] == pytest.approx([one, one, both - 3.0])


def test_what_falls_a_little_short_of_0_is_a_candidate() -> None:
    s = torch.tensor([[-3.0, -0.4, -0.4, -3.0, -3.0, -0.6, -0.6, -3.0, -3.0, 1.0]]).T.unsqueeze(0)
    found = Activations(torch.ones(1, 10, dtype=torch.bool), s, torch.empty(0))
    segments = [d.segment for d in network(1).localize(found, GRID)]
    assert segments == [GRID.segment(9, 10), GRID.segment(1, 3)], "best first; that of -0.6 is none"
