"""Labels of published datasets, and of lists and folders of videos, in the canonical form; with what is to be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from untrim.annotations.activitynet import read_annotations_json
from untrim.annotations.checks import doubtful_labels, find_oddities
from untrim.annotations.counts import count_labels
from untrim.annotations.csv import read_annotations_csv
from untrim.annotations.lists import read_lists
from untrim.annotations.model import Annotations
from untrim.annotations.parsing import number, positive
from untrim.annotations.thumos14 import LABEL_ERRORS, read_thumos14
from untrim.errors import Place, UntrimError, listing, nearest
from untrim.exchange.labelled_videos import read_folder
from untrim.support.files import read_json
from untrim.support.names import in_one_form, standard
from untrim.support.paths import as_path
from untrim.support.progress import Progress
from untrim.support.tables import read_table

LAYOUTS = ("thumos14", "activitynet", "lists", "videos")


@dataclass(frozen=True, slots=True)
class Published:
    """Numbers that papers give for a dataset: videos a subset, and classes."""

    name: str
    videos: Mapping[str, int]
    classes: int


THUMOS14 = Published("THUMOS14", {"validation": 200, "test": 213}, 20)
ACTIVITYNET = (
    Published("ActivityNet 1.2", {"training": 4819, "validation": 2383, "testing": 2480}, 100),
    Published("ActivityNet 1.3", {"training": 10024, "validation": 4926, "testing": 5044}, 200),
)


@dataclass(frozen=True)
class LabelImport:
    """Imported labels.

    Args:
        annotations: The labels.
        notes: Counts, compared with those of the papers where they are known, and oddities; one line each.
    """

    annotations: Annotations
    notes: tuple[str, ...]


def import_labels(
    layout: str,
    source: Path | str,
    *,
    subsets: Mapping[str, str] | None = None,
    subset_file: Path | str | None = None,
    fps_file: Path | str | None = None,
    labels: Path | str | None = None,
    progress: Progress | None = None,
) -> LabelImport:
    """Read labels in a published layout.

    Args:
        layout: ``thumos14``: a folder of the official text files. ``activitynet``: a JSON file of ActivityNet 1.2 or
            1.3, or that of BSN, which has no subsets. ``lists``: a file of ``video,label`` rows, or a folder of one
            file per class that lists its videos. ``videos``: a folder of video files, with `labels`.
        source: The file or folder.
        subsets: New names of subsets; the key ``""`` names those that have none.
        subset_file: Annotations, or a CSV with columns ``video`` and ``subset``, that know the subsets.
        fps_file: JSON object of frames per second by video; for THUMOS14, ``fps_dict.json`` in `source` is found.
        labels: The CSV of labels of `videos`.
        progress: Told of each video file that is opened; None for silence.

    Raises:
        UntrimError: Unknown layout, or a file is missing or wrong.
    """
    if layout not in LAYOUTS:
        raise UntrimError(f"unknown layout '{layout}'", fix=nearest(layout, LAYOUTS))
    if (labels is not None) != (layout == "videos"):
        raise UntrimError("--labels goes with --layout videos, and that needs it", where=source)
    source, notes = as_path(source, "source"), list[str]()
    if layout == "thumos14":
        found = read_thumos14_with_fps(source)
    elif layout == "activitynet":
        found, notes = read_activitynet(source)
        if {video.subset for video in found.values()} == {""} and subset_file is None:
            notes = ["the file knows no subsets: give --subset-file, or --subset =training for all"]
    elif layout == "lists":
        found = read_lists(source)
    else:
        found, notes = read_folder(source, read_annotations_csv(as_path(labels, "labels")), progress=progress)
    if subset_file is not None:
        found = with_subsets(found, as_path(subset_file, "subset_file"))
    if fps_file is not None:
        found = with_fps(found, as_path(fps_file, "fps_file"))
    described = describe_labels(layout, found, [*found.notes, *notes])
    return LabelImport(rename_subsets(found, subsets or {}), described)


def describe_labels(layout: str, found: Annotations, notes: Iterable[str] = ()) -> tuple[str, ...]:
    """How many videos, instances and classes there are, `notes`, and what is odd; one line each.

    Args:
        layout: Where the labels come from, for the counts that papers give.
        found: The labels.
        notes: How they were taken.
    """
    published = _published(layout, found)
    odd = [*map(str, find_oddities(found)), *doubtful_labels(found.labels)]
    return (*_counts(found, published), *notes, *_errors(published, found), *odd)


def read_thumos14_with_fps(folder: Path) -> Annotations:
    """THUMOS14's text files, with the frames per second of ``fps_dict.json`` if it is beside them.

    Raises:
        UntrimError: There are no such files, or one is wrong inside.
    """
    found, rates = read_thumos14(folder), folder / "fps_dict.json"
    return with_fps(found, rates) if rates.is_file() else found


def read_activitynet(source: Path) -> tuple[Annotations, list[str]]:
    """ActivityNet JSON of others, and what was left out of it: a line.

    Raises:
        UntrimError: It is missing, or wrong inside.
    """
    found = read_annotations_json(source)
    if {video.subset for video in found.values()} == {""}:
        return found, []
    if len({video.fps for video in found.values()}) > 1 or found[next(iter(found))].fps is None:
        return found, []
    note = f"the file says {found[next(iter(found))].fps:g} fps of every video, which nobody measured: left out"
    return found.changed([replace(video, fps=None) for video in found.values()]), [note]


def _published(layout: str, found: Annotations) -> Published | None:
    """The dataset that the labels are those of, by its number of classes."""
    candidates = {"thumos14": (THUMOS14,), "activitynet": ACTIVITYNET}.get(layout, ())
    return next((dataset for dataset in candidates if dataset.classes == len(found.labels)), None)


def _counts(found: Annotations, published: Published | None) -> list[str]:
    """Videos, instances and classes, and how they compare with the papers'."""
    lines = [f"{len(found)} videos, {len(found.labels)} classes" + (f": {published.name}" if published else "")]
    counts = Counter(video.subset for video in found.values())
    for subset, count in sorted(counts.items()):
        given = count_labels(video for video in found.values() if video.subset == subset)
        line = f"  {subset or '(no subset)'}: {count} videos, {given.segments} instances"
        line += f"; {given}" if given.beyond_tags else ""
        wanted = published.videos.get(subset) if published else None
        if wanted is not None:
            line += f"; the papers' {wanted}" if count == wanted else f"; the papers have {wanted}"
        lines.append(line)
    if published is None:
        return lines
    whole = sum(published.videos.values())
    absent = [subset for subset in published.videos if subset not in counts and "" not in counts]
    if absent:
        lines.append(f"no videos of subset {listing(absent)}: {published.name} has them, this source does not")
    elif len(found) != whole:
        lines.append(
            f"{whole - len(found)} of the {whole} videos are not in this file: such files list what their makers could "
            "still download, and figures on fewer videos are not the papers'"
        )
    return lines


