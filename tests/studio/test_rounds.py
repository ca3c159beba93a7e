"""What a round of training starts from, and that it never fails for want of it."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import new_folder
from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import Stopped
from untrim.studio.child import Work
from untrim.timeline import Instance, Segment
from untrim.training.checkpoint import Run
from untrim.training.operating_point import read_operating_point

SHORT = {"iterations": 20, "hidden": 8}
KNOWN = Annotations([Video(f"v{n}", "training", 7.68, labels=("jump" if n % 2 else "run",)) for n in range(8)])
STARTED = "Started from run 1: the last tenth of its training once more, on the labels of today."


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of twelve videos after its first round."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("trained") / "project"
    folder.mkdir()
    features = new_folder(folder / "features", rgb=6)
    for n in range(12):
        values = rng.normal(size=(12, 6))
        values[4:8, n % 2] += 4
        features.save(f"v{n}", values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "_extract", lambda _: [])
        assert Work(order(folder, 1)).do() == ["Trained anew, since there was no run to start from."]
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; its features need not be extracted."""
    monkeypatch.setattr(Work, "_extract", lambda _: [])
    return Path(shutil.copytree(trained, tmp_path / "project"))


def order(project: Path, number: int, known: Annotations = KNOWN, **values: Any) -> Path:
    """The job of a round: by default from the run of the round before."""
    job, newest = project / "jobs" / f"j{number}", f"runs/{number - 1}" if number > 1 else None
    content = {"kind": "train", "videos": ["."], "features": "features", "method": "wsad", "settings": SHORT}
    places = {"run": f"runs/{number}", "detections": f"found/{number}.json", "activations": f"found/{number}"}
    job.mkdir(parents=True)
    (job / "job.json").write_text(json.dumps({"schema": 1, **content, "start": newest, **places, **values}))
    write_annotations(known, job / "labels.json")
    return job


def start_of(project: Path, number: int) -> str | None:
    return Run.open(project / "runs" / str(number)).start


