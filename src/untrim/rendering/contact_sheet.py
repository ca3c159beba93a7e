"""The contact sheet of a folder of clips: one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from untrim.rendering.clip import Clip
from untrim.rendering.thumbnails import data_uri, thumbnails
from untrim.support.colors import colors
from untrim.support.pages import write_page
from untrim.support.progress import Progress, ShouldStop, count_steps, stop_if

SHEET = "clips.html"
"""Name of the page in the folder."""

_MOMENTS = (0.04, 0.5, 0.96)  # of what was found; the first and the last frame may be those of a cut
_HEIGHT = 132  # pixels


@dataclass(frozen=True)
class Card:
    """One clip on the page: its link, and frames from its start, its middle and its end as data URIs."""

    clip: Clip
    link: str
    frames: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """The clips of one class, best first."""

    label: str
    color: str
    cards: tuple[Card, ...]


def write_contact_sheet(
    clips: Sequence[Clip], output: Path, *, progress: Progress | None = None, should_stop: ShouldStop | None = None
) -> Path:
    """Write the page of `clips`, which are in its folder.

    Args:
        clips: At least one; they are made.
        output: The page to write.
        progress: Told of each clip; None for silence.
        should_stop: Asked before each clip whether to stop.

    Returns:
        `output`.

    Raises:
        UntrimError: A clip cannot be read, or `output` cannot be written.
        Stopped: `should_stop` said so.
    """
    advance = count_steps(progress, "contact sheet", len(clips))
    cards: dict[str, list[Card]] = {}
    for clip in clips:
        stop_if(should_stop)
        cards.setdefault(clip.found.label, []).append(Card(clip, quote(clip.path.name), _frames(clip)))
        advance("")
    labels = sorted(cards, key=lambda label: (label.casefold(), label))
    groups = [
        Group(label, color, tuple(sorted(cards[label], key=lambda card: -card.clip.found.score)))
        for label, color in zip(labels, colors(len(labels)), strict=True)
    ]
    videos = len({clip.video for clip in clips})
    seconds = sum(clip.found.segment.duration for clip in clips)
    return write_page(
        output, "untrim.rendering", "contact_sheet.html.j2", groups=groups, count=len(clips), videos=videos,
        seconds=seconds,
    )  # fmt: skip


def _frames(clip: Clip) -> tuple[str, ...]:
    """Frames of the clip's own file: what is on the page is what is in it."""
    span = clip.found.segment
    times = [clip.early + share * span.duration for share in _MOMENTS]
    return tuple(data_uri(image) for image in thumbnails(clip.path, times, _HEIGHT))
