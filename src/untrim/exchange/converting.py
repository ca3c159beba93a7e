"""From any format into any other: what is in a file, and what of it another tool can hold."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from untrim.annotations import Annotations, Detections
from untrim.errors import UntrimError, listing, numbered
from untrim.exchange.dataset_labels import describe_labels, rename_subsets, with_fps, with_subsets
from untrim.exchange.formats import (
    Destination,
    ForeignFile,
    Format,
    files_in,
    format_of_name,
    format_to_read,
    format_to_write,
    recognises,
)
from untrim.exchange.losses import Losses
from untrim.exchange.marks import Contents
from untrim.exchange.media import Media
from untrim.exchange.reducing import labels_alone, what_fits, without_low_scores
from untrim.exchange.timing import from_media_seconds, measured, to_media_seconds
from untrim.support.files import check_output, linked_file, write_bytes, writing
from untrim.support.kinds import check_file, check_replaced
from untrim.support.named_files import file_of
from untrim.support.paths import as_path
from untrim.support.progress import Progress


@dataclass(frozen=True)
class Conversion:
    """What `convert` did.

    Args:
        files: The files that were written.
        format: What the users of the target's format call it.
        notes: How the input was taken, and what is worth knowing: a line each.
        losses: What the target cannot hold, and how far times are rounded.
    """

    files: tuple[Path, ...]
    format: str
    notes: tuple[str, ...]
    losses: Losses

    @property
    def written(self) -> str:
        """``written as ELAN: 14 files, found/a.eaf to found/z.eaf``."""
        ends = " to ".join(str(file) for file in dict.fromkeys((self.files[0], self.files[-1]))) if self.files else ""
        many = "" if len(self.files) == 1 else f"{numbered(len(self.files), 'file', 'files')}, "
        return f"written as {self.format}: {many}{ends}".rstrip(", ")


def convert(
    source: Path | str,
    output: Path | str,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    videos: Path | str | None = None,
    renamed: Mapping[str, str] | None = None,
    fps: float | None = None,
    strict: bool = False,
    labels_only: bool = False,
    bom: bool = False,
    subsets: Mapping[str, str] | None = None,
    subset_file: Path | str | None = None,
    fps_file: Path | str | None = None,
    min_score: float | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Turn annotations or detections of any format into any other.

    Args:
        source: A file, or a folder of files about one video each, or of a dataset's text files.
        output: The file; a folder where the format has one file per video and there are several videos, or where it
            has no ending.
        source_format: Format of `source`; known by its ending and content, where they tell.
        target_format: Format of `output`; known by its ending, where that tells.
        videos: Folder of the video files: for durations, frame times, and the times of players.
        renamed: Paths or names in `source`, or folders that paths begin with -> names of videos, or other folders.
        fps: Frames per second, for formats that count frames, of videos whose files and rates are not known.
        strict: Refuse to write if anything is lost.
        labels_only: Keep which labels each video has, and no times.
        bom: Begin a CSV with a byte order mark, which Excel needs to show letters beyond ASCII.
        subsets: New names of subsets; the key ``""`` names those that have none.
        subset_file: Annotations, or a CSV with columns ``video`` and ``subset``, that know the subsets.
        fps_file: JSON object of frames per second by video.
        min_score: Score from which detections are written. None: where scores are written too, all are; else those that
            count as found (`untrim.evaluation.found`).
        progress: Told of each video file that is looked at; None for silence.

    Raises:
        UntrimError: A format is unknown or cannot be known, a file is wrong inside, a place cannot be written, is read
            or holds something else, `min_score` is no number or has no scores to look at, or `strict` and something is
            lost.
        WorkFailed: The disk is full.
    """
    path, target = as_path(source, "source"), as_path(output, "output")
    form = _target(target, target_format)
    if bom and form.endings != (".csv",):
        raise UntrimError(f"a byte order mark goes with CSV, not with {form.title}", where=target, fix="leave it out")
    if bom:
        form = _marked(form)
    media = _media(videos, renamed, fps)
    kind, contents = _read(path, source_format, media, progress)
    inputs = [path, *(files_in(path, kind) if path.is_dir() and kind.endings else [])]
    inputs += [as_path(file, "file") for file in (subset_file, fps_file) if file is not None]
    losses = Losses()
    with_scores = "scores" in form.holds and not labels_only
    contents = without_low_scores(contents, losses, min_score, all_by_default=with_scores)
    if labels_only:
        contents = labels_alone(contents, losses)
    contents = _with_subsets(contents, subsets, subset_file, fps_file)
    if "subsets" in form.holds and not contents.found:
        contents = _described(contents, kind)
    files, notes = _written(contents, target, form, media, losses, strict=strict, inputs=inputs)
    return Conversion(files, form.title, (*notes, *media.notes), losses)


