"""Folders of ours: of which kind one is, so that none is taken for another, and no links in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from untrim.errors import UntrimError

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
