"""A run takes over the training of another one where both differ in nothing but values of localization."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.training.checkpoint import CONFIG, MODEL, STATE, Run
from untrim.training.loop import resolve, train
from untrim.training.metrics import METRICS
from untrim.training.resuming import TRAINED_ON, Data
from untrim.training.sharing import share_training

Corpus = tuple[FeatureFolder, Annotations]
TRAINING = {"iterations": 3, "hidden": 8}


@pytest.fixture
def trained(corpus: Corpus, tmp_path: Path) -> Run:
    return train("lpat", [corpus], tmp_path / "trained", settings=TRAINING, rehearsal=False)


def planned(corpus: Corpus, path: Path, seed: int = 0, **settings: object) -> tuple[Run, Data]:
    run, _, data = resolve(
        path, "lpat", [corpus], recipe=None, settings={**TRAINING, **settings}, subset="training", seed=seed,
        select="last",
    )  # fmt: skip
    return run, data


def test_it_ends_as_if_it_had_been_trained(corpus: Corpus, trained: Run, tmp_path: Path) -> None:
    settings = {**TRAINING, "threshold": "midrange", "gamma": 0.2}
    shared, apart = tmp_path / "shared", tmp_path / "apart"
    assert share_training(trained, *planned(corpus, shared, **settings))
    for path in shared, apart:
        train("lpat", [corpus], path, settings=settings, resume=True, rehearsal=False)
    for name in (CONFIG, MODEL, TRAINED_ON, "outcome.json"):
        assert (shared / name).read_bytes() == (apart / name).read_bytes(), name
    assert (shared / METRICS).read_bytes() == (trained.path / METRICS).read_bytes(), "with its seconds"


def test_another_training_is_not_taken_over(corpus: Corpus, trained: Run, tmp_path: Path) -> None:
    folder, annotations = corpus
    other = tmp_path / "other"
    fewer = (folder, Annotations(list(annotations.values())[1:]))
    for run, data in (
        planned(corpus, other, lambda_clas=0.4),
        planned(corpus, other, iterations=4),
        planned(corpus, other, seed=1),
        planned(fewer, other),
    ):
        assert not share_training(trained, run, data)
    run, data = planned(corpus, other, threshold="midrange")
    assert not share_training(trained, replace(run, select="weak"), data)
    for missing in (MODEL, STATE, TRAINED_ON):  # Not finished, tidied up, of an older version.
        part = tmp_path / "part"
        shutil.copytree(trained.path, part)
        (part / missing).unlink()
        assert not share_training(replace(trained, path=part), run, data)
        shutil.rmtree(part)
    assert not other.exists()


def test_a_run_keeps_the_steps_that_it_has(corpus: Corpus, trained: Run, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    shutil.copytree(trained.path, begun)
    (begun / STATE).write_bytes(b"its own")
    assert not share_training(trained, *planned(corpus, begun))
    assert (begun / STATE).read_bytes() == b"its own"


def test_killed_before_the_state_was_copied_it_is_begun_and_shares_the_next_time(
    corpus: Corpus, trained: Run, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    assert share_training(trained, *planned(corpus, shared, threshold="midrange"))
    (shared / STATE).unlink()
    assert share_training(trained, *planned(corpus, shared, threshold="midrange"))
    (shared / STATE).unlink()
    with pytest.raises(UntrimError, match="holds another run: different gamma"):
        share_training(trained, *planned(corpus, shared, threshold="midrange", gamma=0.1))
