"""What was brought in: the annotations that a project begins with, and the review of a video that starts from them.

The review starts from all that they say. Segments are the exception in videos that are not trained on: there they are
the truth that detections are compared with, and no decisions.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from untrim.annotations import Annotations, Video, read_annotations
from untrim.annotations.checks import training_doubts
from untrim.annotations.reviews import Review
from untrim.errors import UntrimError, listing, numbered
from untrim.studio.classes import renamed_content
from untrim.studio.project import Project
from untrim.support.names import there_as
from untrim.support.paths import similar
from untrim.support.validation import validate
from untrim.timeline import Instance

TRAINING = "training"
"""The subset that is trained on, and that videos without one belong to."""


class BroughtIn:
    """The annotations that a project begins with.

    Args:
        annotations: They; None if there are none.
        videos: Names of the project's videos.

    Raises:
        UntrimError: They hold what no review can.
    """

    def __init__(self, annotations: Annotations | None, videos: Collection[str]) -> None:
        self._annotations, self._videos = annotations, {*videos}
        self._source = None if annotations is None else annotations.source
        known = {} if annotations is None else annotations
        self._first = {name: self._beginning(known[name]) for name in videos if name in known}
        self._given: dict[str, tuple[Mapping[str, str], float | None, Review]] = {}

    def get(self, video: str) -> Video | None:
        """What they say of a video."""
        return None if self._annotations is None else self._annotations.get(video)

    @property
    def labels(self) -> tuple[str, ...]:
        """Their classes, under their own names."""
        return () if self._annotations is None else self._annotations.labels

    def review(self, video: str, names: Mapping[str, str], duration: float | None) -> Review:
        """The review of a video that was never saved; empty where they say nothing of it.

        Args:
            video: The video.
            names: What their classes are called now.
            duration: Seconds of the file; None if not known yet.
        """
        if (first := self._first.get(video)) is None:
            return Review(video=video, duration=duration)
        known = self._given.get(video)
        if known is None or known[:2] != (names, duration):
            told = {**first.to_json(), **(renamed_content(first, names) or {}), "duration": first.duration or duration}
            known = self._given[video] = (dict(names), duration, validate(Review, told, self._source))
        return known[2]

    def notes(self, reviews: Iterable[Review]) -> list[str]:
        """What is worth knowing of them, a line each: how they were read, what looks wrong in them, of which of their
        videos there is no file, and where they say other things by now than when a review began.

        Args:
            reviews: Those of the project's videos.
        """
        return [f"{self._source}: {note}" for note in self._notes(reviews)]

    def _notes(self, reviews: Iterable[Review]) -> Iterator[str]:
        if self._annotations is None:
            return
        known = [video for name, video in self._annotations.items() if name in self._videos]
        yield from self._annotations.notes
        yield from training_doubts(video for video in known if video.subset == TRAINING)
        if missing := [name for name in self._annotations if name not in self._videos]:
            count = numbered(len(self._annotations), "labelled video", "labelled videos")
            verb = "has" if len(missing) == 1 else "have"
            what = f"{len(missing):,} of {count} {verb} no file here: {listing(missing)}"
            hint = there_as(missing, [name for name in self._videos if name not in self._annotations])
            yield f"{what}; {hint}" if hint else what
        began = [(review.video, review.began_with) for review in reviews if review.began_with is not None]
        now = {name: first.began_with for name, first in self._first.items()}
        if other := [name for name, mark in began if mark != now.get(name)]:
            what = f"says other things of {numbered(len(other), 'video', 'videos')} than when their review began"
            yield f"{what}, and the review holds: {listing(other)}"

    def _beginning(self, video: Video) -> Review:
        """The review that starts from what they say of a video, under their own names of classes."""
        subset = video.subset or TRAINING
        decided = [(one, "added") for one in video.instances if becomes_segment(one, subset)]
        decided += [(one, "rejected") for one in video.rejected if one.segment.duration > 0]
        marked: Any = video.exhaustive or ()
        told = {
            "video": video.name,
            "subset": subset,
            "duration": video.duration,
            "labels": video.labels,
            "exhaustive": marked if subset == TRAINING or video.nothing_happens else (),
            "segments": [
                {"id": f"brought-{number}", "label": one.label, "state": state, **asdict(one.segment)}
                for number, (one, state) in enumerate(decided, 1)
            ],
            "points": [asdict(point) for point in video.points],
            "began_with": blake2b(json.dumps(asdict(video)).encode(), digest_size=8).hexdigest(),
        }
        return validate(Review, told, self._source)


def brought_into(project: Project) -> BroughtIn:
    """The annotations that a project begins with.

    Raises:
        UntrimError: They cannot be read, or hold what no review can.
    """
    known, path = None, project.content.annotations
    if path is not None:
        if not (place := project.at(path)).exists():
            fix = similar(place) or "say where the labels of this project are now, with -a"
            raise UntrimError("no such file or folder", where=place, fix=fix)
        known = read_annotations(place)
    return BroughtIn(known, [video.name for video in project.videos.values()])


def becomes_segment(instance: Instance, subset: str) -> bool:
    """Whether an instance of a video of this subset is a segment of the review that starts from it."""
    return subset == TRAINING and instance.segment.duration > 0
