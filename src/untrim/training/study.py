"""The study of a search: an Optuna study in an SQLite file in the output folder, which other people may have made.

What a trial proposes follows from the seed and the trials that are done. So a search that was killed resumes: first the
unfinished trial from the last saved state of its run, then the next trials.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from untrim.errors import UntrimError, WorkFailed, listing
from untrim.support.kinds import refuse_links
from untrim.training.checkpoint import Run
from untrim.training.resuming import TRAINED_ON, Data, refuse_other_data

if TYPE_CHECKING:
    import optuna

STUDY = "study.db"

_NAME = "untrim"  # of the study in the file
_TABLES = (
    "study_directions", "study_user_attributes", "trials", "trial_params", "trial_user_attributes", "trial_values",
)  # fmt: skip
_REASON = "reason"  # why the work of a trial failed


@contextmanager
def using_study(output: Path) -> Iterator[None]:
    """Turn errors of Optuna and SQLAlchemy, which can be any where others have changed the study, into one line each.

    Raises:
        UntrimError: The study is damaged.
        WorkFailed: The disk is full.
    """
    try:
        yield
    except (UntrimError, OSError, MemoryError):
        raise
    except Exception as error:
        if "disk is full" in str(error):  # As SQLite says it.
            fix = "free some space; the same command resumes"
            raise WorkFailed("the disk is full", where=output / STUDY, fix=fix) from error
        what = f"cannot be read as a study: {(str(error).splitlines() or [type(error).__name__])[0]:.160}"
        raise UntrimError(what, where=output / STUDY, fix="choose another -o") from error


def open_study(output: Path, asked: Mapping[str, object], data: Data) -> optuna.Study:
    """The study in `output`, new or resumed; trials that were under way are the next.

    Args:
        output: Folder of the search.
        asked: What is searched, as values that JSON can hold.
        data: What the trials are trained on.

    Raises:
        UntrimError: The file is no study of ours, or one of another search; or its trials were begun on other data; or
            the run of the best one cannot be read.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file = output / STUDY
    refuse_links(output, STUDY)
    if file.is_file():
        _refuse_foreign(file)
    study = optuna.create_study(
        study_name=_NAME, storage=f"sqlite:///{file.resolve()}", direction="maximize", load_if_exists=True
    )
    if study.direction != optuna.study.StudyDirection.MAXIMIZE:
        raise UntrimError("looks for the least, not the best", where=file, fix="choose another -o")
    # All that others may have written is read before anything is changed.
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    for trial in complete:
        if len(trial.values or ()) != 1:
            raise UntrimError(f"trial {trial.number} has no score", where=file, fix="choose another -o")
    if complete:
        Run.open(folder_of(study.best_trial, output))
    before = study.user_attrs.get("asked", asked)
    if not isinstance(before, dict):
        raise UntrimError("does not say what was searched", where=file, fix="choose another -o")
    if different := [key for key, value in asked.items() if before.get(key) != value]:
        raise UntrimError(
            f"holds another search: different {', '.join(different)}", where=output, fix="choose another -o"
        )
    if "asked" not in study.user_attrs:
        study.set_user_attr("asked", dict(asked))
    if begun := sorted((output / "trials").glob(f"*/{TRAINED_ON}")):
        refuse_other_data(begun[0].parent, data)
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _refuse_foreign(file: Path) -> None:
    """Refuse a file that holds no whole study of ours; Optuna would write the tables that lack into any database."""
    try:
        with closing(sqlite3.connect(file)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            names = [name for (name,) in database.execute("SELECT study_name FROM studies")]
    except sqlite3.Error as error:
        raise UntrimError(f"cannot be read as a study: {error}", where=file, fix="choose another -o") from error
    if missing := [name for name in _TABLES if name not in tables]:
        what = f"cannot be read as a study: the table '{missing[0]}' is missing"
        raise UntrimError(what, where=file, fix="choose another -o")
    if names != [_NAME]:
        raise UntrimError(
            f"holds other studies: {listing(map(str, names)) or 'none'}", where=file, fix="choose another -o"
        )


def ended(study: optuna.Study) -> int:
    """How many trials came to an end: with a score, or because the work failed."""
    return sum(trial.state.name == "COMPLETE" or _REASON in trial.user_attrs for trial in study.trials)


def failures(study: optuna.Study) -> list[str]:
    """Why trials failed, one reason per trial."""
    return [str(trial.user_attrs[_REASON]) for trial in study.trials if _REASON in trial.user_attrs]


@contextmanager
def next_trial(study: optuna.Study, seed: int) -> Iterator[optuna.Trial]:
    """The next trial. If its work fails, that is noted, and the search continues."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=seed)
    trial = study.ask()
    try:
        yield trial
    except WorkFailed as failed:
        trial.set_user_attr(_REASON, str(failed))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)


def folder_of(trial: optuna.Trial | optuna.trial.FrozenTrial, output: Path) -> Path:
    """The run folder of a trial, as the study says, which other people may have made.

    Raises:
        UntrimError: It is no folder in `output`.
    """
    name = trial.user_attrs.get("folder", f"{trial.number:04d}")
    if not isinstance(name, str) or not re.fullmatch(r"[0-9]{4,9}", name):
        what = f"the folder of trial {trial.number} is {name!r:.40}, wanted a number"
        raise UntrimError(what, where=output / STUDY, fix="do not trust this file; choose another -o")
    refuse_links(output, "trials", f"trials/{name}")
    return output / "trials" / name
