"""The official THUMOS14 text files: ``<Class>_test.txt`` and ``<Class>_val.txt``, a line ``video start end`` each."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from untrim.annotations.model import Annotations, Video
from untrim.annotations.parsing import span
from untrim.errors import Place, UntrimError
from untrim.support.files import read_text
from untrim.timeline import Instance, Segment

_SUBSETS = {"test": "test", "val": "validation"}
_AMBIGUOUS = "Ambiguous"

LABEL_ERRORS = {
    "video_test_0000270": "annotated with other times than its own, most of them beyond its end; papers leave it out",
    "video_test_0001292": "nothing but Ambiguous spans, so no label; papers leave it out",
    "video_test_0001496": "wrongly annotated; papers leave it out",
    "video_test_0000814": "its last three instances are beyond its end",
    "video_test_0001081": "its last instance is beyond its end",
    "video_validation_0000364": "its last two instances are beyond its end",
    "video_validation_0000856": "its last two instances are beyond its end",
    "video_validation_0000947": "some code leaves it out as wrongly annotated",
}
"""What is known to be wrong in the official files. They are read as they are: a protocol leaves out what papers do."""


def read_thumos14(folder: Path) -> Annotations:
    """Annotations of a folder of the text files, at any depth.

    Subsets are ``test`` and ``validation``; durations are not in the files. Spans marked Ambiguous are kept apart: a
    video with nothing else (video_test_0001292) has no labels.

    Raises:
        UntrimError: There are no such files, or a line is not ``video start end``; gives the line.
    """
    instances: dict[str, list[Instance]] = defaultdict(list)
    ambiguous: dict[str, list[Segment]] = defaultdict(list)
    subsets: dict[str, str] = {}
    for file in sorted(folder.rglob("*.txt")):
        label, _, ending = file.stem.rpartition("_")
        if not label or ending not in _SUBSETS:
            continue
        for name, segment in _spans(file):
            if subsets.setdefault(name, _SUBSETS[ending]) != _SUBSETS[ending]:
                raise UntrimError(f"'{name}' is listed in several subsets", where=file)
            if label == _AMBIGUOUS:
                ambiguous[name].append(segment)
            else:
                instances[name].append(Instance(label, segment))
    if not subsets:
        raise UntrimError(
            "is a folder without annotations",
            where=folder,
            fix="name a .json or .csv file, or THUMOS14's folder of <Class>_test.txt and <Class>_val.txt",
        )
    return Annotations(
        [
            Video(name, subset, instances=tuple(instances[name]), ambiguous=tuple(ambiguous[name]))
            for name, subset in sorted(subsets.items())
        ],
        source=folder,
    )


def _spans(file: Path) -> list[tuple[str, Segment]]:
    """Video and time of each line."""
    spans = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        place, parts = Place(file, number), line.split()
        if not parts:
            continue
        if len(parts) != 3:
            raise UntrimError(f"needs 'video start end', found {line!r:.60}", where=place)
        spans.append((parts[0], span(parts[1], parts[2], place)))
    return spans
