from dataclasses import fields, replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from untrim.data.dataset import Batch
from untrim.data.sampling import crop_snippets
from untrim.data.summary import DataSummary
from untrim.errors import UntrimError
from untrim.localization.grouping import likely_classes
from untrim.methods import METHODS, describe_methods, describe_options, load_method, method_names
from untrim.methods.base import MethodConfig
from untrim.support import registry
from untrim.support.validation import validate
from untrim.training.configuration import configure


def make_summary(dim: int) -> DataSummary:
    return DataSummary(
        40,
        5,
        dim,
        1.2,
        np.arange(20, 60),
        np.zeros(dim, dtype=np.float32),
        np.ones(dim, dtype=np.float32),
        np.ones(dim, dtype=np.float32),
    )


@pytest.fixture
def summary() -> DataSummary:
    return make_summary(384)


TRAINED = [name for name in METHODS.built_in if load_method(name).supervision != "none"]


@pytest.fixture(params=TRAINED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_list_names_every_method_with_its_presets() -> None:
    lines = describe_methods().splitlines()
    assert [line.split()[0] for line in lines] == method_names()
    assert "official" in lines[1]
    width = max(map(len, method_names()))
    assert [line[: width + 2] for line in lines] == [f"{name:{width}}  " for name in method_names()]


@pytest.mark.parametrize("name", METHODS.built_in)
def test_every_option_is_described(name: str) -> None:
    text = describe_options(name)
    for key, option in load_method(name).Config.model_fields.items():
        assert f"  {key} = " in text
        assert option.description, key


def test_presets_and_defaults_are_valid_configs(name: str, summary: DataSummary) -> None:
    method = load_method(name)
    for preset in method.presets:
        configure(method, summary, preset, {})
    assert configure(method, summary, None, {}).input_scaling != "none"


def test_crops_of_long_videos_show_all_that_labels_name(name: str, summary: DataSummary) -> None:
    config = configure(load_method(name), summary, None, {})
    if load_method(name).supervision == "segments" or config.max_snippets is None:
        pytest.skip("crops have their own labels, or there are none")
    kept = crop_snippets(5 * config.max_snippets, config.max_snippets, config.crop, np.random.default_rng(0))
    assert np.diff(kept, prepend=-1, append=5 * config.max_snippets).max() <= 5


def test_unknown_methods_and_values_are_refused(summary: DataSummary) -> None:
    with pytest.raises(UntrimError, match="did you mean 'wsad'"):
        describe_options("wsda")
    with pytest.raises(UntrimError, match=r"'kappa'.*greater than 0"):
        configure(load_method("wsad"), summary, "paper", {"kappa": -1})


def test_a_plugin_that_cannot_be_imported_hides_no_method(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "not_there_at_all:Broken", "untrim.methods")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    *own, broken = describe_methods().splitlines()
    assert [line.split()[0] for line in own] == [*METHODS.built_in]
    assert "method 'broken' cannot be loaded: ModuleNotFoundError" in broken


def test_the_step_size_falls_with_the_width() -> None:
    rates = [make_summary(dim).training_defaults()["learning_rate"] for dim in (64, 256, 512, 2048)]
    assert rates == [1e-3, 1e-3, 5e-4, 1.25e-4]


@pytest.mark.parametrize(("name", "option"), [("lpat", "lambda_clas"), ("wtalc", "lambda_mil")])
def test_each_label_of_a_video_weighs_beside_the_other_loss_as_a_single_one(name: str, option: str) -> None:
    for labels in (1, 2, 5):
        data = replace(make_summary(8), labels_per_video=labels)
        weight = getattr(configure(load_method(name), data, None, {}), option)
        assert weight / labels == pytest.approx(1 - weight, rel=1e-2)


def test_sparsity_weighs_the_same_beside_each_label_of_a_video() -> None:
    paper = configure(load_method("stpn"), make_summary(8), "paper", {}).model_dump()["sparsity_weight"]
    for labels in (1, 5):
        data = replace(make_summary(8), labels_per_video=labels)
        weight = configure(load_method("stpn"), data, None, {}).model_dump()["sparsity_weight"]
        assert weight / labels == pytest.approx(paper)


def test_with_many_labels_per_video_the_second_teacher_of_consensus_counts_less() -> None:
    configs = (
        configure(load_method("consensus"), replace(make_summary(8), labels_per_video=labels), None, {})
        for labels in (1.0, 2.0, 4.0)
    )
    shares = [config.model_dump()["threshold_share"] for config in configs]
    assert shares[0] == shares[1] == pytest.approx(4 * shares[2], rel=0.02)


@pytest.mark.parametrize("name", ["wsbm", "lpat", "ecm"])
def test_of_classes_that_share_one_probability_those_of_several_labels_are_localized(name: str) -> None:
    for labels in (1, 5, 20):
        config = configure(load_method(name), replace(make_summary(8), labels_per_video=labels), None, {})
        shared = np.linspace(0.5, 1.5, labels) / labels
        assert likely_classes(shared, config.class_threshold).all()


def test_the_warm_up_starts_from_all_snippets_alike_and_ends_at_the_methods_own_losses(name: str) -> None:
    method = load_method(name)
    if method.supervision == "segments" or name == "consensus":
        pytest.skip("nothing is pooled, or only by its teachers")
    plain, warm = (configure(method, make_summary(8), None, {"warmup": share, "dropout": 0.0}) for share in (0.0, 0.5))
    torch.manual_seed(0)
    model = method(plain, 8, "abcde")
    batch = Batch(
        torch.randn(4, 30, 8),
        torch.ones(4, 30, dtype=torch.bool),
        torch.eye(5)[[0, 0, 1, 1]],
        torch.tensor([0, 0, 1, 1]),
    )

    def losses(config: MethodConfig, progress: float) -> dict[str, float]:
        model.config = config
        found = model(batch.features, batch.mask)
        return {key: term.item() for key, term in model.losses(found, replace(batch, progress=progress)).items()}

    start, end = losses(warm, 0.0), losses(plain, 0.0)
    classification = {"classification", "mil", "foreground", "cls_pre", "cls_post"} & start.keys()
    assert {key for key, term in start.items() if term != 0} == classification
    assert any(start[key] != end[key] for key in classification)
    assert losses(warm, 0.5) == losses(warm, 0.9) == end


@pytest.mark.parametrize("name", METHODS.built_in)
def test_what_is_said_of_one_video_of_a_batch_is_what_is_said_of_it_alone(name: str) -> None:
    method = load_method(name)
    small = {"hidden": 6} if "hidden" in method.Config.model_fields else {}
    torch.manual_seed(0)
    model = method(method.Config.model_validate(small), 12, ["a", "b", "c"]).eval()
    videos = [torch.randn(count, 12) for count in (3, 70, 3)]
    rows = torch.nn.utils.rnn.pad_sequence(videos, batch_first=True)
    with torch.inference_mode():
        together = model(rows, torch.tensor([[index < len(own) for index in range(70)] for own in videos]))
        for index, own in enumerate(videos):
            found, alone = together.of_video(index, len(own)), model(own[None], torch.ones(1, len(own), dtype=bool))
            for field in fields(alone):
                wanted = getattr(alone, field.name)
                if wanted is not None:
                    torch.testing.assert_close(getattr(found, field.name), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("method", "values", "message"),
    [
        ("ecm", {"lowest_threshold": 0.5}, "'highest_threshold': should be above lowest_threshold, 0.5, found 0.2"),
        ("wsbm", {"lowest_threshold": 0.6}, "'highest_threshold': should be at least lowest_threshold, 0.6, found 0.5"),
        ("stpn", {"highest_threshold": 0.01}, "'highest_threshold': should be at least lowest_threshold, 0.05"),
        ("ecm", {"streams": "pre", "detections": "fused"}, "'detections': needs streams=both, found 'fused'"),
    ],
)
def test_values_with_which_nothing_would_be_found_are_refused(
    method: str, values: dict[str, object], message: str
) -> None:
    with pytest.raises(UntrimError, match=message):
        validate(load_method(method).Config, values, "--set")
