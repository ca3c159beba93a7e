"""``untrim doctor``: is everything there, whole, and made for each other?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from untrim.doctor.environment import versions
from untrim.doctor.finding import Finding, describe, from_error
from untrim.errors import UntrimError
from untrim.support.paths import as_path
from untrim.support.progress import Progress

__all__ = ["Finding", "check_up", "describe", "versions"]

T = TypeVar("T")


def check_up(
    *,
    features: Path | str | None = None,
    annotations: Path | str | None = None,
    run: Path | str | None = None,
    videos: Path | str | None = None,
    subset: str | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Look at the machine, and at what is given, by itself and together. Every feature file is read once, in pieces.

    Args:
        features: Feature folder.
        annotations: Labels.
        run: Run folder.
        videos: Folder of video files, each of which is opened.
        subset: The subset that is going to be used; None for all, training on ``training``.
        progress: Told of each video that is read or opened; None for silence.

    Returns:
        What was found, in the order of looking; an ``error`` is what stops work or makes its result wrong.
    """
    from untrim.annotations import read_annotations
    from untrim.doctor.environment import check_environment
    from untrim.doctor.features import scan_features
    from untrim.doctor.labels import check_features_fit, check_labels
    from untrim.doctor.runs import check_run, check_videos
    from untrim.features.store import FeatureFolder
    from untrim.training.ready_runs import find_run

    found: list[Finding] = list(check_environment(as_path(features or run or ".", "features")))

    def opened(check: str, read: Callable[[Path | str], T], path: Path | str | None) -> T | None:
        try:
            return None if path is None else read(path)
        except UntrimError as error:
            found.append(from_error(check, error))
            return None

    labels = opened("annotations", read_annotations, annotations)
    folder = opened("features", FeatureFolder.open, features)
    trained = opened("run", find_run, run)
    if labels is not None:
        found += check_labels(labels, subset)
    snippets = None
    if folder is not None:
        scan = scan_features(folder, progress)
        found += scan.findings
        snippets = scan.snippets
        if labels is not None:
            found += check_features_fit(folder, snippets, labels, subset)
    if trained is not None:
        found += check_run(trained, folder, labels)
    if videos is not None:
        found += check_videos(as_path(videos, "videos"), snippets, labels, progress)
    return found
