"""Runs that an older version made, with what it found: `old_runs` was written before there were schema numbers.

Its methods are WSAD and the supervised bound, which was called `oracle`; 60 iterations on six random videos. What the
latter finds is not what it found then: its localization is another by now (by contrast, at several levels).
"""

import shutil
import unicodedata
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from untrim.annotations import Annotations, read_annotations, read_detections
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods import load_method
from untrim.pipeline import localize
from untrim.support.tensors import read_safetensors
from untrim.support.validation import validate
from untrim.training.checkpoint import MODEL, Run
from untrim.training.configuration import read_recipe
from untrim.training.loop import train
from untrim.training.metrics import METRICS, read_metrics
from untrim.training.tracking import describe_outcome

OLD = Path(__file__).parent / "old_runs"
NAMES = {"wsad": "wsad", "oracle": "supervised"}


@pytest.fixture
def labels() -> Annotations:
    return read_annotations(OLD / "annotations.json")


@pytest.mark.parametrize(("folder", "method"), NAMES.items())
def test_an_old_run_opens_and_finds_what_it_found(labels: Annotations, folder: str, method: str) -> None:
    run = Run.open(OLD / folder)
    assert (run.method, run.recipe, run.seed, run.subset) == (method, None, 0, "training")
    assert (run.config.iterations, run.labels, run.precision, run.select) == (60, ("jump", "run"), "fp32", "last")
    assert len(read_metrics(run.path / METRICS)["loss"]) == 60
    assert describe_outcome(run)[0].startswith("training videos: 6 from features")
    found = localize(run, FeatureFolder.open(OLD / "features"), labels.subset("validation"), device="cpu")
    stored = read_detections(OLD / f"{folder}.json")
    assert {*found} == {*stored}
    for name, own in found.items():
        assert [d.label for d in own] == [d.label for d in stored[name]]
        for mine, theirs in zip(own, stored[name], strict=True):
            ends = (theirs.segment.start, theirs.segment.end, theirs.score)
            assert (mine.segment.start, mine.segment.end, mine.score) == pytest.approx(ends, abs=1e-6)
    assert any(found.values())


def test_classes_of_an_old_run_have_the_one_form_of_names(tmp_path: Path) -> None:
    shutil.copytree(OLD / "wsad", tmp_path / "run")
    nfc, nfd = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    (tmp_path / "run" / "labels.json").write_text(f'["{nfd}", "run "]')
    assert Run.open(tmp_path / "run").labels == (nfc, "run")
    (tmp_path / "run" / "labels.json").write_text('["run", "run"]')
    with pytest.raises(UntrimError, match=r"labels\.json: 'run' is listed twice"):
        Run.open(tmp_path / "run")


@pytest.mark.parametrize(("folder", "method"), NAMES.items())
def test_a_finished_old_run_is_the_same_run_and_is_not_trained_again(
    labels: Annotations, tmp_path: Path, folder: str, method: str
) -> None:
    shutil.copytree(OLD / folder, tmp_path / "run")
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in (tmp_path / "run").iterdir()}
    source = labels if method == "supervised" else labels.without_segments("training")
    sources = [(FeatureFolder.open(OLD / "features"), source)]
    run = train(method, sources, tmp_path / "run", settings={"iterations": 60}, resume=True)
    assert run.finished
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in (tmp_path / "run").iterdir()} == before
    with pytest.raises(UntrimError, match="holds another run: different seed, iterations"):
        train(method, sources, tmp_path / "run", settings={"iterations": 61}, seed=1, resume=True)


FLAT = {"batch_size": 6, "sparsity_weight": 0.1, "hidden": 8, "background_weight": 0.0, "guide_weight": 0.0,
        "cluster_weight": 0.0, "bias": True, "classification": "sigmoid", "proposals": "tcam", "score": "mean",
        "sigma": 3.0, "outer": 0.25}  # fmt: skip


def test_recipes_with_options_that_stpn_had_of_wsbm_are_read_where_they_change_nothing(tmp_path: Path) -> None:
    stpn, file = load_method("stpn"), tmp_path / "best.yaml"
    file.write_text(yaml.safe_dump(FLAT))
    config = validate(stpn.Config, read_recipe(stpn, file), file)
    assert config.model_dump()["sparsity_weight"] == 0.1
    file.write_text(yaml.safe_dump({**FLAT, "guide_weight": 0.1}))
    with pytest.raises(UntrimError, match="unknown key 'guide_weight'"):
        validate(stpn.Config, read_recipe(stpn, file), file)
    assert read_recipe(load_method("wsbm"), file)["sigma"] == 3.0


def test_weights_of_consensus_without_what_it_measures_today_are_read(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
) -> None:
    run = train("consensus", [corpus], tmp_path / "run", settings={"iterations": 8})
    weights = read_safetensors(run.path / MODEL)
    del weights["variances"], weights["filled"], weights["levels"]
    save_file(weights, run.path / MODEL)
    model = run.load_model(torch.device("cpu"))
    found = model(torch.randn(1, 5, len(model.input.gain)), torch.ones(1, 5, dtype=torch.bool))
    assert model.outline(found) is found.cas
    assert model.level_unit == 1
