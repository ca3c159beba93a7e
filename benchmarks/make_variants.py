"""Corpora unlike ucf15, made from it, on which the project's defaults should hold, too.

    python benchmarks/make_variants.py OUT [--data ../shared/data/ucf15]

Each is a folder in OUT with `features/`, `annotations.json` (training videos with labels alone) and `segments.json`:

    few      40 training videos; features rotated at random into 384 columns, ten times as large
    dense    actions fill 90% of a video: background is cut out, and instances that then touch become one
    sparse   actions fill at most 6% of a video: one instance per class is left, and background of other videos is added
    crowded  five videos joined into one: 40 long training videos with several labels each
    mixed    five videos joined into one, each video used five times: 200 training videos, as long, with as many labels
    shifted  every column shifted by a number of its own, about five times the features' root mean square
    paired   two classes of a fixed pair in turns, in long states with two snippets between them: labels always come in
             the same company
    worn     the same with two to four classes per video, of pairs from a short list in which a class is in several
    context  three classes per video, and beside 90% of the instances the background that keeps company with the class
    negatives  a third of the videos are background alone, of all kinds: nothing happens in them

`untrim reproduce project:methods -f OUT/few/features -a OUT/few/annotations.json -o tables` measures all on one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.features.store import FeatureFolder
from untrim.support.files import make_folder
from untrim.timeline import Instance

DATA = Path(__file__).parents[2] / "shared" / "data" / "ucf15"
SUBSETS = ("training", "validation")


@dataclass(frozen=True)
class Strip:
    """Snippets of a video: features (T, D), and which of the instances, whose labels are given, each is in; or -1."""

    subset: str
    features: npt.NDArray[np.float32]
    owner: npt.NDArray[np.int64]
    labels: tuple[str, ...]

    def keep(self, wanted: npt.NDArray[np.bool_]) -> Strip:
        """The same without all other snippets."""
        return replace(self, features=self.features[wanted], owner=self.owner[wanted])

    def then(self, other: Strip) -> Strip:
        """The same, and another after it."""
        owner = np.where(other.owner < 0, -1, other.owner + len(self.labels))
        return Strip(
            self.subset,
            np.concatenate([self.features, other.features]),
            np.concatenate([self.owner, owner]),
            self.labels + other.labels,
        )

    @property
    def background(self) -> npt.NDArray[np.bool_]:
        """Where nothing happens, (T,)."""
        return self.owner < 0


Strips = Mapping[str, Strip]
Features = npt.NDArray[np.float32]
Pool = Mapping[str, Sequence[Features]]
Piece = tuple[str | None, Features]


def read(data: Path) -> dict[str, Strip]:
    folder = FeatureFolder.open(data / "features")
    strips = {}
    for name, video in read_annotations(data / "annotations_full.json").items():
        features = folder.load(name)
        owner = np.full(len(features), -1)
        for number, instance in enumerate(video.instances):
            owner[folder.info.grid(name).snippets(instance.segment, len(features))] = number
        strips[name] = Strip(video.subset, features, owner, tuple(instance.label for instance in video.instances))
    return strips


def of_subset(strips: Strips, subset: str) -> list[str]:
    return [name for name, strip in strips.items() if strip.subset == subset]


def few(strips: Strips) -> Iterator[tuple[str, Strip]]:
    training, validation = (of_subset(strips, subset) for subset in SUBSETS)
    classes = {label for name in training for label in strips[name].labels}
    random, chosen = np.random.default_rng(0), list[str]()
    while {label for name in chosen for label in strips[name].labels} != classes:
        chosen = random.choice(training, 40, replace=False).tolist()
    dim = strips[chosen[0]].features.shape[1]
    matrix = np.random.default_rng(384).normal(size=(dim, 384)).astype(np.float32) / np.float32(np.sqrt(dim))
    for name in [*chosen, *validation]:
        yield name, replace(strips[name], features=10 * (strips[name].features @ matrix))


def dense(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for name, strip in strips.items():
        wanted, background = ~strip.background, np.flatnonzero(strip.background)
        most = min(len(background), max(1, int(wanted.sum()) // 9))
        wanted[random.choice(background, most, replace=False)] = True
        yield name, joined(strip.keep(wanted))


def joined(strip: Strip) -> Strip:
    """The same, but neighbouring instances of one class with nothing between them become one."""
    owner = strip.owner.copy()
    for here in range(1, len(owner)):
        before, now = owner[here - 1], owner[here]
        if min(before, now) >= 0 and strip.labels[before] == strip.labels[now]:
            owner[here] = before
    return replace(strip, owner=owner)


def sparse(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for name, strip in strips.items():
        first = [strip.labels.index(label) for label in set(strip.labels)]
        strip = strip.keep(strip.background | np.isin(strip.owner, first))
        others = of_subset(strips, strip.subset)
        while strip.background.mean() < 0.94:
            other = strips[others[random.integers(len(others))]]
            strip = strip.then(other.keep(other.background))
        yield name, strip


def crowded(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for subset in SUBSETS:
        names = random.permutation(of_subset(strips, subset)).tolist()
        for number in range(len(names) // 5):
            yield f"{subset}_{number:02d}", in_one(strips, names[5 * number : 5 * number + 5])


def mixed(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for subset in SUBSETS:
        orders = [random.permutation(of_subset(strips, subset)).tolist() for _ in range(5)]
        for number, names in enumerate(zip(*orders, strict=True)):
            once = list(dict.fromkeys(names))  # two orders may have the same video at one place
            yield f"{subset}_{number:03d}", in_one(strips, once)


def shifted(strips: Strips) -> Iterator[tuple[str, Strip]]:
    features = np.concatenate([strip.features for strip in strips.values()])
    rms = float(np.sqrt(np.square(features, dtype=np.float64).mean()))
    offsets = np.random.default_rng(0).normal(scale=5 * rms, size=features.shape[1]).astype(np.float32)
    for name, strip in strips.items():
        yield name, replace(strip, features=strip.features + offsets)


def paired(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for subset in SUBSETS:
        actions, backgrounds = pieces(strips, subset)
        classes = sorted(actions)
        for number in range(len(of_subset(strips, subset)) // 2):
            first = 2 * (number % (len(classes) // 2))
            turns = [classes[first + turn % 2] for turn in range(6)]
            yield f"{subset}_{number:03d}", line_up(subset, long_states(turns, actions, backgrounds, random))


def worn(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(1)
    for subset in SUBSETS:
        actions, backgrounds = pieces(strips, subset)
        classes = sorted(actions)
        order = np.random.default_rng(5).permutation(len(classes)).tolist()
        steps = [(at, 1) for at in range(len(order))] + [(at, 3) for at in range(0, len(order), 3)]
        pairs = [(order[at], order[(at + step) % len(order)]) for at, step in steps]
        often = 1 / np.arange(1, len(pairs) + 1) ** 0.5
        for number in range(len(of_subset(strips, subset)) // 2):
            chosen = list[int]()
            while (missing := 2 + number % 3 - len(chosen)) > 0:
                pair = pairs[random.choice(len(pairs), p=often / often.sum())]
                new = [label for label in pair if label not in chosen]
                if len(new) == min(missing, 2):  # for the last place, a pair that shares a class with those before
                    chosen += new
            turns = [classes[chosen[turn % len(chosen)]] for turn in range(6)]
            yield f"{subset}_{number:03d}", line_up(subset, long_states(turns, actions, backgrounds, random))


def long_states(labels: Sequence[str], actions: Pool, backgrounds: Pool, random: np.random.Generator) -> list[Piece]:
    """A state of each label in turn, two instances long, with two snippets of background after it."""
    states: list[Piece] = []
    for label in labels:
        state = np.concatenate([some(actions[label], random) for _ in range(2)])
        states += [(label, state), (None, some(backgrounds[label], random)[:2])]
    return states


def context(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for subset in SUBSETS:
        actions, backgrounds = pieces(strips, subset)
        classes = sorted(actions)
        for number in range(len(of_subset(strips, subset))):
            chosen = random.choice(classes, 3, replace=False).tolist()
            parts: list[Piece] = []
            for label in random.permutation(2 * chosen).tolist():
                beside = label if random.random() < 0.9 else classes[random.integers(len(classes))]
                before, after = (some(backgrounds[beside], random) for _ in range(2))
                parts += [(None, before), (label, some(actions[label], random)), (None, after)]
            yield f"{subset}_{number:03d}", line_up(subset, parts)


def negatives(strips: Strips) -> Iterator[tuple[str, Strip]]:
    random = np.random.default_rng(0)
    for subset in SUBSETS:
        names = of_subset(strips, subset)
        _, backgrounds = pieces(strips, subset)
        kinds = sorted(backgrounds)
        yield from ((name, strips[name]) for name in names)
        for number in range(len(names) // 2):
            parts = [(None, some(backgrounds[kinds[random.integers(len(kinds))]], random)) for _ in range(12)]
            yield f"{subset}_nothing_{number:03d}", line_up(subset, parts)


def pieces(strips: Strips, subset: str) -> tuple[Pool, Pool]:
    """Instances of each class, and stretches of the background of videos in which it alone happens."""
    actions, backgrounds = defaultdict[str, list[Features]](list), defaultdict[str, list[Features]](list)
    for name in of_subset(strips, subset):
        strip = strips[name]
        for number, label in enumerate(strip.labels):
            if (own := strip.features[strip.owner == number]).size:
                actions[label].append(own)
        if len(set(strip.labels)) == 1:
            borders = np.flatnonzero(np.diff(strip.background, prepend=False, append=False))
            stretches = [strip.features[first:stop] for first, stop in borders.reshape(-1, 2)]
            backgrounds[strip.labels[0]] += [stretch for stretch in stretches if len(stretch) > 1]
    return actions, backgrounds


def some(pool: Sequence[Features], random: np.random.Generator) -> Features:
    """One of the pieces, at random."""
    return pool[random.integers(len(pool))]


def line_up(subset: str, parts: Sequence[Piece]) -> Strip:
    """A video of pieces, one after another, each with its label or None."""
    labels = [label for label, _ in parts if label is not None]
    owners, number = [], 0
    for label, features in parts:
        owners.append(np.full(len(features), -1 if label is None else number))
        number += label is not None
    return Strip(subset, np.concatenate([features for _, features in parts]), np.concatenate(owners), tuple(labels))


def in_one(strips: Strips, names: Sequence[str]) -> Strip:
    """The videos of those names, one after another."""
    whole, *rest = (strips[name] for name in names)
    for strip in rest:
        whole = whole.then(strip)
    return whole


def write(strips: Iterator[tuple[str, Strip]], like: FeatureFolder, output: Path) -> str:
    """Write a corpus; returns a text that says how large it is."""
    make_folder(output / "features")
    grid, videos, shares = like.info.grid(), [], []
    for name, strip in strips:
        dim = strip.features.shape[1]
        info = like.info.model_copy(update={"dim": dim, "streams": {"rgb": (0, dim)}, "videos": {}})
        folder = FeatureFolder(output / "features", info)
        folder.save(name, strip.features)
        runs = [(label, np.flatnonzero(strip.owner == number)) for number, label in enumerate(strip.labels)]
        instances = [Instance(label, grid.segment(int(run[0]), int(run[-1]) + 1)) for label, run in runs if len(run)]
        duration = grid.boundary(len(strip.features))
        videos.append(Video(name, strip.subset, duration, instances=tuple(instances), exhaustive=not instances))
        shares.append(1 - strip.background.mean())
    folder.save_info()
    whole = Annotations(videos)
    write_annotations(whole, output / "segments.json")
    write_annotations(whole.without_segments("training"), output / "annotations.json")
    training = whole.subset("training").values()
    labels = np.mean([len(video.labels) for video in training if video.labels])
    seconds = np.mean([video.duration or 0 for video in training])
    return (
        f"{len(training)} training videos of {seconds:.0f} s, {labels:.1f} labels each, {dim} columns, "
        f"{np.mean(shares):.0%} action"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    strips, like = read(arguments.data), FeatureFolder.open(arguments.data / "features")
    for make in (few, dense, sparse, crowded, mixed, shifted, paired, worn, context, negatives):
        print(f"{make.__name__}: {write(make(strips), like, arguments.output / make.__name__)}")


if __name__ == "__main__":
    main()
