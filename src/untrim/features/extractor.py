"""What a worker of `untrim extract` does with a video: its features by one backbone, or by several at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from untrim.errors import UntrimError, WorkFailed, unforeseen
from untrim.features.backbones import Backbone, BackboneConfig, Features, load_backbone
from untrim.features.prefetch import share_out
from untrim.features.source_files import made_of
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.support.array_types import Image
from untrim.support.workers import HowFar
from untrim.video.decode import VideoFile

_AHEAD = 16  # Pictures that a backbone may be before the slowest one.


class Recipe(NamedTuple):
    """A backbone, and the values of its config that differ from the defaults."""

    backbone: str
    settings: Mapping[str, object] | None


class VideoJob(NamedTuple):
    """A video to be done: its name, its file, and the feature folders that lack it."""

    name: str
    path: Path
    folders: tuple[Path, ...]


Extracted = VideoInfo | str | WorkFailed
"""What is known of a video whose features are written; why it cannot be done; or why no video can."""


class Extractor:
    """The task of a worker. Backbones are built in the worker, once.

    Args:
        recipes: How features are made, by the folder that they go to; all see frames at the same rate.

    Attributes:
        threads: Snippets that a backbone may compute at a time.
        how_far: Told of each second of a video.
    """

    def __init__(self, recipes: Mapping[Path, Recipe]) -> None:
        self._recipes = recipes
        self._loaded: dict[Path, Backbone[BackboneConfig]] = {}
        self.threads = 1
        self.how_far: HowFar | None = None

    def __call__(self, job: VideoJob) -> dict[Path, Extracted]:
        """Write the features of a video into each folder that lacks it."""
        try:
            return self._extract(job)
        except Exception as error:
            if len(job.folders) == 1 or isinstance(error, WorkFailed):
                return dict.fromkeys(job.folders, _reason(job, error))
        # What is wrong with the video may stop only one of the backbones.
        alone = (self(job._replace(folders=(folder,))) for folder in job.folders)
        return {folder: result for results in alone for folder, result in results.items()}

    def _backbone(self, folder: Path) -> Backbone[BackboneConfig]:
        if folder not in self._loaded:
            cv2.setNumThreads(1)
            try:
                self._loaded[folder] = load_backbone(*self._recipes[folder])
            except UntrimError as error:  # It could be loaded where the run was started: this machine lacks something.
                raise WorkFailed(f"in a worker: {error.what}", where=error.where, fix=error.fix) from error
            self._loaded[folder].threads = self.threads
        return self._loaded[folder]

    def _extract(self, job: VideoJob) -> dict[Path, Extracted]:
        backbones = [self._backbone(folder) for folder in job.folders]
        config = backbones[0].config
        with VideoFile(job.path, limits=config.limits) as file:
            before = job.path.stat()
            images = file.images(config.fps, [(each.config.short_side, each.grey) for each in backbones])
            counted = self._counted(images, config.fps, file.info.duration)
            works = [partial(_features, job, backbone) for backbone in backbones]
            made = dict(zip(job.folders, share_out(counted, works, _AHEAD), strict=True))
            results: dict[Path, Extracted] = {at: why for at, why in made.items() if not isinstance(why, np.ndarray)}
            if len(results) == len(made):
                return results
            notes = [f"{file.broken_packets} broken packets"] if file.broken_packets else []
            info = VideoInfo(
                duration=file.duration, offset_seconds=file.offset, notes=notes, **made_of(job.path, before)
            )
        for folder, features in made.items():
            if isinstance(features, np.ndarray):
                results[folder] = self._saved(job, folder, features, info)
        return results

    def _saved(self, job: VideoJob, folder: Path, features: Features, info: VideoInfo) -> Extracted:
        """`info`, when the features are written, or why they cannot be."""
        try:
            about = self._loaded[folder].info(self._recipes[folder].backbone)
            FeatureFolder(folder, about).save(job.name, features)
        except Exception as error:
            return _reason(job, error)
        return info

    def _counted(
        self, images: Iterator[Sequence[Image]], fps: float, stated: float | None
    ) -> Iterator[Sequence[Image]]:
        """The images of a video; every second of it is told, if its container states how many there are."""
        told, total = -1, math.ceil(stated or 0)
        for index, image in enumerate(images):
            if self.how_far is not None and told < int(index / fps) < total:
                told = int(index / fps)
                self.how_far(told, total)
            yield image


def _features(
    job: VideoJob, backbone: Backbone[BackboneConfig], images: Iterator[Image]
) -> Features | str | WorkFailed:
    """The features of a video by a backbone, or why there are none."""
    try:
        return backbone.features(images)
    except Exception as error:
        return _reason(job, error)


def _reason(job: VideoJob, error: Exception) -> str | WorkFailed:
    """Why a video cannot be done, or why no video can."""
    if isinstance(error, WorkFailed):
        return error
    if isinstance(error, UntrimError):
        return str(error)
    return f"{job.path}: {unforeseen(error)}"  # A file may be broken in a way that no library foresees.
