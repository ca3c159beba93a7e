import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from scipy.stats import spearmanr

from untrim.annotations import Annotations
from untrim.errors import Stopped, UntrimError
from untrim.features.store import FeatureFolder
from untrim.training import selection
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.selection import Criteria, brier_skill, checkpoint_steps, rank_correlation

Corpus = tuple[FeatureFolder, Annotations]
SETTINGS = {"iterations": 20, "learning_rate": 5e-3, "dropout": 0.2}


def test_a_checkpoint_is_chosen_and_every_candidate_recorded(corpus: Corpus, tmp_path: Path) -> None:
    run = train("lpat", [corpus], tmp_path / "run", settings=SETTINGS, select="weak")
    found = json.loads((run.path / "selection.json").read_text())
    assert [candidate["iteration"] for candidate in found["candidates"]] == list(range(2, 21, 2))
    for candidate in found["candidates"]:
        parts = [candidate[key] for key in ("classification", "agreement", "calibration")]
        assert candidate["score"] == pytest.approx(np.mean(parts))
        assert all(0 <= part <= 1 for part in parts)
    best = max(candidate["score"] for candidate in found["candidates"])
    good = [candidate["iteration"] for candidate in found["candidates"] if candidate["score"] >= best - 0.01]
    assert found["chosen"] == max(good)
    assert len(found["held_out"]) == 3
    assert {corpus[1][name].labels for name in found["held_out"]} == {("jump",), ("run",), ("throw",)}
    weights, chosen = load_file(run.path / "model.safetensors"), load_file(run.checkpoint(found["chosen"]))
    assert all(torch.equal(weights[name], chosen[name]) for name in chosen)
    assert "9 videos" in (run.path / "README.md").read_text()
    assert train("lpat", [corpus], tmp_path / "run", settings=SETTINGS, select="weak", resume=True) == Run.open(
        run.path
    )
    with pytest.raises(UntrimError, match="different select"):
        train("lpat", [corpus], tmp_path / "run", settings=SETTINGS, resume=True)


def test_the_choice_follows_the_criteria(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint within the margin of the best, the last such one; thresholds only where they gain."""
    scores = iter([0.2, 0.5, 0.9, 0.895, 0.5, 0.8, 0.1, 0.1, 0.1, 0.1])
    monkeypatch.setattr(selection, "judge", lambda *_: Criteria(next(scores), None, 1.0))
    monkeypatch.setattr(
        selection,
        "_detected_classes",
        lambda run, *_: {"probability": 0.7, "midrange": 0.4}[run.config.threshold],
    )
    run = train("wsad", [corpus], tmp_path / "run", settings={**SETTINGS, "threshold": "midrange"}, select="weak")
    found = json.loads((run.path / "selection.json").read_text())
    assert found["chosen"] == 8
    assert found["thresholds"]["threshold"]["before"] == "midrange"
    assert Run.open(run.path).config.model_dump()["threshold"] == run.config.model_dump()["threshold"] == "probability"
    (run.path / "model.safetensors").unlink()  # as if killed just before the end
    scores = iter([1.0] * 10)
    again = train(
        "wsad", [corpus], tmp_path / "run", settings={**SETTINGS, "threshold": "midrange"}, select="weak", resume=True
    )
    assert again.config == run.config
    assert json.loads((run.path / "selection.json").read_text())["chosen"] == 20
    for content in ("{}", '{"thresholds": {"threshold": 1}}'):
        (run.path / "selection.json").write_text(content)
        with pytest.raises(UntrimError, match=r"selection\.json: does not tell the thresholds before"):
            run.before_selection()


def test_a_class_threshold_that_is_not_a_number_is_left_alone(corpus: Corpus, tmp_path: Path) -> None:
    for threshold, tried in ((None, {"threshold"}), (0.2, {"threshold", "class_threshold"})):
        settings = {**SETTINGS, "class_threshold": threshold}
        run = train("lpat", [corpus], tmp_path / str(threshold), settings=settings, select="weak")
        assert json.loads((run.path / "selection.json").read_text())["thresholds"].keys() == tried


def test_without_iterations_there_is_nothing_to_choose(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="iterations is 0"):
        train("wsad", [corpus], tmp_path / "run", settings={"iterations": 0}, select="weak")
    assert not (tmp_path / "run").exists()


def test_candidates_lie_along_the_training() -> None:
    assert checkpoint_steps(2000) == tuple(range(200, 2001, 200))
    assert checkpoint_steps(3) == (1, 2, 3)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_rank_correlation_is_spearmans(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=np.float64).T
    if a.std() == 0 or b.std() == 0:
        assert rank_correlation(a, b) == 0
    else:
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_brier_skill_is_0_for_frequencies_and_1_for_the_truth() -> None:
    labels = np.eye(4)[[0, 1, 2, 3, 0, 0]]
    assert brier_skill(labels, labels) == 1
    assert brier_skill(np.tile(labels.mean(axis=0), (6, 1)), labels) == pytest.approx(0)
    assert brier_skill(1 - labels, labels) == 0
    assert brier_skill(np.ones((6, 1)), np.ones((6, 1))) == 0


def test_a_rehearsal_says_how_long_to_train_on_all_videos(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.5, 0.9, 0.895, 0.5, 0.8, 0.1, 0.1, 0.1, 0.1])
    monkeypatch.setattr(selection, "judge", lambda *_: Criteria(next(scores), None, 1.0))
    run = train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, select="rehearsed")
    found = json.loads((run.path / "selection.json").read_text())
    assert (found["chosen"], len(found["held_out"]), found["thresholds"]) == (8, 3, {})
    assert Run.open(run.path).before_selection().config == run.config
    whole = train("wsad", [corpus], tmp_path / "whole", settings=SETTINGS)
    weights, chosen = load_file(run.path / "model.safetensors"), load_file(run.checkpoint(8))
    assert all(torch.equal(weights[name], chosen[name]) for name in chosen)
    last, end = load_file(run.checkpoint(20)), load_file(whole.path / "model.safetensors")
    assert all(torch.equal(last[name], end[name]) for name in end), "all videos were trained on"
    assert not (run.path / "rehearsal").exists()
    assert "12 videos" in (run.path / "README.md").read_text()


def test_a_choice_by_rehearsal_that_was_stopped_is_completed_the_same(corpus: Corpus, tmp_path: Path) -> None:
    def stopped_at(path: Path, stop: int) -> None:
        asked = iter(range(1000))
        with pytest.raises(Stopped):
            train("wsad", [corpus], path, settings=SETTINGS, select="rehearsed", resume=True,
                  should_stop=lambda: next(asked) >= stop)  # fmt: skip

    whole = train("wsad", [corpus], tmp_path / "whole", settings=SETTINGS, select="rehearsed")
    for stop in (9, 20, 15):  # in the training, in the rehearsal, among the candidates
        stopped_at(tmp_path / "run", stop)
    run = train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, select="rehearsed", resume=True)
    for name in ("model.safetensors", "selection.json"):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_rehearsal_that_chooses_cannot_be_left_out(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="--select rehearsed chooses by a rehearsal"):
        train("wsad", [corpus], tmp_path / "run", settings=SETTINGS, select="rehearsed", rehearsal=False)
    assert not (tmp_path / "run").exists()
