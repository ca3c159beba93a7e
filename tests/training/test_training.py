import errno
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import Stopped, UntrimError, WorkFailed
from untrim.features.store import FeatureFolder
from untrim.methods import METHODS
from untrim.methods.wsad import WSAD, WSADConfig
from untrim.pipeline import localize
from untrim.support.files import atomic_path
from untrim.support.settings import parse_settings
from untrim.training import steps
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.tracking import describe_outcome

CLASSES = ("jump", "run", "throw")


SHORT = {"iterations": 12}
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
    assert repr(run) == f"Run(wsad, seed 1, 3 classes: jump, run, throw; from {run.path})"
    (run.path / "model.safetensors").rename(tmp_path / "model")
    assert repr(run) == f"Run(wsad, seed 1, 3 classes: jump, run, throw, not finished; from {run.path})"
    (tmp_path / "model").rename(run.path / "model.safetensors")
    found = localize(run, corpus[0], corpus[1].subset("validation"), activations=tmp_path / "activations")
    for name, video in corpus[1].subset("validation").items():
        best = found[name][0]
        assert best.label == video.labels[0]
        assert best.segment.tiou(video.instances[0].segment) > 0.5
        with np.load(tmp_path / "activations" / f"{name}.npz") as arrays:
            assert arrays["cas"].shape == (len(corpus[0].load(name)), 3)


