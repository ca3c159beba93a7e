"""A project: a folder with videos, and ``untrim-project.json`` in it, which says what belongs to them.

Paths in that file are relative to it, so that the whole can be moved.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from untrim.annotations.reviews import PROJECT, Label
from untrim.errors import UntrimError, listing, numbered
from untrim.support.files import check_output, write_json
from untrim.support.kinds import kind_of
from untrim.support.paths import similar
from untrim.support.schema import SCHEMA, read_object
from untrim.support.validation import validate
from untrim.training.choices import DEFAULT_METHOD
from untrim.video.files import find_videos, videos_in

ANNOTATIONS = "annotations"
"""What stands for the annotations among inputs whose classes have other names now."""
_SCHEMA = 1


class KnownFile(BaseModel):
    """A video file as it was when the project was last opened: its path, and its size in bytes."""

    model_config = ConfigDict(frozen=True)

    path: str
    bytes: int


class KnownRun(BaseModel):
    """What was found once: a run folder, its detections and its activations, each where there is one; and what it was
    trained on, in words."""

    model_config = ConfigDict(frozen=True)

    run: str | None = None
    detections: str | None = None
    activations: str | None = None
    trained_on: str = ""


class KnownClass(BaseModel):
    """How the page shows a class: its colour, the pattern that tells it without colour, and its key."""

    model_config = ConfigDict(frozen=True)

    label: Label
    color: Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")] = ""
    cue: Annotated[str, Field(pattern=r"^[a-z]{0,20}$")] = ""
    key: Annotated[str, Field(pattern=r"^[1-9]$")] | None = None


class ClassList(BaseModel):
    """The classes in the order of the page, and what classes of inputs, which are never changed, are called now: by
    the run, or `ANNOTATIONS`."""

    model_config = ConfigDict(frozen=True)

    revision: int = 0
    classes: tuple[KnownClass, ...] = ()
    renamed: dict[str, dict[str, str]] = Field(default_factory=dict)


class _Content(BaseModel):
    """The file: folders of videos, labels to start from, the folder of features and the backbone that makes them, the
    method that is trained and its settings, runs, files as they were last seen, classes."""

    model_config = ConfigDict(extra="forbid")

    videos: list[str] = Field(default_factory=lambda: ["."])
    annotations: str | None = None
    features: str = "features"
    backbone: str = "hoghof"
    method: str = DEFAULT_METHOD
    settings: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    runs: list[KnownRun] = Field(default_factory=list)
    files: dict[str, KnownFile] = Field(default_factory=dict)
    classes: ClassList = ClassList()


@dataclass(frozen=True)
class ProjectVideo:
    """One video of a project.

    Args:
        id: Its key in addresses: short, and the same whenever the project is opened.
        name: Its name.
        path: The file.
        problem: Why it cannot be shown; None if it can.
    """

    id: str
    name: str
    path: Path
    problem: str | None = None


@dataclass
class Project:
    """An open project.

    Args:
        folder: The folder that holds everything.
        content: What its file says.
        videos: Its videos by key, in the order of their names.
        notes: What is worth knowing about how they were found, a line each.
        given: The run that was given to this opening; None if none was.
    """

    folder: Path
    content: _Content
    videos: Mapping[str, ProjectVideo]
    notes: list[str] = field(default_factory=list)
    given: KnownRun | None = None

    @property
    def reviews(self) -> Path:
        """The folder of reviews."""
        return self.folder / "reviews"

    @property
    def features(self) -> Path:
        """The folder of features."""
        return self.at(self.content.features)

    @property
    def cache(self) -> Path:
        """Where proxies, sprites and tables of frames lie, all of which can be made again."""
        return self.folder / ".studio"

    def at(self, relative: str) -> Path:
        """The place that a path of the project's file means."""
        return Path(os.path.normpath(self.folder / relative))

    def own(self) -> list[str]:
        """What is no place to look for videos in: what the studio writes, and what was brought in."""
        content = self.content
        runs = [path for run in content.runs for path in (run.run, run.detections, run.activations)]
        labels = [content.annotations] if content.annotations and self.at(content.annotations).is_file() else []
        brought = [*labels, *(path for path in runs if path is not None)]
        return sorted({PROJECT, content.features, "reviews", "runs", "found", "jobs", *brought})

    def places(self) -> list[str]:
        """The folders of its videos in which there is one: all may have moved to another by now."""
        own = [self.at(path) for path in self.own()]
        return [place for place in self.content.videos if videos_in(self.at(place), Counter(), own)]

    def save(self) -> None:
        """Write the project's file, whole or not at all."""
        write_json(self.folder / PROJECT, {SCHEMA: _SCHEMA, **self.content.model_dump(mode="json")})


