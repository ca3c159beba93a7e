from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods.base import Activations
from untrim.methods.pretrained import Pretrained, PretrainedConfig
from untrim.timeline import SnippetGrid
from untrim.training.loop import train

GRID = SnippetGrid(16, 8, 25, 0.32)
LABELS = [f"class{index}" for index in range(40)]


def model(**values: float) -> Pretrained:
    """Its features are the logits themselves."""
    network = Pretrained(PretrainedConfig.model_validate(values), len(LABELS), LABELS).eval()
    with torch.no_grad():
        network.classifier.weight.copy_(torch.eye(len(LABELS)))
        network.classifier.bias.zero_()
    return network


def video(**raised: range) -> Tensor:
    """Logits (60, 40) of noise, in which classes stand out in some snippets."""
    s = torch.randn(60, len(LABELS), generator=torch.Generator().manual_seed(0))
    for label, snippets in raised.items():
        s[snippets.start : snippets.stop, LABELS.index(label)] += 9
    return s


def said(network: Pretrained, s: Tensor) -> Activations:
    with torch.inference_mode():
        found: Activations = network(s[None], torch.ones(1, len(s), dtype=torch.bool))
    return found


def test_the_equations() -> None:
    raw, network = video(class3=range(10, 30)).double(), model(window=3).double()
    s = np.stack([raw[max(0, t - 1) : t + 2].mean(0).numpy() for t in range(60)])
    n = s.mean(1) + np.sqrt(2 * np.log(40)) * s.std(1)
    p = np.exp(s) / (np.exp(s).sum(1) + np.exp(n))[:, None]
    found = said(network, raw)
    assert found.attention is not None
    assert found.background is not None
    np.testing.assert_allclose(found.cas[0], s, atol=1e-9)
    np.testing.assert_allclose(found.background[0], n, atol=1e-9)
    np.testing.assert_allclose(found.attention[0], 1 / (1 + np.exp(n - s.max(1))), atol=1e-9)
    np.testing.assert_allclose(found.video_scores[0], np.sort(p, axis=0)[-7:].mean(0), atol=1e-9)


def test_padding_changes_nothing() -> None:
    network, s = model(), video(class3=range(10, 30))
    padded, mask = torch.full((1, 80, 40), 1e3), torch.arange(80)[None] < 60
    padded[0, :60] = s
    with torch.inference_mode():
        found = network(padded, mask)
    alone = said(network, s)
    torch.testing.assert_close(found.cas[:, :60], alone.cas)
    torch.testing.assert_close(found.video_scores, alone.video_scores)


def test_what_stands_out_is_found_and_noise_is_not() -> None:
    network = model()
    first, second = sorted(network.localize(said(network, video(class3=range(10, 30), class7=range(40, 52))), GRID))
    assert (first.label, second.label) == ("class3", "class7")
    for found, snippets in ((first, range(10, 30)), (second, range(40, 52))):
        assert found.segment.tiou(GRID.segment(snippets.start, snippets.stop)) > 0.8
        assert 0.8 < found.score <= 1
    noise = [found.score for found in network.localize(said(network, video()), GRID)]
    assert noise  # Of the likeliest class.
    assert max(noise) < 0.3


def test_classes_that_are_asked_for_share_the_probability_with_none_of_these() -> None:
    """Of two alike, each has half of it; asked for alone, one has all; one that is not there has little."""
    both, network = video(class3=range(10, 30), class4=range(10, 30)), model()

    def best() -> dict[str, float]:
        found = network.localize(said(network, both), GRID)
        return {each.label: max(one.score for one in found if one.label == each.label) for each in found}

    shared = best()
    assert shared.keys() == {"class3", "class4"}
    network.look_for(["class3"])
    assert best().keys() == {"class3"}
    assert best()["class3"] > max(0.9, shared["class3"] + 0.1)
    network.look_for(["class9", "class3"])
    assert best().keys() == {"class3", "class9"}
    assert best()["class9"] < 0.4


def test_it_is_not_trained(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="weights pull kinetics400"):
        train("pretrained", [corpus], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UntrimError, match="nothing to train"):
        model().losses(said(model(), video()), None)  # type: ignore[arg-type]


def test_a_window_has_a_middle() -> None:
    with pytest.raises(ValueError, match="should be odd"):
        PretrainedConfig(window=4)
