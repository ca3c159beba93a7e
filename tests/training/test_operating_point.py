import json
from dataclasses import replace
from pathlib import Path

import pytest

from untrim.annotations import Annotations
from untrim.errors import Stopped, UntrimError
from untrim.evaluation.detection import evaluate_detections
from untrim.features.store import FeatureFolder
from untrim.methods import METHODS
from untrim.pipeline import localize
from untrim.timeline import Detection, Instance, Segment
from untrim.training.checkpoint import Run
from untrim.training.choices import Select
from untrim.training.loop import train
from untrim.training.operating_point import read_operating_point

Corpus = tuple[FeatureFolder, Annotations]
SHORT = {"iterations": 12}
LEARNS = {"iterations": 150, "learning_rate": 5e-3, "dropout": 0.2}


def with_times(corpus: Corpus) -> Corpus:
    """The corpus with a segment in each training video."""
    folder, annotations = corpus
    videos = [replace(v, instances=(Instance(v.labels[0], Segment(2, 7)),)) for v in annotations.values()]
    return folder, annotations.changed(videos)


def without_point(run: Run) -> None:
    """Make a run one of an older version."""
    outcome = json.loads((run.path / "outcome.json").read_text())
    del outcome["operating_point"]
    (run.path / "outcome.json").write_text(json.dumps(outcome))


@pytest.mark.parametrize("method", sorted({*METHODS.built_in} - {"pretrained"}))
def test_confidences_change_no_map(corpus: Corpus, tmp_path: Path, method: str) -> None:
    folder, validation = corpus[0], corpus[1].subset("validation")
    run = train(method, [with_times(corpus)], tmp_path / "run", settings=SHORT, rehearsal=False)
    found = localize(run, folder, validation)
    without_point(run)
    raw = localize(run, folder, validation)
    assert {name: [(d.label, d.segment) for d in own] for name, own in found.items()} == {
        name: [(d.label, d.segment) for d in own] for name, own in raw.items()
    }
    assert all(0 <= d.score <= 1 for own in found.values() for d in own)
    by_iou = ([0.1, 0.3, 0.5], "activitynet")
    assert evaluate_detections(found, validation, *by_iou) == evaluate_detections(raw, validation, *by_iou)


def test_the_line_is_drawn_by_videos_that_were_not_trained_on(corpus: Corpus, tmp_path: Path) -> None:
    run = train("wsad", [corpus], tmp_path / "run", settings=LEARNS, seed=1)
    without = train("wsad", [corpus], tmp_path / "without", settings=LEARNS, seed=1, rehearsal=False)
    assert (run.path / "model.safetensors").read_bytes() == (without.path / "model.safetensors").read_bytes()
    assert not (run.path / "rehearsal").exists()
    point, in_sample = read_operating_point(run), read_operating_point(without)
    assert point is not None
    assert (point.videos, point.timed, point.held_out) == (3, 0, True)
    assert in_sample is not None
    assert (in_sample.videos, in_sample.held_out) == (12, False)
    assert json.loads((run.path / "outcome.json").read_text())["operating_point"] == point.model_dump()
    assert (
        "from 0.5 on a detection counts as found; chosen by the labels of 3 videos that were held out"
        in (run.path / "README.md").read_text()
    )
    for name, own in localize(run, corpus[0], corpus[1].subset("validation")).items():
        above = {d.label for d in own if d.score >= 0.5}
        assert above == {*corpus[1][name].labels}


def test_segments_are_used_where_they_are_all_there_are(corpus: Corpus, tmp_path: Path) -> None:
    """What is found beside those that a person has marked so far is no mistake."""
    folder, some = with_times(corpus)
    marked = Annotations([replace(video, exhaustive=video.labels) for video in some.values()])
    for method, labelled, timed in (("lpat", some, 0), ("wsad", marked, 3), ("supervised", some, 3)):
        point = read_operating_point(train(method, [(folder, labelled)], tmp_path / method, settings=SHORT))
        assert point is not None
        assert (point.videos, point.timed, point.held_out) == (3, timed, True)
    assert "chosen by the segments of 3 videos" in (tmp_path / "wsad" / "README.md").read_text()


