"""One clip: what is shown, the name of its file, and whether the file is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.rendering.takes import film_texts, made_from, source_mark
from untrim.support.pages import moment
from untrim.timeline import Detection, Segment

ENDING = ".mp4"
_LONGEST = 80  # bytes of a name in the name of a file


@dataclass
class Clip:
    """One clip, made or to be made.

    Args:
        video: Name of the video.
        found: What was found in it.
        path: The file of the clip.
        held: The seconds of the video that the file holds; None before it is made.
        copied: Whether its pictures were copied, not encoded.
    """

    video: str
    found: Detection
    path: Path
    held: Segment | None = None
    copied: bool = False

    @property
    def early(self) -> float:
        """Seconds by which the file begins before what was found."""
        return 0.0 if self.held is None else max(0.0, self.found.segment.start - self.held.start)

    def texts(self, source: Path, fast: bool, begin: float) -> dict[str, str]:
        """What the file carries.

        Args:
            source: The file of the video.
            fast: Whether pictures are copied where that is possible.
            begin: When the clip begins, in seconds of the video.
        """
        span = self.found.segment
        times = f"{moment(span.start)}-{moment(span.end)}"
        title = f"{self.found.label}, {self.video} {times}, score {self.found.score:.3g}"
        return film_texts(title, {**self._origin(source, fast), "begin": begin, "copied": self.copied})

    def take_over(self, source: Path, fast: bool) -> bool:
        """Whether the file is there, made from the same; then it is taken for this clip."""
        made = made_from(self.path)
        if made is None:
            return False
        origin, begin, copied = self._origin(source, fast), made.texts.get("begin"), made.texts.get("copied")
        if any(made.texts.get(key) != value for key, value in origin.items()) or not isinstance(begin, int | float):
            return False
        self.held, self.copied = Segment(begin, begin + made.seconds), copied is True
        return True

    def _origin(self, source: Path, fast: bool) -> dict[str, object]:
        """All that decides what is in the file."""
        return {
            "clip": 1,
            "video": self.video,
            "label": self.found.label,
            "segment": [self.found.segment.start, self.found.segment.end],
            "score": self.found.score,
            "source": source_mark(source),
            "fast": fast,
        }


def clips_of(detections: Mapping[str, Sequence[Detection]], folder: Path) -> list[Clip]:
    """A clip for each detection, ``video-label-start-end-score.mp4``; no two have one name on any file system."""
    clips: list[Clip] = []
    taken: set[str] = set()
    for video, own in detections.items():
        for found in own:
            span = found.segment
            names = f"{_plain(video)}-{_plain(found.label)}"
            name = stem = f"{names}-{span.start:07.2f}-{span.end:07.2f}-{found.score:.3f}"
            count = 1
            while name.casefold() in taken:
                count += 1
                name = f"{stem}-{count}"
            taken.add(name.casefold())
            clips.append(Clip(video, found, folder / f"{name}{ENDING}"))
    return clips


def _plain(name: str) -> str:
    """A name as part of a file's name: letters, digits and ``_``, no path and nothing that a shell would obey."""
    plain = re.sub(r"\W+", "_", name).strip("_") or "_"
    return plain.encode()[:_LONGEST].decode(errors="ignore")
