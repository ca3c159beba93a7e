import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import UntrimError, WorkFailed
from untrim.features.store import FeatureFolder
from untrim.methods.wsad import WSAD
from untrim.pipeline import localize
from untrim.settings import parse_settings
from untrim.training.checkpoint import Run
from untrim.training.loop import train

CLASSES = ("jump", "run", "throw")


SETTINGS = {"iterations": 150, "learning_rate": 5e-3, "dropout": 0.2}


def test_training_learns_and_leaves_a_complete_run(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, seed=1)
    wanted = {"model.safetensors", "config.yaml", "labels.json", "features.json", "metrics.jsonl"}
    assert wanted | {"environment.json", "README.md"} <= {path.name for path in (tmp_path / "run").iterdir()}
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["iteration"] == 150
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"]
    run = Run.open(tmp_path / "run")
    assert run.labels == CLASSES
    found = localize(run, corpus[0], corpus[1].subset("validation"), activations=tmp_path / "activations")
    for name, video in corpus[1].subset("validation").items():
        best = found[name][0]
        assert best.label == video.labels[0]
        assert best.segment.tiou(video.instances[0].segment) > 0.5
        with np.load(tmp_path / "activations" / f"{name}.npz") as arrays:
            assert arrays["cas"].shape == (len(corpus[0].load(name)), 3)


