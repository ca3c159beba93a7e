"""Whether the run in a folder is the one that is asked for, on the data that it was begun on.

What a run was begun on is in ``trained_on.json``, written before the first step: of each video a digest of what the
annotations say, labels of every kind, and one of its features. Videos are in the order of training, since batches
follow from it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from untrim.annotations import Video
from untrim.data.dataset import TrainingVideos
from untrim.data.summary import DataSummary
from untrim.errors import UntrimError, listing, numbered
from untrim.support.files import check_output, remove_leftovers, write_json
from untrim.support.kinds import refuse_links
from untrim.support.schema import read_object
from untrim.support.validation import validate
from untrim.training.checkpoint import CONFIG, FEATURES, Run
from untrim.training.class_names import LABELS

TRAINED_ON = "trained_on.json"

_SCHEMA = 1
_NO_LABELS = ("name", "subset", "duration", "fps")
_OTHER_DATA = "train on the data as they were, or choose another -o"


class Mark(BaseModel):
    """What changes with a video that is trained on: a digest of what the annotations say of it, one of its features."""

    model_config = ConfigDict(frozen=True)

    name: str
    labels: str
    features: str


class Data(BaseModel):
    """Contents of ``trained_on.json``: videos in the order of training; those that are held out come last."""

    videos: tuple[Mark, ...]


def data_of(videos: TrainingVideos, summary: DataSummary, held: TrainingVideos | None) -> Data:
    """What is trained on.

    Args:
        videos: Videos to train on.
        summary: Of `videos`.
        held: Videos held out, if any; their features are read.
    """
    known = [(videos.known(index), digest) for index, digest in enumerate(summary.digests)]
    if held is not None:
        known += [(held.known(index), held.digest(index)) for index in range(len(held))]
    return Data(videos=tuple(Mark(name=v.name, labels=_labels(v), features=features) for v, features in known))


def begin(run: Run, data: Data, resume: bool) -> Run | None:
    """Write down what the run is and what it is trained on, or check that the run there is the same, on the same data.

    Returns:
        The run there, if it is finished.

    Raises:
        UntrimError: The folder holds a run, and `resume` is not asked for; or another run, or one on other data.
    """
    if not (run.path / CONFIG).is_file():
        for name in (TRAINED_ON, LABELS, FEATURES, CONFIG):
            check_output(run.path / name)
        remove_leftovers(run.path)
        write_json(run.path / TRAINED_ON, {"schema": _SCHEMA, **data.model_dump()})
        run.save_description()
        return None
    refuse_a_run(run.path, resume)
    there = Run.open(run.path)
    before = there.before_selection()
    if run.start and before.start and Path(run.start).resolve() == Path(before.start).resolve():
        run = replace(run, start=before.start)
    if before != replace(run, path=there.path):
        of_run, of_config = (
            [key for key, value in mine.items() if key not in ("path", "config") and value != theirs.get(key)]
            for mine, theirs in ((vars(run), vars(before)), (run.config.model_dump(), before.config.model_dump()))
        )
        if not of_run and knows_its_data(run):  # The project's values follow from the data.
            refuse_other_data(run.path, data)
        theirs = before.config.model_dump()
        there_is = "".join(f" --set {key}={json.dumps(theirs[key])}" for key in of_config)
        resumable = f", or resume what is there with{there_is}" if of_config and not of_run else ""
        different = ", ".join([*of_run, *of_config])
        raise UntrimError(
            f"holds another run: different {different}", where=run.path, fix=f"choose another -o{resumable}"
        )
    if knows_its_data(run):
        refuse_other_data(run.path, data)
    refuse_links(run.path, "state", "checkpoints", "tensorboard", "rehearsal", "rehearsal/state")
    remove_leftovers(run.path)
    return there if there.finished else None


def refuse_a_run(path: Path, resume: bool) -> None:
    """Refuse a folder that holds a run which is not to be resumed.

    Raises:
        UntrimError: It does.
    """
    if not resume and (path / CONFIG).is_file():
        raise UntrimError("holds a run already", where=path, fix="use --resume to resume it, or another -o")


def refuse_other_data(path: Path, data: Data) -> None:
    """Refuse to resume a run on other data than it was begun on.

    Args:
        path: The run folder, which has a ``trained_on.json``.
        data: What is trained on now.

    Raises:
        UntrimError: They are not the same; gives an example.
    """
    if difference := difference_of(begun_on(path), data):
        raise UntrimError(f"was begun on other data: {difference}", where=path, fix=_OTHER_DATA)


def begun_on(path: Path) -> Data:
    """What the run in a folder was begun on.

    Raises:
        UntrimError: There is no ``trained_on.json``, or it is wrong.
    """
    return validate(Data, read_object(path / TRAINED_ON), path / TRAINED_ON)


def knows_its_data(run: Run) -> bool:
    """Whether it is recorded what the run was begun on; older versions recorded nothing."""
    return (run.path / TRAINED_ON).is_file()


def difference_of(before: Data, now: Data) -> str | None:
    """How the data are not what they were, with an example; None if they are the same."""
    old, new = ([mark.name for mark in data.videos] for data in (before, now))
    if gone := sorted({*old} - {*new}):
        return f"{len(gone)} of {numbered(len(old), 'video', 'videos')} are gone: {listing(gone)}"
    if added := sorted({*new} - {*old}):
        return f"{numbered(len(added), 'video is', 'videos are')} new: {listing(added)}"
    if old != new:
        return "the videos are listed in another order"
    for kind in ("labels", "features"):
        pairs = zip(before.videos, now.videos, strict=True)
        if changed := [mine.name for mine, theirs in pairs if getattr(mine, kind) != getattr(theirs, kind)]:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            return f"{kind} of '{changed[0]}'{more} have changed"
    return None


def _labels(video: Video) -> str:
    """Digest of labels of every kind; those that a video has none of change nothing."""
    values = {field.name: getattr(video, field.name) for field in fields(video) if field.name not in _NO_LABELS}
    said = {key: value for key, value in values.items() if value}
    text = json.dumps(said, default=asdict, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
