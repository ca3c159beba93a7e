"""Labels, and whether features fit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from untrim.annotations import Annotations
from untrim.annotations.checks import (
    UNLABELLED,
    beyond_the_end,
    doubtful_labels,
    find_oddities,
    left_out,
    untold_classes,
)
from untrim.annotations.counts import count_labels
from untrim.data.snippet_labels import check_times
from untrim.doctor.finding import Finding
from untrim.errors import UntrimError, listing, numbered
from untrim.features.lasting import slack
from untrim.features.source_files import durations_differ, late_labels, late_pictures
from untrim.features.store import INFO_NAME, FeatureFolder
from untrim.support.names import there_as

_SYSTEMATIC = 0.02  # spread of duration ratios below which they have one cause
_RATES = (15, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60)


def check_labels(annotations: Annotations, subset: str | None) -> Iterator[Finding]:
    """Labels by themselves; `subset` is the one to train on."""
    where = str(annotations.source)
    counts = Counter(video.subset or "(none)" for video in annotations.values())
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    yield Finding("note", "labels", f"{len(annotations)} videos ({listed}), {len(annotations.labels)} classes", where)
    for oddity in find_oddities(annotations):
        yield Finding("warning", oddity.kind, str(oddity), where, _REMEDIES[oddity.kind], oddity.videos)
    for doubt in doubtful_labels(annotations.labels):
        yield Finding("warning", "alike", doubt, where, "unify them, or set them apart")
    for note in annotations.notes:
        yield Finding("note", "reading", note, where)
    trained = subset or "training"
    if out := left_out(annotations, trained):
        yield Finding("warning", "subset", out, where, f"write '{trained}'")
    videos = [video for video in annotations.values() if video.subset == trained]
    if not videos:
        severity = "warning" if subset is None else "error"
        what = f"no video in subset '{trained}' to train on"
        remedy = f"train with --subset NAME; there are: {listing(counts, most=6)}"
        yield Finding(severity, "subset", what, where, remedy)  # type: ignore[arg-type]
        return
    yield Finding("note", "given", f"subset '{trained}': {count_labels(videos)}", where)
    if bare := [video.name for video in videos if not video.labels and not video.nothing_happens]:
        what = f"{numbered(len(bare), 'video', 'videos')} of subset '{trained}' without a label: {listing(bare)}"
        yield Finding("error", "training", what, where, UNLABELLED, tuple(bare))
    support = Counter(label for video in videos for label in video.labels)
    if unseen := [label for label in annotations.labels if label not in support]:
        what = f"{numbered(len(unseen), 'class', 'classes')} without a training video: {listing(map(repr, unseen))}"
        yield Finding("warning", "unseen", what, where, "they cannot be learned, and count as 0 in the mean")
    if rare := [label for label, count in support.items() if count == 1]:
        what = f"{numbered(len(rare), 'class', 'classes')} with a single training video: {listing(map(repr, rare))}"
        yield Finding("warning", "rare", what, where, "label more; two or more let a method see what they share")
    for what, remedy in untold_classes(videos):
        yield Finding("warning", "untold", what, where, remedy)


_REMEDIES = {
    "unlabelled": "they are of use for neither training nor evaluation",
    "empty": "fix or remove them; evaluation counts them as missed",
    "beyond": "check whether labels and videos are of the same files",
    "untimed": "write when they happen; such a video does not count in evaluation",
    "repeated": "remove the copies; evaluation counts one of each pair of instances as missed",
    "overlapping": "evaluation wants a detection for each; merge what is one",
    "stray": "mark what happens there, or remove the points; training goes by the instances",
}


def check_features_fit(
    folder: FeatureFolder, snippets: Mapping[str, int], annotations: Annotations, subset: str | None
) -> Iterator[Finding]:
    """Whether the labelled videos have features, and both agree on how long they last."""
    where = str(folder.path)
    for name, count in sorted(Counter(video.subset for video in annotations.values()).items()):
        missing = [v.name for v in annotations.values() if v.subset == name and v.name not in snippets]
        if not missing or (subset is not None and name != subset):
            continue
        what = f"{len(missing)} of {count} videos of subset '{name}' have no features: {listing(missing)}"
        remedy = "extract or import them, or take them out of the annotations"
        if hint := there_as(missing, snippets):
            what += f"; {hint}"
            remedy = f"use the same names in the labels; else {remedy}"
        unused = subset is None and len(missing) == count and name != "training"
        severity = "warning" if unused else "error"
        yield Finding(severity, "missing", what, where, remedy, tuple(missing))  # type: ignore[arg-type]
    if extra := [name for name in snippets if name not in annotations]:
        what = f"{numbered(len(extra), 'video has', 'videos have')} features and no labels: {listing(extra)}"
        yield Finding("note", "unannotated", what, where, videos=tuple(extra))
    yield from _times(folder, snippets, annotations)
    yield from _claims(folder, annotations)
    yield from _late(folder, annotations)
    yield from _durations(folder, snippets, annotations)
    rates = {
        name: (folder.info.videos[name].fps, v.fps) for name, v in annotations.items() if name in folder.info.videos
    }
    if differing := [
        n for n, (mine, theirs) in rates.items() if mine and theirs and abs(mine - theirs) > 0.01 * theirs
    ]:
        mine, theirs = rates[differing[0]]
        what = f"fps of {len(differing)} videos differ from the labels': {differing[0]} {mine:g} against {theirs:g}"
        yield Finding("warning", "fps", what, where, "import the features again with -a", tuple(differing))


def _times(folder: FeatureFolder, snippets: Mapping[str, int], annotations: Annotations) -> Iterator[Finding]:
    """Times that training refuses, and instances that end after their video."""
    ends = {}
    for name in sorted(snippets.keys() & annotations.keys()):
        grid, entry = folder.info.grid(name), folder.info.videos.get(name)
        try:
            check_times(annotations[name], grid, snippets[name])
        except UntrimError as error:
            yield Finding("error", "times", error.what, str(folder.path), error.fix or "", (name,))
        else:
            end = grid.boundary(snippets[name])
            ends[name] = (entry.duration if entry else None) or end + slack(grid, end)
    yield from check_ends(annotations, ends)


def check_ends(annotations: Annotations, ends: Mapping[str, float]) -> Iterator[Finding]:
    """Instances that end well after their video, by the seconds that the videos were measured to last."""
    if (odd := beyond_the_end(annotations, ends)) is not None:
        yield Finding("warning", odd.kind, str(odd), str(annotations.source), _REMEDIES[odd.kind], odd.videos)


def _claims(folder: FeatureFolder, annotations: Annotations) -> Iterator[Finding]:
    """Labels that say another duration than the features' videos were measured to have."""
    off = {}
    for name, video in annotations.items():
        entry = folder.info.videos.get(name)
        if video.duration and entry and entry.duration and durations_differ(video.duration, entry):
            off[name] = f"{name} {video.duration:.4g} s against {entry.duration:.4g} s"
    if off:
        what = f"durations of {len(off)} videos in the labels differ from those in {INFO_NAME}: {listing(off.values())}"
        remedy = "containers often say a wrong length; that of the features is used"
        yield Finding("warning", "claims", what, str(folder.path), remedy, tuple(off))


