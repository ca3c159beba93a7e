"""Clips: each stretch that was found as a video file of its own, and a contact sheet of them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.annotations import Detections
from untrim.errors import UntrimError, numbered
from untrim.rendering.clip import Clip, clips_of
from untrim.rendering.contact_sheet import SHEET, write_contact_sheet
from untrim.rendering.cutting import copy_clips, encode_clips
from untrim.rendering.selection import films_of, select_detections
from untrim.support.files import remove_leftovers
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress, ShouldStop, count_steps
from untrim.timeline import Detection
from untrim.video.copying import can_be_copied
from untrim.video.decode import VideoFile


@dataclass(frozen=True)
class ClipReport:
    """What became of the clips.

    Args:
        sheet: The contact sheet.
        clips: The clips that are there, in the order of the videos and their time.
        made: Number of clips that were made now; the others were already present.
        failed: For each video that could not be done to its end, the reason.
        notes: What is worth knowing, a line each.
    """

    sheet: Path
    clips: tuple[Clip, ...]
    made: int
    failed: Mapping[str, str]
    notes: tuple[str, ...]


def make_clips(
    detections: Mapping[str, Sequence[Detection]],
    videos: Path | str | Sequence[Path | str],
    output: Path | str,
    *,
    min_score: float | None = None,
    labels: Collection[str] = (),
    fast: bool = False,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> ClipReport:
    """Write each stretch that was found as an MP4 file of its own, and ``clips.html``, a contact sheet of them.

    A clip holds all frames that are on the screen at some time of its stretch, encoded anew, and the sound in step.
    What is present in `output`, made from the same, is kept: a call that was stopped or killed is completed by the
    next.

    Args:
        detections: By video.
        videos: The video files, and folders that hold some; or one of them.
        output: Folder to write.
        min_score: Score from which a detection is taken; None for what counts as found.
        labels: Classes to take; none for all.
        fast: Copy pictures instead of encoding them, where that is possible. Such a clip begins at a key frame, earlier
            than what was found.
        progress: Told of each clip; None for silence.
        should_stop: Asked before each frame, from the thread that calls, whether to stop.

    Raises:
        UntrimError: `detections` are none, nothing is left to be shown, no clip can be made, or `output` holds
            something else, cannot be written or is worked in by another process.
        Stopped: `should_stop` said so; the clips that are done are kept.
    """
    folder = as_path(output, "output")
    check_kind(folder, "clips")
    selected = select_detections(Detections.of(detections), min_score, labels)
    files, notes = films_of(selected, as_paths(videos, "videos"))
    clips = clips_of({name: selected[name] for name in files}, folder)
    failed: dict[str, str] = {}
    with locked(folder):
        remove_leftovers(folder)
        kept = sum(clip.take_over(files[clip.video], fast) for clip in clips)
        advance = count_steps(progress, "clips", len(clips), kept)
        for name, file in files.items():
            missing = [clip for clip in clips if clip.video == name and clip.held is None]
            try:
                _make(file, missing, fast, advance, should_stop)
            except UntrimError as error:
                failed[name] = str(error)
        there = [clip for clip in clips if clip.held is not None]
        if not there:
            raise UntrimError(next(iter(failed.values())))
        sheet = write_contact_sheet(there, folder / SHEET, progress=progress, should_stop=should_stop)
    if fast and (encoded := {clip.video for clip in there if not clip.copied}):
        count = numbered(len(encoded), "video is", "videos are")
        notes.append(f"{count} encoded: only H.264 and H.265 in MP4 and Matroska are copied")
    return ClipReport(sheet, tuple(there), len(there) - kept, failed, tuple(notes))


def _make(
    file: Path, clips: Sequence[Clip], fast: bool, advance: Callable[[str], None], should_stop: ShouldStop | None
) -> None:
    """Make the clips of one video."""
    if not clips:
        return
    if fast:
        with VideoFile(file) as video:
            if can_be_copied(video):
                copy_clips(video, clips, advance, should_stop)
                return
    encode_clips(file, clips, fast, advance, should_stop)