def test_same_seed_same_weights(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train("wsad", [corpus], tmp_path / name, settings={**SETTINGS, "iterations": 5}, seed=seed)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_killed_training_goes_on_as_if_undisturbed(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    """SIGKILL while training; --resume ends with the same bytes as a run that was left alone."""
    labels = tmp_path / "annotations.json"
    write_annotations(corpus[1], labels)
    code = """
import sys
from untrim.cli import main
from untrim.training import loop
loop._SECONDS_BETWEEN_STATES = 0.0
main()
"""
    values = [f"--set={key}={value}" for key, value in {**SETTINGS, "iterations": 200}.items()]
    command = [sys.executable, "-c", code, "train", "-m", "wsad", "-f", str(corpus[0].path), "-a", str(labels), *values]
    process = subprocess.Popen([*command, "-o", str(tmp_path / "killed")], start_new_session=True)
    state = tmp_path / "killed" / "state" / "training.pt"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    with pytest.raises(UntrimError, match="not trained to the end"):
        localize(Run.open(tmp_path / "killed"), corpus[0])
    subprocess.run([*command, "--resume", "-o", str(tmp_path / "killed")], check=True)
    subprocess.run([*command, "-o", str(tmp_path / "undisturbed")], check=True)
    for name in ("model.safetensors", "config.yaml", "labels.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    iterations = [
        [json.loads(line)["iteration"] for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("killed", "undisturbed")
    ]
    assert iterations[0] == iterations[1] == list(range(1, 201))


def test_a_run_is_not_overwritten(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    short = {**SETTINGS, "iterations": 2}
    train("wsad", [corpus], tmp_path / "run", settings=short)
    with pytest.raises(UntrimError, match="holds a run already"):
        train("wsad", [corpus], tmp_path / "run", settings=short)
    with pytest.raises(UntrimError, match="different k"):
        train("wsad", [corpus], tmp_path / "run", settings={**short, "k": 4}, resume=True)
    before = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    train("wsad", [corpus], tmp_path / "run", settings=short, resume=True)
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == before


def test_several_training_sets_are_merged(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    folder, annotations = corpus
    halves = [Annotations(list(annotations.subset("training").values())[half::2], "test") for half in range(2)]
    run = train("wsad", [(folder, half) for half in halves], tmp_path / "run", settings={**SETTINGS, "iterations": 2})
    assert run.labels == CLASSES
    assert "12 videos" in (tmp_path / "run" / "README.md").read_text()


class TestBadInput:
    def test_video_without_labels(self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
        wrong = Annotations([*corpus[1].values(), Video("video99", "training")], source="labels.json")
        corpus[0].save("video99", np.zeros((3, 48)))
        with pytest.raises(UntrimError, match=r"labels\.json: 1 training videos without labels: video99"):
            train("wsad", [(corpus[0], wrong)], tmp_path / "run")

    def test_missing_features(self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
        corpus[0].file("video03").unlink()
        with pytest.raises(UntrimError, match="features missing for 1 of 12 videos: video03"):
            train("wsad", [corpus], tmp_path / "run")

    def test_nan_in_features(self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
        np.save(corpus[0].file("video03"), np.full((9, 48), np.nan))
        with pytest.raises(UntrimError, match=r"video03\.npy: NaN or infinity in 9 of 9 snippets"):
            train("wsad", [corpus], tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_wrong_dimension(self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
        corpus[0].save("video03", np.zeros((9, 11)))
        with pytest.raises(UntrimError, match=r"holds float16 \(9, 11\), wanted float \(T, 48\)"):
            train("wsad", [corpus], tmp_path / "run")

    def test_unwritable_output(self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UntrimError, match="cannot be written"):
            train("wsad", [corpus], tmp_path / "file" / "run")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"method": "wsda"}, "unknown method 'wsda'.*did you mean 'wsad'"),
            ({"recipe": "oficial"}, "unknown recipe 'oficial'.*did you mean 'official'"),
            ({"settings": {"kapa": 3}}, "unknown key 'kapa'.*did you mean 'kappa'"),
            ({"settings": {"dropout": 1.5}}, "'dropout'.*less than 1"),
            ({"settings": {"metric": "tripelt"}}, "'metric'"),
            ({"subset": "trianing"}, "no video in subset 'trianing'.*training"),
            ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ],
    )
    def test_wrong_calls(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, arguments: dict[str, object], message: str
    ) -> None:
        with pytest.raises(UntrimError, match=message) as caught:
            train(**{"method": "wsad", "sources": [corpus], "output": tmp_path / "run", **arguments})  # type: ignore[arg-type]
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)

    def test_a_loss_that_explodes_is_failed_work(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(WSAD, "metric_loss", lambda self, found, *_: found.cas.sum() * torch.inf)
        with pytest.raises(WorkFailed, match="the metric loss is not finite at step 0") as caught:
            train("wsad", [corpus], tmp_path / "run", settings=SETTINGS)
        assert caught.value.exit_code == 1
        assert not (tmp_path / "run" / "model.safetensors").exists()

    def test_features_that_disagree_with_the_run(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
    ) -> None:
        run = train("wsad", [corpus], tmp_path / "run", settings={**SETTINGS, "iterations": 1})
        corpus[0].info.fps = 30
        with pytest.raises(UntrimError, match=r"disagree with the run .* in fps: 25\.0 against 30"):
            localize(run, corpus[0])

    def test_damaged_runs(self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
        run = train("wsad", [corpus], tmp_path / "run", settings={**SETTINGS, "iterations": 1})
        (run.path / "model.safetensors").write_bytes(b"\x00" * 64)
        with pytest.raises(UntrimError, match="does not fit the run's config"):
            localize(run, corpus[0])
        (run.path / "config.yaml").write_text("method: [wsad]")
        with pytest.raises(UntrimError, match="plain values"):
            Run.open(run.path)
        with pytest.raises(UntrimError, match="not a run folder"):
            Run.open(tmp_path)


def test_settings_are_read_as_a_person_means_them() -> None:
    assert parse_settings(["a=1e-4", "b=null", "c=true", "d=triplet", "e=3", "f=1.5", "g=none"]) == {
        "a": 1e-4, "b": None, "c": True, "d": "triplet", "e": 3, "f": 1.5, "g": "none",
    }  # fmt: skip
    with pytest.raises(UntrimError, match="write --set key=value"):
        parse_settings(["kappa"])


def test_recipes_are_files_too(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("iterations: 2\nkappa: null\nalpha: 1.0\n")
    run = train("wsad", [corpus], tmp_path / "run", recipe=str(recipe), settings={"alpha": 2.0})
    assert (run.config.iterations, run.config.model_dump()["kappa"], run.config.model_dump()["alpha"]) == (2, None, 2.0)
    assert Run.open(tmp_path / "run") == run


def test_annotations_need_no_segments_to_train(shared_data: Path, tmp_path: Path) -> None:
    annotations = read_annotations(shared_data / "ucf15" / "annotations.json")
    folder = FeatureFolder.open(shared_data / "ucf15" / "features")
    few = Annotations(list(annotations.subset("training").values())[:8])
    run = train("wsad", [(folder, few)], tmp_path / "run", settings={"iterations": 1})
    assert localize(run, folder, ["ucf15_valid_0000"]).keys() == {"ucf15_valid_0000"}
