"""The formats of other people's tools, by name; the format of a file is known by its ending and its content."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from untrim.errors import UntrimError
from untrim.exchange.losses import Losses
from untrim.exchange.marks import Contents
from untrim.exchange.media import Media
from untrim.support.documents import parse_json
from untrim.support.files import read_text, reading
from untrim.support.paths import similar
from untrim.support.registry import Registry

LARGEST = 1 << 28
"""Bytes of the largest file of another tool that is read."""

_FORMATS = Registry(
    "format",
    "untrim.formats",
    {
        "activitynet": "untrim.exchange.own_forms:ACTIVITYNET",
        "csv": "untrim.exchange.own_forms:CSV",
        "player-csv": "untrim.exchange.own_forms:PLAYER_CSV",
        "thumos14": "untrim.exchange.own_forms:THUMOS14_TEXT",
        "reviews": "untrim.exchange.own_forms:REVIEWS",
        "lists": "untrim.exchange.own_forms:LISTS",
        "elan": "untrim.exchange.elan:ELAN",
        "label-studio": "untrim.exchange.label_studio:LABEL_STUDIO",
        "cvat": "untrim.exchange.cvat:CVAT",
        "via": "untrim.exchange.via:VIA",
        "boris": "untrim.exchange.boris:BORIS",
        "webvtt": "untrim.exchange.subtitles:WEBVTT",
        "srt": "untrim.exchange.subtitles:SRT",
        "audacity": "untrim.exchange.audacity:AUDACITY",
        "textgrid": "untrim.exchange.textgrid:TEXTGRID",
        "otio": "untrim.exchange.otio:OTIO",
        "edl": "untrim.exchange.otio:EDL",
    },
)

Holdable = Literal["scores", "points", "labels", "subsets", "ambiguous", "exhaustive", "rejected", "empty videos"]


class ForeignFile:
    """A file or folder that is read: its text and its JSON, each read once, when it is first asked for.

    Args:
        path: The file or folder.
        media: The video files, and the names of videos.
        name: The video that a file which names none is about.
    """

    def __init__(self, path: Path, media: Media, name: str) -> None:
        self.path, self.media, self.name = path, media, name

    @cached_property
    def text(self) -> str:
        """The text of the file, UTF-8 or UTF-16, its lines ended by a line feed.

        Raises:
            UntrimError: It is neither, or larger than `LARGEST`.
        """
        with reading(self.path):
            size = self.path.stat().st_size
            content = self.path.read_bytes() if size <= LARGEST else b""
        if size > LARGEST:
            raise UntrimError(f"is larger than {LARGEST >> 20} MiB", where=self.path, fix="split it into several files")
        if not content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            return read_text(self.path)
        try:
            return content.decode("utf-16").replace("\r\n", "\n").replace("\r", "\n")  # Praat writes it.
        except UnicodeDecodeError as error:
            raise UntrimError(f"is damaged UTF-16: {error.reason}", where=self.path, fix="save it as UTF-8") from error

    @cached_property
    def json(self) -> object:
        """The value of the file.

        Raises:
            UntrimError: It is no JSON.
        """
        return parse_json(self.text, self.path)

    def video(self, path: str | None) -> str:
        """The video that the file is about: the one whose path is in it, else the one that the file is called like.

        Raises:
            UntrimError: The path names no video, or may be several.
        """
        return self.media.name_by(self.name, path, self.path)


@dataclass(frozen=True)
class Destination:
    """What a writer needs beside the marks.

    Args:
        path: The file that is going to be written.
        media: The video files.
        losses: Told of what is lost.
        notes: What is worth knowing, a line each; writers add to it.
    """

    path: Path
    media: Media
    losses: Losses
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        name: Its name on the command line.
        title: What its users call it.
        endings: Of its files, in small letters; none where it is a folder.
        holds: What it has a place for, beside segments with labels.
        recognises: Whether a file or folder is of this format, by its content.
        read: What a file holds. None if it is only written.
        write: A function that writes the marks, whole or not at all. It is made before anything is written, so that the
            losses are known by then. None if it is only read.
        per_video: Whether a file is about one video, so that several videos are files in a folder.
        media_times: Whether its times are those that a player shows. Where they are, `read` and `write` have marks in
            media seconds, otherwise in seconds from the first picture.
        own: Whether its files are untrim's, annotations or detections.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    holds: frozenset[Holdable]
    recognises: Callable[[ForeignFile], bool]
    read: Callable[[ForeignFile], Contents] | None = None
    write: Callable[[Contents, Destination], Callable[[Path], None]] | None = None
    per_video: bool = False
    media_times: bool = False
    own: bool = False


def format_of_name(name: str) -> Format:
    """The format of that name.

    Raises:
        UntrimError: There is none.
    """
    loaded: object = _FORMATS.load(name)
    if not isinstance(loaded, Format):
        raise UntrimError(f"the format '{name}' is no untrim.exchange.formats.Format: {loaded!r:.60}")
    return loaded


def all_formats() -> list[Format]:
    """All formats, untrim's own first."""
    return [format_of_name(name) for name in _FORMATS.names()]


def format_to_read(path: Path, media: Media) -> Format:
    """The format of a file, or of the files in a folder, by endings and content.

    Raises:
        UntrimError: It is not there, or the format cannot be known.
    """
    if not path.exists():
        raise UntrimError("no such file or folder", where=path, fix=similar(path))
    readers = [form for form in all_formats() if form.read is not None]
    fits = [form for form in readers if path.suffix.lower() in form.endings]
    if path.is_dir():
        fits = [form for form in readers if _is_folder_of(form, path, media)]
    elif len(fits) > 1:
        known = [form for form in fits if form.recognises(ForeignFile(path, media, path.stem))]
        fits = known or [form for form in fits if path.suffix.lower() == ".csv"][:1]  # It says what a table lacks.
    elif not fits:
        fits = [form for form in readers if recognises(form, ForeignFile(path, media, path.stem))]
    if len(fits) == 1:
        return fits[0]
    which = " or ".join(form.name for form in fits) if fits else "nothing in it says which"
    raise UntrimError(f"its format cannot be known: {which}", where=path, fix=f"name it: --from {_names(readers)}")


def format_to_write(path: Path) -> Format:
    """The format that the ending of an output means; of several, untrim's own.

    Raises:
        UntrimError: None has it, or it has none.
    """
    writers = [form for form in all_formats() if form.write is not None]
    fits = [form for form in writers if path.suffix.lower() in form.endings]
    if not fits:
        what = (
            f"ending '{path.suffix}' is that of no format"
            if path.suffix
            else "has no ending, which would name a format"
        )
        raise UntrimError(what, where=path, fix=f"name it: --to {_names(writers)}")
    return fits[0]


def files_in(folder: Path, form: Format) -> list[Path]:
    """The files of a format in a folder and the folders in it, sorted; hidden ones are left out."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in form.endings and file.is_file())
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def recognises(form: Format, source: ForeignFile) -> bool:
    """Whether a file of any ending is of a format; it may be of none, and no text at all."""
    with suppress(UntrimError):
        return form.recognises(source)
    return False


def _is_folder_of(form: Format, folder: Path, media: Media) -> bool:
    if not form.endings:
        return form.recognises(ForeignFile(folder, media, folder.name))
    files = files_in(folder, form) if form.per_video else []
    return bool(files) and recognises(form, ForeignFile(files[0], media, files[0].stem))


def _names(forms: list[Format]) -> str:
    return ", ".join(form.name for form in forms)
