"""What a method asks of training beyond Adam: a schedule and a moving average, resumed as if never stopped."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from untrim.annotations import Annotations
from untrim.features.store import FeatureFolder
from untrim.methods import METHODS
from untrim.methods.wsad import WSAD, WSADConfig
from untrim.training import steps
from untrim.training.loop import train

Corpus = tuple[FeatureFolder, Annotations]
SETTINGS = {"iterations": 30, "learning_rate": 0.05, "dropout": 0.2}
DECAY = 0.9


class Averaged(WSAD):
    """WSAD with SGD, a step size that falls to 0, and at the end the moving average of the weights."""

    def __init__(self, config: WSADConfig, dim: int, labels: Sequence[str]) -> None:
        super().__init__(config, dim, labels)
        self.kept = [name for name, _ in self.named_parameters()]
        for name in self.kept:
            self.register_buffer(self.average(name), self.get_parameter(name).detach().clone())

    @staticmethod
    def average(name: str) -> str:
        return f"average_{name.replace('.', '_')}"

    def optimizer(self) -> Optimizer:
        return SGD(self.parameters(), lr=self.config.learning_rate, momentum=0.9)

    @torch.no_grad()
    def after_step(self, optimizer: Optimizer, progress: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.config.learning_rate * (1 - progress)
        for name in self.kept:
            weight, average = self.get_parameter(name), self.get_buffer(self.average(name))
            average.lerp_(weight, 1 - DECAY)
            if progress == 1:
                weight.copy_(average)


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS.built_in, "averaged", f"{__name__}:Averaged")


def test_a_schedule_and_a_moving_average_resume_as_if_undisturbed(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("averaged", [corpus], tmp_path / "whole", settings=SETTINGS)
    losses = steps.Trainer.losses

    def killed(trainer: steps.Trainer, batch: steps.Batch) -> dict[str, Tensor]:
        if trainer.step == 17:
            raise Killed
        return losses(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(steps.Trainer, "losses", killed)
        patch.setattr(steps, "_SECONDS_BETWEEN_STATES", 0.0)
        with pytest.raises(Killed):
            train("averaged", [corpus], tmp_path / "killed", settings=SETTINGS)
    state = torch.load(tmp_path / "killed" / "state" / "training.pt", weights_only=True)
    assert state["step"] == 17
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.05 * (1 - 17 / 30))
    resumed = train("averaged", [corpus], tmp_path / "killed", settings=SETTINGS, resume=True)
    assert (resumed.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_the_hooks_are_what_trains(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step size falls with `progress`, and what is localized with is the average of the weights after each step."""
    rates, weights, step = [], [], SGD.step

    def seen(optimizer: SGD) -> None:
        step(optimizer)
        rates.append(optimizer.param_groups[0]["lr"])
        weights.append(optimizer.param_groups[0]["params"][0].detach().clone())

    monkeypatch.setattr(SGD, "step", seen)
    run = train("averaged", [corpus], tmp_path / "run", settings={**SETTINGS, "iterations": 4}, rehearsal=False)
    assert rates == pytest.approx([0.05, 0.0375, 0.025, 0.0125])
    wanted = next(run.build().parameters()).detach()
    for weight in weights:
        wanted = wanted.lerp(weight, 1 - DECAY)
    torch.testing.assert_close(next(run.load_model(torch.device("cpu")).parameters()).detach(), wanted)
