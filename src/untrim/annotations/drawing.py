"""How labels and detections draw themselves in a notebook: a timeline per video, as HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

MOST_VIDEOS = 12
_MOST_BARS = 400  # per video
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#666666")
_PATTERNS = ("", "repeating-linear-gradient(45deg,#fff6 0 2px,transparent 2px 6px)")


@dataclass(frozen=True, slots=True)
class TimelineBar:
    """One mark on a timeline.

    Args:
        label: Its class.
        start: Seconds.
        end: Seconds; `start` for a point.
        weight: How opaque it is, in [0, 1].
        note: What is said beside the times under the mouse pointer.
    """

    label: str
    start: float
    end: float
    weight: float = 1.0
    note: str = ""


DrawnVideo = tuple[float | None, Sequence[TimelineBar], str]
"""Length in seconds if that is known, marks, and what else is said of a video."""


def draw_timelines(heading: str, videos: Mapping[str, DrawnVideo]) -> str:
    """HTML with a timeline of each video: a row per class, and a bar per mark.

    Args:
        heading: A line above all.
        videos: What is drawn, by name; only the first are.
    """
    shown = dict(list(videos.items())[:MOST_VIDEOS])
    labels = sorted({bar.label for _, bars, _ in shown.values() for bar in bars})
    places = {label: place for place, label in enumerate(labels)}
    parts = [_video(name, *content, places) for name, content in shown.items()]
    more = len(videos) - len(shown)
    rest = f"<div>and {more:,} more</div>" if more else ""
    return (
        '<div style="font:13px/1.4 system-ui,sans-serif;max-width:900px">'
        f"<div><b>{escape(heading)}</b></div>{''.join(parts)}{rest}</div>"
    )


def _video(name: str, duration: float | None, bars: Sequence[TimelineBar], note: str, places: Mapping[str, int]) -> str:
    end = max([duration or 0.0, *(bar.end for bar in bars)]) or 1.0
    own = sorted({bar.label for bar in bars})
    drawn = bars[:_MOST_BARS]
    rows = "".join(_row(label, [bar for bar in drawn if bar.label == label], end, places[label]) for label in own)
    left_out = f", {len(bars) - len(drawn):,} marks are not drawn" if len(bars) > len(drawn) else ""
    length = f"{end:.4g} s" if duration else f"up to {end:.4g} s"
    said = f" <small>{length}{', ' if note else ''}{escape(note)}{left_out}</small>"
    return f'<div style="margin:6px 0 2px"><code>{escape(name)}</code>{said}</div>{rows}'


def _row(label: str, bars: Sequence[TimelineBar], end: float, place: int) -> str:
    """A class: colour and pattern tell classes apart, and so does its name beside the row."""
    look = f"{_PATTERNS[place // len(_COLORS) % 2] or 'none'};background-color:{_COLORS[place % len(_COLORS)]}"
    marks = "".join(_bar(bar, end, look) for bar in bars)
    return (
        '<div style="display:flex;align-items:center;height:16px">'
        f'<div title="{escape(label)}" style="width:170px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f"<bdi>{escape(label)}</bdi></div>"
        f'<div style="position:relative;flex:1;height:12px;background:#8882">{marks}</div></div>'
    )


def _bar(bar: TimelineBar, end: float, look: str) -> str:
    left = min(max(100 * bar.start / end, 0.0), 100.0)
    width = min(max(100 * bar.end / end, 0.0), 100.0) - left
    times = f"{bar.start:.2f} s" if bar.start == bar.end else f"{bar.start:.2f} to {bar.end:.2f} s"
    title = escape(f"{bar.label}: {times}{f', {bar.note}' if bar.note else ''}")
    return (
        f'<div title="{title}" style="position:absolute;left:{left:.3f}%;width:{width:.3f}%;min-width:2px;top:0;'
        f'height:12px;opacity:{bar.weight:.2f};background-image:{look}"></div>'
    )
