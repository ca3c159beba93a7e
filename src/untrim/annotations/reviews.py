"""Reviews: what a person decided about a video in the studio, one JSON file per video in a folder.

``reviews/<video>.json`` holds tags, points, decisions about segments (those that were rejected too), and the classes of
which everything is marked; ``reviews/history.jsonl`` holds every revision. `docs/formats.md` names the fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from untrim.annotations.model import Annotations, Video
from untrim.errors import UntrimError, listing, numbered
from untrim.support.files import write_text
from untrim.support.named_files import file_of, names_in
from untrim.support.names import standard
from untrim.support.schema import SCHEMA, read_object
from untrim.support.validation import validate
from untrim.timeline import LONGEST, Instance, Point, Segment

HISTORY = "history.jsonl"
PROJECT = "untrim-project.json"
"""The file beside the folder of reviews that says what belongs to the project."""
_ENDING = ".json"
_SCHEMA = 1


def _label(text: str) -> str:
    if not (label := standard(text)):
        raise ValueError("a label is empty")
    if any(ord(sign) < 32 or ord(sign) == 127 or "\ud800" <= sign <= "\udfff" for sign in label):
        raise ValueError("a label holds a sign that cannot be shown")
    return label


Label = Annotated[str, Field(max_length=200), AfterValidator(_label)]
_Time = Annotated[float, Field(ge=-LONGEST, le=LONGEST)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, populate_by_name=True)


class Origin(_Part):
    """The detection that a decision is about.

    Args:
        run: The run that found it, as the studio names it.
        start: Seconds, as found.
        end: Seconds, as found.
        score: Its score in that run.
    """

    run: str | None = None
    start: _Time
    end: _Time
    score: float


class ShownDetection(Origin):
    """A detection that was shown before anything in its video was decided, with its class."""

    label: Label


class ReviewedSegment(_Part):
    """A decision about a stretch of the video.

    Args:
        id: Its name among the segments of the video.
        label: Class.
        start: Seconds from the first frame.
        end: Seconds, after `start`.
        state: As found and right; right after its edges were moved; added by hand; or wrong.
        by: Who decided.
        at: When, in UTC.
        origin: The detection that it is about, in the file as ``from``; None for what was added by hand.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
    label: Label
    start: _Time
    end: _Time
    state: Literal["accepted", "adjusted", "added", "rejected"]
    by: str = ""
    at: str = ""
    origin: Origin | None = Field(default=None, alias="from")

    @model_validator(mode="after")
    def _ascends(self) -> ReviewedSegment:
        if not self.start < self.end:
            raise ValueError(f"segment '{self.id}' ends at {self.end:g} s, not after its start at {self.start:g} s")
        return self

    @property
    def holds(self) -> bool:
        """Whether the action happens in it: it was not rejected."""
        return self.state != "rejected"

    @property
    def segment(self) -> Segment:
        """The stretch itself."""
        return Segment(self.start, self.end)


class ReviewedPoint(_Part):
    """A moment at which an action happens: its label, seconds from the first frame, and who said so when."""

    label: Label
    time: _Time
    by: str = ""
    at: str = ""


class Review(_Part):
    """All that was decided about one video.

    Args:
        video: Name of the video.
        subset: Subset that the video belongs to.
        duration: Seconds, or None if unknown.
        revision: How often it was saved; 0 if it never was.
        labels: Tags, sorted; holds the labels of all segments that were not rejected, and of all points.
        exhaustive: Classes of which everything is marked; True for all classes. True without labels: none happens here.
        segments: Decisions, by start.
        points: Points, by time.
        picked: ``random`` if the studio picked the video at random to measure how right detections are.
        shown: The detections that were shown then, before anything was decided.
        began_with: Names what annotations said of the video when the review began from it; None if they said nothing.
    """

    video: str
    subset: str = "training"
    duration: float | None = None
    revision: int = Field(default=0, ge=0)
    labels: tuple[Label, ...] = ()
    exhaustive: Literal[True] | tuple[Label, ...] = ()
    segments: tuple[ReviewedSegment, ...] = ()
    points: tuple[ReviewedPoint, ...] = ()
    picked: Literal["random"] | None = None
    shown: tuple[ShownDetection, ...] = ()
    began_with: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Review:
        if twice := _listed_twice(segment.id for segment in self.segments):
            raise ValueError(f"segment '{twice}' is listed twice")
        used = {segment.label for segment in self.segments if segment.holds} | {point.label for point in self.points}
        ordered = {
            "video": standard(self.video),
            "labels": tuple(sorted({*self.labels, *used})),
            "exhaustive": self.exhaustive if self.exhaustive is True else tuple(sorted(set(self.exhaustive))),
            "segments": tuple(sorted(self.segments, key=lambda segment: (segment.start, segment.end, segment.id))),
            "points": tuple(sorted(self.points, key=lambda point: (point.time, point.label))),
        }
        for key, value in ordered.items():
            object.__setattr__(self, key, value)
        return self

    @property
    def none_happens(self) -> bool:
        """Whether somebody looked, and no class happens in the video."""
        return self.exhaustive is True and not self.labels

    @property
    def says_nothing(self) -> bool:
        """Whether nothing was decided."""
        return not (self.labels or self.exhaustive or self.segments or self.points)

    def to_json(self) -> dict[str, Any]:
        """The content of its file."""
        content = {SCHEMA: _SCHEMA, **self.model_dump(mode="json", by_alias=True)}
        for segment in content["segments"]:
            if segment["from"] is None:
                del segment["from"]
        for key in ("shown", "began_with"):
            if not content[key]:
                del content[key]
        return content

    def to_video(self) -> Video:
        """What it says about the video, as annotations have it.

        A class of which everything is said to be marked, and nothing is, counts as one of which nothing is known but
        its tag.
        """
        kept = [Instance(decided.label, decided.segment) for decided in self.segments if decided.holds]
        timed = {instance.label for instance in kept}
        marked = timed if self.exhaustive is True else timed & set(self.exhaustive)
        return Video(
            self.video,
            self.subset,
            self.duration,
            self.labels,
            tuple(kept),
            points=tuple(Point(point.label, point.time) for point in self.points),
            rejected=tuple(Instance(one.label, one.segment) for one in self.segments if not one.holds),
            exhaustive=(self.exhaustive is True and timed == set(self.labels)) or tuple(sorted(marked)),
        )