def read(
    path: Path | str,
    *,
    format: str | None = None,
    videos: Path | str | None = None,
    renamed: Mapping[str, str] | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
) -> Annotations | Detections:
    """Annotations of a file of any format; detections, where everything in it has a time and a score.

    Args:
        path: A file, or a folder.
        format: Its format; known by its ending and content, where they tell.
        videos: As for `convert`.
        renamed: As for `convert`.
        fps: As for `convert`.
        progress: As for `convert`.

    Raises:
        UntrimError: The format is unknown or cannot be known, or a file is wrong inside.
    """
    media = _media(videos, renamed, fps)
    _, contents = _read(as_path(path, "path"), format, media, progress)
    contents = replace(contents, notes=(*contents.notes, *media.notes))
    return contents.to_detections() if contents.found else contents.to_annotations()


def write(
    contents: Annotations | Detections,
    path: Path | str,
    *,
    format: str | None = None,
    videos: Path | str | None = None,
    fps: float | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Losses:
    """Write annotations or detections in any format.

    Args:
        contents: What to write.
        path: As `output` of `convert`.
        format: Its format; known by the ending, where that tells.
        videos: As for `convert`.
        fps: As for `convert`.
        strict: Refuse to write if anything is lost.
        progress: As for `convert`.

    Returns:
        What the format cannot hold, and how far times are rounded.

    Raises:
        UntrimError: `contents` are neither, the format is unknown, a place cannot be written or holds something else,
            or `strict` and something is lost.
        WorkFailed: The disk is full.
    """
    if not isinstance(contents, Annotations | Detections):
        raise UntrimError(f"neither Annotations nor Detections: {contents!r:.60}")
    target, media = as_path(path, "path"), _media(videos, None, fps)
    form = _target(target, format)
    media.measure(contents, progress)
    losses = Losses()
    _written(Contents.of(contents), target, form, media, losses, strict=strict)
    return losses


def _media(videos: Path | str | None, renamed: Mapping[str, str] | None, fps: float | None) -> Media:
    return Media(None if videos is None else as_path(videos, "videos"), renamed, fps)


def _target(path: Path, name: str | None) -> Format:
    form = format_to_write(path) if name is None else format_of_name(name)
    if form.write is None:
        raise UntrimError(f"{form.title}: can be read, not written", where=path, fix="choose another --to")
    if not form.per_video:
        check_output(path, form.endings)  # Before the videos are looked at, which may take long.
    return form


def _marked(form: Format) -> Format:
    """The same format, whose file begins with a byte order mark. It is written at once: it may be a pipe."""

    def write(contents: Contents, target: Destination) -> Callable[[Path], None]:
        assert form.write is not None
        write_plain = form.write(contents, target)

        def write_to(path: Path) -> None:
            with writing(path), TemporaryDirectory() as folder:
                plain = Path(folder, f"plain{form.endings[0]}")
                write_plain(plain)
                write_bytes(path, BOM_UTF8 + plain.read_bytes())

        return write_to

    return replace(form, write=write)


def _read(path: Path, name: str | None, media: Media, progress: Progress | None) -> tuple[Format, Contents]:
    """The format of a file or folder, and what is in it, in seconds from the first picture."""
    form = format_to_read(path, media) if name is None else format_of_name(name)
    if form.read is None:
        raise UntrimError(f"{form.title}: can be written, not read", where=path, fix="choose another --from")
    sources = [ForeignFile(path, media, path.stem)]
    if path.is_dir() and form.endings:
        files = files_in(path, form)
        if not files:
            raise UntrimError(f"holds no files of {form.title}", where=path, fix=f"they end in {listing(form.endings)}")
        sources = [ForeignFile(file, media, file.relative_to(path).with_suffix("").as_posix()) for file in files]
    parts = [form.read(source) for source in sources]
    contents = parts[0] if len(parts) == 1 else _together(parts, path)
    media.measure(contents.videos, progress)
    if form.media_times:
        contents = from_media_seconds(contents, media)
    contents = measured(contents, media)
    return form, replace(contents, notes=(*contents.notes, *media.coverage(contents.videos)))


def _together(parts: list[Contents], path: Path) -> Contents:
    """The contents of several files; a video that several of them are about is one."""
    videos = {name: video for part in parts for name, video in part.videos.items()}
    marks = tuple(mark for part in parts for mark in part.marks)
    found = bool(marks) and all(part.found for part in parts if part.marks)
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    lost = sum((Counter(part.lost) for part in parts), Counter[tuple[str, str]]())
    return Contents(marks, videos, found, tuple(notes), path, lost)


def _with_subsets(
    contents: Contents,
    subsets: Mapping[str, str] | None,
    subset_file: Path | str | None,
    fps_file: Path | str | None,
) -> Contents:
    if not (subsets or subset_file or fps_file):
        return contents
    known = Annotations(contents.videos.values(), contents.source)
    if subset_file is not None:
        known = with_subsets(known, as_path(subset_file, "subset_file"))
    if fps_file is not None:
        known = with_fps(known, as_path(fps_file, "fps_file"))
    return replace(contents, videos=dict(rename_subsets(known, subsets or {})))


def _described(contents: Contents, kind: Format) -> Contents:
    """The same marks; the notes say how many there are, and what is odd in them."""
    annotations = contents.to_annotations()
    notes = describe_labels(kind.name, annotations, contents.notes)
    if not any(video.subset for video in annotations.values()):
        notes = (*notes, "no video has a subset: --subset =training names one")
    return replace(contents, notes=notes)


def _written(
    contents: Contents,
    target: Path,
    form: Format,
    media: Media,
    losses: Losses,
    *,
    strict: bool,
    inputs: Sequence[Path] = (),
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write the contents; gives the files and the notes. `losses` are told of what is lost."""
    assert form.write is not None
    places = _places(contents, target, form)
    for place in places:
        _check_place(place, form, contents.found, media, inputs)
    contents = what_fits(contents, form, losses)
    if form.media_times:
        contents = to_media_seconds(contents, media)
        if unknown := {mark.video for mark in contents.marks if mark.video not in media.files}:
            videos = numbered(len(unknown), "video", "videos")
            note = f"no files of {videos} are known (--videos): a player shows times later where pictures begin late"
            contents = replace(contents, notes=(*contents.notes, note))
    jobs: list[tuple[Path, Callable[[Path], None]]] = []
    told: list[str] = []
    marks = contents.by_video()
    for place, names in places.items():
        own = tuple(mark for name in names for mark in marks[name])
        part = replace(contents, marks=own, videos={name: contents.videos[name] for name in names})
        jobs.append((place, form.write(part, Destination(place, media, losses, told))))
    if strict and losses.counts:
        fix = "write another format, or leave --strict out"
        raise UntrimError(f"{form.title} cannot hold everything: {losses}", where=target, fix=fix)
    for place, write_to in jobs:
        write_to(place)
    return tuple(places), (*contents.notes, *dict.fromkeys(told))


def _places(contents: Contents, target: Path, form: Format) -> dict[Path, list[str]]:
    """The files that are going to be written, and the videos of each."""
    ending = form.endings[0]
    if not form.per_video or target.suffix.lower() in form.endings:
        if form.per_video and len(contents.videos) > 1:
            what = f"{form.title} has one file per video, and there are {len(contents.videos)} videos"
            raise UntrimError(what, where=target, fix=f"name a folder: -o {target.stem}/ --to {form.name}")
        check_output(target, form.endings)
        return {linked_file(target): list(contents.videos)}
    places = {file_of(target, name, ending): [name] for name in contents.videos}
    if target.exists() and not target.is_dir():
        raise UntrimError("is a file, not a folder", where=target, fix="name a folder for the output")
    return places


def _check_place(place: Path, form: Format, found: bool, media: Media, inputs: Sequence[Path]) -> None:
    """Check that a file may be written: what it would replace is of the same kind, and none of `inputs`."""
    if form.own:
        check_file(place, "detections" if found else "annotations", inputs)
    else:
        check_replaced(place, form.title, lambda: recognises(form, ForeignFile(place, media, place.stem)), inputs)
