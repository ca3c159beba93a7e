"""The folder of activation sequences: one ``<video>.npz`` per video. Only this module writes and reads it.

An archive holds ``schema``, ``cas`` (T, C) as raw logits, ``logits`` (T, C), ``video_scores`` (C,), ``centers`` (T,)
in seconds and, where the method has them, ``attention`` (T,) and ``background`` (T,). Other arrays are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from untrim.errors import UntrimError, numbered
from untrim.support.array_types import Float64
from untrim.support.arrays import read_archive, write_archive
from untrim.support.files import remove_leftovers
from untrim.support.locks import locked
from untrim.support.named_files import file_of, names_in
from untrim.support.paths import as_path
from untrim.support.schema import SCHEMA, check_schema
from untrim.timeline import SnippetGrid

if TYPE_CHECKING:
    from torch import Tensor

    from untrim.methods.base import Activations

_SCHEMA = 1
_OVERALL = ("attention", "background")
_AGAIN = "run `untrim localize --save-activations` with this run again"


@dataclass(frozen=True)
class Sequences:
    """What a network said of one video over its T snippets.

    Args:
        cas: Class activation sequence, raw logits, (T, C), classes in the order of the run.
        video_scores: How much each class is in the video, (C,) in [0, 1].
        overall: Sequences without a class, each (T,): ``attention`` and ``background``, where the method has them.
        centers: Times of the snippets in seconds, (T,); None if they are on the grid of the run.
        logits: `Method.snippet_logits`, (T, C): above 0 where the run would call a snippet the class; None in files of
            older versions.
    """

    cas: Float64
    video_scores: Float64
    overall: Mapping[str, Float64]
    centers: Float64 | None = None
    logits: Float64 | None = None


def activations_of(detections: Path) -> Path:
    """Where the activation sequences of a file of detections are: in ``<name>-activations`` beside it.

    Where there is no such folder, in ``activations``: so it was called before, and is in a demo.
    """
    own = detections.with_name(f"{detections.stem}-activations")
    return own if own.is_dir() else detections.with_name("activations")


class ActivationFolder:
    """A folder of activation sequences.

    Args:
        path: The folder. It is made when the first video is saved.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = as_path(path, "activations")

    def __repr__(self) -> str:
        return f"ActivationFolder({numbered(len(self.names()), 'video', 'videos')}; from {self.path})"

    def names(self) -> list[str]:
        """Names of the videos that have a file, sorted."""
        return names_in(self.path, ".npz")

    def file(self, name: str) -> Path:
        """The file of the sequences of a video.

        Raises:
            UntrimError: The name would lead out of the folder, or is too long for a file.
        """
        return file_of(self.path, name, ".npz")

    @contextmanager
    def being_written(self) -> Iterator[None]:
        """Hold the folder, made if need be, for the process that saves sequences in it.

        Raises:
            UntrimError: It cannot be written, or another process holds it.
        """
        with locked(self.path):
            remove_leftovers(self.path)
            yield

    def save(self, name: str, found: Activations, grid: SnippetGrid, logits: Tensor | None = None) -> None:
        """Write what a network said of one video, as float32, whole or not at all.

        Args:
            name: The video.
            found: Activations of this one video, B = 1.
            grid: Where its snippets are in time.
            logits: What `Method.snippet_logits` makes of them, (1, T, C).

        Raises:
            UntrimError: The place cannot be written.
        """
        write_archive(self.file(name), schema=np.array(_SCHEMA), **_arrays(found, grid, logits))

    def load(self, name: str, classes: int) -> Sequences:
        """The sequences of one video.

        Args:
            name: The video.
            classes: Number of classes of the run, C.

        Raises:
            UntrimError: Not such a file, written by a newer untrim, or arrays of another shape than the run's, or with
                values that are not finite.
        """
        path = self.file(name)
        arrays = _read(path)
        snippets = len(arrays["cas"]) if arrays["cas"].ndim else 0
        wanted = {**dict.fromkeys(arrays, (snippets,)), "cas": (snippets, classes), "video_scores": (classes,)}
        wanted |= {"logits": (snippets, classes)}
        for key, array in arrays.items():
            if array.shape != wanted[key] or snippets == 0 or array.dtype.kind != "f":
                raise UntrimError(
                    f"'{key}' is {array.dtype} {array.shape}, wanted float {wanted[key]}", where=path, fix=_AGAIN
                )
            if not np.isfinite(array).all():
                raise UntrimError(f"'{key}' holds NaN or infinity", where=path, fix=_AGAIN)
        return _sequences(arrays)


def sequences_of(found: Activations, grid: SnippetGrid, logits: Tensor | None = None) -> Sequences:
    """What a network said of one video, as `ActivationFolder.save` would write it and `ActivationFolder.load` read it.

    Args:
        found: Activations of this one video, B = 1.
        grid: Where its snippets are in time.
        logits: What `Method.snippet_logits` makes of them, (1, T, C).
    """
    return _sequences(_arrays(found, grid, logits))


def _arrays(found: Activations, grid: SnippetGrid, logits: Tensor | None) -> dict[str, npt.NDArray[np.floating]]:
    drawn = {key: getattr(found, key) for key in ("cas", "video_scores", *_OVERALL)} | {"logits": logits}
    arrays: dict[str, npt.NDArray[np.floating]] = {
        key: value[0].float().cpu().numpy() for key, value in drawn.items() if value is not None
    }
    return {"centers": np.array([grid.center(index) for index in range(len(arrays["cas"]))]), **arrays}


def _sequences(arrays: Mapping[str, npt.NDArray[Any]]) -> Sequences:
    doubles = {key: array.astype(np.float64) for key, array in arrays.items()}
    overall = {key: doubles[key] for key in _OVERALL if key in doubles}
    return Sequences(doubles["cas"], doubles["video_scores"], overall, doubles.get("centers"), doubles.get("logits"))


def _read(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays that count, `cas` first; one that must be there and is not is empty."""
    try:
        found = read_archive(path, (SCHEMA, "cas", "video_scores", *_OVERALL, "centers", "logits"))
    except UntrimError as error:
        raise UntrimError(error.what, where=error.where, fix=error.fix or _AGAIN) from error
    if SCHEMA in found:
        check_schema({SCHEMA: found.pop(SCHEMA).tolist()}, path, _SCHEMA)
    return {"cas": np.empty(0), "video_scores": np.empty(0), **found}
