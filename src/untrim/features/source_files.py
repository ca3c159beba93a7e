"""Which file the features of a video were made of, and whether it is still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TypedDict

from untrim.annotations import Annotations
from untrim.errors import UntrimError, listing, numbered
from untrim.features.store import FeatureFolder, FeatureInfo, VideoInfo
from untrim.support.files import reading
from untrim.support.names import standard

_NOTABLE = 0.1  # seconds: an offset that moves what a person marked
_SAME = 0.5  # seconds by which two durations may differ, since some count the sound


class State(Enum):
    """Whether the features of a video are those of its file."""

    DONE = "done"
    MISSING = "missing"
    PERHAPS_CHANGED = "perhaps changed"  # Its size is the same, and no more was recorded.


class SourceFile(TypedDict):
    """What ``features.json`` says of the file that features were made of."""

    source: str
    source_bytes: int
    source_changed_ns: int
    source_blake2b: str


def made_of(file: Path, before: os.stat_result) -> SourceFile:
    """What to record of a video file after it was read to its end.

    Args:
        file: The file.
        before: Its state when it was opened.

    Raises:
        UntrimError: It has changed since then.
    """
    digest, now = _digest(file), file.stat()
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise UntrimError("changed while it was read", where=file, fix="run the same command when it is complete")
    return {
        "source": file.name,
        "source_bytes": before.st_size,
        "source_changed_ns": before.st_mtime_ns,
        "source_blake2b": digest,
    }


def state_of(name: str, file: Path, folder: FeatureFolder) -> State:
    """Whether the features of a video need to be made.

    They are those of the file if its name, size and time of change are the ones recorded. A file of the same size with
    another time, such as a copy, is read: its digest decides, and the new time is recorded. Where an older untrim
    recorded the size alone, features are kept, since hours of work may be in them.

    Args:
        name: The video.
        file: Its file.
        folder: The features; what is known of the video may be brought up to date.
    """
    known = folder.info.videos.get(name)
    if known is None or not folder.file(name).is_file():
        return State.MISSING
    found = file.stat()
    if known.source not in (None, file.name) or known.source_bytes not in (None, found.st_size):
        return State.MISSING
    if known.source_blake2b is None:
        later = found.st_mtime_ns > folder.file(name).stat().st_mtime_ns
        return State.PERHAPS_CHANGED if later and known.source_bytes is not None else State.DONE
    if known.source_changed_ns == found.st_mtime_ns:
        return State.DONE
    if _digest(file) != known.source_blake2b:
        return State.MISSING
    folder.info.videos[name] = known.model_copy(update={"source_changed_ns": found.st_mtime_ns})
    return State.DONE


def adopt_renamed(files: Mapping[str, Path], folder: FeatureFolder) -> None:
    """Take features along whose video has a longer name now, since another file of the same name has come.

    ``clip``, extracted while there was one such file, becomes ``cam1/clip`` if it was made of that file.
    """
    for plain in {standard(file.stem) for file in files.values()} - files.keys():
        if plain not in folder.info.videos:
            continue
        with suppress(OSError, UntrimError):  # What cannot be read or named is reported when its turn comes.
            same = [
                name
                for name, file in files.items()
                if standard(file.stem) == plain and state_of(plain, file, folder) is not State.MISSING
            ]
            certain = folder.info.videos[plain].source_blake2b is not None
            if (certain or len(same) == 1) and same and same[0] not in folder.info.videos:
                new = folder.file(same[0])
                new.parent.mkdir(parents=True, exist_ok=True)
                os.replace(folder.file(plain), new)
                folder.info.videos[same[0]] = folder.info.videos.pop(plain)
                folder.save_info()


def is_late(info: VideoInfo) -> bool:
    """Whether a player shows the first picture of a video at a time that matters, not at 0."""
    return abs(info.offset_seconds or 0.0) >= _NOTABLE


def late_pictures(info: FeatureInfo, names: Iterable[str]) -> tuple[str, ...]:
    """A line on those of the videos `names` whose first picture a player does not show at 0; none if there are none."""
    late = [
        f"{name} {info.videos[name].offset_seconds:.2f} s"
        for name in names
        if is_late(info.videos.get(name, VideoInfo()))
    ]
    if not late:
        return ()
    videos = numbered(len(late), "video", "videos")
    return (
        f"the first picture of {videos} comes late on a player's clock: {listing(late)}. "
        "untrim counts from the first picture: take this off times from a player, as `untrim convert --from player-csv "
        "--videos` does",
    )


def late_labels(info: FeatureInfo, annotations: Annotations) -> tuple[str, ...]:
    """Names of the videos whose first picture comes late, and whose labels have times that may be a player's.

    They are not if the labels have the very duration that was measured, as `untrim convert --videos` writes it.
    """
    return tuple(
        name
        for name, video in annotations.items()
        if (video.instances or video.points)
        and is_late(known := info.videos.get(name, VideoInfo()))
        and (known.duration is None or known.duration != video.duration)
    )


def durations_differ(stated: float, info: VideoInfo) -> bool:
    """Whether a stated duration contradicts the recorded one: by more than half a second, and not because it counts
    from the start of a file whose pictures begin later."""
    if info.duration is None:
        return False
    return min(abs(stated - known) for known in (info.duration, info.duration + (info.offset_seconds or 0.0))) > _SAME


def _digest(file: Path) -> str:
    with reading(file), open(file, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
