"""``labels.json`` of a run, its classes in the order of the class dimension; read without what a network needs."""

from __future__ import annotations

from pathlib import Path

from untrim.errors import UntrimError
from untrim.support.files import read_json
from untrim.support.names import standard
from untrim.support.schema import read_object

LABELS = "labels.json"


def read_class_names(path: Path) -> tuple[str, ...]:
    """Class names; a file of an older version is a bare list of them."""
    content = read_json(path)
    labels = read_object(path).get("labels") if isinstance(content, dict) else content
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise UntrimError("'labels' should be a list of class names", where=path)
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise UntrimError(f"'{twice[0]}' is listed twice", where=path, fix="train again")
    return tuple(map(standard, labels))
