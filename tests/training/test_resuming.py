"""A run is resumed on the data that it was begun on, and on no other."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers import run_untrim
from untrim.annotations import Annotations, write_annotations
from untrim.doctor import check_up
from untrim.errors import Stopped, UntrimError
from untrim.features.store import FeatureFolder
from untrim.support.locks import locked
from untrim.timeline import Instance, Segment
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.resuming import TRAINED_ON
from untrim.training.tracking import describe_outcome

Corpus = tuple[FeatureFolder, Annotations]
SETTINGS = {"iterations": 12, "hidden": 8}


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All that is in a folder: names, contents and times."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else (b"", 0)
        for path in folder.rglob("*")
    }


def stopped(corpus: Corpus, path: Path, **options: str) -> Path:
    """A run that was stopped after four iterations."""
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Stopped):
        train("wsad", [corpus], path, settings=SETTINGS, should_stop=should_stop, **options)  # type: ignore[arg-type]
    return path


def rotated(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    videos = list(annotations.values())
    labels = [video.labels for video in videos[1:] + videos[:1]]
    return folder, Annotations([replace(v, labels=own) for v, own in zip(videos, labels, strict=True)])


def without_some(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    return folder, Annotations([video for name, video in annotations.items() if name not in ("video03", "video04")])


def with_one_more(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    folder.save("new", folder.load("video00"))
    return folder, Annotations([*annotations.values(), replace(annotations["video00"], name="new")])


def in_another_order(corpus: Corpus) -> Corpus:
    return corpus[0], Annotations(reversed(list(corpus[1].values())))


def with_times(corpus: Corpus) -> Corpus:
    folder, annotations = corpus
    times = (Instance(annotations["video05"].labels[0], Segment(1, 2)),)
    return folder, Annotations(
        [replace(v, instances=times) if v.name == "video05" else v for v in annotations.values()]
    )


def with_other_features(corpus: Corpus) -> Corpus:
    corpus[0].save("video07", corpus[0].load("video07")[:, ::-1])
    return corpus


def with_other_rates(corpus: Corpus) -> Corpus:
    path = corpus[0].path / "features.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"videos": {"video07": {"fps": 30}}}))
    return FeatureFolder.open(corpus[0].path), corpus[1]


CHANGES = {
    "labels of 'video00' and 11 more have changed": rotated,
    "2 of 12 videos are gone: video03, video04": without_some,
    "1 video is new: new": with_one_more,
    "listed in another order": in_another_order,
    "labels of 'video05' have changed": with_times,
    "features of 'video07' have changed": with_other_features,
    "features of 'video07'": with_other_rates,
}


@pytest.mark.parametrize(("message", "change"), CHANGES.items(), ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("finished", [False, True], ids=["stopped", "finished"])
def test_other_data_are_refused_with_an_example(
    corpus: Corpus, tmp_path: Path, message: str, change: Callable[[Corpus], Corpus], finished: bool
) -> None:
    path = tmp_path / "run"
    if finished:
        train("wsad", [corpus], path, settings=SETTINGS)
    else:
        stopped(corpus, path)
    other, before = change(corpus), tree(path)
    with pytest.raises(UntrimError, match=f"was begun on other data: .*{message}"):
        train("wsad", [other], path, settings=SETTINGS, resume=True)
    assert tree(path) == before


def test_the_videos_that_are_held_out_count_too(corpus: Corpus, tmp_path: Path) -> None:
    path = stopped(corpus, tmp_path / "run", select="weak")
    marks = json.loads((path / TRAINED_ON).read_text())["videos"]
    held_out = marks[-1]["name"]
    assert len(marks) == 12
    corpus[0].save(held_out, corpus[0].load(held_out)[::-1])
    with pytest.raises(UntrimError, match=f"features of '{held_out}' have changed"):
        train("wsad", [corpus], path, settings=SETTINGS, select="weak", resume=True)


def test_what_changes_no_number_is_resumed(corpus: Corpus, tmp_path: Path) -> None:
    """Features written anew, another duration, another video of another subset: the same weights as undisturbed."""
    undisturbed = train("wsad", [corpus], tmp_path / "undisturbed", settings=SETTINGS)
    path = stopped(corpus, tmp_path / "run")
    folder, annotations = corpus
    for name in annotations:
        folder.save(name, np.array(folder.load(name)))
    same = [replace(video, duration=1.0) for name, video in annotations.items() if name != "video17"]
    run = train("wsad", [(folder, Annotations(same))], path, settings=SETTINGS, resume=True)
    weights = [(place / "model.safetensors").read_bytes() for place in (run.path, undisturbed.path)]
    assert weights[0] == weights[1]
    assert not any("not known" in line for line in describe_outcome(run))


def test_a_run_without_a_record_is_resumed_and_says_so(corpus: Corpus, tmp_path: Path) -> None:
    path = stopped(corpus, tmp_path / "run")
    (path / TRAINED_ON).unlink()
    run = train("wsad", [corpus], path, settings=SETTINGS, resume=True)
    assert any("begun by an older untrim" in line for line in describe_outcome(run))
    assert not (path / TRAINED_ON).exists()


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 1, "videos": [{"name": 3}]}'])
def test_a_damaged_record_is_one_line(corpus: Corpus, tmp_path: Path, content: str) -> None:
    path = stopped(corpus, tmp_path / "run")
    (path / TRAINED_ON).write_text(content)
    with pytest.raises(UntrimError, match=r"trained_on\.json"):
        train("wsad", [corpus], path, settings=SETTINGS, resume=True)


def test_the_command_line_refuses_in_one_line(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_annotations(corpus[1], tmp_path / "labels.json")
    write_annotations(rotated(corpus)[1], tmp_path / "rotated.json")
    given = ("-m", "wsad", "-f", corpus[0].path, "-o", tmp_path / "run", "--set", "iterations=2")
    assert run_untrim("train", *given, "-a", tmp_path / "labels.json") == 0
    assert run_untrim("train", *given, "-a", tmp_path / "labels.json", "--resume") == 0
    capsys.readouterr()
    assert run_untrim("train", *given, "-a", tmp_path / "rotated.json", "--resume") == 2
    assert "was begun on other data: labels of 'video00'" in capsys.readouterr().err


def test_two_trainings_in_one_folder_are_kept_apart(corpus: Corpus, tmp_path: Path) -> None:
    path = stopped(corpus, tmp_path / "run")
    with locked(path), pytest.raises(UntrimError, match="another run works in this folder"):
        train("wsad", [corpus], path, settings=SETTINGS, resume=True)
    assert train("wsad", [corpus], path, settings=SETTINGS, resume=True).finished
    assert not (path / ".lock").exists()


def test_a_damaged_state_changes_nothing_else(corpus: Corpus, tmp_path: Path) -> None:
    path = stopped(corpus, tmp_path / "run")
    state = path / "state" / "training.pt"
    state.write_bytes(state.read_bytes()[:100])
    before = tree(path)
    with pytest.raises(UntrimError, match="the training then starts anew"):
        train("wsad", [corpus], path, settings=SETTINGS, resume=True)
    assert tree(path) == before


def test_damaged_metrics_change_nothing_else(corpus: Corpus, tmp_path: Path) -> None:
    path = stopped(corpus, tmp_path / "run")
    metrics = path / "metrics.jsonl"
    metrics.write_text("{}\n" + metrics.read_text())
    before = tree(path)
    with pytest.raises(UntrimError, match="line 1"):
        train("wsad", [corpus], path, settings=SETTINGS, resume=True)
    assert tree(path) == before


@pytest.mark.parametrize("file", ["trained_on.json", "labels.json", "config.yaml"])
def test_a_folder_in_the_place_of_a_file_changes_nothing_else(corpus: Corpus, tmp_path: Path, file: str) -> None:
    (tmp_path / "run" / file).mkdir(parents=True)
    before = tree(tmp_path / "run")
    with pytest.raises(UntrimError, match="is a folder, and a file is to be written"):
        train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, resume=True)
    assert tree(tmp_path / "run") == before


KILLED = """
import os, signal, sys
from untrim.support import files
from untrim.cli import main
name, replace = sys.argv.pop(), os.replace
def killed(source, target):
    replace(source, target)
    if str(target).endswith(name):
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = killed
main()
"""


@pytest.mark.parametrize("file", ["trained_on.json", "labels.json", "features.json", "config.yaml"])
def test_killed_while_it_is_described_a_run_is_begun_again(corpus: Corpus, tmp_path: Path, file: str) -> None:
    write_annotations(corpus[1], tmp_path / "labels.json")
    values = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    call = ["train", "-m", "wsad", "-f", str(corpus[0].path), "-a", str(tmp_path / "labels.json"), *values]
    killed = subprocess.run([sys.executable, "-c", KILLED, *call, "-o", str(tmp_path / "run"), file])
    assert killed.returncode == -9
    assert run_untrim(*call, "-o", tmp_path / "run", *(["--resume"] if file == "config.yaml" else [])) == 0
    assert run_untrim(*call, "-o", tmp_path / "whole") == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]
    assert Run.open(tmp_path / "run").finished


def changed_state(name: str, state: dict[str, Any]) -> None:
    """Change a saved state as no training does."""
    first = next(iter(state["model"]))
    moments, groups = state["optimizer"]["state"], state["optimizer"]["param_groups"]
    changes: dict[str, Callable[[], object]] = {
        "'step' is -1": lambda: state.update(step=-1),
        "'step' is 13": lambda: state.update(step=13),
        "'step' is 2.5": lambda: state.update(step=2.5),
        "the sum of the loss 'metric' is not finite": lambda: state.update(sums={"metric": float("nan")}),
        "it lacks the tensor": lambda: state["model"].pop(first),
        "holds torch.int64": lambda: state["model"].update({first: state["model"][first].long()}),
        "holds NaN or infinity": lambda: state["model"].update({first: state["model"][first] * torch.nan}),
        "exp_avg of the optimizer": lambda: moments[0].update(exp_avg=moments[0]["exp_avg"] * torch.inf),
        "'exp_avg' of the optimizer has shape": lambda: moments[0].update(exp_avg=torch.zeros(1)),
        "'exp_avg' of the optimizer is no tensor": lambda: moments[0].update(exp_avg="none"),
        "'mean' of the optimizer has shape": lambda: moments[0].update(mean=torch.zeros(1)),
        "'lr' of the optimizer is 'high'": lambda: groups[0].update(lr="high"),
        "'betas' of the optimizer is 3": lambda: groups[0].update(betas=3),
        "cannot be resumed from": lambda: state.pop("optimizer"),
    }
    changes[name]()


STATES = (
    "'step' is -1", "'step' is 13", "'step' is 2.5", "the sum of the loss 'metric' is not finite",
    "it lacks the tensor", "holds torch.int64", "holds NaN or infinity",
    "exp_avg of the optimizer", "'exp_avg' of the optimizer has shape",
    "'exp_avg' of the optimizer is no tensor", "'mean' of the optimizer has shape",
    "'lr' of the optimizer is 'high'", "'betas' of the optimizer is 3", "cannot be resumed from",
)  # fmt: skip


@pytest.mark.parametrize("words", STATES)
def test_a_state_that_no_training_leaves_is_refused(corpus: Corpus, tmp_path: Path, words: str) -> None:
    path = stopped(corpus, tmp_path / "run")
    state = torch.load(path / "state" / "training.pt", weights_only=True)
    changed_state(words, state)
    torch.save(state, path / "state" / "training.pt")
    before = tree(path)
    with pytest.raises(UntrimError, match="the training then starts anew") as caught:
        train("wsad", [corpus], path, settings=SETTINGS, resume=True)
    assert words in str(caught.value)
    assert tree(path) == before
    assert "weights" in {finding.check for finding in check_up(run=path) if finding.severity == "error"}


@pytest.mark.parametrize("name", ["state", "checkpoints", "tensorboard"])
def test_a_link_in_a_run_leads_nowhere(corpus: Corpus, tmp_path: Path, name: str) -> None:
    path = stopped(corpus, tmp_path / "run")
    shutil.rmtree(path / name, ignore_errors=True)
    (tmp_path / "elsewhere").mkdir()
    (path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrimError, match=f"{name}: is a link"):
        train("wsad", [corpus], path, settings=SETTINGS, resume=True)
    assert not any((tmp_path / "elsewhere").iterdir())
