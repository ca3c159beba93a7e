"""What is left of the contents of a file on the way into another: what the caller asks for, and what a format holds."""

from __future__ import annotations

from dataclasses import replace

from untrim.annotations import Video
from untrim.errors import UntrimError, numbered
from untrim.evaluation.found import least_score
from untrim.exchange.formats import Format
from untrim.exchange.losses import Losses
from untrim.exchange.marks import Contents, LabelMark
from untrim.timeline import Segment


def without_low_scores(
    contents: Contents, losses: Losses, min_score: float | None, *, all_by_default: bool
) -> Contents:
    """The contents without the detections that score too little to be handed on.

    Args:
        contents: What was read; anything but detections stays as it is.
        losses: Told of those that are left out.
        min_score: What the user says; None for the default.
        all_by_default: Whether the default is to keep all, as where their scores are written, too; else what counts as
            found stays.

    Raises:
        UntrimError: `min_score` is not finite, or is given and there are no detections.
    """
    if not contents.found:
        if min_score is not None:
            what = f"--min-score {min_score}: there are no detections, which alone have scores"
            raise UntrimError(what, where=contents.source, fix="leave it out")
        return contents
    if min_score is None and all_by_default:
        return contents
    least = least_score(contents.to_detections(), min_score)
    kept = tuple(mark for mark in contents.marks if mark.score is not None and mark.score >= least)
    count, names = len(contents.marks) - len(kept), (f"detection below {least:g}", f"detections below {least:g}")
    if min_score is not None:
        losses.leave_out(*names, count)
        return replace(contents, marks=kept)
    losses.lose(*names, count)
    note = f"{numbered(count, *names)} left out, since no scores are written: --min-score 0 keeps all"
    return replace(contents, marks=kept, notes=(*contents.notes, *([note] if count else [])))


def labels_alone(contents: Contents, losses: Losses) -> Contents:
    """Which labels each video has, and no times; `losses` are told of what else was there."""
    times, known = [mark.time for mark in contents.marks], contents.videos.values()
    losses.leave_out("segment", "segments", sum(isinstance(time, Segment) for time in times))
    losses.leave_out("point", "points", sum(isinstance(time, float) for time in times))
    losses.leave_out("score", "scores", sum(mark.score is not None for mark in contents.marks))
    losses.leave_out("state", "states", sum(bool(mark.state) for mark in contents.marks))
    losses.leave_out("ambiguous span", "ambiguous spans", sum(len(video.ambiguous) for video in known))
    losses.leave_out("rejected segment", "rejected segments", sum(len(video.rejected) for video in known))
    marks = dict.fromkeys(LabelMark(mark.video, mark.label) for mark in contents.marks)
    videos = {
        name: replace(video, ambiguous=(), rejected=(), exhaustive=video.exhaustive is True and not own)
        for (name, own), video in zip(contents.by_video().items(), contents.videos.values(), strict=True)
    }
    unmarked = sum(bool(video.exhaustive) and not videos[name].exhaustive for name, video in contents.videos.items())
    losses.leave_out("exhaustive video", "exhaustive videos", unmarked)
    return replace(contents, marks=tuple(marks), videos=videos, found=False)


def what_fits(contents: Contents, form: Format, losses: Losses) -> Contents:
    """What a format can hold of the contents. `losses` are told of the rest, and of what was lost when it was read."""
    for names, count in contents.lost.items():
        losses.lose(*names, count)
    held, kept = form.holds, []
    for mark in contents.marks:
        if mark.time is None and "labels" not in held:
            losses.lose("label without a time", "labels without times")
            continue
        if isinstance(mark.time, float) and "points" not in held:
            losses.lose("point (now a segment without length)", "points (now segments without length)")
            mark = replace(mark, time=Segment(mark.time, mark.time))
        kept.append(mark)
    losses.lose("state", "states", sum(bool(mark.state) for mark in kept))
    if "scores" not in held or not contents.found:
        losses.lose("score", "scores", sum(mark.score is not None for mark in kept))
    videos = contents.videos.values()
    if "subsets" not in held or contents.found:
        losses.lose("subset", "subsets", sum(bool(video.subset) for video in videos))
    if "ambiguous" not in held or contents.found:
        losses.lose("ambiguous span", "ambiguous spans", sum(len(video.ambiguous) for video in videos))
    if "exhaustive" not in held or contents.found:
        losses.lose("exhaustive video", "exhaustive videos", sum(bool(video.exhaustive) for video in videos))
    if "rejected" not in held or contents.found:
        losses.lose("rejected segment", "rejected segments", sum(len(video.rejected) for video in videos))
    if "empty videos" not in held and not form.per_video:
        marked = {mark.video for mark in kept}
        empty = sum(video.name not in marked and not _says_nothing_happens(video, form) for video in videos)
        losses.lose("video without marks", "videos without marks", empty)
    return replace(contents, marks=tuple(replace(mark, state="") for mark in kept))


def _says_nothing_happens(video: Video, form: Format) -> bool:
    return "exhaustive" in form.holds and video.exhaustive is True
