"""Many detections at once: columns of numbers that still read as lists of `Detection` by video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from untrim.annotations.drawing import MOST_VIDEOS, DrawnVideo, TimelineBar, draw_timelines
from untrim.annotations.model import classes
from untrim.errors import UntrimError, numbered
from untrim.support.array_types import Float64, Indices
from untrim.support.extras import optional
from untrim.support.names import standard
from untrim.timeline import LONGEST, Detection, Segment


class Detections(Mapping[str, list[Detection]]):
    """Detections by video, kept as columns: half a million take 20 MB, and arithmetic on them needs no loop.

    Args:
        videos: Names of the videos, each once; those without detections too.
        counts: Detections of each video, (V,).
        labels: Label of each detection, the first video's detections first, (N,).
        segments: Start and end of each in seconds, (N, 2), or what NumPy can make that of.
        scores: Score of each, (N,), likewise.
        notes: How a file of them was taken where it could be taken otherwise: a sentence each.

    Names are kept in one form (`untrim.support.names`).

    Raises:
        UntrimError: A segment or a score that is not finite, a segment that ends before it starts, or a video that is
            listed twice.
        ValueError, TypeError: Columns that do not fit each other, or are not numbers.
    """

    def __init__(
        self,
        videos: Sequence[str],
        counts: Sequence[int],
        labels: Sequence[str],
        segments: npt.ArrayLike,
        scores: npt.ArrayLike,
        notes: Sequence[str] = (),
    ) -> None:
        self.videos, self.notes = tuple(map(standard, videos)), tuple(notes)
        if len(set(self.videos)) < len(self.videos):
            twice = next(name for name in self.videos if self.videos.count(name) > 1)
            raise UntrimError(f"video '{twice}' is listed twice", fix="put its detections together")
        if not all(isinstance(label, str) and label.strip() for label in dict.fromkeys(labels)):
            raise ValueError("a label is empty")
        forms = {label: standard(label) for label in dict.fromkeys(labels)}
        self.labels = tuple(dict.fromkeys(forms.values()))
        places = {label: i for i, label in enumerate(self.labels)}
        index = {label: places[form] for label, form in forms.items()}
        self.video: Indices = np.repeat(np.arange(len(self.videos)), counts)
        self.label: Indices = np.fromiter(map(index.__getitem__, labels), np.intp, len(labels))
        self.segments: Float64 = _numbers(segments, (len(labels), 2))
        self.scores: Float64 = _numbers(scores, (len(labels),))
        if len(self.video) != len(labels):
            raise ValueError(f"{len(self.video)} detections in the videos, {len(labels)} labels")
        self._check()
        self._row = {name: i for i, name in enumerate(self.videos)}
        self._first = np.concatenate([[0], np.cumsum(counts, dtype=np.intp)])

    @classmethod
    def of(cls, detections: Mapping[str, Sequence[Detection]], notes: Sequence[str] = ()) -> Detections:
        """The same detections as columns; nothing is copied if they are columns already.

        Raises:
            UntrimError: They are none, or as for the class.
        """
        if isinstance(detections, Detections):
            return detections
        try:
            found = [detection for own in detections.values() for detection in own]
            ends = np.array([(d.segment.start, d.segment.end) for d in found], dtype=float).reshape(-1, 2)
            scores = np.array([_score(d) for d in found], dtype=float)
            counts = [len(own) for own in detections.values()]
            return cls(tuple(detections), counts, [d.label for d in found], ends, scores, notes)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            what = f"not detections by video: {error!s:.100}"
            raise UntrimError(what, fix="give {video: [Detection(label, Segment(start, end), score), …]}") from error

    def __repr__(self) -> str:
        found = numbered(len(self.scores), "detection", "detections")
        return f"Detections({found} in {numbered(len(self), 'video', 'videos')}, {classes(self.labels)})"

    def _repr_html_(self) -> str:
        """Timelines of the first videos, for a notebook: the surer, the more opaque."""
        low, high = (float(self.scores.min()), float(self.scores.max())) if len(self.scores) else (0.0, 0.0)
        videos: dict[str, DrawnVideo] = dict.fromkeys(self.videos, (None, (), ""))
        for name in self.videos[:MOST_VIDEOS]:
            bars = [
                TimelineBar(
                    found.label,
                    found.segment.start,
                    found.segment.end,
                    0.25 + 0.75 * ((found.score - low) / (high - low) if high > low else 1.0),
                    f"score {found.score:.3g}",
                )
                for found in self[name]
            ]
            videos[name] = None, bars, numbered(len(bars), "detection", "detections")
        return draw_timelines(repr(self), videos)

    def to_frame(self) -> Any:
        """A pandas ``DataFrame``, a row per detection: ``video``, ``label``, ``start``, ``end`` (seconds), ``score``.

        Raises:
            UntrimError: pandas is not installed; says how to get it.
        """
        names, labels = np.array(self.videos, dtype=object), np.array(self.labels, dtype=object)
        columns = {
            "video": names[self.video],
            "label": labels[self.label],
            "start": self.segments[:, 0].copy(),
            "end": self.segments[:, 1].copy(),
            "score": self.scores.copy(),
        }
        return optional("pandas").DataFrame(columns)

    @classmethod
    def from_frame(cls, frame: Any) -> Detections:
        """Detections of a pandas ``DataFrame`` with the columns of `to_frame`, in any order, and of its rows in theirs.

        A video without detections has no row, and so is not in it.

        Raises:
            UntrimError: A column is missing, or holds what is no text or no number.
        """
        try:
            columns = {name: list(frame[name]) for name in ("video", "label", "start", "end", "score")}
        except (KeyError, TypeError, IndexError) as error:
            what = f"no table with columns video, label, start, end and score: {error!s:.60}"
            raise UntrimError(what, fix="see Detections.to_frame") from error
        found: dict[str, list[Detection]] = {}
        for video, label, start, end, score in zip(*columns.values(), strict=True):
            if not isinstance(video, str) or not isinstance(label, str):
                raise UntrimError(f"a row has video {video!r:.40} and label {label!r:.40}", fix="make both texts")
            try:
                times = Segment(float(start), float(end))
                found.setdefault(standard(video), []).append(Detection(label, times, float(score)))
            except (TypeError, ValueError) as error:
                raise UntrimError(f"a row of '{video}' holds no number: {error!s:.80}") from error
        return cls.of(found)

    def __getitem__(self, name: str) -> list[Detection]:
        row = self._row[standard(name)]
        own = slice(self._first[row], self._first[row + 1])
        names = (self.labels[i] for i in self.label[own])
        spans = (Segment(start, end) for start, end in self.segments[own].tolist())
        return [Detection(*parts) for parts in zip(names, spans, self.scores[own].tolist(), strict=True)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.videos)

    def __len__(self) -> int:
        return len(self.videos)

    def _check(self) -> None:
        finite = (np.abs(self.segments) <= LONGEST).all(axis=1) & np.isfinite(self.scores)
        wrong = np.flatnonzero(~finite | (self.segments[:, 0] > self.segments[:, 1]))
        if len(wrong):
            (start, end), score = self.segments[wrong[0]], self.scores[wrong[0]]
            raise UntrimError(
                f"a detection of '{self.videos[self.video[wrong[0]]]}' has segment [{start}, {end}] and score {score}; "
                f"it needs a finite score, and start <= end within {LONGEST:g} seconds of 0"
            )


def _score(detection: Detection) -> float:
    """The score, which numpy would read from text as well."""
    if isinstance(detection.score, str | bytes):
        raise TypeError(f"a score is the text {detection.score!r:.40}")
    return detection.score


def _numbers(values: npt.ArrayLike, shape: tuple[int, ...]) -> Float64:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(f"numbers of shape {array.shape}, wanted {shape}")
    return array
