"""ELAN's annotation documents, ``.eaf`` 3.0 (https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf).

One file per video. A class is a tier; the annotations of a tier may not overlap, so what does goes to a tier ``run#2``.
The value of an annotation is its label. Times are whole milliseconds of the media.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from untrim.annotations import Video
from untrim.errors import UntrimError, listing, numbered
from untrim.exchange.formats import Destination, ForeignFile, Format
from untrim.exchange.marks import Contents, LabelMark
from untrim.exchange.times import Span, free_name, in_ticks, lanes, span_of
from untrim.exchange.xml_documents import attribute, is_xml, parse_xml, xml_document, xml_text
from untrim.support.files import write_text
from untrim.timeline import Segment

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_VIDEO = "untrim:video"
_NEVER = "1970-01-01T00:00:00+00:00"  # The form wants a date; the same marks give the same file.
_LANE = re.compile(r"#\d+$")
_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mpg": "video/mpeg",
    ".avi": "video/avi",
}


def _read(source: ForeignFile) -> Contents:
    root = parse_xml(source.text, source.path, "ANNOTATION_DOCUMENT")
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise UntrimError(
            f"counts time in {units}, wanted milliseconds", where=source.path, fix="save it with a newer ELAN"
        )
    media = [] if header is None else header.findall("MEDIA_DESCRIPTOR")
    video = _video(root, media, source)
    origin = _whole(media[0].get("TIME_ORIGIN", "0"), source.path) if media else 0
    slots = {
        attribute(slot, "TIME_SLOT_ID", source.path): _whole(value, source.path)
        for slot in root.iterfind("TIME_ORDER/TIME_SLOT")
        if (value := slot.get("TIME_VALUE")) is not None
    }
    marks, passed, untimed = [], set(), 0
    for tier in root.iterfind("TIER"):
        name = attribute(tier, "TIER_ID", source.path)
        if tier.find("ANNOTATION/REF_ANNOTATION") is not None:
            passed.add(name)
        for found in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
            label = (found.findtext("ANNOTATION_VALUE") or "").strip() or _LANE.sub("", name)
            ends = [slots.get(attribute(found, f"TIME_SLOT_REF{end}", source.path)) for end in (1, 2)]
            if ends[0] is None or ends[1] is None:
                untimed += 1
                marks.append(LabelMark(video, label))
                continue
            if ends[0] > ends[1]:
                raise UntrimError(f"an annotation of tier '{name}' ends before it starts: {ends}", where=source.path)
            marks.append(LabelMark(video, label, Segment((ends[0] + origin) / 1000, (ends[1] + origin) / 1000)))
    notes = [f"tiers that refer to others are passed over: {listing(passed)}"] if passed else []
    if untimed:
        notes.append(
            f"{numbered(untimed, 'annotation has', 'annotations have')} no times of their own: the label stays"
        )
    lost = {("tier that refers to others", "tiers that refer to others"): len(passed)}
    return Contents.gathered(marks, [Video(video)], source=source.path, notes=notes, lost=lost)


def _video(root: Element, media: list[Element], source: ForeignFile) -> str:
    own = next((found.text for found in root.iterfind("HEADER/PROPERTY") if found.get("NAME") == _VIDEO), None)
    if own:
        return source.media.name_for(own, source.path)
    paths = [path for one in media for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL") if (path := one.get(key))]
    return source.video(paths[0] if paths else None)


def _whole(text: str, path: Path) -> int:
    if not re.fullmatch(r"\d{1,12}", text.strip()):
        raise UntrimError(f"a time is {text!r:.40}, wanted whole milliseconds from 0", where=path)
    return int(text)


def _write(contents: Contents, target: Destination) -> Callable[[Path], None]:
    (video,) = contents.videos
    tiers = _tiers(contents.marks, target)
    root = Element("ANNOTATION_DOCUMENT", AUTHOR="", DATE=_NEVER, FORMAT="3.0", VERSION="3.0")
    root.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root.set("xsi:noNamespaceSchemaLocation", _SCHEMA)
    spans = [span for own in tiers.values() for span in own]
    root.append(_header(video, len(spans), target))
    slots = _add_times(SubElement(root, "TIME_ORDER"), spans)
    numbers = count()
    for name, own in tiers.items():
        tier = SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=name)
        for (*_, mark), number in zip(own, numbers, strict=False):
            refs = {f"TIME_SLOT_REF{end + 1}": slots[number, end] for end in (0, 1)}
            place = SubElement(tier, "ANNOTATION")
            place = SubElement(place, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": f"a{number + 1}", **refs})
            SubElement(place, "ANNOTATION_VALUE").text = xml_text(mark.label, target.losses)
    kind = {"LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    SubElement(root, "LINGUISTIC_TYPE", kind)
    return partial(write_text, text=xml_document(root))


def _header(video: str, annotations: int, target: Destination) -> Element:
    header = Element("HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if (file := target.media.files.get(video)) is not None:
        relative = Path(os.path.relpath(file, target.path.absolute().parent)).as_posix()
        media = SubElement(header, "MEDIA_DESCRIPTOR", MIME_TYPE=_TYPES.get(file.suffix.lower(), "unknown"))
        media.set("MEDIA_URL", xml_text(f"file://{file.absolute().as_posix()}", target.losses))
        media.set("RELATIVE_MEDIA_URL", xml_text(f"./{relative}", target.losses))
    SubElement(header, "PROPERTY", NAME=_VIDEO).text = xml_text(video, target.losses)
    SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(annotations)
    return header


def _add_times(order: Element, spans: list[Span]) -> dict[tuple[int, int], str]:
    """Write the times in their order; gives the name of each end (0 or 1) of each span, by its number."""
    names = {}
    ends = sorted((span[end], number, end) for number, span in enumerate(spans) for end in (0, 1))
    for place, (time, number, end) in enumerate(ends, 1):
        names[number, end] = f"ts{place}"
        SubElement(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{place}", TIME_VALUE=str(time))
    return names


def _tiers(marks: tuple[LabelMark, ...], target: Destination) -> dict[str, list[Span]]:
    """Tiers by name, each with marks that do not overlap."""
    taken: set[str] = set()
    labels = sorted({mark.label for mark in marks})
    names = {label: free_name(" ".join(xml_text(label, target.losses).split()), taken) for label in labels}
    tiers = {}
    for label in labels:
        own = [mark for mark in marks if mark.label == label]
        spans = [(*in_ticks(span_of(mark), target.losses, shortest=1), mark) for mark in own]
        for number, lane in enumerate(lanes(spans), 1):
            tiers[names[label] if number == 1 else free_name(names[label], taken)] = lane
    return tiers


ELAN = Format(
    name="elan",
    title="ELAN",
    endings=(".eaf",),
    holds=frozenset(),
    recognises=lambda source: is_xml(source.text, "ANNOTATION_DOCUMENT"),
    read=_read,
    write=_write,
    per_video=True,
    media_times=True,
)
