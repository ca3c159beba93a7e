"""Streams of several feature folders side by side: RGB of one backbone with the flow of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from untrim.errors import UntrimError, listing, nearest
from untrim.features.importers.target import Array, ImportReport, Target, Timing
from untrim.features.store import FeatureFolder
from untrim.support.files import make_folder, remove_leftovers
from untrim.support.locks import locked
from untrim.support.paths import as_path, as_paths


@dataclass(frozen=True)
class Part:
    """A feature folder and those of its streams that are taken."""

    folder: FeatureFolder
    streams: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read ``FOLDER``, all streams of it, or ``FOLDER:STREAM``.

        Raises:
            UntrimError: No feature folder, or it has no such stream.
        """
        path, mark, stream = text.rpartition(":")
        if not mark or Path(text).is_dir():
            folder = FeatureFolder.open(text)
            return cls(folder, tuple(sorted(folder.info.streams, key=folder.info.streams.__getitem__)))
        folder = FeatureFolder.open(path)
        if stream not in folder.info.streams:
            fix = nearest(stream, folder.info.streams)
            raise UntrimError(f"the features have no stream '{stream}'", where=path, fix=fix)
        return cls(folder, (stream,))

    def described(self) -> str:
        """Backbone, streams and the start of the weights' SHA-256, by which features are told apart."""
        info = self.folder.info
        weights = f" {info.weights_sha256[:12]}" if info.weights_sha256 else ""
        flow = f" {info.flow_algorithm}" if info.flow_algorithm and "flow" in self.streams else ""
        return f"{info.backbone} {','.join(self.streams)}{flow}{weights}"

    def columns(self, name: str) -> dict[str, Array]:
        """Features (T, D_s) of each stream of a video."""
        stored, of = self.folder.stored(name), self.folder.info.streams
        return {stream: stored[:, slice(*of[stream])] for stream in self.streams}


def combine(sources: Path | str | Sequence[Path | str], output: Path | str) -> ImportReport:
    """Write the streams of several feature folders into one; what is there already and the same is left as it is.

    Args:
        sources: ``FOLDER`` or ``FOLDER:STREAM``, in the order of the columns.
        output: Feature folder, new or of the same sources.

    Returns:
        What became of the videos that all sources have; a note names those that only some have.

    Raises:
        UntrimError: A source is no feature folder, snippets lie elsewhere in time, two streams have one name, no video
            is in all sources, or `output` holds other features, is worked in by another run, or cannot be written.
    """
    texts, output = [str(source) for source in as_paths(sources, "sources")], as_path(output, "output")
    parts = [Part.parse(text) for text in texts]
    names = [stream for part in parts for stream in part.streams]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UntrimError(f"stream '{twice[0]}' comes from two folders", fix="name one of each: FOLDER:STREAM")
    info = parts[0].folder.info
    for part in parts[1:]:
        if part.folder.info.grid() != info.grid():
            raise UntrimError(
                f"snippets lie elsewhere in time than those of {parts[0].folder.path}",
                where=part.folder.path,
                fix="extract both with the same fps, snippet_frames and stride_frames",
            )
    in_all = set.intersection(*(set(part.folder.names()) for part in parts))
    if not in_all:
        raise UntrimError(f"no video has features in all of {', '.join(texts)}", fix="extract the same videos")
    left_out = set.union(*(set(part.folder.names()) for part in parts)) - in_all
    notes = (f"{len(left_out)} videos are not in all folders: {listing(sorted(left_out))}",) if left_out else ()
    center = info.first_center_seconds * info.fps
    timing = Timing(info.snippet_frames, info.stride_frames, info.fps, center, own_fps=True)
    make_folder(output)
    with locked(output):
        remove_leftovers(output)
        target = Target(output, timing, " + ".join(part.described() for part in parts))
        try:
            for name in sorted(in_all):
                _take(name, parts, target)
        finally:
            target.close()
        return target.report(notes)


def _take(name: str, parts: Sequence[Part], target: Target) -> None:
    """Put one video's streams side by side; one that cannot be is noted."""
    grids = {part.folder.info.grid(name) for part in parts}
    if len(grids) > 1:
        target.fail(name, f"has {listing(str(grid.fps) for grid in grids)} fps in the folders")
        return
    try:
        columns = {stream: array for part in parts for stream, array in part.columns(name).items()}
    except UntrimError as error:
        target.fail(name, str(error))
        return
    known = [part.folder.info.videos[name].duration for part in parts if name in part.folder.info.videos]
    target.save(name, columns, grids.pop().fps, next(filter(None, known), None))
