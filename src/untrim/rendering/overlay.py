"""Overlays: the videos with what was found drawn into them, and a moving timeline below."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from untrim.activations import ActivationFolder
from untrim.annotations import Detections
from untrim.errors import UntrimError
from untrim.rendering.chips import Chips
from untrim.rendering.lanes import Lane, lanes_of
from untrim.rendering.panel import Panel
from untrim.rendering.selection import films_of, select_detections
from untrim.rendering.takes import THREADS, Take, film_texts, made_from, source_mark
from untrim.support.array_types import Float64
from untrim.support.colors import colors
from untrim.support.files import remove_leftovers
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.named_files import file_of
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress, ShouldStop, count_steps, stop_if
from untrim.timeline import LONGEST, Detection, Segment
from untrim.training.checkpoint import Run
from untrim.training.ready_runs import find_run
from untrim.video.decode import VideoFile
from untrim.video.planes import Planes, color_tags, even, planes_converter, planes_painter

ENDING = "-overlay.mp4"
_VERSION = 1  # of how overlays look: one more makes old ones be made again


@dataclass(frozen=True)
class OverlayReport:
    """What became of the overlays.

    Args:
        films: The films that are there, by video.
        made: Number of films that were made now; the others were already present.
        failed: For each video that could not be done, the reason.
        notes: What is worth knowing, a line each.
    """

    films: Mapping[str, Path]
    made: int
    failed: Mapping[str, str]
    notes: tuple[str, ...]


def make_overlays(
    detections: Mapping[str, Sequence[Detection]],
    videos: Path | str | Sequence[Path | str],
    output: Path | str,
    *,
    run: Run | Path | str | None = None,
    activations: Path | str | None = None,
    min_score: float | None = None,
    labels: Collection[str] = (),
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> OverlayReport:
    """Write each video with its detections drawn into it, as ``<video>-overlay.mp4``, with its sound.

    On the picture are the classes that are found at the moment, with their scores. Below it moves a timeline with a row
    for each class. Films that are present in `output`, made from the same, are kept; so a call that was stopped or
    killed is completed by the next.

    Args:
        detections: By video.
        videos: The video files, and folders that hold some; or one of them.
        output: Folder to write.
        run: The run that made the detections, its folder, or the name of a ready run: for
            curves, and for the colours of its report.
        activations: The folder of its activation sequences, for curves; None for none.
        min_score: Score from which a detection is drawn; None for what counts as found.
        labels: Classes to draw; none for all.
        progress: Told of each second of each film that is made; None for silence.
        should_stop: Asked before each frame, from the thread that calls, whether to stop.

    Raises:
        UntrimError: `detections` are none, nothing is left to be shown, no film can be made, `activations` are given
            and `run` is not, or `output` holds something else, cannot be written or is worked in by another process.
        Stopped: `should_stop` said so; the films that are done are kept.
    """
    folder = as_path(output, "output")
    check_kind(folder, "overlays")
    if activations is not None and run is None:
        raise UntrimError("activations need the run that they are of", fix="give the run, too")
    trained = None if run is None else find_run(run, progress)
    found = Detections.of(detections)
    selected = select_detections(found, min_score, labels)
    files, notes = films_of(selected, as_paths(videos, "videos"))
    palette = _palette(() if trained is None else trained.labels, found.labels)
    curves = _Curves(trained, None if activations is None else ActivationFolder(activations))
    films, failed, made = {}, {}, 0
    with locked(folder):
        remove_leftovers(folder)
        for name, file in files.items():
            try:
                lanes = lanes_of(selected[name], palette, curves.of(name))
                film = _Film(file, file_of(folder, name, ENDING), name, lanes)
                if not film.is_there():
                    film.make(progress, should_stop)
                    made += 1
                films[name] = film.path
            except UntrimError as error:
                failed[name] = str(error)
    if not films:
        raise UntrimError(next(iter(failed.values())))
    notes += [] if curves.any else ["no curves: they need --run, and `untrim localize --save-activations`"]
    return OverlayReport(films, made, failed, tuple(notes))


class _Curves:
    """The activation sequences of a run, if there are any."""

    def __init__(self, run: Run | None, folder: ActivationFolder | None) -> None:
        self._run, self._folder = run, folder
        self._names = set() if run is None or folder is None else {*folder.names()}
        self.any = bool(self._names)

    def of(self, name: str) -> dict[str, tuple[Float64, Float64]]:
        """Times and values (T,) of each class of the run in a video."""
        if self._run is None or self._folder is None or name not in self._names:
            return {}
        sequences = self._folder.load(name, len(self._run.labels))
        grid = self._run.features.grid()
        centers = sequences.centers
        if centers is None:
            centers = np.array([grid.center(index) for index in range(len(sequences.cas))])
        return {label: (centers, sequences.cas[:, index]) for index, label in enumerate(self._run.labels)}


@dataclass(frozen=True)
class _Film:
    """One film, made or to be made: of which file, where, and what is drawn."""

    source: Path
    path: Path
    name: str
    lanes: Sequence[Lane]

    def is_there(self) -> bool:
        """Whether the file is there, made from the same."""
        made = made_from(self.path)
        return made is not None and made.texts == self._origin()

    def make(self, progress: Progress | None, should_stop: ShouldStop | None) -> None:
        """Write the file."""
        texts = film_texts(f"{self.name}, what was found", self._origin())
        with ExitStack() as resources:
            video = resources.enter_context(VideoFile(self.source, threads=THREADS))
            width, height = even(video.info.width, video.info.height)
            convert = planes_converter(width, height, video.info.rotation, video.info.mirrored, where=self.source)
            known = [*(found.segment.end for lane in self.lanes for found in lane.found), video.info.duration or 0.0]
            duration = video.info.duration or max(known)
            panel = Panel((width, height), self.lanes, duration)
            seconds = max(1, round(duration))
            advance, done = count_steps(progress, f"overlay {self.name}", seconds), 0
            canvas = Planes(width, height + panel.height)
            take = None
            for shown in video.shown([Segment(0.0, LONGEST)]):
                stop_if(should_stop)
                if take is None:
                    tags = color_tags(shown.picture)
                    paint = planes_painter(tags)
                    chips = Chips((width, height), self.lanes, paint)
                    take = resources.enter_context(Take(video, self.path, 0.0, canvas.size, tags, texts))
                canvas.paste(convert(shown.picture), 0, 0)
                chips.paste(canvas, shown.seconds)
                canvas.paste(paint(panel.draw(shown.seconds)), 0, height)
                take.add(canvas, shown.seconds, shown.until)
                for _ in range(done, min(int(shown.until), seconds)):
                    advance("")
                    done += 1
            for _ in range(done, seconds):
                advance("")
            if take is not None:
                take.finish()

    def _origin(self) -> dict[str, object]:
        """All that decides what is in the file."""
        drawn = hashlib.sha256()
        for lane in self.lanes:
            spans = [[found.segment.start, found.segment.end, found.score] for found in lane.found]
            drawn.update(json.dumps([lane.label, lane.color, spans]).encode())
            drawn.update(lane.seconds.tobytes() + lane.heights.tobytes())
        return {"overlay": _VERSION, "source": source_mark(self.source), "drawn": drawn.hexdigest()}


def _palette(first: Sequence[str], others: Collection[str]) -> dict[str, str]:
    """A colour for every class: the classes of the run in its order, then all others, as in its report."""
    labels = list(dict.fromkeys([*first, *sorted(others)]))
    return dict(zip(labels, colors(len(labels)), strict=True))
