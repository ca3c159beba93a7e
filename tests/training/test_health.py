from pathlib import Path

import numpy as np
import pytest

from untrim.annotations import Annotations
from untrim.features.store import FeatureFolder
from untrim.training.health import _attention_spread, _classification, _loss_fall
from untrim.training.loop import train
from untrim.training.tracking import describe_outcome

Corpus = tuple[FeatureFolder, Annotations]
SMALL = {"iterations": 60, "dropout": 0.0, "batch_size": 12}


@pytest.mark.parametrize("method", ["wsad", "wsbm", "lpat"])
def test_a_run_that_does_not_learn_says_so(corpus: Corpus, tmp_path: Path, method: str) -> None:
    settings = {**SMALL, "learning_rate": 1e-9}
    said = describe_outcome(train(method, [corpus], tmp_path / method, settings=settings))
    assert any(line.startswith("warning: the loss did not fall") and "learning_rate=1e-08" in line for line in said)
    assert "**Warning**: the loss did not fall" in (tmp_path / method / "README.md").read_text()


@pytest.mark.parametrize("method", ["wsad", "wsbm", "lpat"])
def test_a_run_that_learns_has_nothing_to_warn_of(corpus: Corpus, tmp_path: Path, method: str) -> None:
    settings = {**SMALL, "learning_rate": 3e-3}
    said = describe_outcome(train(method, [corpus], tmp_path / method, settings=settings))
    assert [line.partition(":")[0] for line in said] == ["training videos", "scores"]
    assert "Warning" not in (tmp_path / method / "README.md").read_text()


def test_labels_that_have_nothing_to_do_with_the_features_are_noticed(tmp_path: Path, corpus: Corpus) -> None:
    """The network is left as it was drawn, and the features hold nothing: classes are told apart as by chance."""
    folder, annotations = corpus
    for name in annotations:
        folder.save(name, np.random.default_rng(0).normal(size=(20, 48)))
    said = describe_outcome(train("wtalc", [(folder, annotations)], tmp_path / "run", settings={"iterations": 0}))
    assert [line for line in said if "class scores tell the training videos apart no better than chance (" in line]


def test_attention_that_stands_still_is_noticed(corpus: Corpus, tmp_path: Path) -> None:
    """Without the classes' pull, STPN's sparsity loss drives the attention to 0 everywhere."""
    settings = {"iterations": 300, "learning_rate": 0.03, "sparsity_weight": 1000.0, "pooling": "mean"}
    said = describe_outcome(train("stpn", [corpus], tmp_path / "run", settings=settings))
    assert [line for line in said if "the attention is the same all over" in line and "pooling=normalized" in line]


def test_attention_that_leaves_no_background_is_noticed(corpus: Corpus, tmp_path: Path) -> None:
    """All but a tenth of the snippets tell the class, so that without sparsity all but a tenth are attended to."""
    folder, annotations = corpus
    for index, name in enumerate(annotations):
        features = np.random.default_rng(index).normal(0, 0.3, (40, 48))
        features[4:, 16 * (index % 3) : 16 * (index % 3) + 16] += 1
        folder.save(name, features)
    settings = {"iterations": 300, "learning_rate": 3e-3, "sparsity_weight": 0.0}
    said = describe_outcome(train("stpn", [corpus], tmp_path / "run", settings=settings))
    assert [line for line in said if "the attention is high nearly all over" in line and "pooling=normalized" in line]
    said = describe_outcome(train("stpn", [corpus], tmp_path / "sparse", settings={**settings, "sparsity_weight": 0.5}))
    assert not [line for line in said if "the attention is high nearly all over" in line]


def lines(values: list[float], other: list[float]) -> dict[str, np.ndarray]:
    a, b, i = np.array(values), np.array(other), np.arange(len(values))
    return {"iteration": i, "seconds": i, "loss": a + b, "a": a, "b": b}


def test_a_loss_has_fallen_beyond_its_noise() -> None:
    rng, still = np.random.default_rng(0), [1.0] * 200
    noise = list(1 + 0.5 * rng.normal(size=200))
    assert _loss_fall(lines(noise, still))[1]
    assert not _loss_fall(lines(list(np.array(noise) - np.linspace(0, 1, 200)), still))[1]
    warming_up = list(np.linspace(0, 5, 200))
    assert not _loss_fall(lines(list(np.linspace(2, 0.1, 200)), warming_up))[1]
    assert _loss_fall(lines(still, warming_up))[1]
    assert _loss_fall(lines(still[:19], still[:19])) == (None, False)


def test_attention_is_measured_over_time_not_between_videos() -> None:
    assert _attention_spread([np.full(9, 0.0), np.full(9, 1.0)]) == (0.5, 0.0)
    assert _attention_spread([np.tile([0.0, 1.0], 4)]) == (0.5, 0.5)
    assert _attention_spread([]) is None


def test_too_few_videos_say_nothing_of_class_scores() -> None:
    """Of three videos the right order comes by chance as well."""
    assert _classification(np.eye(3), np.eye(3)) is None
    found = _classification(np.arange(20.0)[:, None], (np.arange(20) >= 10).astype(float)[:, None])
    assert found is not None
    assert found[0] == 1.0 > found[1]
