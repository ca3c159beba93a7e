"""Layouts with one file per video: those of BaS-Net, ActionFormer, OpenTAD and ECM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from untrim.errors import UntrimError
from untrim.features.importers.target import JOINT, Incoming, Taker
from untrim.support.array_types import Array
from untrim.support.arrays import read_archive, read_array
from untrim.support.paths import similar
from untrim.support.progress import Progress, count_steps

STREAMS = ("rgb", "flow")
"""The streams of a video that layouts keep apart, in the order of the columns."""

_ECM_COLUMNS = 1024
_DAMAGED = (UntrimError, ValueError, KeyError)


def read_basnet(sources: Sequence[Path], target: Taker, progress: Progress | None) -> tuple[str, ...]:
    """Import folders ``rgb/`` and ``flow/`` (or one of them) of ``<video>.npy``, wherever below `sources` they stand.

    BaS-Net (Lee et al., AAAI 2020) keeps them under ``train/`` and ``test/``.

    Raises:
        UntrimError: There are no such folders.
    """
    places = sorted({found.parent for source in sources for found in _folders(source) if found.name in STREAMS})
    if not places:
        raise UntrimError("holds no folder rgb or flow", where=sources[0], fix="name the folder above them")
    kept = [stream for stream in STREAMS if any((place / stream).is_dir() for place in places)]
    videos = [(place, name) for place in places for name in sorted(_stems(place, kept))]
    advance = count_steps(progress, "import", len(videos))
    for place, name in videos:
        if missing := [stream for stream in kept if not (place / stream / f"{name}.npy").is_file()]:
            target.fail(name, f"has no {missing[0]}")
        else:
            _take(target, name, [place / stream / f"{name}.npy" for stream in kept], kept)
        advance(name)
    return ()


def read_files(sources: Sequence[Path], target: Taker, progress: Progress | None) -> tuple[str, ...]:
    """Import folders of ``<video>.npy`` (T, D), or of ``<video>.npz`` with ``feats`` and, where they say, ``fps``,
    ``feat_stride``, ``feat_num_frames`` and ``duration``: ActionFormer (Zhang et al., ECCV 2022) and OpenTAD.

    ``<video>_rgb.npy`` and ``<video>_flow.npy`` are two streams of one video, as video_features writes them.

    Raises:
        UntrimError: There are no such files.
    """
    files = _files(sources, (".npy", ".npz"))
    pairs = _pairs(files, target)
    halves = {file for streams in pairs.values() for file in streams.values()}
    advance = count_steps(progress, "import", len(pairs) + len(files) - len(halves))
    for place, streams in pairs.items():
        name = place.name
        if missing := [stream for stream in STREAMS if stream not in streams]:
            target.fail(name, f"has no {name}_{missing[0]}.npy beside its {name}_{next(iter(streams))}.npy")
        else:
            _take(target, name, [streams[stream] for stream in STREAMS], STREAMS)
        advance(name)
    for file in files:
        if file in halves:
            continue
        if file.suffix == ".npy":
            _take(target, file.stem, [file], [JOINT])
        else:
            _take_npz(target, file)
        advance(file.stem)
    if not pairs:
        return ()
    example = next(iter(pairs)).name
    return (f"{len(halves)} files are two streams of {len(pairs)} videos, as {example}_rgb.npy and {example}_flow.npy",)


def _pairs(files: Sequence[Path], target: Taker) -> dict[Path, dict[str, Path]]:
    """Files that are one stream of a video: its folder and name -> stream -> file.

    Where some videos have both streams, a file with one alone is taken for half a video, not for a video of that name.
    """
    found: dict[Path, dict[str, Path]] = {}
    for file in files:
        name, mark, stream = file.stem.rpartition("_")
        if file.suffix == ".npy" and mark and name and stream in STREAMS and not target.knows(file.stem):
            found.setdefault(file.with_name(name), {})[stream] = file
    return found if any(len(streams) == len(STREAMS) for streams in found.values()) else {}


def read_ecm(sources: Sequence[Path], target: Taker, progress: Progress | None) -> tuple[str, ...]:
    """Import folders of ``<video>.npz`` with ``feat_spa`` and ``feat_tem``, (1024, T), whose T is the same for all
    videos: ECM's own. ``frame_num`` by ``fps`` is the duration, where the annotations do not know it.

    Raises:
        UntrimError: There are no such files.
    """
    files = _files(sources, (".npz",))
    advance = count_steps(progress, "import", len(files))
    for file in files:
        try:
            found = read_archive(file, ("feat_spa", "feat_tem", "frame_num", "fps"))
            frames, fps = _number(found, "frame_num"), _number(found, "fps")
            parts = {"rgb": found["feat_spa"].T, "flow": found["feat_tem"].T}  # (1024, T) -> (T, 1024)
            if any(part.shape[:1] == (_ECM_COLUMNS,) != part.shape[1:] for part in parts.values()):
                raise ValueError(f"lies {found['feat_spa'].shape}, (T, D), where the layout lies (D, T); transpose it")
        except _DAMAGED as error:
            target.fail(file.stem, _reason(error))
        else:
            duration = frames / fps if frames and fps else None
            target.save(Incoming(file.stem, parts, duration=duration, rescaled=True))
        advance(file.stem)
    return ()


def _take(target: Taker, name: str, files: Sequence[Path], streams: Sequence[str]) -> None:
    """Take over a video whose streams are in one ``.npy`` each, memory-mapped."""
    try:
        parts = {stream: read_array(file) for stream, file in zip(streams, files, strict=True)}
    except UntrimError as error:
        target.fail(name, _reason(error))
    else:
        target.save(Incoming(name, parts))


def _take_npz(target: Taker, file: Path) -> None:
    timing = target.timing
    try:
        found = read_archive(file, ("feats", "fps", "feat_stride", "feat_num_frames", "duration"))
        features, fps, duration = found["feats"], _number(found, "fps"), _number(found, "duration")
        for key, wanted in (("feat_stride", timing.stride_frames), ("feat_num_frames", timing.snippet_frames)):
            value = _number(found, key)
            if value is not None and value != wanted:
                option = "--stride-frames" if key == "feat_stride" else "--snippet-frames"
                raise ValueError(f"{key} is {value:g}, not {wanted}; if it is so for all videos, give {option}")
    except _DAMAGED as error:
        target.fail(file.stem, _reason(error))
    else:
        target.save(Incoming(file.stem, {JOINT: features}, fps, duration))


def _number(found: Mapping[str, Array], key: str) -> float | None:
    if key not in found:
        return None
    value = float(found[key].reshape(()) if found[key].size == 1 else np.nan)
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{key} is not a positive number")
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"holds no {error}"
    return error.what if isinstance(error, UntrimError) else str(error)


def _folders(source: Path) -> list[Path]:
    if not source.is_dir():
        raise UntrimError("no such folder", where=source, fix=similar(source))
    return [source, *(path for path in source.rglob("*") if path.is_dir())]


def _stems(place: Path, streams: Sequence[str]) -> set[str]:
    return {file.stem for stream in streams for file in (place / stream).glob("*.npy") if file.name[0] != "."}


def _files(sources: Sequence[Path], endings: tuple[str, ...]) -> list[Path]:
    """Files with such endings, at any depth below `sources`."""
    folders = [folder for source in sources for folder in _folders(source)]
    files = sorted({f for folder in folders for f in folder.iterdir() if f.suffix in endings and f.name[0] != "."})
    if not files:
        raise UntrimError(f"holds no {' or '.join(endings)}", where=sources[0])
    return files
