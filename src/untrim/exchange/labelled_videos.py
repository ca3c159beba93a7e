"""A folder of video files with a table of labels: durations and frames per second are measured in the files.

Times in the table are those that players and labelling tools show, media seconds, and become seconds from the first
picture (`untrim.video.frames`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from untrim.annotations.model import Annotations, Video
from untrim.errors import UntrimError, listing, numbered
from untrim.features.source_files import durations_differ
from untrim.features.store import VideoInfo
from untrim.support.names import standard, there_as
from untrim.support.progress import Progress, count_steps
from untrim.timeline import Segment
from untrim.video.decode import VideoFile
from untrim.video.files import find_videos


def read_folder(
    folder: Path, labels: Annotations, *, progress: Progress | None = None
) -> tuple[Annotations, list[str]]:
    """Labels of the videos in a folder, whose names in `labels` may carry the file's ending and folders.

    Every file is read to its end, since what a container says of its length may be wrong.

    Returns:
        Annotations with measured durations and frames per second; and what is to be known: what does not fit together,
        whose times were moved.

    Raises:
        UntrimError: The folder holds no videos, or none of those in `labels`; or a name may be several of them.
    """
    found = find_videos([folder])
    names = _names(labels, found.files, folder)
    if not any(name in found.files for name in names.values()):
        raise UntrimError(f"holds none of the videos of {labels.source}", where=folder, fix="names are file names")
    looking = _Looking()
    advance = count_steps(progress, "look at videos", len(labels))
    for given, video in labels.items():
        looking.take(replace(video, name=names[given]), found.files.get(names[given]))
        advance(names[given])
    annotations = labels.changed(looking.videos)
    notes = [*looking.notes(), *found.notes()]
    if missing := [name for name in annotations if name not in found.files]:
        notes.append(
            f"{numbered(len(missing), 'labelled video has', 'labelled videos have')} no file: {listing(missing)}"
        )
        notes += [hint] if (hint := there_as(missing, found.files)) else []
    if unlabelled := [name for name in found.files if name not in annotations]:
        notes.append(
            f"{numbered(len(unlabelled), 'video file has', 'video files have')} no label: {listing(unlabelled)}"
        )
    return annotations, notes


@dataclass
class _Looking:
    """Labelled videos beside their files, and what there is to say of them."""

    videos: list[Video] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    gone: int = 0
    conflicts: list[str] = field(default_factory=list)

    def take(self, video: Video, file: Path | None) -> None:
        """Add a video, with what its file says."""
        if file is not None:
            try:
                video = self._measured(video, file)
            except UntrimError as error:
                self.unreadable.append(str(error))
        self.videos.append(video)

    def _measured(self, video: Video, file: Path) -> Video:
        with VideoFile(file) as opened:
            for _ in opened.times():  # To the end of the file, where its duration is known.
                pass
            info = VideoInfo(duration=opened.duration, offset_seconds=opened.offset)
            fps = opened.info.fps
        if video.duration and durations_differ(video.duration, info):
            self.conflicts.append(f"{video.name} {info.duration:.4g} s, not {video.duration:.4g} s")
        moved = replace(_moved(video, info.offset_seconds or 0.0), duration=info.duration, fps=fps)
        before, after = ((*own.instances, *own.points) for own in (video, moved))
        if before != after:
            self.moved.append(f"{video.name} {info.offset_seconds:.2f} s")
            self.gone += len(before) - len(after)
        return moved

    def notes(self) -> list[str]:
        """What there is to say, a line each."""
        notes = list(self.unreadable)
        if self.moved:
            videos = numbered(len(self.moved), "video", "videos")
            notes.append(
                f"times of {videos} now count from the first picture, later in a player: {listing(self.moved)}"
            )
        if self.gone:
            marks = numbered(self.gone, "instance ends", "instances end")
            notes.append(f"{marks} before the first picture: the label stays, without times")
        if self.conflicts:
            videos = numbered(len(self.conflicts), "video", "videos")
            notes.append(f"{videos} last longer or shorter than the labels say: {listing(self.conflicts)}")
        return notes


def _names(labels: Annotations, files: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """The name of the video that each name in `labels` means: its own, or the end of its file's path.

    Raises:
        UntrimError: It is the end of several paths.
    """
    ends: dict[str, set[str]] = defaultdict(set)
    for name, file in files.items():
        parts = file.relative_to(folder).parts
        for first in range(len(parts)):
            end = standard("/".join(parts[first:]))
            ends[end].add(name)
            ends[end.removesuffix(file.suffix)].add(name)
    names = {}
    for given in labels:
        meant = {given} if given in files else ends.get(given, {given})
        if len(meant) > 1:
            what = f"'{given}' may be {' or '.join(sorted(meant))}"
            raise UntrimError(what, where=labels.source, fix=f"name videos by their paths in {folder}")
        names[given] = meant.pop()
    return names


def _moved(video: Video, offset: float) -> Video:
    """The video with its times, in media seconds, in seconds from the first picture.

    What ends before that keeps its label and loses its times. A class of which all instances are marked, and all end
    before that, does not happen.
    """

    def move(segment: Segment) -> Segment:
        return Segment(max(0.0, segment.start - offset), max(0.0, segment.end - offset))

    if not offset:
        return video
    instances = tuple(replace(i, segment=move(i.segment)) for i in video.instances if i.segment.end > offset)
    gone = {label for label in video.labels if video.is_exhaustive(label)} - {i.label for i in instances}
    return replace(
        video,
        labels=tuple(label for label in video.labels if label not in gone),
        instances=instances,
        points=tuple(
            replace(point, time=point.time - offset)
            for point in video.points
            if point.time >= offset and point.label not in gone
        ),
        ambiguous=tuple(move(segment) for segment in video.ambiguous if segment.end > offset),
    )
