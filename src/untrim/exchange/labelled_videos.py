"""A folder of video files with a table of labels: durations and frames per second are measured in the files.

Times in the table are those that players and labelling tools show, media seconds, and become seconds from the first
picture (`untrim.video.frames`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from untrim.annotations.model import Annotations
from untrim.errors import UntrimError
from untrim.exchange.marks import Contents
from untrim.exchange.media import Media
from untrim.exchange.timing import from_media_seconds, measured
from untrim.support.progress import Progress


def read_folder(
    folder: Path, labels: Annotations, *, progress: Progress | None = None
) -> tuple[Annotations, list[str]]:
    """Labels of the videos in a folder, whose names in `labels` may carry the file's ending and folders.

    Every file is read to its end, since what a container says of its length may be wrong.

    Returns:
        Annotations with measured durations and frames per second; and what is to be known: what does not fit together,
        whose times were moved.

    Raises:
        UntrimError: The folder holds no videos, or none of those in `labels`; or a name may be several of them.
    """
    media = Media(folder)
    contents = replace(Contents.of(labels), notes=())
    contents = contents.renamed({name: media.name_for(name, labels.source) for name in contents.videos})
    if not any(name in media.files for name in contents.videos):
        raise UntrimError(f"holds none of the videos of {labels.source}", where=folder, fix="names are file names")
    media.measure(contents.videos, progress)
    contents = measured(from_media_seconds(contents, media), media)
    annotations = labels.changed(contents.to_annotations().values())
    return annotations, [*contents.notes, *media.notes, *media.coverage(contents.videos)]