def test_a_chosen_checkpoint_needs_no_rehearsal(corpus: Corpus, tmp_path: Path) -> None:
    works = set[str]()
    run = train(
        "wsad", [corpus], tmp_path / "run", settings=SHORT, select="weak", progress=lambda what, *_: works.add(what)
    )
    point = read_operating_point(run)
    assert works == {"train wsad"}
    assert point is not None
    assert (point.videos, point.held_out) == (3, True)


def test_too_few_videos_to_hold_any_out(corpus: Corpus, tmp_path: Path) -> None:
    few = corpus[1].changed([v for i, v in enumerate(corpus[1].values()) if i < 6])
    point = read_operating_point(train("wsad", [(corpus[0], few)], tmp_path / "run", settings=SHORT))
    assert point is not None
    assert (point.videos, point.held_out) == (6, False)


@pytest.mark.parametrize("steps", [5, 12, 15, 19])
def test_a_stop_changes_nothing(corpus: Corpus, tmp_path: Path, steps: int) -> None:
    """In the training, between both, in the rehearsal, and before the choice."""
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > steps

    with pytest.raises(Stopped):
        train("wsad", [corpus], tmp_path / "stopped", settings=SHORT, should_stop=should_stop)
    for name in ("stopped", "whole"):
        train("wsad", [corpus], tmp_path / name, settings=SHORT, resume=True)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("stopped", "whole")]
    assert weights[0] == weights[1]
    points = [read_operating_point(Run.open(tmp_path / name)) for name in ("stopped", "whole")]
    assert points[0] == points[1] is not None


@pytest.mark.parametrize(("select", "steps"), [("last", 6), ("rehearsed", 12)])
def test_half_of_the_steps_are_rehearsed_but_where_they_choose(
    corpus: Corpus, tmp_path: Path, select: Select, steps: int
) -> None:
    seen: set[tuple[str, int]] = set()

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        seen.add((what, total))

    train("wsad", [corpus], tmp_path / "run", settings=SHORT, select=select, progress=progress)
    assert seen == {("train wsad", 12), ("train wsad, rehearsal", steps)}


def test_a_damaged_rehearsal_begins_anew(corpus: Corpus, tmp_path: Path) -> None:
    asked = iter(range(100))
    with pytest.raises(Stopped):
        train("wsad", [corpus], tmp_path / "stopped", settings=SHORT, should_stop=lambda: next(asked) >= 15)
    (tmp_path / "stopped" / "rehearsal" / "state" / "training.pt").write_bytes(b"no state")
    for name in ("stopped", "whole"):
        train("wsad", [corpus], tmp_path / name, settings=SHORT, resume=True)
    points = [read_operating_point(Run.open(tmp_path / name)) for name in ("stopped", "whole")]
    assert points[0] == points[1] is not None


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1e200])
def test_no_line_is_drawn_between_scores_that_are_none(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    found = [Detection("jump", Segment(0, 1), score), Detection("run", Segment(0, 1), -1e200)]
    monkeypatch.setattr("untrim.methods.wsad.WSAD.localize", lambda *_: found)
    run = train("wsad", [corpus], tmp_path / "run", settings={"iterations": 2}, rehearsal=False)
    assert read_operating_point(run) is None
    assert json.loads((run.path / "outcome.json").read_text())["operating_point"] is None
    assert "counts as found" not in (run.path / "README.md").read_text()


def test_runs_of_older_versions_still_localize(corpus: Corpus, tmp_path: Path) -> None:
    run = train("wsad", [corpus], tmp_path / "run", settings=SHORT, rehearsal=False)
    without_point(run)
    assert read_operating_point(run) is None
    raw = localize(run, corpus[0])
    (run.path / "outcome.json").unlink()
    assert localize(run, corpus[0]) == raw


@pytest.mark.parametrize(
    ("value", "message"),
    [(3, "operating_point: 'the whole'"), ({"raw_score": 1.0}, "'slope'"), ({"slope": 0}, "'raw_score'|'slope'")],
)
def test_a_damaged_operating_point_is_refused(corpus: Corpus, tmp_path: Path, value: object, message: str) -> None:
    run = train("wsad", [corpus], tmp_path / "run", settings=SHORT, rehearsal=False)
    outcome = json.loads((run.path / "outcome.json").read_text())
    (run.path / "outcome.json").write_text(json.dumps({**outcome, "operating_point": value}))
    with pytest.raises(UntrimError, match=message):
        localize(run, corpus[0])