def test_paths_do_as_well_as_objects(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    short = {**SETTINGS, "iterations": 2}
    write_annotations(corpus[1], tmp_path / "labels.json")
    train("wsad", [corpus], tmp_path / "objects", settings=short)
    train("wsad", [(str(corpus[0].path), tmp_path / "labels.json")], str(tmp_path / "paths"), settings=short)
    assert (tmp_path / "objects/model.safetensors").read_bytes() == (tmp_path / "paths/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], "sources: nothing to train on"),
        (("a", "b"), "sources: not a pair of features and annotations: 'a'"),
        ("ab", "sources: not a list of pairs"),
        (None, "sources: not a list of pairs"),
        ([("a",)], "sources: not a pair of features"),
        ([("a", "b")], "a: has no features.json"),
        ([(3, "b")], "features: not a path: 3"),
    ],
    ids=repr,
)
def test_wrong_sources_are_one_line(sources: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UntrimError) as error:
        train("wsad", sources, tmp_path / "run")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_same_seed_same_weights(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train("wsad", [corpus], tmp_path / name, settings={**SETTINGS, "iterations": 5}, seed=seed)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


ENDED = """
import os, signal, sys
import torch
from untrim.cli import main
from untrim.training import steps
name = sys.argv.pop()
steps._SECONDS_BETWEEN_STATES = 0.0 if name == "SIGKILL" else 1e9
steps._LINES_PER_RUN = 15
losses = steps.Trainer.losses
def ended(trainer, batch):
    if trainer.step == 33:
        os.kill(os.getpid(), getattr(signal, name))
    return losses(trainer, batch)
steps.Trainer.losses = ended
torch.set_num_threads(1)
main()
"""


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_training_goes_on_as_if_undisturbed(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it was ended, between two lines of metrics too: the same bytes as a run that was left alone."""
    labels, settings = tmp_path / "annotations.json", {**SETTINGS, "iterations": 60}
    write_annotations(corpus[1], labels)
    command = ["train", "-m", "wsad", "-f", str(corpus[0].path), "-a", str(labels), "-o", str(tmp_path / "ended")]
    values = [f"--set={key}={value}" for key, value in settings.items()]
    arguments = [sys.executable, "-c", ENDED, *command, *values]
    done = subprocess.run([*arguments, number.name], capture_output=True, text=True)
    assert not (tmp_path / "ended" / "model.safetensors").exists()
    with pytest.raises(UntrimError, match="not trained to the end"):
        localize(Run.open(tmp_path / "ended"), corpus[0])
    step = torch.load(tmp_path / "ended" / "state" / "training.pt", weights_only=True)["step"]
    if number == signal.SIGKILL:
        assert (done.returncode, step) == (-9, 33)
    else:
        assert (done.returncode, step) == (130, 35)  # asked in a step, heard at the start of the next
        assert done.stderr.splitlines()[-1] == (
            "untrim: stopped; the same command resumes from here (train: with --resume)"
        )
        assert "Traceback" not in done.stderr
    monkeypatch.setattr(steps, "_LINES_PER_RUN", 15)
    for name in ("ended", "undisturbed"):
        train("wsad", [(corpus[0], read_annotations(labels))], tmp_path / name, settings=settings, resume=True)
    for name in ("model.safetensors", "config.yaml", "labels.json"):
        assert (tmp_path / "ended" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    lines = [
        [{**json.loads(line), "seconds": 0} for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("ended", "undisturbed")
    ]
    assert lines[0] == lines[1]
    assert [line["iteration"] for line in lines[0]] == list(range(4, 61, 4))


@pytest.mark.usefixtures("one_thread")
def test_a_thread_is_asked_to_stop_and_the_run_resumes_as_if_undisturbed(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
) -> None:
    """Trained in a thread, stopped by another one."""
    settings = {**SETTINGS, "iterations": 60}
    reached, stop, caught = threading.Event(), threading.Event(), list[Stopped]()

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        assert (what, total) == ("train wsad", 60)
        if done == 33:
            reached.set()
            stop.wait(60)

    def work() -> None:
        try:
            train("wsad", [corpus], tmp_path / "stopped", settings=settings, progress=progress, should_stop=stop.is_set)
        except Stopped as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(60)
    stop.set()
    thread.join()
    assert [str(error) for error in caught] == ["stopped after 34 of 60 iterations; resume to complete them"]
    state = tmp_path / "stopped" / "state" / "training.pt"
    assert torch.load(state, weights_only=True)["step"] == 34
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    for name in ("stopped", "undisturbed"):
        train("wsad", [corpus], tmp_path / name, settings=settings, resume=True, should_stop=lambda: False)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("stopped", "undisturbed")]
    assert weights[0] == weights[1]


def test_training_stops_while_it_chooses_a_checkpoint(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
) -> None:
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > SHORT["iterations"] + 3  # in the choice, which asks before each candidate

    with pytest.raises(Stopped):
        train("wsad", [corpus], tmp_path / "stopped", settings=SHORT, select="weak", should_stop=should_stop)
    for name in ("stopped", "undisturbed"):
        train("wsad", [corpus], tmp_path / name, settings=SHORT, select="weak", resume=True)
    for name in ("model.safetensors", "selection.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_training_says_nothing_and_leaves_signals_alone(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def progress(what: str, done: int, total: int, note: str, /) -> None:
        steps_seen.append((what, done, total))
        assert signal.getsignal(signal.SIGINT) is handler

    handler = signal.getsignal(signal.SIGINT)
    steps_seen: list[tuple[str, int, int]] = []
    train("wsad", [corpus], tmp_path / "run", settings=SHORT, progress=progress)
    works = {"train wsad": 12, "train wsad, rehearsal": 6}
    assert steps_seen == [(what, done, total) for what, total in works.items() for done in range(total + 1)]
    assert capfd.readouterr() == ("", "")


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


def test_each_training_set_is_counted(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    info = corpus[0].info
    other = FeatureFolder(tmp_path / "other", info)
    other.path.mkdir()
    other.save_info()
    for name in ("clip0", "clip1"):
        other.save(name, corpus[0].load("video00"))
    clips = Annotations([Video(name, "training", labels=("wave",)) for name in ("clip0", "clip1")])
    run = train("wsad", [corpus, (other, clips)], tmp_path / "run", settings={**SETTINGS, "iterations": 2})
    assert describe_outcome(run)[0] == (
        f"training videos: 12 from {corpus[0].path}, 2 from {other.path}; {len(CLASSES) + 1} classes"
    )
    assert "12 from `features`, 2 from `other`" in (run.path / "README.md").read_text()


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

    @pytest.mark.parametrize("file", ["labels.json", "config.yaml", "model.safetensors"])
    def test_a_full_disk(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
    ) -> None:
        replace = os.replace

        def fail(source: Path, target: Path) -> None:
            if Path(target).name == file:
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(source, target)

        settings = {**SETTINGS, "iterations": 1}
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(WorkFailed, match=f"{file}: the disk is full.*resumes"):
            train("wsad", [corpus], tmp_path / "run", settings=settings)
        monkeypatch.setattr(os, "replace", replace)
        assert not list((tmp_path / "run").rglob(".*.tmp"))
        assert train("wsad", [corpus], tmp_path / "run", settings=settings, resume=True).finished

    def test_files_that_others_may_read_and_leftovers(
        self, corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
    ) -> None:
        (tmp_path / "run" / "state").mkdir(parents=True)
        with atomic_path(tmp_path / "run" / "state" / "training.pt") as temporary:
            pass
        (tmp_path / "run" / "state" / "training.pt").rename(
            temporary.with_name(temporary.name.replace(f"-{os.getpid()}-", "-999999999-"))
        )
        run = train("wsad", [corpus], tmp_path / "run", settings={**SETTINGS, "iterations": 1})
        (tmp_path / "plain").touch()
        files = [file for file in run.path.rglob("*") if file.is_file()]
        assert {file.stat().st_mode for file in files} == {(tmp_path / "plain").stat().st_mode}
        assert not list(run.path.rglob("*.tmp"))

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
        with pytest.raises(UntrimError, match=r"model.safetensors: is damaged"):
            localize(run, corpus[0])
        (run.path / "model.safetensors").unlink()
        (run.path / "state").mkdir(exist_ok=True)
        for content in (b"no state", b""):
            (run.path / "state" / "training.pt").write_bytes(content)
            with pytest.raises(UntrimError, match=r"training\.pt: is damaged.* \(delete it"):
                train("wsad", [corpus], run.path, settings={**SETTINGS, "iterations": 1}, resume=True)
        (run.path / "config.yaml").write_text("method: [wsad]")
        with pytest.raises(UntrimError, match="plain values"):
            Run.open(run.path)
        (run.path / "config.yaml").write_text("schema: 1\nrun: {method: wsad, recipe: null, seed: x, subset: training}")
        with pytest.raises(UntrimError, match=r"config\.yaml, run: 'seed'.*valid integer"):
            Run.open(run.path)
        (run.path / "config.yaml").write_text("schema: 2")
        with pytest.raises(UntrimError, match=r"config\.yaml: was written by a newer untrim.*\(upgrade untrim\)"):
            Run.open(run.path)
        with pytest.raises(UntrimError, match="not a run folder"):
            Run.open(tmp_path)


def test_a_gradient_is_clipped_to_its_norm(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    norms = []
    step = torch.optim.Adam.step

    def seen(optimizer: torch.optim.Adam) -> None:
        gradients = [parameter.grad.flatten() for group in optimizer.param_groups for parameter in group["params"]]
        norms.append(float(torch.cat(gradients).norm()))
        step(optimizer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", seen)
        for name, most in (("free", None), ("clipped", 0.01)):
            settings = {**SETTINGS, "iterations": 3, "clip_gradient": most}
            train("wsad", [corpus], tmp_path / name, settings=settings, rehearsal=False)
    assert min(norms[:3]) > 0.02
    assert norms[3:] == pytest.approx([0.01] * 3, rel=1e-3)


def test_half_precision_trains_to_nearly_the_same(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    losses, settings = [], {**SETTINGS, "iterations": 40, "dropout": 0.0}
    for precision in ("fp32", "bf16"):
        run = train("wsad", [corpus], tmp_path / precision, settings=settings, precision=precision)
        losses.append([json.loads(line)["loss"] for line in (run.path / "metrics.jsonl").read_text().splitlines()])
        assert Run.open(run.path).precision == precision
    assert losses[0][0] != losses[1][0]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=0.02)
    assert losses[1][-1] < 0.8 * losses[1][0]
    with pytest.raises(UntrimError, match="different precision"):
        train("wsad", [corpus], tmp_path / "bf16", settings=settings, resume=True)


def test_tensorboard_shows_the_lines_of_metrics(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train("wsad", [corpus], tmp_path / "run", settings={**SETTINGS, "iterations": 4}, tensorboard=True)
    events = accumulator.EventAccumulator(str(run.path / "tensorboard")).Reload()
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    for name in ("loss", "classification", "metric"):
        assert [event.step for event in events.Scalars(name)] == [1, 2, 3, 4]
        assert [event.value for event in events.Scalars(name)] == pytest.approx([line[name] for line in lines])
    ranking = [event.value for event in events.Scalars("trained on/mAP of ranking")]
    assert len(ranking) == 4
    assert all(0 < value <= 1 for value in ranking)
    alone = train("wsad", [corpus], tmp_path / "alone", settings={**SETTINGS, "iterations": 4})
    assert (alone.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()


def test_tensorboard_shows_videos_in_which_nothing_happens_too(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    folder, annotations = corpus
    first, *others = annotations.values()
    with_nothing = Annotations([replace(first, labels=(), instances=(), exhaustive=True), *others])
    assert train("lpat", [(folder, with_nothing)], tmp_path, settings={"iterations": 4}, tensorboard=True).finished


def test_all_steps_are_recorded(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    """The last line is of fewer steps than the others, where they do not come out even."""
    settings: dict[str, object] = {**SETTINGS, "hidden": 4, "iterations": 1003}
    run = train("wsad", [corpus], tmp_path, settings=settings, rehearsal=False)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines[-2:]] == [1002, 1003]
    assert lines[-1]["loss"] == pytest.approx(lines[-2]["loss"], rel=0.5)


def test_tensorboard_shows_what_a_checkpoint_is_chosen_by(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    settings = {**SETTINGS, "iterations": 20}
    run = train("wsad", [corpus], tmp_path / "run", settings=settings, select="weak", tensorboard=True)
    events = accumulator.EventAccumulator(str(run.path / "tensorboard")).Reload()
    chosen = json.loads((run.path / "selection.json").read_text())["candidates"]
    for tag, key in {"selection score": "score", "mAP of ranking": "classification"}.items():
        shown = [(event.step, event.value) for event in events.Scalars(f"held out/{tag}")]
        assert shown == [(found["iteration"], pytest.approx(found[key], rel=1e-4)) for found in chosen]


def test_batches_are_made_ahead_in_order_and_errors_come_through() -> None:
    made = []

    def make(step: int) -> int:
        made.append(step)
        if step == 5:
            raise UntrimError("unreadable")
        return 10 * step

    batches = steps.ahead(make, range(2, 9))  # type: ignore[arg-type]
    assert [next(batches) for _ in range(3)] == [20, 30, 40]
    with pytest.raises(UntrimError, match="unreadable"):
        next(batches)
    assert made == [2, 3, 4, 5]
    assert list(steps.ahead(make, range(3, 3))) == []  # type: ignore[arg-type]


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


class Greedy(WSAD):
    """A method whose options are named as what a run has of its own."""

    class Config(WSADConfig):
        seed: int = 5
        method: str = "mine"


def test_options_of_any_name_leave_the_run_its_own(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS.built_in, "greedy", f"{__name__}:Greedy")
    settings = {"iterations": 2, "seed": 9}
    run = train("greedy", [corpus], tmp_path / "run", settings=settings, seed=1)
    again = Run.open(run.path)
    assert again == run
    assert (again.method, again.seed) == ("greedy", 1)
    assert (again.config.model_dump()["method"], again.config.model_dump()["seed"]) == ("mine", 9)
    with pytest.raises(UntrimError, match=r"different seed \("):
        train("greedy", [corpus], tmp_path / "run", settings=settings, seed=2, resume=True)
