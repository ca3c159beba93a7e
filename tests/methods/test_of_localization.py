"""Each config says which of its values only localization reads. What it says is compared with what is read."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
import torch

from untrim.data.dataset import Batch
from untrim.methods import METHODS, load_method
from untrim.methods.additions import added_losses
from untrim.methods.base import Method, MethodConfig
from untrim.timeline import SnippetGrid

GRID = SnippetGrid(16, 16, 25, 0.32)
TRAINED = [name for name in METHODS.built_in if load_method(name).supervision != "none"]


def recording(config: type[MethodConfig]) -> tuple[type[MethodConfig], set[str]]:
    """A config of the same values that writes down which of them are read."""
    seen = set[str]()

    class Recorded(config):  # type: ignore[valid-type, misc]
        def __getattribute__(self, key: str) -> object:
            if key in config.model_fields:
                seen.add(key)
            return super().__getattribute__(key)

    return Recorded, seen


def variants(method: type[Method]) -> Iterator[dict[str, object]]:
    """Presets, and each of the words that an option can have; what is known of snippets is learned from."""
    common: dict[str, object] = {"add_known": 1.0}
    if "hidden" in method.Config.model_fields:
        common["hidden"] = 6
    yield common
    for preset in method.presets.values():
        yield {**preset, **common, "add_coactivity": 0.0}
    for key, field in method.Config.model_fields.items():
        words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        for value in (True, False) if field.annotation is bool else words:
            yield {**common, key: value}


def trained_and_localized(model: Any, seen: set[str]) -> tuple[set[str], set[str]]:
    """What one step of a training reads of the config, and what localization reads; `seen` has what `model` read."""
    labels = torch.eye(3)[[0, 0, 1, 1]]
    known = torch.ones(4, 9, 3)
    batch = Batch(
        torch.randn(4, 9, 12), torch.ones(4, 9, dtype=torch.bool), labels, torch.tensor([0, 0, 1, 1]), 0.7,
        labels[:, None] * known, known,
    )  # fmt: skip
    optimizer = model.optimizer()
    model.train()
    model.crop(0.7)
    found = model(batch.features, batch.mask)
    sum({**model.losses(found, batch), **added_losses(model, model.config, found, batch)}.values()).backward()
    optimizer.step()
    model.after_step(optimizer, 0.7)
    training = {*seen}
    seen.clear()
    with torch.inference_mode():
        model.eval().localize(model(batch.features[:1], batch.mask[:1]), GRID)
    return training, {*seen}


@pytest.mark.parametrize("name", TRAINED)
def test_values_of_localization_are_those_that_no_training_reads(name: str) -> None:
    method = load_method(name)
    training, localization = set[str](), set[str]()
    for values in variants(method):
        config, seen = recording(method.Config)
        torch.manual_seed(0)
        model = method(config.model_validate(values), 12, ["a", "b", "c"])
        of_training, of_localization = trained_and_localized(model, seen)
        training |= of_training
        localization |= of_localization
    assert method.Config.of_localization == localization - training


def test_joined_sequences_and_joined_detections_are_of_the_same_two_networks() -> None:
    """ECM's Table 5: of the values of `detections`, `merged` and `fused` alone are said to be of the same training.

    That of `post` is the same but for the order of its sums, so that its last bits differ on some machines.
    """
    ecm = load_method("ecm")

    def weights(detections: str) -> torch.Tensor:
        values = {"hidden": 6, "share_classifier": False, "detections": detections}
        torch.manual_seed(0)
        model = ecm(ecm.Config.model_validate(values), 12, ["a", "b", "c"])
        for _ in range(2):
            trained_and_localized(model, set())
        return torch.cat([part.flatten() for part in model.state_dict().values()])

    own = {kind: weights(kind) for kind in ("pre", "post", "merged", "fused")}
    alike = {(a, b) for a in own for b in own if a < b and torch.equal(own[a], own[b])}
    said = {kind: ecm.Config.of_training({"detections": kind}) for kind in own}
    by_rounding = {("fused", "post"), ("merged", "post")}
    assert {(a, b) for a in own for b in own if a < b and said[a] == said[b]} == {("fused", "merged")}
    assert alike - by_rounding == {("fused", "merged")}
