"""A folder of video files with a table of labels: durations and frames per second come from the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from untrim.annotations.model import Annotations
from untrim.errors import UntrimError, listing
from untrim.support.progress import Progress, count_steps
from untrim.video.decode import VideoFile
from untrim.video.files import find_videos


def read_folder(
    folder: Path, labels: Annotations, *, progress: Progress | None = None
) -> tuple[Annotations, list[str]]:
    """Labels of the videos in a folder, whose names in `labels` may carry the file's ending.

    Returns:
        Annotations with durations and frames per second, as far as the files say; and what does not fit together.

    Raises:
        UntrimError: The folder holds no videos, or none of those in `labels`.
    """
    files = {file.stem: file for file in find_videos([folder])}
    names = {name: Path(name).stem if Path(name).stem in files else name for name in labels}
    if not any(name in files for name in names.values()):
        raise UntrimError(f"holds none of the videos of {labels.source}", where=folder, fix="names are file names")
    videos, unreadable = [], {}
    advance = count_steps(progress, "look at videos", len(labels))
    for given, video in labels.items():
        video = replace(video, name=names[given])
        if (file := files.get(video.name)) is not None:
            try:
                with VideoFile(file) as opened:
                    about = opened.info
                video = replace(video, duration=video.duration or about.duration, fps=about.fps)
            except UntrimError as error:
                unreadable[video.name] = str(error)
        videos.append(video)
        advance(video.name)
    found = Annotations(videos, labels.source)
    notes = list(unreadable.values())
    if missing := [name for name in found if name not in files]:
        notes.append(f"{len(missing)} labelled videos have no file: {listing(missing)}")
    if unlabelled := [name for name in files if name not in found]:
        notes.append(f"{len(unlabelled)} video files have no label: {listing(unlabelled)}")
    return found, notes
