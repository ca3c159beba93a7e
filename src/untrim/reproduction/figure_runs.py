"""What the runs of a figure say of some videos: the videos are chosen, and the networks are asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.features.store import FeatureFolder
from untrim.reports.timelines import own_maps, pick_videos
from untrim.reproduction.measuring import Job
from untrim.support.array_types import Float64
from untrim.timeline import Detection

if TYPE_CHECKING:
    from untrim.methods.base import Activations, Method


@dataclass(frozen=True)
class FigureRun:
    """One measured run.

    Args:
        job: Row and seed; its run and its detections are there.
    """

    job: Job

    @cached_property
    def features(self) -> FeatureFolder:
        """The features that it localizes with."""
        return FeatureFolder.open(self.job.data.features[0])

    @cached_property
    def truth(self) -> Annotations:
        """The evaluated videos."""
        return read_annotations(self.job.data.annotations[0]).subset(self.job.data.validation)

    @cached_property
    def detections(self) -> dict[str, list[Detection]]:
        """What it found, by video."""
        return dict(read_detections(self.job.detections))

    @cached_property
    def quality(self) -> dict[str, float]:
        """mAP of each video alone that can be drawn."""
        return own_maps(self.detections, drawable(self.truth, self.model.labels), self.job.iou)

    @cached_property
    def model(self) -> Method:
        """Its network."""
        import torch

        from untrim.training.checkpoint import Run

        return Run.open(self.job.run).load_model(torch.device("cpu"))

    def ask(self, video: str) -> Activations:
        """What the network says of a video, as a batch of one."""
        import torch

        features = torch.from_numpy(self.features.load(video)).unsqueeze(0)  # (1, T, D)
        with torch.inference_mode():
            found: Activations = self.model(features, torch.ones(features.shape[:2], dtype=torch.bool))
        return found

    def edges(self, video: str, snippets: int) -> Float64:
        """Where the snippets of a video begin, and where the last one ends, in seconds, (T + 1,)."""
        grid = self.features.info.grid(video)
        return np.array([grid.boundary(index) for index in range(snippets + 1)])

    def duration(self, video: Video) -> float:
        """Length of a video in seconds."""
        return video.duration or self.features.duration(video.name, len(self.features.load(video.name)))


def drawable(videos: Annotations, known: Collection[str]) -> Annotations:
    """The videos with segments of all of their classes, all of which are among the `known` ones."""
    whole = [video for video in videos.values() if set(video.labels) == {one.label for one in video.instances}]
    return Annotations([video for video in whole if video.labels and set(video.labels) <= set(known)], videos.source)


def chosen_videos(runs: Sequence[FigureRun], choose: str, count: int, names: Sequence[str]) -> list[Video]:
    """The videos to draw, all with ground truth.

    Args:
        runs: The runs of the figure.
        choose: As in `RunsOverVideos`; `gain` needs two runs or more.
        count: Number of videos.
        names: Videos to take instead; empty: chosen by `choose`.

    """
    truth, last = runs[0].truth, runs[-1].quality
    if names:
        return [truth[name] for name in names]
    if choose == "worst":
        ranked = _worst(runs[-1], count)
    elif choose == "gain":
        ranked = sorted(last, key=lambda name: (max(run.quality[name] for run in runs[:-1]) - last[name], name))[:count]
    else:
        ranked = pick_videos(Annotations([truth[name] for name in last]), last, count)
    return [truth[name] for name in ranked]


def _worst(run: FigureRun, count: int) -> list[str]:
    """Videos with the lowest mAP, each of another class, first those where it was found: the times are wrong there."""

    def rank(name: str) -> tuple[bool, float, str]:
        label = main_class(run.truth[name])
        missed = all(one.label != label for one in run.detections.get(name, ()))
        return missed, run.quality[name], name

    chosen: dict[str, str] = {}
    for name in sorted(run.quality, key=rank):
        chosen.setdefault(main_class(run.truth[name]), name)
    return list(chosen.values())[:count]


def main_class(video: Video) -> str:
    """The class with the most instances in a video, the first of several."""
    return Counter(instance.label for instance in video.instances).most_common(1)[0][0]
