import json
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from untrim.annotations import Annotations, write_annotations
from untrim.cli.app import app
from untrim.errors import Stopped, UntrimError, WorkFailed
from untrim.features.store import FeatureFolder
from untrim.methods.wsbm import WSBMConfig
from untrim.training import tuning
from untrim.training.loop import train
from untrim.training.study import STUDY
from untrim.training.tuning import Choice, Range, default_space, parse_space, tune

optuna = pytest.importorskip("optuna")
Corpus = tuple[FeatureFolder, Annotations]
SETTINGS = {"iterations": 4, "dropout": 0.2}
SEARCH = ["learning_rate=1e-4..1e-2:log", "metric=triplet|none", "k=2..8"]


def values(output: Path) -> list[tuple[object, ...]]:
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{output / 'study.db'}")
    done = sorted((t for t in study.trials if t.value is not None), key=lambda trial: trial.user_attrs["folder"])
    return [(trial.user_attrs["folder"], trial.params, trial.value) for trial in done]


def test_a_search_that_was_stopped_goes_on_as_if_undisturbed(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def stopped(*arguments: object, **keywords: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise Stopped("stopped after 2 of 4 iterations")
        return train(*arguments, **keywords)  # type: ignore[arg-type]

    whole = tune("wsad", [corpus], tmp_path / "whole", trials=3, search=SEARCH, settings=SETTINGS)
    monkeypatch.setattr(tuning, "train", stopped)
    with pytest.raises(Stopped):
        tune("wsad", [corpus], tmp_path / "stopped", trials=3, search=SEARCH, settings=SETTINGS)
    found = tune("wsad", [corpus], tmp_path / "stopped", trials=3, search=SEARCH, settings=SETTINGS)
    assert len(calls) == 4
    assert (found.values, found.score, found.trials, found.failed) == (whole.values, whole.score, 3, 0)
    assert [entry[1:] for entry in values(tmp_path / "stopped")] == [entry[1:] for entry in values(tmp_path / "whole")]
    scores = [json.loads(p.read_text())["score"] for p in tmp_path.glob("stopped/trials/*/selection.json")]
    assert found.score == max(scores)
    assert len(scores) == 3
    best = yaml.safe_load((tmp_path / "stopped" / "best.yaml").read_text())["config"]
    assert {key: best[key] for key in found.values} == found.values
    run = train("wsad", [corpus], tmp_path / "best", recipe=str(tmp_path / "stopped" / "best.yaml"))
    assert run.config.model_dump() == best
    with pytest.raises(UntrimError, match="another search: different seed, search"):
        tune("wsad", [corpus], tmp_path / "stopped", trials=3, settings=SETTINGS, seed=1)


def test_work_that_fails_is_a_trial_and_not_the_end(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def failing(*arguments: object, **keywords: object) -> object:
        calls.append(arguments)
        if len(calls) != 2:
            raise WorkFailed("the loss is not finite")
        return train(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(tuning, "train", failing)
    with pytest.raises(WorkFailed, match="all 1 trials failed, the last with: the loss is not finite"):
        tune("wsad", [corpus], tmp_path / "out", trials=1, settings=SETTINGS)
    found = tune("wsad", [corpus], tmp_path / "out", trials=3, settings=SETTINGS)
    assert (found.trials, found.failed, len(calls)) == (3, 2, 3)


def test_a_file_that_is_no_study_is_named(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("no database")
    with pytest.raises(UntrimError, match=r"study\.db: cannot be read as a study: .*not a database"):
        tune("wsad", [corpus], tmp_path, trials=1, settings=SETTINGS)


def test_the_command_line_searches_and_says_how_to_use_it(corpus: Corpus, tmp_path: Path) -> None:
    write_annotations(corpus[1], tmp_path / "a.json")
    where = ["-f", str(corpus[0].path), "-a", str(tmp_path / "a.json"), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["tune", "-m", "wtalc", *where, "--trials", "1", "--set", "iterations=2"])
    assert done.exit_code == 0, done.output
    assert "1 trials; best score" in done.output
    assert f"--recipe {tmp_path / 'out' / 'best.yaml'}" in done.output
    assert "learning_rate = " in done.output


def test_a_space_is_read_as_a_person_means_it() -> None:
    space = parse_space(["a=1e-4..1e-2:log", "b=0.1..0.5", "c=2..8", "d=x|null|3"])
    assert space == {
        "a": Range(1e-4, 1e-2, True), "b": Range(0.1, 0.5, False), "c": Range(2, 8, False), "d": Choice(("x", None, 3)),
    }  # fmt: skip
    rate = default_space(WSBMConfig(learning_rate=1e-3))["learning_rate"]
    assert isinstance(rate, Range)
    assert rate.log
    assert math.isclose(rate.low, 1e-4)
    assert math.isclose(rate.high, 1e-2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iterations=0|2", "iterations is 0"),
        ("a", "write key=low..high"),
        ("a=3", "write key=low..high"),
        ("a=5..1", "not a range"),
        ("a=x..y", "not a range"),
        ("a=0..1:log", "logarithmic from 0"),
        ("learning_rat=1e-4..1e-3", "did you mean 'learning_rate'"),
        ("learning_rate=1e-4..2", "'learning_rate'.*less than or equal to 1"),
        ("metric=triplet|tripelt", "'metric'"),
    ],
)
def test_wrong_spaces_are_refused(corpus: Corpus, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UntrimError, match=message):
        tune("wsad", [corpus], tmp_path / "out", search=[text])
    with pytest.raises(UntrimError, match=message):  # one text is not a row of letters
        tune("wsad", [corpus], tmp_path / "out", search=text)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iterations": 0}, "iterations is 0"),
        ({"add_metric": 1.0}, "has this loss of its own"),
        ({"hidden": 10**12}, "network cannot be made"),
    ],
)
def test_what_every_trial_would_refuse_is_refused_before_the_first(
    corpus: Corpus, tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UntrimError, match=message):
        tune("wsad", [corpus], tmp_path / "out", trials=1, settings={**SETTINGS, **settings})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE trial_values SET value_type = '-'", "cannot be read as a study: '-' is not among"),
        ("UPDATE trial_user_attributes SET value_json = 'x'", "cannot be read as a study"),
        ("UPDATE study_directions SET direction = 'MINIMIZE'", "looks for the least"),
        ("DELETE FROM trial_values", "trial 0 has no score"),
        ("DELETE FROM study_directions", "cannot be read as a study"),
        ("DROP TABLE study_directions", "the table 'study_directions' is missing"),
    ],
)
def test_a_damaged_study_is_one_line_and_stays_as_it_is(
    corpus: Corpus, tmp_path: Path, change: str, message: str
) -> None:
    tune("wsad", [corpus], tmp_path, trials=1, settings=SETTINGS)
    with closing(sqlite3.connect(tmp_path / STUDY)) as database:
        database.execute(change)
        database.commit()
    before = (tmp_path / STUDY).read_bytes()
    with pytest.raises(UntrimError, match=message):
        tune("wsad", [corpus], tmp_path, trials=2, settings=SETTINGS)
    assert (tmp_path / STUDY).read_bytes() == before


