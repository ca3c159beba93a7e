"""What a ready run, trained by others on everyday actions, suggests as first tags; kept in ``found/suggested.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from untrim.errors import UntrimError
from untrim.support.files import write_json
from untrim.support.schema import read_object

SUGGESTED = "found/suggested.json"


def write_suggested(path: Path, found: Mapping[str, Iterable[tuple[str, float]]]) -> None:
    """Keep suggestions: for each video labels with their scores, the likeliest first."""
    videos = {name: [{"label": label, "score": score} for label, score in own] for name, own in found.items()}
    write_json(path, {"schema": 1, "videos": videos})


def read_suggested(path: Path) -> dict[str, list[str]]:
    """The labels suggested for each video, the likeliest first; none if nothing was suggested yet, or nothing of it
    can be read."""
    try:
        videos = read_object(path)["videos"]
        return {name: [str(entry["label"]) for entry in own] for name, own in videos.items()}  # type: ignore[attr-defined]
    except (UntrimError, KeyError, TypeError, AttributeError):
        return {}
