"""A look at the arrays of all videos before the first is taken: how wide, which way they lie, how long they last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from untrim.errors import UntrimError
from untrim.features.importers.target import Incoming, Known, Timing
from untrim.features.lasting import Lasting, lasting_notes
from untrim.features.writing import two_axes
from untrim.timeline import SnippetGrid


class Survey:
    """Looks at the shapes of what a layout hands over, and takes nothing.

    Args:
        timing: When the snippets are.
        known: What annotations tell.
    """

    def __init__(self, timing: Timing, known: Known) -> None:
        self.timing = timing
        self._known = known
        self._shapes: dict[str, dict[str, tuple[int, int]]] = {}
        self._times: dict[str, tuple[float, float]] = {}

    def knows(self, name: str) -> bool:
        """As of `Taker`."""
        return self._known.has(name)

    def save(self, video: Incoming) -> None:
        """As of `Taker`; only the shapes are looked at."""
        shapes = {stream: two_axes(part.shape) for stream, part in video.parts.items() if part.dtype.kind == "f"}
        found = {stream: shape for stream, shape in shapes.items() if shape is not None and 0 not in shape}
        if len(found) < len(video.parts):
            return
        (fps, duration), name = self._known.times(video), self._known.name(video.name)
        self._shapes.setdefault(name, found)
        if duration and not video.rescaled:
            self._times.setdefault(name, (duration, fps if fps and self.timing.own_fps else self.timing.fps))

    def fail(self, name: str, reason: str) -> None:
        """Nothing to look at."""

    def widths(self) -> dict[str, int]:
        """Columns per stream, in order, that most of the videos have; empty if there are no videos.

        Raises:
            UntrimError: No width is that of more than half, which is so, too, where all lie (D, T).
        """
        if not self._shapes:
            return {}
        totals = {name: sum(of[1] for of in shapes.values()) for name, shapes in self._shapes.items()}
        ((most, count),) = Counter(totals.values()).most_common(1)
        if 2 * count > len(totals):
            alike = [shapes for name, shapes in self._shapes.items() if totals[name] == most]
            return {stream: of[1] for stream, of in max(alike, key=len).items()}  # the one that tells streams apart
        rows = {tuple(of[0] for of in shapes.values()) for shapes in self._shapes.values()}
        if len(rows) == 1:
            what = f"all arrays have {max(next(iter(rows)))} rows, and each a number of columns of its own"
            raise UntrimError(f"{what}: they lie (D, T)", fix="transpose them: numpy.save(file, array.T)")
        examples = {width: name for name, width in reversed(totals.items())}
        listed = ", ".join(f"{width} ({name})" for width, name in list(examples.items())[:3])
        raise UntrimError(
            f"no number of columns is that of most videos: {listed}",
            fix="import features of one kind at a time, (T, D)",
        )

    def notes(self, widths: Mapping[str, int]) -> tuple[str, ...]:
        """What is worth knowing of how long the features last, of those that have `widths`.

        Raises:
            UntrimError: As of `lasting_notes`.
        """
        taken = {
            name: (min(of[0] for of in shapes.values()), sum(widths.values()))
            for name, shapes in self._shapes.items()
            if sum(of[1] for of in shapes.values()) == sum(widths.values())
        }
        return lasting_notes(
            [
                Lasting(name, taken[name], self._grid(fps), duration)
                for name, (duration, fps) in self._times.items()
                if name in taken
            ]
        )

    def _grid(self, fps: float) -> SnippetGrid:
        return SnippetGrid.regular(self.timing.snippet_frames, self.timing.stride_frames, fps)
