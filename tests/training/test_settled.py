"""What no longer learns is asked once for each video, and gives the same network as when it is asked at every step."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from untrim.annotations import Annotations
from untrim.errors import Stopped
from untrim.features.store import FeatureFolder
from untrim.methods.consensus import Consensus
from untrim.training import settled
from untrim.training.loop import train

SETTINGS = {"iterations": 40, "hidden": 8, "max_snippets": 12}


def trained(corpus: tuple[FeatureFolder, Annotations], path: Path) -> dict[str, Tensor]:
    return load_file(train("consensus", [corpus], path, settings=SETTINGS, rehearsal=False).path / "model.safetensors")


def test_teachers_are_asked_once_for_each_video(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    asked: list[int] = []
    ask = Consensus.settled

    def noted(self: Consensus, features: Tensor) -> Tensor:
        asked.append(len(features))
        return ask(self, features)

    monkeypatch.setattr(Consensus, "settled", noted)
    once = trained(corpus, tmp_path / "once")
    training = corpus[1].subset("training")
    assert sorted(asked) == sorted(len(corpus[0].load(name)) for name in training)
    monkeypatch.setattr(settled, "_MOST", 0)
    always = trained(corpus, tmp_path / "always")
    assert len(asked) == len(training) + 1, "one video tells how much all would be"
    for name, value in once.items():
        torch.testing.assert_close(value, always[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("most", [0, settled._MOST], ids=["at every step", "once"])
def test_a_stop_while_they_are_asked_changes_nothing(
    most: int, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "_MOST", most)
    whole = trained(corpus, tmp_path / "whole")
    steps = iter(range(33))
    with pytest.raises(Stopped):
        train(
            "consensus",
            [corpus],
            tmp_path / "run",
            settings=SETTINGS,
            rehearsal=False,
            should_stop=lambda: next(steps, None) is None,
        )
    train("consensus", [corpus], tmp_path / "run", settings=SETTINGS, rehearsal=False, resume=True)
    for name, value in load_file(tmp_path / "run" / "model.safetensors").items():
        assert torch.equal(value, whole[name]), name
