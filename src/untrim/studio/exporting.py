"""What was decided, in the formats of other people's tools."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.exchange.converting import write
from untrim.exchange.formats import Format, all_formats, format_of_name
from untrim.studio.project import Project

_OF_FORMAT = ("scores", "points", "labels", "subsets", "ambiguous", "exhaustive", "rejected", "empty videos")


@dataclass(frozen=True)
class Export:
    """A file to hand over.

    Args:
        name: What it is called.
        content: Its bytes.
        files: How many files it holds, if it is an archive; else 1.
        lost: What the format cannot hold, a line each.
        rounding: The largest rounding of a time, in seconds.
    """

    name: str
    content: bytes
    files: int
    lost: tuple[str, ...]
    rounding: float


def writable_formats() -> list[Format]:
    """The formats that can be written."""
    return [form for form in all_formats() if form.write is not None]


def describe_format(form: Format) -> dict[str, Any]:
    """A format, as the page shows it."""
    return {
        "name": form.name,
        "title": form.title,
        "ending": form.endings[0] if form.endings else "",
        "files": "many" if form.per_video else "one",
        "cannot_hold": [part for part in _OF_FORMAT if part not in form.holds],
    }


def export(project: Project, known: Annotations, name: str) -> Export:
    """What is known of the videos of a project, in a format: one file, or an archive of one file per video.

    Raises:
        UntrimError: The format is unknown or cannot be written, or nothing is known yet.
    """
    form = format_of_name(name)
    if form.write is None or not form.endings:
        raise UntrimError(f"{form.title} can be read, not written")
    if not len(known):
        raise UntrimError("nothing is tagged or marked yet")
    title, ending = project.folder.name or "videos", form.endings[0]
    places = [project.at(place) for place in project.content.videos if project.at(place).exists()]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / (title if form.per_video else f"{title}{ending}")
        losses = write(known, target, format=name, videos=places[0] if len(places) == 1 else None)
        lost = (losses.lost,) if losses.lost else ()
        if target.is_file():
            return Export(target.name, target.read_bytes(), 1, lost, losses.rounding)
        files = sorted(path for path in target.rglob("*") if path.is_file())
        archive = Path(folder) / f"{title}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in files:
                packed.write(path, path.relative_to(target).as_posix())
        return Export(archive.name, archive.read_bytes(), len(files), lost, losses.rounding)
