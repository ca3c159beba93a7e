"""What `untrim extract` knows of the videos of one feature folder: which are done, are to be done, and cannot be done.

A video counts as done when its ``.npy`` is there and ``features.json`` lists it with the file it was made from
(`untrim.features.source_files`). A file that has changed since is extracted again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from untrim.errors import UntrimError, WorkFailed, listing, numbered
from untrim.features.source_files import State, adopt_renamed, late_pictures, state_of
from untrim.features.store import FeatureFolder, VideoInfo
from untrim.features.writing import WritingReport
from untrim.support.files import remove_leftovers, write_text
from untrim.support.names import standard
from untrim.video.files import FoundVideos

FAILURES_NAME = "failures.jsonl"

_SECONDS_BETWEEN_SAVES = 1.0
_PAUSES = 20  # Times as long as it takes to write features.json it is left alone.


class Inventory:
    """The videos of a feature folder, and what becomes of them; keeps ``features.json`` and ``failures.jsonl``.

    Args:
        folder: The folder, which no other run works in.
        found: The videos that are to be in it.

    Attributes:
        sizes: Bytes of each video that can be done, by name.
        missing: Names of those that are to be done.
    """

    def __init__(self, folder: FeatureFolder, found: FoundVideos) -> None:
        self._folder, self._found = folder, found
        remove_leftovers(folder.path)
        adopt_renamed(found.files, folder)
        self.sizes, self._states, self._failed = _looked_at(found.files, folder)
        self.missing = {name for name, state in self._states.items() if state is State.MISSING}
        self._forget_missing()
        self._done: list[str] = []
        self._saved, self._interval, self._pending = time.monotonic(), _SECONDS_BETWEEN_SAVES, False

    def record(self, name: str, result: VideoInfo | str | WorkFailed) -> None:
        """Note that a video is done and what is known of it, or why it cannot be done.

        Raises:
            WorkFailed: No video can be done: it is the result.
        """
        if isinstance(result, WorkFailed):
            raise result
        if isinstance(result, VideoInfo):
            self._folder.info.videos[name] = result
            self._done.append(name)
            self._pending = True
        else:
            self._failed[name] = result

    def keep_up(self) -> None:
        """Keep ``features.json`` about a second behind; more where it is long."""
        began = time.monotonic()
        if self._pending and began - self._saved >= self._interval:
            self._folder.save_info()
            self._saved, self._pending = time.monotonic(), False
            self._interval = max(_SECONDS_BETWEEN_SAVES, _PAUSES * (self._saved - began))

    def close(self) -> None:
        """Write ``features.json`` and ``failures.jsonl``, and remove what was left half done."""
        remove_leftovers(self._folder.path)
        self._folder.save_info()
        _write_failures(self._folder.path, self._found.files, self._failed)

    def report(self) -> WritingReport:
        """What became of the videos."""
        skipped = sorted(self._states.keys() - self.missing)
        unsure = [name for name, state in self._states.items() if state is State.PERHAPS_CHANGED]
        notes = (
            *self._found.notes(),
            *_unsure(unsure, self._folder),
            *_left_behind(self._found, self._folder),
            *late_pictures(self._folder.info, self._found.files),
        )
        return WritingReport(tuple(sorted(self._done)), tuple(skipped), dict(sorted(self._failed.items())), notes)

    def _forget_missing(self) -> None:
        """Drop what the folder has of them: features of files that changed, or that nothing is known of."""
        for name in self.missing:
            self._folder.info.videos.pop(name, None)
        self._folder.save_info()
        for name in self.missing:
            self._folder.file(name).unlink(missing_ok=True)


def _looked_at(
    files: Mapping[str, Path], folder: FeatureFolder
) -> tuple[dict[str, int], dict[str, State], dict[str, str]]:
    """Bytes of each video, and whether it is done; without those that are gone or whose names cannot name features,
    with the reason by name."""
    sizes, states, refused = {}, {}, {}
    for name, path in files.items():
        try:
            folder.file(name)
            size, state = path.stat().st_size, state_of(name, path, folder)
        except UntrimError as error:
            refused[name] = str(error)
        except OSError as error:
            refused[name] = f"{path}: {error.strerror}"
        else:
            sizes[name], states[name] = size, state
    return sizes, states, refused


def _unsure(names: Sequence[str], folder: FeatureFolder) -> tuple[str, ...]:
    """A note on videos that may have changed since an older untrim extracted them."""
    if not names:
        return ()
    videos = numbered(len(names), "video", "videos")
    return (
        f"{videos} changed after an older untrim made the features, which knew their size alone: {listing(names)}. "
        f"The size is the same, so the features were kept; to extract again, first remove {folder.file(names[0])}",
    )


def _left_behind(found: FoundVideos, folder: FeatureFolder) -> tuple[str, ...]:
    """A note on features of a plain name that several of the files have now."""
    plain = {standard(file.stem) for file in found.files.values()} - found.files.keys()
    if not (left := [name for name in plain if name in folder.info.videos]):
        return ()
    return (
        f"several files are called {listing(left)} now and go by their paths; remove the features of the plain name "
        f"if they are of one of those: {folder.file(min(left))}",
    )


def _write_failures(folder: Path, files: Mapping[str, Path], failed: Mapping[str, str]) -> None:
    """Write the name, the file and the reason of each video that cannot be done."""
    if failed:
        lines = [
            json.dumps({"schema": 1, "video": name, "source": str(path), "reason": failed[name]})
            for name, path in files.items()
            if name in failed
        ]
        write_text(folder / FAILURES_NAME, "\n".join(lines) + "\n")
    else:
        (folder / FAILURES_NAME).unlink(missing_ok=True)
