from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video
from untrim.data.holdout import hold_out
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder, FeatureInfo

INFO = FeatureInfo(
    snippet_frames=1, stride_frames=1, fps=25, first_center_seconds=0.0, dim=1, streams={"a": (0, 1)}, backbone="test"
)
FOLDERS = [FeatureFolder(Path(name), INFO) for name in ("one", "two")]


def corpus(seed: int, videos: int, classes: int) -> list[Annotations]:
    rng = np.random.default_rng(seed)
    labels = [tuple(f"c{c}" for c in np.flatnonzero(rng.random(classes) < 0.3)) or ("c0",) for _ in range(videos)]
    every = [Video(f"v{index}", labels=names) for index, names in enumerate(labels)]
    return [Annotations(every[: videos // 2]), Annotations(every[videos // 2 :])]


def count(parts: list[tuple[FeatureFolder, Annotations]], label: str) -> int:
    return sum(label in video.labels for _, part in parts for video in part.values())


@given(st.integers(0, 1000), st.integers(6, 60), st.integers(1, 8))
def test_a_part_of_every_class_is_held_out_and_two_are_left(seed: int, videos: int, classes: int) -> None:
    sources = list(zip(FOLDERS, corpus(seed, videos, classes), strict=True))
    try:
        kept, held = hold_out(sources, 0)
    except UntrimError:
        rare = [any(count(sources, label) <= 2 for label in v.labels) for _, part in sources for v in part.values()]
        assert all(rare)
        return
    names = [[name for _, part in parts for name in part] for parts in (kept, held)]
    assert sorted(names[0] + names[1]) == sorted(name for _, part in sources for name in part)
    assert names[1]
    for c in range(classes):
        total = count(sources, f"c{c}")
        assert count(kept, f"c{c}") >= min(total, 2)
    assert all(part.keys() <= dict(sources)[folder].keys() for folder, part in kept + held)


def test_a_fifth_is_held_out_of_single_labels_and_the_seed_says_which() -> None:
    videos = [Video(f"v{index:03}", labels=(f"c{index % 5}",)) for index in range(100)]
    parts = [hold_out([(FOLDERS[0], Annotations(videos))], seed) for seed in (0, 0, 1)]
    held = [set(part[0][1]) for _, part in parts]
    assert all(len(names) == 20 for names in held)
    assert all(count(parts[0][1], f"c{c}") == 4 for c in range(5))
    assert held[0] == held[1] != held[2]


def test_a_fifth_of_the_videos_in_which_nothing_happens_is_held_out() -> None:
    """They tell how often something is found where nothing is."""
    tagged = [Video(f"v{index:03}", labels=(f"c{index % 2}",)) for index in range(20)]
    empty = [Video(f"e{index:03}", exhaustive=True) for index in range(10)]
    with_empty, without = (hold_out([(FOLDERS[0], Annotations(v))], 0)[1][0][1] for v in (tagged + empty, tagged))
    assert [sum(name.startswith(kind) for name in with_empty) for kind in "ve"] == [4, 2]
    assert [sum(name.startswith(kind) for name in without) for kind in "ve"] == [4, 0]


def test_too_few_videos_are_refused() -> None:
    with pytest.raises(UntrimError, match="no class has three videos"):
        hold_out([(FOLDERS[0], Annotations([Video("a", labels=("x",)), Video("b", labels=("x",))]))], 0)
    empty = [Video(f"e{index}", exhaustive=True) for index in range(5)]
    with pytest.raises(UntrimError, match="no class has three videos"):
        hold_out([(FOLDERS[0], Annotations([Video("a", labels=("x",)), *empty]))], 0)
