"""Lists of videos: rows of ``video,label``, or one file a class; micro-videos come so."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from untrim.annotations.model import Annotations, Video
from untrim.errors import Place, UntrimError
from untrim.support.files import read_text
from untrim.support.tables import read_rows


def read_lists(source: Path) -> Annotations:
    """Videos with labels, all of subset ``training``.

    Args:
        source: A file of rows ``video,label`` (or separated by a tab, or by spaces, with or without a heading), or a
            folder of ``<Class>.txt`` or ``.csv``, each with one video a line. Videos may be named by file: what counts
            is the name without folder and ending.

    Raises:
        UntrimError: Missing, empty, or a row has no label; gives the line.
    """
    if source.is_dir():
        files = sorted(file for file in source.iterdir() if file.suffix in (".txt", ".csv") and file.name[0] != ".")
        rows = [(name, file.stem) for file in files for name, _ in _rows(file, columns=1)]
    else:
        rows = [(name, label) for name, label in _rows(source, columns=2) if (name, label) != ("video", "label")]
    labels: dict[str, list[str]] = {}
    for name, label in rows:
        labels.setdefault(PurePosixPath(name).stem if "." in name else PurePosixPath(name).name, []).append(label)
    if not labels:
        raise UntrimError("holds no videos", where=source, fix="rows are video,label; or one file a class")
    return Annotations([Video(name, "training", labels=tuple(own)) for name, own in labels.items()], source)


def _rows(file: Path, columns: int) -> list[tuple[str, str]]:
    """Video and label (empty where there is one column) of each line."""
    text = read_text(file)
    separator = next((mark for mark in ",\t" if mark in text), " ")
    rows = []
    for line, cells in read_rows(file, separator):
        values = [cell for cell in cells if cell]
        if values and len(values) < columns:
            raise UntrimError(f"needs video,label, found {values[0]!r:.60}", where=Place(file, line))
        if values:
            rows.append((values[0].replace("\\", "/"), values[1] if columns == 2 else ""))
    return rows
