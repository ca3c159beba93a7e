"""A training that two runs share: they differ in nothing but values that only localization reads."""

from __future__ import annotations

from dataclasses import replace

from untrim.support.files import reading, write_bytes
from untrim.support.locks import locked
from untrim.training.checkpoint import STATE, Run
from untrim.training.metrics import METRICS
from untrim.training.resuming import Data, begin, begun_on, difference_of, knows_its_data


def share_training(trained: Run, run: Run, data: Data) -> bool:
    """Let a run end its training where another one ended, if that was the same training.

    To resume it is then to choose its operating point and to write its result. A run that has steps of its own is left
    as it is.

    Args:
        trained: A run.
        run: What `train` would begin; it need not be there yet.
        data: What `run` is trained on.

    Returns:
        Whether the training is shared.

    Raises:
        UntrimError: The folder of `run` holds another run, is worked in by another process, or cannot be written; or
            that of `trained` is damaged.
    """
    if (run.path / STATE).exists() or not _same_training(trained, run, data):
        return False
    with locked(run.path):
        begin(run, data, resume=True)
        for name in (METRICS, STATE):  # The state last: without it, a run that is resumed trains from the start.
            with reading(trained.path / name):
                content = (trained.path / name).read_bytes()
            write_bytes(run.path / name, content)
    return True


def _same_training(trained: Run, run: Run, data: Data) -> bool:
    """Whether a run is finished, and its training is what that of `run` would be."""
    if not trained.finished or not knows_its_data(trained) or not (trained.path / STATE).is_file():
        return False
    mine, theirs = (one.config.of_training(one.config.model_dump()) for one in (run, trained))
    alike = replace(trained, path=run.path, config=run.config) == run and run.select == "last" and mine == theirs
    return alike and difference_of(begun_on(trained.path), data) is None
