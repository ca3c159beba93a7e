"""Which detections are shown, and the files of their videos."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from untrim.errors import UntrimError, listing, nearest, numbered
from untrim.evaluation.found import least_score
from untrim.support.names import there_as
from untrim.timeline import LONGEST, Detection
from untrim.video.files import find_videos


def select_detections(
    detections: Mapping[str, Sequence[Detection]], min_score: float | None, labels: Collection[str] = ()
) -> dict[str, list[Detection]]:
    """The detections that score enough, by video, in the order of time; videos without any are left out.

    Args:
        detections: By video.
        min_score: Score from which one is taken; None for what counts as found (`untrim.evaluation.found`).
        labels: Classes to take; none for all.

    Raises:
        UntrimError: A label does not occur, or nothing is left.
    """
    min_score = least_score(detections, min_score)
    there = {found.label for own in detections.values() for found in own}
    if strangers := [label for label in labels if label not in there]:
        raise UntrimError(f"nothing is found of '{strangers[0]}'", fix=nearest(strangers[0], there))
    wanted = [
        (name, replace(found, segment=found.segment.clip(0.0, LONGEST)))
        for name, own in detections.items()
        for found in own
        if not labels or found.label in labels
    ]
    selected: dict[str, list[Detection]] = {}
    for name, found in sorted(wanted, key=lambda pair: (pair[1].segment, -pair[1].score, pair[1].label)):
        if found.score >= min_score:
            selected.setdefault(name, []).append(found)
    if not selected:
        best = f"the best scores {max(found.score for _, found in wanted):.3g}" if wanted else "there is none at all"
        raise UntrimError(f"no detection scores {min_score:g} or more: {best}", fix="give a lower --min-score")
    return {name: selected[name] for name in detections if name in selected}


def films_of(names: Collection[str], videos: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """The files of videos by name, and a line on those that have none.

    Args:
        names: Names of videos.
        videos: Video files, and folders that hold some.

    Raises:
        UntrimError: None of them has a file, or as in `find_videos`.
    """
    files = find_videos(videos).files
    missing = [name for name in names if name not in files]
    there = there_as(missing, files)
    what = f"{numbered(len(missing), 'video', 'videos')} of {len(names)} not found: {there or listing(missing)}"
    if len(missing) == len(names):
        raise UntrimError(what, where=videos[0], fix="name the folder of the videos, or rename them")
    return {name: files[name] for name in names if name in files}, [what] if missing else []
