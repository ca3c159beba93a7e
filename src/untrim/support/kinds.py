"""Folders and files of ours: of which kind one is, so that none is taken for another, or takes the place of a person's.

A verb may write again what it wrote before. What is there and is of another kind, or is read by the same call, stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from untrim.errors import UntrimError
from untrim.support.files import check_output, reading

Kind = Literal["search", "run", "features", "corpus", "tables", "reviews", "activations", "clips", "overlays"]

_MARKS: Mapping[Kind, tuple[str, ...]] = {
    "search": ("study.db",),
    "run": ("config.yaml", "trained_on.json"),  # The latter is written first.
    "features": ("features.json", ".importing.json"),  # A run has the former too.
    "corpus": ("corpus.json",),
    "tables": ("*/*/*.detections.json",),
    "reviews": ("history.jsonl",),
    "activations": ("*.npz",),
    "clips": ("clips.html",),
    "overlays": ("*-overlay.mp4",),
}
"""What only folders of a kind hold; a kind that is listed earlier may hold the marks of later ones too."""

_NAMES: Mapping[Kind, str] = {
    "search": "a search of `untrim tune`",
    "run": "a run of `untrim train`",
    "features": "features",
    "corpus": "a rendered corpus, or a demo",
    "tables": "results of `untrim reproduce`",
    "reviews": "reviews of `untrim studio`",
    "activations": "activations",
    "clips": "clips of `untrim clips`",
    "overlays": "videos of `untrim overlay`",
}

_WRITTEN: Mapping[Kind, tuple[str, ...]] = {
    "run": ("README.md", "labels.json", "metrics.jsonl", "environment.json", "outcome.json", "model.safetensors"),
    "corpus": ("annotations.json", "detections.json", "evaluation.json", "report.html"),
}
"""Files in folders of a kind whose names other people's folders may hold, too."""

FileKind = Literal[
    "detections", "annotations", "suggestions", "report", "diagnosis", "evaluation", "diagnosed", "onnx", "int8"
]


class _FileMark(NamedTuple):
    """How files of a kind are known: what they are called, their endings, and a pattern of how they begin."""

    name: str
    endings: tuple[str, ...]
    beginning: str


def _table(*columns: str) -> str:
    """How a table with exactly these columns begins, as we or a spreadsheet write it."""
    return "(sep=.\\n)?" + "[,;\t]".join(f'"?{column}"?' for column in columns) + "[ ,;\t]*(\n|\\Z)"


_LABELLED = ("video", "label", "start", "end", "subset", "duration")
_KNOWN = f"{_table(*_LABELLED)}|{_table(*_LABELLED, 'exhaustive')}"
_FOUND = _table("video", "label", "start", "end", "score")
_OURS = r'\{\s*"version":\s*"untrim-\d+",\s*'
_FILE_MARKS: Mapping[FileKind, _FileMark] = {
    "detections": _FileMark("detections of untrim", (".json", ".csv"), rf'{_OURS}"results"|{_FOUND}'),
    "annotations": _FileMark("annotations of untrim", (".json", ".csv"), rf'{_OURS}"database"|{_KNOWN}'),
    "suggestions": _FileMark("labels of `untrim suggest`", (".csv",), _table("video", "label", "score")),
    "report": _FileMark("a page of `untrim report`", (".html",), r".*?<title>[^<]* on \d+ videos · untrim</title>"),
    "diagnosis": _FileMark("a page of `untrim diagnose`", (".html",), r".*?<title>Diagnosis of "),
    "evaluation": _FileMark("figures of `untrim evaluate`", (), r'\{\s*"schema":.*?"iou":\s*\['),
    "diagnosed": _FileMark("figures of `untrim diagnose`", (), r'\{\s*"schema":.*?"iou":\s*[\d.]'),
    "onnx": _FileMark("a network of `untrim onnx`", (".onnx",), r".{0,9}untrim"),
    "int8": _FileMark("weights of `untrim weights quantize`", (".safetensors",), r'.{0,8}\{"__metadata__":\{[^}]*int8'),
}
_BEGINNING = 4096  # bytes
_CHOOSE = "choose another place for the output"
_ELSEWHERE = f"{_CHOOSE}, or move this file away"


def kind_of(folder: Path) -> Kind | None:
    """The kind of a folder of ours; None for an empty one, one that is not there, and one of other people."""
    if not folder.is_dir():
        return None
    return next((kind for kind, marks in _MARKS.items() if any(any(folder.glob(mark)) for mark in marks)), None)


def check_kind(folder: Path, kind: Kind) -> None:
    """Check that a folder that is going to be written as one of `kind` is no folder of another.

    Raises:
        UntrimError: It is, or it is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UntrimError("is a file, not a folder", where=folder, fix="name a folder for the output")
    found = kind_of(folder)
    if found not in (None, kind):
        raise UntrimError(f"holds {_NAMES[found]}, no place for {_NAMES[kind]}", where=folder, fix="choose another -o")
    taken = [] if found else [name for name in _WRITTEN.get(kind, ()) if (folder / name).is_file()]
    if taken:
        raise UntrimError(f"holds a {taken[0]} that {_NAMES[kind]} would replace", where=folder, fix=_ELSEWHERE)


def check_file(path: Path, kind: FileKind, inputs: Iterable[Path | None] = ()) -> None:
    """Check that a file of `kind` can be written at `path`, before the work whose result it is; nothing is made.

    Args:
        path: The file that is going to be written.
        kind: What it is going to hold.
        inputs: Files that the same call reads; None among them is none.

    Raises:
        UntrimError: It has an ending that files of the kind do not have, or as in `check_replaced`.
    """
    name, endings, beginning = _FILE_MARKS[kind]
    check_output(path, endings)
    check_replaced(path, name, lambda: re.match(beginning, _beginning(path), re.DOTALL) is not None, inputs)


def check_replaced(path: Path, name: str, holds: Callable[[], bool], inputs: Iterable[Path | None] = ()) -> None:
    """Check that a file may be written at `path`, whatever is there.

    Args:
        path: The file that is going to be written.
        name: What it is going to hold, in words.
        holds: Whether the file that is there holds the same.
        inputs: As in `check_file`.

    Raises:
        UntrimError: It cannot be written, is one of `inputs`, or holds something else.
    """
    check_output(path)
    if not path.is_file():
        return
    if any(given is not None and given.exists() and path.samefile(given) for given in inputs):
        raise UntrimError("is read by this very command, and would be replaced", where=path, fix=_CHOOSE)
    if _beginning(path).strip() and not holds():
        raise UntrimError(f"holds something else than {name}, and would be replaced", where=path, fix=_ELSEWHERE)


def _beginning(path: Path) -> str:
    """How a file begins, as far as it is text: without a byte order mark, lines ended by a line feed."""
    with reading(path), path.open("rb") as stream:
        text = stream.read(_BEGINNING).decode("utf-8-sig", "replace")
    return text.replace("\r\n", "\n")


def refuse_links(folder: Path, *names: str) -> None:
    """Refuse links in a folder of ours, which whoever made it could have lead to any place.

    Raises:
        UntrimError: One of `names` is a link.
    """
    for name in names:
        if (folder / name).is_symlink():
            raise UntrimError(
                "is a link, which is not followed", where=folder / name, fix="put the folder itself there"
            )
