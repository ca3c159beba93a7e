"""Read and write labels and detections; the form follows the file's ending (``.json`` or ``.csv``), and a folder is one
of THUMOS14 text files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from untrim.annotations import activitynet, csv, thumos14
from untrim.annotations.checks import refuse_unknown_classes
from untrim.annotations.detections import Detections
from untrim.annotations.model import Annotations, Video
from untrim.annotations.reviews import holds_reviews, read_reviews
from untrim.errors import UntrimError
from untrim.support.files import linked_file
from untrim.support.paths import as_path
from untrim.timeline import Detection

__all__ = [
    "Annotations",
    "Detections",
    "Video",
    "annotations_of",
    "detections_of",
    "read_annotations",
    "read_detections",
    "write_annotations",
    "write_detections",
]

ENDINGS = (".json", ".csv")
"""Of files of annotations and of detections."""


_OTHER_FOLDERS = (
    ("model.safetensors", "a run", "name a file of annotations with -a"),
    ("features.json", "a feature folder", "-f takes it; name a file of annotations with -a"),
)
"""What people give where annotations belong: a file that is in it, what it is, and what to do."""


def read_annotations(path: Path | str) -> Annotations:
    """Annotations of a file, ActivityNet JSON or CSV, or of a folder: reviews of the studio, or the official THUMOS14
    text files.

    Raises:
        UntrimError: The file is missing, of another kind, or wrong inside.
    """
    path = as_path(path, "annotations")
    for mark, kind, taker in _OTHER_FOLDERS:
        if (path / mark).is_file():
            raise UntrimError(f"is {kind}, not annotations", where=path, fix=taker)
    if path.is_dir():
        return read_reviews(path) if holds_reviews(path) else thumos14.read_thumos14(path)
    read = csv.read_annotations_csv if _is_csv(path) else activitynet.read_annotations_json
    annotations = read(path)
    refuse_unknown_classes(annotations)
    return annotations


def annotations_of(given: Annotations | Path | str) -> Annotations:
    """`given` itself, or what is read from that path.

    Raises:
        UntrimError: As for `read_annotations`.
    """
    return given if isinstance(given, Annotations) else read_annotations(given)


def write_annotations(annotations: Annotations, path: Path | str) -> None:
    """Write annotations as ActivityNet JSON or CSV.

    Raises:
        UntrimError: `annotations` are none, or the file has another ending or cannot be written.
        WorkFailed: The disk is full.
    """
    path = linked_file(as_path(path, "annotations"))
    if not isinstance(annotations, Annotations):
        raise UntrimError(f"not annotations: {annotations!r:.60}")
    write = csv.write_annotations_csv if _is_csv(path) else activitynet.write_annotations_json
    write(annotations, path)


def read_detections(path: Path | str) -> Detections:
    """Detections by video of a file, ActivityNet results JSON or CSV: a mapping from video to list.

    Raises:
        UntrimError: The file is missing, of another kind, or wrong inside.
    """
    path = as_path(path, "detections")
    return csv.read_detections_csv(path) if _is_csv(path) else activitynet.read_detections_json(path)


def detections_of(given: Mapping[str, Sequence[Detection]] | Path | str) -> Detections:
    """`given` as columns, or what is read from that path.

    Raises:
        UntrimError: As for `read_detections`.
    """
    return Detections.of(given) if isinstance(given, Mapping) else read_detections(given)


def write_detections(detections: Mapping[str, Sequence[Detection]], path: Path | str) -> None:
    """Write detections by video as ActivityNet results JSON or CSV.

    Raises:
        UntrimError: `detections` are none, or the file has another ending or cannot be written.
        WorkFailed: The disk is full.
    """
    path = linked_file(as_path(path, "detections"))
    detections = Detections.of(detections)
    write = csv.write_detections_csv if _is_csv(path) else activitynet.write_detections_json
    write(detections, path)


def _is_csv(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise UntrimError(
            f"has ending '{suffix}'", where=path, fix="use .json (ActivityNet) or .csv; save a spreadsheet as CSV"
        )
    return suffix == ".csv"
