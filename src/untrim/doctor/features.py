"""A feature folder by itself: every file is read once, a piece at a time."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from untrim.doctor.finding import Finding, from_error
from untrim.errors import UntrimError, listing, numbered
from untrim.features.inventory import FAILURES_NAME
from untrim.features.store import INFO_NAME, FeatureFolder
from untrim.support.progress import Progress, count_steps

_ROWS = 4096  # of a file, read at a time
_SHORT = 8  # snippets: the methods' top T/8 of fewer is less than one


@dataclass
class Scan:
    """What reading a folder showed.

    Args:
        snippets: Snippets by video, of the files that can be read.
        low: Smallest value of each column, (D,).
        high: Largest value, (D,).
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    snippets: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def scan_features(folder: FeatureFolder, progress: Progress | None = None) -> Scan:
    """Read all features of a folder; the memory holds a piece of one file."""
    dim = folder.info.dim
    scan = Scan(np.full(dim, np.inf), np.full(dim, -np.inf))
    digests: dict[bytes, list[str]] = defaultdict(list)
    broken: dict[str, int] = {}
    constant: list[str] = []
    names = folder.names()
    advance = count_steps(progress, "read features", len(names))
    for name in names:
        try:
            array = folder.stored(name)
        except UntrimError as error:
            scan.findings.append(from_error("unreadable", error))
        else:
            scan.snippets[name] = len(array)
            digest, bad, low, high = _read(array)
            digests[digest].append(name)
            if bad:
                broken[name] = bad
            elif len(array) > 1 and (low == high).all():
                constant.append(name)
            scan.low, scan.high = np.fmin(scan.low, low), np.fmax(scan.high, high)
        advance(name)
    twins = [tuple(same) for same in digests.values() if len(same) > 1]
    scan.findings += [*_values(folder, scan, broken, constant), *_twins(folder, twins), *_files(folder, scan)]
    return scan


def _read(array: npt.NDArray[np.floating]) -> tuple[bytes, int, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Digest, snippets that are not finite, and the extremes of each column, (D,)."""
    digest, bad = hashlib.blake2b(str(array.shape).encode()), 0
    low, high = np.full(array.shape[1], np.inf), np.full(array.shape[1], -np.inf)
    for start in range(0, len(array), _ROWS):
        piece = np.ascontiguousarray(array[start : start + _ROWS])
        digest.update(piece.data)
        finite = np.isfinite(piece).all(axis=1)
        bad += int(len(piece) - finite.sum())
        if finite.any():
            low, high = np.minimum(low, piece[finite].min(axis=0)), np.maximum(high, piece[finite].max(axis=0))
    return digest.digest(), bad, low, high


def _values(folder: FeatureFolder, scan: Scan, broken: dict[str, int], constant: list[str]) -> Iterator[Finding]:
    where = str(folder.path)
    if not scan.snippets:
        yield Finding("error", "empty", "holds no features", where, "run `untrim extract` or `untrim import features`")
        return
    counts = np.array(list(scan.snippets.values()))
    yield Finding(
        "note",
        "features",
        f"{len(counts)} videos, {counts.min()} to {counts.max()} snippets of {folder.info.dim} columns, "
        f"one every {folder.info.grid().stride_seconds:.3g} s",
        where,
    )
    if broken:
        what = f"NaN or infinity in {sum(broken.values())} snippets of {len(broken)} videos: {listing(broken)}"
        yield Finding("error", "nan", what, where, "extract them again", tuple(broken))
    if constant:
        count = numbered(len(constant), "video has", "videos have")
        what = f"{count} the same features from start to end: {listing(constant)}"
        yield Finding(
            "warning", "constant", what, where, "look at the files: black or frozen, or lost", tuple(constant)
        )
    if short := [name for name, count in scan.snippets.items() if count < _SHORT]:
        what = f"{numbered(len(short), 'video has', 'videos have')} fewer than {_SHORT} snippets: {listing(short)}"
        yield Finding("warning", "short", what, where, "use a smaller stride, or leave them out", tuple(short))
    for stream, (first, stop) in folder.info.streams.items():
        dead = int((scan.low[first:stop] == scan.high[first:stop]).sum())
        if dead == stop - first:
            what = f"stream '{stream}' has the same values in all videos"
            yield Finding("error", "stream", what, where, "extract it again, or import the features without it")
        elif dead:
            yield Finding("note", "columns", f"{dead} of {stop - first} columns of '{stream}' never change", where)


def _twins(folder: FeatureFolder, twins: list[tuple[str, ...]]) -> Iterator[Finding]:
    if twins:
        what = f"{len(twins)} sets of videos have the very same features: {'; '.join(map(' = '.join, twins[:3]))}"
        remedy = "keep one of each; the same video in training and test makes figures too good"
        names = tuple(name for same in twins for name in same)
        yield Finding("warning", "duplicates", what, str(folder.path), remedy, names)


def _files(folder: FeatureFolder, scan: Scan) -> Iterator[Finding]:
    """Files in the folder that do not belong there, and files that are named but missing."""
    where, known = str(folder.path), folder.info.videos
    if leftovers := sorted(file.name for file in folder.path.glob(".*") if file.name.endswith((".tmp", ".json"))):
        what = f"{len(leftovers)} leftovers of work that was stopped: {listing(leftovers)}"
        yield Finding("warning", "leftovers", what, where, "run the same command again, which ends what it began")
    if (folder.path / FAILURES_NAME).is_file():
        what = f"{FAILURES_NAME} lists videos whose features could not be extracted"
        yield Finding("warning", "failures", what, where, "fix or remove those, then run `untrim extract` again")
    if missing := [name for name in known if not folder.file(name).is_file()]:
        what = f"{INFO_NAME} tells of {len(missing)} videos that have no file: {listing(missing)}"
        yield Finding("warning", "lost", what, where, "extract or import them again", tuple(missing))
    if known and (foreign := [name for name in scan.snippets if name not in known]):
        what = f"{len(foreign)} files that {INFO_NAME} does not tell of: {listing(foreign)}"
        yield Finding("warning", "foreign", what, where, "extract or import again, or take them out", tuple(foreign))