def holds_reviews(folder: Path) -> bool:
    """Whether a folder is one of reviews: it has a history, or a review."""
    first = names_in(folder, _ENDING)[:1]
    return (folder / HISTORY).is_file() or any("revision" in _peek(review_file(folder, name)) for name in first)


def review_of(values: object, where: object) -> Review:
    """The review that an object holds.

    Raises:
        UntrimError: Something in it is wrong.
    """
    return validate(Review, values, where)


def review_file(folder: Path, video: str) -> Path:
    """Where the review of a video lies.

    Raises:
        UntrimError: The name cannot be that of a file.
    """
    return file_of(folder, video, _ENDING)


def read_review(path: Path) -> Review:
    """The review in a file.

    Raises:
        UntrimError: Missing, no review, or written by a newer untrim.
    """
    return review_of(read_object(path), path)


def write_review(folder: Path, review: Review) -> None:
    """Write a review, whole or not at all: a line for each field, and one for each entry of a list of objects."""
    lines = []
    for key, value in review.to_json().items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            inner = ",\n".join(f"  {_text(entry)}" for entry in value)
            lines.append(f" {_text(key)}: [\n{inner}\n ]")
        else:
            lines.append(f" {_text(key)}: {_text(value)}")
    write_text(review_file(folder, review.video), "{\n" + ",\n".join(lines) + "\n}\n")


def reviews_in(folder: Path) -> dict[str, Review]:
    """All reviews of a folder, by the name of the video.

    Raises:
        UntrimError: A file is no review, or is called otherwise than its video.
    """
    found = {}
    for name in names_in(folder, _ENDING):
        path = review_file(folder, name)
        found[name] = read_review(path)
        if found[name].video != name:
            raise UntrimError(f"is the review of '{found[name].video}'", where=path, fix="rename the file")
    return found


def read_reviews(folder: Path) -> Annotations:
    """Annotations of a folder of reviews: videos about which nothing was decided are left out.

    Raises:
        UntrimError: As for `reviews_in`; or nothing was decided about any video.
    """
    reviews = reviews_in(folder)
    silent = [name for name, review in reviews.items() if review.says_nothing]
    if len(silent) == len(reviews):
        raise UntrimError("holds no review that says something", where=folder, fix="tag videos in `untrim studio`")
    notes = [f"{numbered(len(silent), 'review says', 'reviews say')} nothing: {listing(silent)}"] if silent else []
    if began := _peek(folder.resolve().parent / PROJECT).get("annotations"):
        what = f"the project began with {began}, whose labels of videos without a review are not among the reviews"
        notes.append(f"{what}; the page Export of `untrim studio` writes all (format activitynet)")
    videos = [_video(folder, review) for review in reviews.values() if not review.says_nothing]
    return Annotations(videos, source=folder, notes=notes)


def _video(folder: Path, review: Review) -> Video:
    try:
        return review.to_video()
    except UntrimError as error:
        raise UntrimError(error.what, where=review_file(folder, review.video), fix=error.fix) from error


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _peek(path: Path) -> dict[str, object]:
    try:
        return read_object(path)
    except UntrimError:
        return {}


T = TypeVar("T")


def _listed_twice(names: Iterable[T]) -> T | None:
    seen: set[T] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
