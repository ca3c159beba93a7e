"""``metrics.jsonl``, the losses of a run over its steps. Only this module writes and reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from untrim.errors import Place, UntrimError
from untrim.support.documents import parse_json
from untrim.support.extras import optional
from untrim.support.files import read_text, write_text, writing
from untrim.support.schema import SCHEMA, check_schema
from untrim.timeline import is_finite

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

METRICS = "metrics.jsonl"

_SCHEMA = 1


class Metrics:
    """The open file: one JSON object per line, with ``iteration``, ``seconds``, ``loss`` and each term of the loss.

    Args:
        path: The file.
        iteration: Where training resumes; later lines, of a run that was killed, are dropped.
        tensorboard: Whether to write the same as TensorBoard events, into a folder ``tensorboard`` beside it.

    Raises:
        UntrimError: A line that should be kept is damaged, or TensorBoard is wanted and not installed.
    """

    def __init__(self, path: Path, iteration: int, *, tensorboard: bool = False) -> None:
        kept = [(line, row) for line, row in _rows(path) if row["iteration"] <= iteration] if iteration else []
        write_text(path, "".join(f"{line}\n" for line, _ in kept))
        self.path = path
        self.seconds = kept[-1][1]["seconds"] if kept else 0.0
        self._events = _event_writer(path.parent / "tensorboard", iteration) if tensorboard else None

    def write(self, iteration: int, seconds: float, terms: Mapping[str, float]) -> None:
        """Append one line; `seconds` count from where training resumed."""
        values = {"iteration": iteration, "seconds": round(self.seconds + seconds, 3), "loss": sum(terms.values())}
        with writing(self.path), open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({SCHEMA: _SCHEMA, **values, **terms}) + "\n")
        if self._events is not None:
            for name, value in {"loss": values["loss"], **terms}.items():
                self._events.add_scalar(name, value, iteration)
            self._events.flush()

    def show(self, iteration: int, scores: Mapping[str, float]) -> None:
        """Show scores in TensorBoard, by tag; the file does not hold them."""
        if self._events is not None:
            for tag, value in scores.items():
                self._events.add_scalar(tag, value, iteration)
            self._events.flush()


def read_metrics(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of a ``metrics.jsonl``, each (N,): ``iteration``, ``seconds``, ``loss`` and its terms.

    The last line counts only if it is whole: training may be writing it, or may have been killed. Empty where nothing
    was recorded.

    Raises:
        UntrimError: A line that is not an object of numbers, or has other keys than the first.
    """
    rows = [row for _, row in _rows(path)]
    return {key: np.array([row[key] for row in rows], dtype=np.float64) for key in (rows[0] if rows else ())}


def _rows(path: Path) -> list[tuple[str, dict[str, float]]]:
    """Each whole line of the file with its values."""
    text = read_text(path) if path.exists() else ""
    rows: list[tuple[str, dict[str, float]]] = []
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), start=1):
        where = Place(path, number)
        row = _values(line, where)
        if not {"iteration", "seconds", "loss"} <= row.keys() or (rows and row.keys() != rows[0][1].keys()):
            raise UntrimError("lacks 'iteration', 'seconds', 'loss' or a term", where=where)
        rows.append((line, row))
    return rows


def _values(line: str, where: Place) -> dict[str, float]:
    row = parse_json(line, where)
    if isinstance(row, dict):
        check_schema(row, where, _SCHEMA)
        row.pop(SCHEMA, None)
        if all(_is_number(value) for value in row.values()):
            return {key: float(value) for key, value in row.items()}
    raise UntrimError("is not an object of finite numbers", where=where)


def _is_number(value: object) -> bool:
    return is_finite(value) and not isinstance(value, bool)


def _event_writer(folder: Path, iteration: int) -> SummaryWriter:
    optional("tensorboard")
    from torch.utils.tensorboard.writer import SummaryWriter

    return SummaryWriter(folder, purge_step=iteration + 1)
