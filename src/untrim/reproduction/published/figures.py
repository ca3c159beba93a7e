"""What a figure of a paper shows of its rows, and which figures are drawings with nothing to measure.

A figure is a table whose picture is more than mAP over tIoU: its rows are trained and measured as those of any table.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class AverageOver(_Spec):
    """The mean of mAP over the thresholds, over an option of the rows (WSAD, Fig. 4)."""

    kind: Literal["average"]
    over: str
    """The option; each row sets it."""
    seeds: ClassVar[int] = 3


class RunsOverVideos(_Spec):
    """Runs below each other over the same videos: what they found, and the curves behind it (WSBM, Fig. 4)."""

    kind: Literal["videos"]
    curves: tuple[Literal["class", "attention", "weighted", "threshold"], ...]
    """Below the detections of each run, each with a scale of its own. `class`: the class activation sequence;
    `attention`: lambda; `weighted`: lambda w_c x, mean over streams; `threshold`: the class activation sequence and the
    threshold that the run compares it with, on one scale (LPAT)."""
    videos: int = Field(default=1, ge=1)
    """Number of videos."""
    choose: Literal["even", "worst", "gain"] = "even"
    """Which videos. `even`: evenly from the one with the best mAP to the one with the worst; `worst`: the worst,
    each of another class, first those in which that was found; `gain`: where the last run is furthest ahead of the
    best of the others."""
    named: tuple[str, ...] = ()
    """The paper's own videos, which are taken where the dataset has them all."""
    seeds: ClassVar[int] = 1


class Steps(_Spec):
    """How detections come about in one video: classes, thresholds, proposals, scores (WSBM, Fig. 3)."""

    kind: Literal["steps"]
    seeds: ClassVar[int] = 1


class FeatureMap(_Spec):
    """Features of snippets and features aggregated over videos, brought to a plane by t-SNE (ECM, Fig. 6)."""

    kind: Literal["features"]
    snippets: int = Field(default=1500, ge=10)
    """The most snippets that are shown, evenly spread over all videos."""
    seeds: ClassVar[int] = 1


FigureSpec = Annotated[AverageOver | RunsOverVideos | Steps | FeatureMap, Field(discriminator="kind")]


class Drawing(_Spec):
    """A figure that only explains: nothing in it is measured."""

    title: str
    """What it explains."""
    explained: str
    """The page of the documentation that explains the same."""