def _late(folder: FeatureFolder, annotations: Annotations) -> Iterator[Finding]:
    """Times that a player may have given, for videos whose pictures begin late."""
    names = late_labels(folder.info, annotations)
    for line in late_pictures(folder.info, names):
        remedy = "convert them with `untrim convert --from player-csv --videos`, unless their times count so already"
        yield Finding("warning", "offset", line, str(folder.path), remedy, tuple(sorted(names)))


def _durations(folder: FeatureFolder, snippets: Mapping[str, int], annotations: Annotations) -> Iterator[Finding]:
    """Whether T snippets of a stride are as long as the video."""
    ratios: dict[str, float] = {}
    off: list[str] = []
    for name, count in snippets.items():
        own, entry = annotations.get(name), folder.info.videos.get(name)
        duration = (entry.duration if entry else None) or (own.duration if own else None)
        if not duration:
            continue
        grid = folder.info.grid(name)
        covered = grid.boundary(count)
        ratios[name] = count * grid.stride_seconds / duration
        if abs(covered - duration) > slack(grid, duration):
            off.append(name)
    if not off:
        return
    where, values = str(folder.path), np.array([ratios[name] for name in off])
    median = float(np.median(values))
    if len(off) > len(ratios) / 2 and np.mean(np.abs(values / median - 1) < _SYSTEMATIC) > 0.5:
        fps = folder.info.fps * median
        near = min(_RATES, key=lambda rate: abs(rate - fps))
        guess = f"fps is {near:g}" if abs(near - fps) < _SYSTEMATIC * fps else f"stride or fps is off by {median:.3g}"
        what = f"features of {len(off)} videos last {median:.3g} times as long as the videos; perhaps their {guess}"
        remedy = f"import or extract again with the right --fps ({INFO_NAME} says {folder.info.fps:g})"
        yield Finding("error", "timing", what, where, remedy, tuple(off))
        return
    worst = max(off, key=lambda name: abs(np.log(ratios[name])))
    what = f"features of {len(off)} videos are longer or shorter than the videos: {worst} {ratios[worst]:.3g} times"
    remedy = "see whether features, labels and files are the same videos"
    yield Finding("warning", "durations", what, where, remedy, tuple(off))
