"""Lists of videos: rows of ``video,label``, or one file per class. Micro-videos are published in this form."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from untrim.annotations.model import Annotations, Video
from untrim.errors import Place, UntrimError
from untrim.support.names import VIDEO_SUFFIXES, standard, without_ending
from untrim.support.tables import read_table

_VIDEO = frozenset(("video", "video_name", "videoname", "name", "file", "filename", "file_name", "path"))
_LABEL = frozenset(("label", "class", "class_name", "classname", "category", "action"))
_ENDING_INSIDE = re.compile(rf"({'|'.join(map(re.escape, sorted(VIDEO_SUFFIXES)))})\s", re.IGNORECASE)

_Located = tuple[Place, list[str]]


def read_lists(source: Path) -> Annotations:
    """Videos with labels, all of subset ``training``.

    Args:
        source: A file of rows ``video,label`` (or separated by tabs, semicolons, or blanks, with or without a heading),
            or a folder of ``<Class>.txt`` or ``.csv``, each with one video per line. Videos may be named by file: what
            counts is the name without folder and without the ending of a video file.

    Raises:
        UntrimError: Missing or empty; a row holds less or more than that, or a name that another folder has too; gives
            the line.
    """
    notes: tuple[str, ...] = ()
    if source.is_dir():
        files = sorted(file for file in source.iterdir() if file.suffix in (".txt", ".csv") and file.name[0] != ".")
        rows = [(place, [name, file.stem]) for file in files for place, (name,) in _rows(file, ("video",))[0]]
    else:
        rows, notes = _rows(source, ("video", "label"))
    labels: dict[str, list[str]] = {}
    folders: dict[str, PurePosixPath] = {}
    for place, (text, label) in rows:
        path = PurePosixPath(standard(text.replace("\\", "/")))
        name = without_ending(path.name)
        if len(path.parts) > 1 and (other := folders.setdefault(name, path.parent)) != path.parent:
            what = f"'{path}' has the name of a video in '{other}'"
            raise UntrimError(what, where=place, fix="give each video a name of its own")
        labels.setdefault(name, []).append(label)
    if not labels:
        raise UntrimError("holds no videos", where=source, fix="rows are video,label; or one file per class")
    return Annotations([Video(n, "training", labels=tuple(own)) for n, own in labels.items()], source, notes)


def _rows(file: Path, columns: tuple[str, ...]) -> tuple[list[_Located], tuple[str, ...]]:
    """The cells of each row, in the order of `columns` and without the heading; and how the file was taken."""
    table = read_table(file, " " if len(columns) > 1 else ",")
    rows = [(Place(file, line), cells) for line, cells in table.rows]
    for place, cells in rows:
        while not cells[-1]:
            cells.pop()
        if len(cells) != len(columns) or "" in cells or any("\t" in cell for cell in cells):
            what = f"needs {','.join(columns)}, found {', '.join(cells)!r:.80}"
            fix = "one row for each label; separate cells by tabs, or put a cell that holds the separator in quotes"
            raise UntrimError(what, where=place, fix=fix)
        if len(columns) > 1 and _ENDING_INSIDE.search(cells[0]):
            raise UntrimError(f"{cells[0]!r:.60} is no name of a video", where=place, fix="separate cells by tabs")
    heading = [cell.casefold() for cell in rows[0][1]] if rows else []
    kinds = [cell in _VIDEO for cell in heading], [cell in _LABEL for cell in heading]
    if kinds in (([True], [False]), ([True, False], [False, True])):
        rows = rows[1:]
    elif kinds == ([False, True], [True, False]):
        rows = [(place, cells[::-1]) for place, cells in rows[1:]]
    return rows, table.notes