def stopped_after(job: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    asked = iter(range(1000))
    with monkeypatch.context() as patch:
        patch.setattr(Work, "should_stop", lambda _: next(asked) >= steps)
        with pytest.raises(Stopped):
            Work(job).do()


def test_every_round_starts_from_the_last_whole_training(project: Path) -> None:
    marked = replace(KNOWN["v0"], instances=(Instance("run", Segment(2.6, 5.1)),), exhaustive=True)
    more = KNOWN.changed([marked, *(video for name, video in KNOWN.items() if name != "v0")])
    for number in (2, 3):
        assert Work(order(project, number, more)).do() == [STARTED]
        assert start_of(project, number) == str(project / "runs" / "1")
    first, third = (read_operating_point(Run.open(project / "runs" / name)) for name in ("1", "3"))
    assert first is not None
    assert first.held_out
    assert third == first.model_copy(update={"kept": True})
    assert Run.open(project / "runs" / "3").config.add_known == 0.125
    same = [(project / "runs" / name / "model.safetensors").read_bytes() for name in ("2", "3")]
    assert same[0] == same[1], "a round follows from the labels, not from the rounds before"


def damaged(project: Path) -> None:
    (project / "runs" / "1" / "model.safetensors").write_bytes(b"no weights")


def pointless(project: Path) -> None:
    (project / "runs" / "1" / "outcome.json").write_text('{"operating_point": 3}')


def nothing(_: Path) -> None:
    pass


GROWN = KNOWN.changed([*KNOWN.values(), *(Video(f"v{n}", "training", 7.68, labels=("run",)) for n in (8, 9, 10))])
RENAMED = KNOWN.changed([replace(v, labels=tuple(x.replace("run", "walk") for x in v.labels)) for v in KNOWN.values()])


@pytest.mark.parametrize(
    ("change", "known", "values", "why"),
    [
        (damaged, KNOWN, {}, "run 1 is gone or damaged: is damaged"),
        (pointless, KNOWN, {}, "run 1 is gone or damaged: 'the whole'"),
        (lambda project: shutil.rmtree(project / "runs" / "1"), KNOWN, {}, "run 1 is gone or damaged: is not a run"),
        (nothing, RENAMED, {}, "the classes are no longer those of run 1: run, walk"),
        (nothing, KNOWN, {"settings": {"iterations": 10}}, "another method or with other settings"),
        (nothing, KNOWN, {"method": "wtalc", "settings": {"iterations": 3, "max_snippets": 12}}, "another method"),
        (nothing, GROWN, {}, "3 of 11 videos are new since run 1"),
    ],
)  # fmt: skip
def test_where_it_cannot_start_from_the_run_it_trains_anew(
    project: Path, change: Callable[[Path], object], known: Annotations, values: Mapping[str, Any], why: str
) -> None:
    change(project)
    job = order(project, 2, known, **values)
    (said,) = Work(job).do()
    assert said.startswith("Trained anew, since ")
    assert why in said
    assert start_of(project, 2) is None
    assert (project / "found" / "2.json").exists()
    decided = json.loads((job / "job.json").read_text())
    assert (decided["schema"], decided["start"]) == (1, None)


def test_after_a_whole_training_rounds_start_from_that(project: Path) -> None:
    Work(order(project, 2, RENAMED)).do()
    for number in (3, 4):
        assert Work(order(project, number, RENAMED)).do() == [STARTED.replace("run 1", "run 2")]


def test_features_of_another_kind_train_anew(project: Path) -> None:
    other = new_folder(project / "features-2", rgb=4)
    for name in KNOWN:
        other.save(name, np.random.default_rng(1).normal(size=(12, 4)))
    assert "run 1 knows features that differ in dim" in Work(order(project, 2, features="features-2")).do()[0]


def test_few_new_videos_are_learned_from_the_run(project: Path) -> None:
    grown = KNOWN.changed([v for name, v in GROWN.items() if name != "v10"])
    assert Work(order(project, 2, grown)).do() == [STARTED]


def test_a_run_from_elsewhere_counts_by_its_values(project: Path) -> None:
    (project / "runs" / "1").rename(project / "brought")
    assert Work(order(project, 2, start="brought")).do() == [STARTED.replace("run 1", "'brought'")]
    few = {"iterations": 3}
    assert "other settings" in Work(order(project, 3, start="brought", settings=few)).do()[0]
    assert "another method" in Work(order(project, 4, start="brought", settings=few, method="wtalc")).do()[0]


@pytest.mark.parametrize("move", [False, True])
def test_stopped_it_resumes_as_it_was_begun(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: bool
) -> None:
    Work(order(project, 2)).do()
    stopped_after(order(project, 3), monkeypatch, 2)
    if move:
        project = project.rename(tmp_path / "moved")
    assert Work(project / "jobs" / "j3").do() == [STARTED]
    weights = [(project / "runs" / name / "model.safetensors").read_bytes() for name in ("2", "3")]
    assert weights[0] == weights[1]


def test_a_run_that_is_gone_when_it_resumes_is_done_without(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = order(project, 2)
    stopped_after(job, monkeypatch, 2)
    (project / "runs" / "1").rename(project / "away")
    stopped_after(job, monkeypatch, 10)
    (project / "away").rename(project / "runs" / "1")
    assert "run 1 is gone or damaged" in Work(job).do()[0], "what is decided stays"
    assert start_of(project, 2) is None


def test_a_job_of_an_older_version_resumes_without(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = order(project, 2)
    content = json.loads((job / "job.json").read_text())
    del content["start"]
    (job / "job.json").write_text(json.dumps(content))
    stopped_after(job, monkeypatch, 10)
    Work(job).do()
    assert start_of(project, 2) is None
    assert read_annotations(job / "labels.json") == KNOWN
