"""What a report is made of, read from files and checked."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.lib.npyio import NpzFile
from pydantic import BaseModel, ConfigDict, Field, model_validator

from untrim.errors import UntrimError
from untrim.evaluation.matching import Floats
from untrim.support.files import read_json, read_text
from untrim.support.validation import validate

Fraction = Annotated[float, Field(ge=0, le=1 + 1e-9)]  # A sum of fractions may be a rounding error above 1.


class Evaluation(BaseModel):
    """What `untrim evaluate --json` wrote; lists run along `iou`, values are fractions."""

    model_config = ConfigDict(populate_by_name=True, allow_inf_nan=False)

    version: Literal[1] = Field(alias="schema")
    protocol: str
    subset: str
    iou: list[Fraction] = Field(min_length=1)
    mean: list[Fraction] = Field(alias="mAP")
    average: Fraction = Field(alias="average_mAP")
    per_class: dict[str, list[Fraction | None]]
    videos: int
    instances: int
    detections: int

    @model_validator(mode="after")
    def _along_iou(self) -> Evaluation:
        for name, count in {"mAP": len(self.mean), **{k: len(v) for k, v in self.per_class.items()}}.items():
            if count != len(self.iou):
                raise ValueError(f"'{name}' has {count} values for {len(self.iou)} thresholds")
        return self


def read_evaluations(paths: Mapping[str, Path], subset: str) -> dict[str, Evaluation]:
    """Evaluations by name, all of `subset` and made in the same way, so that they compare.

    Raises:
        UntrimError: One is missing, or not of the form that `untrim evaluate --json` writes, or of something else.
    """
    evaluations: dict[str, Evaluation] = {}
    for name, path in paths.items():
        read = validate(Evaluation, read_json(path), path)
        first = next(iter(evaluations.values()), read)
        wanted = {"subset": subset, "protocol": first.protocol, "iou": first.iou}
        for key, value in wanted.items():
            if (there := getattr(read, key)) != value:
                raise UntrimError(f"'{key}' is {there}, wanted {value}", where=path, fix="evaluate all in the same way")
        evaluations[name] = read
    return evaluations


def read_metrics(path: Path) -> dict[str, Floats]:
    """Columns of ``metrics.jsonl``, each (N,): ``iteration``, ``seconds``, ``loss`` and its terms.

    The last line counts only if it is whole, since training may be writing it. Empty where nothing was recorded.

    Raises:
        UntrimError: A line that is not an object of numbers, or has other keys than the first.
    """
    text = read_text(path) if path.exists() else ""
    rows: list[dict[str, float]] = []
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), start=1):
        try:
            row = json.loads(line, parse_int=float)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not all(_is_number(value) for value in row.values()):
            raise UntrimError("is not an object of finite numbers", where=f"{path}, line {number}")
        if not {"iteration", "seconds", "loss"} <= row.keys() or (rows and row.keys() != rows[0].keys()):
            raise UntrimError("lacks 'iteration', 'seconds', 'loss' or a term", where=f"{path}, line {number}")
        rows.append(row)
    return {key: np.array([row[key] for row in rows], dtype=np.float64) for key in (rows[0] if rows else ())}


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


@dataclass(frozen=True)
class Sequences:
    """What a network said of one video over its T snippets.

    Args:
        cas: Class activation sequence, raw logits, (T, C), classes in the order of the run.
        overall: Sequences without a class, each (T,): ``attention`` and ``background``, where the method has them.
        centers: Seconds that the snippets lie at, (T,); None if they lie on the grid of the run.
    """

    cas: Floats
    overall: Mapping[str, Floats]
    centers: Floats | None = None


def read_sequences(path: Path, classes: int) -> Sequences:
    """The activation sequences of one video, from an ``.npz`` file.

    Raises:
        UntrimError: Not such a file, or arrays of another shape than the run's, or with values that are not finite.
    """
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, NpzFile):
            raise ValueError("a single array, not an archive of them")
        with file:
            arrays = {key: file[key] for key in _ARRAYS if key in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        raise UntrimError(f"holds no readable arrays: {error!s:.80}", where=path, fix=_AGAIN) from error
    cas = arrays.pop("cas", np.empty(0))
    snippets = cas.shape[0] if cas.ndim else 0
    wanted = {"cas": (snippets, classes), **dict.fromkeys(arrays, (snippets,))}
    for key, array in {"cas": cas, **arrays}.items():
        if array.shape != wanted[key] or snippets == 0 or array.dtype.kind != "f":
            raise UntrimError(
                f"'{key}' is {array.dtype} {array.shape}, wanted float {wanted[key]}", where=path, fix=_AGAIN
            )
        if not np.isfinite(array).all():
            raise UntrimError(f"'{key}' holds NaN or infinity", where=path, fix=_AGAIN)
    doubles = {key: array.astype(np.float64) for key, array in arrays.items()}
    centers = doubles.pop("centers", None)
    return Sequences(cas.astype(np.float64), doubles, centers)


_ARRAYS = ("cas", "attention", "background", "centers")
_AGAIN = "run `untrim localize --save-activations` with this run again"
