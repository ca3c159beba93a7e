"""VIA's projects, JSON 3.1.1 (https://www.robots.ox.ac.uk/~vgg/software/via/), any number of videos.

A segment has an option of the attribute ``action``; labels without times are options of ``labels``, of the whole file.
Times are seconds of the media, to three decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from untrim.annotations import Video
from untrim.annotations.parsing import number
from untrim.errors import UntrimError, listing
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.json_values import as_list, as_object, as_text
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import in_ticks, span_of
from untrim.support.files import write_json
from untrim.timeline import Segment

_NAME = "untrim_video"
_CHECKBOX, _SELECT, _VIDEO, _LOCAL = 2, 4, 4, 1
_OF_SEGMENTS, _OF_FILES = "FILE1_Z2_XY0", "FILE1_Z0_XY0"
_MAKER = "VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)"
_LAYOUT = {
    "file_content_align": "center",
    "file_metadata_editor_visible": True,
    "spatial_metadata_editor_visible": True,
    "spatial_region_label_attribute_id": "",
    "gtimeline_visible_row_count": "4",
}


def _read(source: ForeignFile) -> Contents:
    project = as_object(source.json, source.path, "the file")
    views, files, attributes, metadata = (
        as_object(project.get(key), source.path, f"'{key}'") for key in ("view", "file", "attribute", "metadata")
    )
    videos = {view: _video(view, views, files, source) for view in views}
    asked = {anchor: _attribute(attributes, anchor, source) for anchor in (_OF_SEGMENTS, _OF_FILES)}
    marks, passed = [], 0
    for value in metadata.values():
        one = as_object(value, source.path, "an entry of 'metadata'")
        if (view := str(one.get("vid"))) not in videos:
            raise UntrimError(
                f"an entry of 'metadata' is about the view '{view}', which is not there", where=source.path
            )
        times = as_list(one.get("z"), source.path, "'z'")
        if one.get("xy") or len(times) not in (0, 2):
            passed += 1
            continue
        segment = _segment(times, source) if times else None
        found = asked[_OF_FILES if segment is None else _OF_SEGMENTS]
        marks += [LabelMark(videos[view], label, segment) for label in _labels(one, found, source)]
    timed = {(mark.video, mark.label) for mark in marks if mark.time is not None}
    marks = [mark for mark in marks if mark.time is not None or (mark.video, mark.label) not in timed]
    notes = [f"regions of pictures are passed over: {passed}"] if passed else []
    others = [as_object(value, source.path, "an attribute").get("aname") for value in attributes.values()]
    taken = [found[1] for found in asked.values() if found is not None]
    if others := [str(name) for name in others if name not in taken]:
        notes.append(f"attributes that are passed over: {listing(others)}")
    lost = {("region of a picture", "regions of pictures"): passed, ("attribute", "attributes"): len(others)}
    named = [Video(name) for name in dict.fromkeys(videos.values())]
    return Contents.gathered(marks, named, source=source.path, notes=notes, lost=lost)


def _video(view: str, views: Mapping[str, object], files: Mapping[str, object], source: ForeignFile) -> str:
    shown = as_list(as_object(views[view], source.path, f"view '{view}'").get("fid_list"), source.path, "'fid_list'")
    if len(shown) != 1 or str(shown[0]) not in files:
        raise UntrimError(f"view '{view}' shows {len(shown)} files, wanted one that is listed", where=source.path)
    file = as_object(files[str(shown[0])], source.path, f"file '{shown[0]}'")
    if isinstance(own := file.get(_NAME), str):
        return source.media.name_for(own, source.path)
    return source.media.name_of(as_text(file.get("fname"), source.path, "'fname'"), source.path)


def _attribute(
    attributes: Mapping[str, object], anchor: str, source: ForeignFile
) -> tuple[str, str, Mapping[str, object]] | None:
    """Key, name and options of the attribute that says the class: the one of that name, or the only one."""
    own = {
        key: one
        for key, value in attributes.items()
        if (one := as_object(value, source.path, f"attribute '{key}'")).get("anchor_id") == anchor
    }
    named = [key for key, one in own.items() if str(one.get("aname")).lower() in ("action", "label", "labels", "class")]
    if not own:
        return None
    if len(own) > 1 and len(named) != 1:
        names = listing(str(one.get("aname")) for one in own.values())
        what = f"has several attributes, and none is the one called action: {names}"
        raise UntrimError(what, where=source.path, fix="call the one that says the class 'action'")
    key = (named or list(own))[0]
    return key, str(own[key].get("aname")), as_object(own[key].get("options") or {}, source.path, "'options'")


def _labels(
    entry: Mapping[str, object], asked: tuple[str, str, Mapping[str, object]] | None, source: ForeignFile
) -> Iterator[str]:
    """What an entry says for the attribute: an option, several of them, or a text."""
    values = as_object(entry.get("av") or {}, source.path, "'av'")
    if asked is None or not isinstance(value := values.get(asked[0]), str) or not value.strip():
        return
    options = asked[2]
    for part in value.split(",") if options else [value]:
        if options and part not in options:
            raise UntrimError(f"'{part:.40}' is no option of attribute '{asked[1]:.40}'", where=source.path)
        yield as_text(options[part], source.path, "an option") if options else value


def _segment(times: list[object], source: ForeignFile) -> Segment:
    start, end = (number(time, source.path, "a time") for time in times)
    if not 0 <= start <= end:
        raise UntrimError(f"a segment is from {start:g} to {end:g} s, wanted 0 <= start <= end", where=source.path)
    return Segment(start, end)


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    shown = {str(key): label for key, label in enumerate(sorted({mark.label for mark in contents.marks}))}
    options = {label: key for key, label in shown.items()}
    default = {"desc": "", "options": shown, "default_option_id": ""}
    kinds = {"1": ("action", _OF_SEGMENTS, _SELECT), "2": ("labels", _OF_FILES, _CHECKBOX)}
    files, metadata = {}, {}
    for view, (name, marks) in enumerate(contents.by_video().items(), 1):
        file = target.media.files.get(name)
        about = {
            "fid": str(view),
            "fname": name if file is None else file.name,
            "type": _VIDEO,
            "loc": _LOCAL,
            "src": "",
        }
        files[str(view)] = {**about, _NAME: name}
        entries = [
            {"z": [time / 1000 for time in in_ticks(span_of(mark), target.losses)], "av": {"1": options[mark.label]}}
            for mark in marks
            if mark.time is not None
        ]
        if untimed := [options[mark.label] for mark in marks if mark.time is None]:
            entries.append({"z": [], "av": {"2": ",".join(untimed)}})
        for place, entry in enumerate(entries, 1):
            metadata[f"{view}_{place:08d}"] = {"vid": str(view), "flg": 0, "xy": [], **entry}
    project = {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": target.path.stem,
            "data_format_version": "3.1.1",
            "creator": _MAKER,
            "created": 0,
            "vid_list": list(files),
        },
        "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}, "ui": _LAYOUT},
        "attribute": {
            key: {"aname": name, "anchor_id": anchor, "type": kind, **default}
            for key, (name, anchor, kind) in kinds.items()
        },
        "file": files,
        "metadata": metadata,
        "view": {view: {"fid_list": [view]} for view in files},
    }
    return partial(write_json, value=project)


def _recognises(source: ForeignFile) -> bool:
    return isinstance(source.json, dict) and {"project", "file", "view", "metadata", "attribute"} <= source.json.keys()


VIA = Format(
    name="via",
    title="VIA 3",
    endings=(".json",),
    holds=frozenset({"labels", "empty videos"}),
    recognises=_recognises,
    read=_read,
    write=_write,
    media_times=True,
)