def open_project(
    folder: Path,
    *,
    videos: Path | None = None,
    annotations: Path | None = None,
    run: Path | None = None,
    detections: Path | None = None,
    activations: Path | None = None,
) -> Project:
    """Open a folder of videos, or a project that was opened before, with what is given added to it.

    Nothing is written: `untrim.studio.state.Studio` saves the project once it has read what was given.

    Raises:
        UntrimError: No such folder, no video in it, its file is wrong, or it cannot be written.
    """
    if not folder.is_dir():
        raise UntrimError("no such folder", where=folder, fix="name the folder that holds your videos")
    folder = folder.resolve()
    file = folder / PROJECT
    if not file.exists() and (kind := kind_of(folder)) not in (None, "corpus"):
        raise UntrimError(
            f"is a folder of another kind ({kind}), not of videos",
            where=folder,
            fix="name the folder that holds your videos",
        )
    if videos is not None and not videos.is_dir():
        raise UntrimError("no such folder", where=videos, fix=similar(videos))
    check_output(file)
    content = validate(_Content, read_object(file) if file.exists() else {}, file)
    inside(folder, content.features)

    def relative(path: Path) -> str:
        return Path(os.path.relpath(path.resolve(), folder)).as_posix()

    if videos is not None and (added := relative(videos)) not in content.videos:
        content.videos = [*content.videos, added] if file.exists() else [added]
    if annotations is not None:
        content.annotations = relative(annotations)
    given = [None if path is None else relative(path) for path in (run, detections, activations)]
    known = KnownRun(run=given[0], detections=given[1], activations=given[2])
    if any(given) and known not in content.runs:
        content.runs = [other for other in content.runs if other.run != known.run or other.run is None] + [known]
    project = Project(folder, content, {}, given=known if any(given) else None)
    _find(project)
    return project


def key_of(name: str) -> str:
    """The key of a video in addresses."""
    return hashlib.blake2b(name.encode(), digest_size=6).hexdigest()


def inside(folder: Path, path: str) -> Path:
    """The place of a path in a folder that is going to be written: a project that others made may name any.

    Raises:
        UntrimError: It leads out of the folder.
    """
    place = Path(os.path.normpath(folder / path))
    if not place.resolve().is_relative_to(folder.resolve()) or place.resolve() == folder.resolve():
        raise UntrimError(f"'{path}' leads out of the project", where=folder, fix="name a place in it")
    return place


def _find(project: Project) -> None:
    """Find the project's videos again: where they were, or in its folders under the same name with the same size."""
    content = project.content
    gone = [place for place in map(project.at, content.videos) if not place.exists()]
    project.notes += [f"{place}: no such folder; its videos are missing" for place in gone]
    files: dict[str, Path] = {}
    if (places := project.places()) or not content.files:
        own = [project.at(path) for path in project.own()]
        found = find_videos([project.at(place) for place in places or content.videos], leave_out=own)
        files = found.files
        project.notes += found.notes()
    named = {project.at(known.path): name for name, known in content.files.items()}
    for name, path in files.items():
        if (before := named.get(path.resolve(), named.get(path))) not in (None, name):
            what = f"is called '{name}' now, since another file has its name; it was reviewed as '{before}'"
            raise UntrimError(what, where=path, fix="rename the new file")
    videos = {}
    for name in sorted({*files, *content.files}):
        known, problem = content.files.get(name), None
        if name not in files:
            path, problem = project.at(content.files[name].path), "is missing: start the studio with --videos FOLDER"
        else:
            path = files[name]
            size = path.stat().st_size
            if known is not None and known.bytes != size:
                project.notes.append(f"{path} has {size:,} bytes and had {known.bytes:,} when it was last opened")
            where = Path(os.path.relpath(path, project.folder)).as_posix()
            content.files[name] = KnownFile(path=where, bytes=size)
        videos[key_of(name)] = ProjectVideo(key_of(name), name, path, problem)
    if missing := [video.name for video in videos.values() if video.problem]:
        project.notes.append(f"{numbered(len(missing), 'video is', 'videos are')} missing: {listing(missing)}")
    if len(videos) < len({*files, *content.files}):
        raise UntrimError("two videos have the same key", where=project.folder, fix="rename one of them")
    project.videos = videos
