"""Sources of training data: feature folders, each with its annotations, as objects or as paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from untrim.annotations import Annotations, annotations_of
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder

Source = tuple[FeatureFolder | Path | str, Annotations | Path | str]


def open_sources(sources: Sequence[Source]) -> list[tuple[FeatureFolder, Annotations]]:
    """Every source with its folder opened and its annotations read.

    Raises:
        UntrimError: There is none, one is not a pair, or one cannot be read.
    """
    remedy = "write [(features, annotations)]"
    if not isinstance(sources, Sequence) or isinstance(sources, str):
        raise UntrimError(f"sources: not a list of pairs: {sources!r:.60}", fix=remedy)
    for source in sources:
        if not isinstance(source, Sequence) or isinstance(source, str) or len(source) != 2:
            raise UntrimError(f"sources: not a pair of features and annotations: {source!r:.60}", fix=remedy)
    if not sources:
        raise UntrimError("sources: nothing to train on", fix=remedy)
    return [(FeatureFolder.of(folder), annotations_of(annotations)) for folder, annotations in sources]
