"""Streams of several feature folders side by side: RGB of one backbone with the flow of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from untrim.errors import UntrimError, listing, nearest
from untrim.features.lasting import Lasting, lasting_notes
from untrim.features.store import FeatureFolder, FeatureInfo, VideoInfo, column_ranges
from untrim.features.writing import GrowingFolder, ImportReport, NotTaken, growing, side_by_side
from untrim.support.array_types import Array
from untrim.support.kinds import check_kind
from untrim.support.paths import as_path, as_paths
from untrim.support.progress import Progress, count_steps


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

    def recipe(self) -> dict[str, str | int | float | bool]:
        """The settings of its backbone, each after its streams."""
        return {f"{','.join(self.streams)}: {key}": value for key, value in self.folder.info.recipe.items()}

    def widths(self) -> dict[str, int]:
        """Width of each stream that is taken, in the order of the columns."""
        ranges = self.folder.info.streams
        return {stream: ranges[stream][1] - ranges[stream][0] for stream in self.streams}

    def columns(self, name: str) -> dict[str, Array]:
        """Features (T, D_s) of each stream of a video."""
        stored, of = self.folder.stored(name), self.folder.info.streams
        return {stream: stored[:, slice(*of[stream])] for stream in self.streams}

    def lasting(self, names: Iterable[str]) -> Iterator[Lasting]:
        """How long the features last of those of `names` whose duration is known, and which can be read."""
        for name in sorted(names):
            entry = self.folder.info.videos.get(name)
            if entry is not None and entry.duration:
                with suppress(UntrimError):
                    count, width = self.folder.stored(name).shape
                    yield Lasting(name, (count, width), self.folder.info.grid(name), entry.duration)


def combine(
    sources: Path | str | Sequence[Path | str], output: Path | str, *, progress: Progress | None = None
) -> ImportReport:
    """Write the streams of several feature folders into one; videos already present and equal are left as they are.

    Args:
        sources: ``FOLDER`` or ``FOLDER:STREAM``, in the order of the columns.
        output: Feature folder, new or of the same sources.
        progress: Told of each video; None for silence.

    Returns:
        What became of the videos that all sources have; a note names those that only some have.

    Raises:
        UntrimError: A source is no feature folder, snippets have other times, features last much longer or shorter
            than their videos, two streams have one name, no video is in all sources, or `output` holds something
            else or other features, is worked in by another run, or cannot be written.
    """
    texts, output = [str(source) for source in as_paths(sources, "sources")], as_path(output, "output")
    check_kind(output, "features")
    parts = [Part.parse(text) for text in texts]
    names = [stream for part in parts for stream in part.streams]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UntrimError(f"stream '{twice[0]}' comes from two folders", fix="name one of each: FOLDER:STREAM")
    info = parts[0].folder.info
    for part in parts[1:]:
        if part.folder.info.grid() != info.grid():
            raise UntrimError(
                f"snippets have other times than those of {parts[0].folder.path}",
                where=part.folder.path,
                fix="extract both with the same fps, snippet_frames and stride_frames",
            )
    in_all = set.intersection(*(set(part.folder.names()) for part in parts))
    if not in_all:
        raise UntrimError(f"no video has features in all of {', '.join(texts)}", fix="extract the same videos")
    left_out = set.union(*(set(part.folder.names()) for part in parts)) - in_all
    notes = (f"{len(left_out)} videos are not in all folders: {listing(sorted(left_out))}",) if left_out else ()
    advance = count_steps(progress, "combine", len(in_all))
    known = {lasting.name: lasting for part in reversed(parts) for lasting in part.lasting(in_all)}
    lasting = lasting_notes([*known.values()])
    with growing(output) as folder:
        for name in sorted(in_all):
            try:
                _take(name, parts, folder)
            except NotTaken as error:
                folder.fail(name, str(error))
            advance(name)
    return folder.report((*notes, *lasting))


def _together(parts: Sequence[Part]) -> FeatureInfo:
    """What ``features.json`` says of the streams of all parts, whose snippets have the same times."""
    info = parts[0].folder.info
    widths = {stream: width for part in parts for stream, width in part.widths().items()}
    return FeatureInfo(
        snippet_frames=info.snippet_frames,
        stride_frames=info.stride_frames,
        fps=info.fps,
        first_center_seconds=info.first_center_seconds,
        dim=sum(widths.values()),
        streams=column_ranges(widths),
        backbone=" + ".join(part.described() for part in parts),
        recipe={key: value for part in parts for key, value in part.recipe().items()},
    )


def _take(name: str, parts: Sequence[Part], folder: GrowingFolder) -> None:
    """Put one video's streams side by side."""
    fps = {part.folder.info.grid(name).fps for part in parts}
    if len(fps) > 1:
        raise NotTaken(f"has {listing(map(str, fps))} fps in the folders")
    try:
        columns = {stream: array for part in parts for stream, array in part.columns(name).items()}
    except UntrimError as error:
        raise NotTaken(str(error)) from None
    features, notes = side_by_side(columns)
    if not folder.begun:
        folder.begin(_together(parts))
    known = [part.folder.info.videos[name] for part in parts if name in part.folder.info.videos]
    file = next((entry for entry in known if entry.duration), known[0] if known else VideoInfo())
    said = list(dict.fromkeys(note for entry in known for note in entry.notes))
    own = None if fps == {parts[0].folder.info.fps} else fps.pop()
    folder.add(name, features, file.model_copy(update={"notes": [*said, *notes], "fps": own}))