def test_a_damaged_run_of_the_best_trial_is_said_before_the_next(corpus: Corpus, tmp_path: Path) -> None:
    tune("wsad", [corpus], tmp_path, trials=1, settings=SETTINGS)
    (tmp_path / "trials" / "0000" / "config.yaml").write_bytes(b"\xbc")
    before = (tmp_path / STUDY).read_bytes()
    with pytest.raises(UntrimError, match=r"0000/config\.yaml.*is not UTF-8"):
        tune("wsad", [corpus], tmp_path, trials=2, settings=SETTINGS)
    assert (tmp_path / STUDY).read_bytes() == before
    assert [folder.name for folder in (tmp_path / "trials").iterdir()] == ["0000"]


def test_a_hostile_study_writes_and_reads_nothing_elsewhere(corpus: Corpus, tmp_path: Path) -> None:
    """A trial that is under way in a folder elsewhere, by its name or by a link."""
    for name in ("../../elsewhere", str(tmp_path / "elsewhere"), "0000/../../x", "", 3, None):
        output = tmp_path / "search"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        study = optuna.create_study(
            study_name="untrim", storage=f"sqlite:///{output / STUDY}", direction="maximize"
        )  # fmt: skip
        study.ask().set_user_attr("folder", name)
        with pytest.raises(UntrimError, match=r"the folder of trial .* wanted a number"):
            tune("wsad", [corpus], output, trials=1, settings=SETTINGS)
        assert not (tmp_path / "elsewhere").exists()
        assert not (output / "trials").exists()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "trials").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UntrimError, match="trials: is a link"):
        tune("wsad", [corpus], tmp_path / "linked", trials=1, settings=SETTINGS)
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_database_of_others_stays_as_it_is(corpus: Corpus, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / STUDY)) as database:
        database.execute("CREATE TABLE precious (value)")
        database.commit()
    before = (tmp_path / STUDY).read_bytes()
    with pytest.raises(UntrimError, match="cannot be read as a study"):
        tune("wsad", [corpus], tmp_path, trials=1, settings=SETTINGS)
    assert (tmp_path / STUDY).read_bytes() == before


def test_a_search_is_not_resumed_on_other_data(corpus: Corpus, tmp_path: Path) -> None:
    tune("wsad", [corpus], tmp_path / "search", trials=1, settings=SETTINGS)
    corpus[0].save("video07", corpus[0].load("video07")[:, ::-1])
    with pytest.raises(UntrimError, match="was begun on other data: features of 'video07' have changed"):
        tune("wsad", [corpus], tmp_path / "search", trials=2, settings=SETTINGS)
    assert not (tmp_path / "search" / "trials" / "0001").exists()
