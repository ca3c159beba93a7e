"""The operating point of a run: the score from which a detection counts as found. It becomes 0.5.

It is chosen by what the annotations say of videos, best of ones that the network has not been trained on:

- Of a video whose instances are all marked, all detections are judged: right is one that is matched to an instance at
  tIoU 0.5, and wanted are the instances.
- Of a video of which less is known, the best detection of each class is judged: right is one of a class that the video
  has, and wanted are its labels. How steep the confidence is follows from all detections, each right if the video has
  its class: so a confidence tells more of the class than of the times.

The line is where the F1 of all these judgements together is best (`untrim.localization.confidence`).

A run that starts from another keeps the point of that one, if it was chosen by videos that were held out: the network
knows all videos by now. In a tenth of a training its scores move little (docs/results/confidence.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from untrim.data.dataset import TrainingVideos
from untrim.errors import numbered
from untrim.evaluation.found import right_detections
from untrim.localization.confidence import Confidence, best_line, logistic_slope
from untrim.methods.base import Method, MethodConfig
from untrim.support.progress import ShouldStop, stop_if
from untrim.support.schema import read_object
from untrim.support.validation import validate
from untrim.timeline import Detection
from untrim.training.checkpoint import Run
from untrim.training.inspection import look

OUTCOME = "outcome.json"
_POINT = "operating_point"
_OF_TRAINING = frozenset({"add_known", "iterations", "learning_rate", "weight_decay", "batch_size", "max_snippets"})
"""Values that say how a network learns, not what its scores mean."""
_LARGEST = 1e100
"""Scores beyond are taken for damage: their squares would be infinite."""


class OperatingPoint(BaseModel):
    """The object ``operating_point`` in ``outcome.json``.

    Args:
        raw_score: The method's own score that becomes 0.5.
        slope: Of the logistic function that brings the method's own scores to [0, 1].
        f1: F1 of the judgements at that score, in [0, 1].
        videos: Videos that were judged.
        timed: Those of them that were judged by segments, not by labels alone.
        held_out: Whether a network that was not trained on them said what was judged.
        kept: Whether all this is of the run that the training started from.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    raw_score: float
    slope: float = Field(gt=0)
    f1: float = Field(ge=0, le=1)
    videos: int = Field(ge=1)
    timed: int = Field(ge=0)
    held_out: bool
    kept: bool = False

    @property
    def meaning(self) -> str:
        """What it says of scores, and by what it was chosen, in words."""
        known = "labels" if not self.timed else "segments" if self.timed == self.videos else "labels and segments"
        videos = numbered(self.videos, "video that was", "videos that were")
        seen = "held out" if self.held_out else "trained on, which sets it too high"
        kept = " for the run that this one started from" if self.kept else ""
        return f"from 0.5 on a detection counts as found; chosen by the {known} of {videos} {seen}{kept}"

    @property
    def confidence(self) -> Confidence:
        """What brings the method's own scores to [0, 1]."""
        return Confidence(self.raw_score, self.slope)


def read_operating_point(run: Run) -> OperatingPoint | None:
    """The operating point of a finished run; None where it has none, as runs of older versions.

    Raises:
        UntrimError: Its ``outcome.json`` is wrong.
    """
    path = run.path / OUTCOME
    found = read_object(path).get(_POINT) if path.is_file() else None
    return None if found is None else validate(OperatingPoint, found, f"{path}, {_POINT}")


def kept_operating_point(start: Run, config: MethodConfig) -> OperatingPoint | None:
    """The operating point that a run keeps of the one it starts from. None if it has to choose its own: that one was
    chosen no better, or with other values, which make other scores.

    Args:
        start: The run to start from.
        config: The config of the run that starts from it.

    Raises:
        UntrimError: The ``outcome.json`` of `start` is wrong.
    """
    point, keys = read_operating_point(start), type(config).model_fields.keys() - _OF_TRAINING
    if point is None or not point.held_out or any(getattr(config, key) != getattr(start.config, key) for key in keys):
        return None
    return point.model_copy(update={"kept": True})


def choose_operating_point(
    model: Method, videos: TrainingVideos, device: torch.device, held_out: bool, should_stop: ShouldStop | None = None
) -> OperatingPoint | None:
    """The operating point of a network, by what is known of `videos`.

    None where it finds nothing in them, or scores are so large that no line can be drawn between them.

    Args:
        model: The network that the run ends with, or one that was trained like it.
        videos: What to judge by, with the classes of the network.
        device: Where the network is.
        held_out: Whether it was not trained on them.
        should_stop: Asked before each video.

    Raises:
        Stopped: It should stop.
    """
    raw, right, judged = list[float](), list[bool](), list[bool]()
    wanted = timed = 0
    for index, found in enumerate(look(model, videos, range(len(videos)), device)):
        stop_if(should_stop)
        video = videos.known(index)
        detections = sorted(model.localize(found, videos.grid(index)), key=lambda one: -one.score)
        by_segments = model.supervision == "segments" or all(map(video.is_exhaustive, video.labels))
        raw += [one.score for one in detections]
        right += (
            right_detections(detections, video.instances).tolist()
            if by_segments
            else [one.label in video.labels for one in detections]
        )
        judged += [by_segments or first for first in _first_of_class(detections)]
        wanted += len(video.instances if by_segments else video.labels)
        timed += by_segments
    if not raw:
        return None
    scores, good, counted = np.array(raw, dtype=np.float64), np.array(right), np.array(judged)
    if np.abs(scores).max() > _LARGEST or not np.isfinite(scores).all():
        return None
    line, f1 = best_line(scores[counted], good[counted], wanted)
    return OperatingPoint(
        raw_score=line,
        slope=logistic_slope(scores, good),
        f1=f1,
        videos=len(videos),
        timed=timed,
        held_out=held_out,
    )


def _first_of_class(ordered: Sequence[Detection]) -> list[bool]:
    """Which detections are the first of their class, (N,)."""
    first: dict[str, int] = {}
    for index, found in enumerate(ordered):
        first.setdefault(found.label, index)
    return [first[found.label] == index for index, found in enumerate(ordered)]