def _errors(published: Published | None, found: Annotations) -> list[str]:
    """What is known to be wrong in THUMOS14, or to be missing in ActivityNet."""
    if published in ACTIVITYNET and any(not video.labels for video in found.values()):
        return ["labels of the testing videos were never published"]
    if published is not THUMOS14:
        return []
    cliff = {(name, i.segment) for name, v in found.items() for i in v.instances if i.label == "CliffDiving"}
    diving = {(name, i.segment) for name, v in found.items() for i in v.instances if i.label == "Diving"}
    lines = [f"{len(cliff & diving)} of {len(cliff)} CliffDiving instances are Diving instances, too"] if cliff else []
    lines += [f"known error in {name}: {what}" for name, what in LABEL_ERRORS.items() if name in found]
    return [*lines, "`untrim evaluate --protocol list` tells which protocol leaves out what"]


def with_subsets(found: Annotations, file: Path) -> Annotations:
    """The same videos with the subsets that annotations, or a CSV with columns ``video`` and ``subset``, know.

    Raises:
        UntrimError: The file knows none of the videos, or is wrong inside.
    """
    known = _subsets_of(file)
    if not any(name in known for name in found):
        raise UntrimError("names none of the videos", where=file)
    return found.changed([replace(video, subset=known.get(name, video.subset)) for name, video in found.items()])


def _subsets_of(file: Path) -> dict[str, str]:
    """Subsets by video, of annotations or of any CSV with columns ``video`` and ``subset``."""
    if file.suffix.lower() == ".json":
        known = {name: video.subset for name, video in read_annotations_json(file).items()}
    else:
        known = _subsets_in(file)
    return {**{name.removeprefix("v_"): subset for name, subset in known.items()}, **known}


def _subsets_in(file: Path) -> dict[str, str]:
    (_, heading), *rows = read_table(file).rows or [(1, [])]
    columns = [name.casefold() for name in heading]
    if columns.count("video") != 1 or columns.count("subset") != 1:
        raise UntrimError("needs columns video and subset, each once", where=file)
    video, subset = columns.index("video"), columns.index("subset")
    known: dict[str, str] = {}
    for line, cells in rows:
        if len(cells) != len(columns):
            raise UntrimError(f"has {len(cells)} cells, the first line {len(columns)}", where=Place(file, line))
        name, own = standard(cells[video]), standard(cells[subset])
        if known.setdefault(name, own) != own:
            what = f"subset of '{name}' is '{own}' here, but '{known[name]}' before"
            raise UntrimError(what, where=Place(file, line), fix="keep the right one")
    return known


def with_fps(found: Annotations, file: Path) -> Annotations:
    """The same videos with the frames per second of a JSON object by video.

    Raises:
        UntrimError: The file knows none of the videos, or is wrong inside.
    """
    content = read_json(file)
    if not isinstance(content, dict):
        raise UntrimError("should be an object of frames per second by video", where=file)
    rates = in_one_form(content, file)
    known = {name: positive(rates[name], file, f"fps of '{name}'", number) for name in found if name in rates}
    if not known:
        raise UntrimError("names none of the videos", where=file, fix="use the same video names")
    return found.changed([replace(video, fps=known.get(name) or video.fps) for name, video in found.items()])


def rename_subsets(found: Annotations, subsets: Mapping[str, str]) -> Annotations:
    """The same videos with subsets of new names; the key ``""`` names those that have none.

    Raises:
        UntrimError: No video is in a subset of one of the old names.
    """
    there = {video.subset for video in found.values()}
    if unknown := [name for name in subsets if name not in there]:
        raise UntrimError(
            f"no video in subset '{unknown[0]}'", where=found.source, fix=f"there: {listing(there or {'(none)'})}"
        )
    return found.changed([replace(video, subset=subsets.get(video.subset, video.subset)) for video in found.values()])
