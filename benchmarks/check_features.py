"""Do features mean something? How often the nearest snippet is from the same video.

    python benchmarks/check_features.py FEATURES [--gap 2]

For every snippet of a feature folder, this finds the nearest other snippet by cosine. Snippets of the same video fewer
than GAP snippets away do not count, since they see the same frames or their neighbours. It also prints the share that
chance would give, and the mean cosine within and between videos. Figures are means over videos, so that a long video
counts no more than a short one. Videos with no snippet far enough away are left out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from untrim.features.store import FeatureFolder


@dataclass(frozen=True, slots=True)
class Agreement:
    """Shares and cosines, means over videos, in [0, 1] and [-1, 1]."""

    nearest_within: float
    by_chance: float
    cosine_within: float
    cosine_between: float
    by_video: dict[str, float]


def agreement(features: dict[str, npt.NDArray[np.float32]], gap: int) -> Agreement:
    """Nearest-neighbour agreement of the features (T, D) of two or more videos."""
    mean = np.concatenate(list(features.values())).mean(axis=0)
    unit = {name: unit_rows(rows - mean) for name, rows in features.items()}  # Otherwise all ReLU outputs look alike.
    every = np.concatenate(list(unit.values()))
    owner = np.concatenate([np.full(len(rows), index) for index, rows in enumerate(unit.values())])
    place = np.concatenate([np.arange(len(rows)) for rows in unit.values()])
    found, rows = {}, []
    for index, (name, own) in enumerate(unit.items()):
        cosine = own @ every.T
        same = owner == index
        near = same & (np.abs(place[None] - np.arange(len(own))[:, None]) < gap)
        far = (same & ~near).sum(axis=1)
        if not (usable := far > 0).any():
            continue
        nearest = owner[np.where(near, -np.inf, cosine).argmax(axis=1)]
        found[name] = float((nearest == index)[usable].mean())
        chance = (far / (far + (~same).sum()))[usable].mean()
        rows.append((found[name], chance, cosine[same & ~near].mean(), cosine[:, ~same].mean()))
    return Agreement(*(float(value) for value in np.mean(rows, axis=0)), found)


def unit_rows(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("features", type=Path)
    parser.add_argument("--gap", type=int, default=2)
    arguments = parser.parse_args()
    folder = FeatureFolder.open(arguments.features)
    for stream, columns in {"all": (0, folder.info.dim), **folder.info.streams}.items():
        found = agreement({name: folder.load(name)[:, slice(*columns)] for name in folder.names()}, arguments.gap)
        if stream == "all":
            for name, share in found.by_video.items():
                print(f"  {name:40} {share:6.1%}")
        print(
            f"{folder.info.backbone} {stream}: nearest snippet in the same video {found.nearest_within:.1%} "
            f"(chance {found.by_chance:.1%}), "
            f"cosine within {found.cosine_within:.3f}, between {found.cosine_between:.3f}"
        )


if __name__ == "__main__":
    main()
