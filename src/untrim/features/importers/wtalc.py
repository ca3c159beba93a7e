"""W-TALC's layout (Paul et al., ECCV 2018), which most weakly-supervised code since then reads.

``<Dataset>-I3D-JOINTFeatures.npy`` is a pickled array of arrays (T, 2048), one per video: RGB, then flow, of videos at
25 frames per second, one snippet every 16 frames. Beside it, ``<Dataset>-Annotations/`` holds ``videoname.npy``,
``subset.npy`` and ``duration.npy`` in the same order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from untrim.errors import UntrimError
from untrim.features.importers.target import JOINT, Incoming, Taker
from untrim.support.array_types import Array
from untrim.support.arrays import read_array, read_header
from untrim.support.files import reading
from untrim.support.paths import similar
from untrim.support.progress import Progress, count_steps
from untrim.support.unpickle import OnArray, load_arrays


def read_wtalc(sources: Sequence[Path], target: Taker, progress: Progress | None) -> tuple[str, ...]:
    """Import the features of a file, a video at a time: `sources` are the file, and the folder of names if it does not
    lie beside it; or one folder that holds both.

    Returns:
        What is worth knowing.

    Raises:
        UntrimError: A file is missing, holds more than arrays, or the names do not fit the features.
    """
    file, folder = _found(sources)
    names = _texts(folder / "videoname.npy")
    durations = _durations(folder / "duration.npy", len(names))
    advance = count_steps(progress, "import", len(names))
    with reading(file), open(file, "rb") as stream:
        taken = 0

        def take(array: Array) -> object:
            nonlocal taken
            if taken < len(names):
                target.save(Incoming(names[taken], {JOINT: array}, duration=durations[taken]))
                advance(names[taken])
            taken += 1
            return None

        _each_array(stream, file, take)
    if taken != len(names):
        raise UntrimError(f"holds {taken} videos, {folder / 'videoname.npy'} names {len(names)}", where=file)
    subsets = Counter(_texts(folder / "subset.npy", len(names)))
    return (f"subsets of the layout: {', '.join(f'{count} {name}' for name, count in sorted(subsets.items()))}",)


def _found(sources: Sequence[Path]) -> tuple[Path, Path]:
    if len(sources) == 1 and sources[0].is_dir():
        files = sorted(sources[0].glob("*JOINTFeatures.npy"))
        if len(files) != 1:
            raise UntrimError(f"holds {len(files)} *JOINTFeatures.npy", where=sources[0], fix="name the file itself")
        sources = files
    file = sources[0]
    folder = sources[1] if len(sources) > 1 else file.with_name(f"{file.name.partition('-I3D')[0]}-Annotations")
    if not file.is_file():
        raise UntrimError("no such file", where=file, fix=similar(file))
    if not (folder / "videoname.npy").is_file():
        raise UntrimError("has no videoname.npy", where=folder, fix="name the layout's folder of annotations too")
    return file, folder


def _each_array(stream: BinaryIO, file: Path, take: OnArray) -> None:
    """Call `take` with each array in the file; the memory holds one at a time."""
    shape, dtype = read_header(stream, file)
    if dtype.hasobject:
        outer = load_arrays(stream, file, take)
        if not isinstance(outer, np.ndarray):
            raise UntrimError("is not an array of arrays", where=file)
        return
    if len(shape) != 3:
        raise UntrimError(f"holds {dtype} {shape}, wanted one array (T, D) a video", where=file)
    for array in read_array(file):
        take(array)


def _texts(file: Path, count: int | None = None) -> list[str]:
    """The texts in a file of the layout, bytes or not, as an array of texts or of objects."""
    with reading(file), open(file, "rb") as stream:
        shape, dtype = read_header(stream, file)
        rows = load_arrays(stream, file) if dtype.hasobject else read_array(file)
    values = rows.ravel() if isinstance(rows, np.ndarray) else [None]
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    if not all(isinstance(text, str) for text in texts) or len(texts) != (len(texts) if count is None else count):
        raise UntrimError(f"holds {dtype} {shape}, wanted one text per video", where=file)
    return [str(text) for text in texts]


def _durations(file: Path, count: int) -> list[float | None]:
    if not file.is_file():
        return [None] * count
    try:
        values = read_array(file).astype(np.float64).reshape(count, -1)[:, 0]
    except (ValueError, TypeError, IndexError) as error:
        raise UntrimError(f"does not hold one number per video: {error!s:.80}", where=file) from error
    return [float(value) if np.isfinite(value) and value > 0 else None for value in values]
