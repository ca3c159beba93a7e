"""What is known of each snippet: of segments, points, and classes of which all instances are marked."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder
from untrim.annotations import Annotations, Video
from untrim.data.dataset import Batch, TrainingVideos
from untrim.data.sampling import Crop, crop_snippets
from untrim.data.snippet_labels import marked_snippets, snippet_labels, tells_times
from untrim.data.summary import summarize
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.timeline import Instance, Point, Segment, SnippetGrid

GRID = SnippetGrid.regular(25, 25, 25)  # A snippet per second.
RUN, AGAIN = Instance("run", Segment(2, 4)), Instance("run", Segment(7, 8))
NOTHING = np.zeros(10)


def row(video: Video, label: str) -> str:
    """``+`` where the class happens, ``-`` where it does not, ``.`` where nobody said."""
    happens, known = snippet_labels(video, GRID, 10, ["jump", "run"])
    column = ["jump", "run"].index(label)
    assert not (happens > known).any()
    return "".join(".-+"[int(k + h)] for h, k in zip(happens[:, column], known[:, column], strict=True))


@pytest.mark.parametrize(
    ("video", "run", "jump"),
    [
        (Video("tagged", labels=("run",)), "..........", ".........."),
        (Video("empty", exhaustive=True), "----------", "----------"),
        (Video("some", instances=(RUN,)), "..++......", ".........."),
        (Video("all", instances=(RUN, AGAIN), exhaustive=("run",)), "--++---+--", ".........."),
        (Video("every", instances=(RUN,), exhaustive=True), "--++------", "----------"),
        (Video("never", labels=("run",), exhaustive=("jump",)), "..........", "----------"),
        (Video("pointed", points=(Point("run", 5.0), Point("run", 5.99))), ".....+....", ".........."),
        (Video("both", instances=(RUN,), points=(Point("run", 9.9),)), "..++.....+", ".........."),
        (Video("stray", instances=(RUN,), points=(Point("run", 9.9),), exhaustive=True), "--++------", "----------"),
        (Video("no", labels=("run",), rejected=(RUN, Instance("swim", AGAIN.segment))), "..--......", ".........."),
        (Video("yes and no", instances=(RUN,), rejected=(Instance("run", Segment(3, 6)),)), "..++--....", ".........."),
        (Video("short", instances=(Instance("run", Segment(2.6, 2.9)),), exhaustive=True), "--+-------", "----------"),
        (Video("short no", rejected=(Instance("run", Segment(2.6, 2.9)),)), "..-.......", ".........."),
        (Video("late", points=(Point("run", 10.4),)), ".........+", ".........."),
    ],
    ids=lambda value: value.name if isinstance(value, Video) else "",
)
def test_each_kind(video: Video, run: str, jump: str) -> None:
    assert (row(video, "run"), row(video, "jump")) == (run, jump)
    assert tells_times(video) == (run + jump != 20 * ".")


def test_segments_that_are_all_there_are() -> None:
    happens, known = snippet_labels(Video("v", instances=(RUN,)), GRID, 10, ["jump", "run"], all_marked=True)
    assert known.all()
    assert happens.sum() == 2


@pytest.mark.parametrize("crop", ["random", "contiguous", "uniform", "resample"])
@pytest.mark.parametrize("count", [30, 100])
def test_crops_keep_what_is_marked_in_sight(crop: Crop, count: int) -> None:
    marked, rng = np.array([0, 11, 12, 29]), np.random.default_rng(0)
    seen = set[int]()
    for _ in range(60):
        kept = crop_snippets(count, 20, crop, rng, marked)
        assert len(kept) == 20
        assert (np.diff(kept) >= 1).all(), "ascending, each once"
        assert 0 <= kept[0] <= kept[-1] < count
        there = {*kept.tolist()} & {*marked.tolist()}
        assert len(there) >= {"contiguous": 1, "random": 4}.get(crop, 3), "two of one part of the video take turns"
        seen |= there
    assert seen == {*marked.tolist()}
    assert len(crop_snippets(count, 2, "random", rng, marked)) == 2


@pytest.mark.parametrize("crop", ["random", "contiguous", "uniform", "resample"])
def test_without_marks_a_crop_is_what_it_was(crop: Crop) -> None:
    """The number of draws is part of it: the videos of a batch are cropped in turn."""
    first, second = (np.random.default_rng(4) for _ in range(2))
    for count in (50, 30, 41):
        before = {
            "random": lambda n: np.sort(first.choice(n, 20, replace=False)),
            "contiguous": lambda n: int(first.integers(n - 20 + 1)) + np.arange(20),
        }.get(crop, lambda n: ((np.arange(20) + 0.5) * n / 20).astype(np.int64))(count)
        np.testing.assert_array_equal(crop_snippets(count, 20, crop, second), before)
    assert first.bit_generator.state == second.bit_generator.state


def corpus(path: Path, *videos: Video) -> tuple[FeatureFolder, Annotations]:
    folder = new_folder(path, rgb=4)
    for number, video in enumerate(videos):
        folder.save(video.name, np.full((40, 4), number))
    return folder, Annotations(videos, source="labels.json")


def drawn(data: TrainingVideos, most: int | None = None) -> Batch:
    count = len(data)
    return data.batch(np.arange(count), np.full(count, -1), most, "uniform", np.random.default_rng(0), times=True)


def test_batches_say_what_is_known(tmp_path: Path) -> None:
    half = Video("half", labels=("jump",), points=(Point("run", 12.8),))
    data = TrainingVideos([corpus(tmp_path, Video("tagged", labels=("run",)), half, Video("empty", exhaustive=True))])
    assert data.times_known
    batch = drawn(data, most=10).to(torch.device("cpu"))
    assert batch.snippet_labels is not None
    assert batch.known is not None
    assert batch.labels.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert batch.snippet_labels.sum(dim=(1, 2)).tolist() == [0, 1, 0]
    assert batch.known.sum(dim=(1, 2)).tolist() == [0, 1, 20]
    data = TrainingVideos(
        [corpus(tmp_path / "tags", Video("tagged", labels=("run",)), Video("more", labels=("jump",)))]
    )
    assert drawn(data).known is drawn(data).snippet_labels is None


def test_the_weight_follows_from_how_many_videos_tell_times(tmp_path: Path) -> None:
    tagged = [Video(f"v{index}", labels=("run",)) for index in range(3)]
    nothing, point = Video("v3", exhaustive=True), Video("v2", points=(Point("run", 3.0),))
    weights = []
    for index, videos in enumerate((tagged, [*tagged, nothing], [*tagged[:2], point, nothing])):
        facts = summarize(TrainingVideos([corpus(tmp_path / str(index), *videos)]))
        assert facts.labels_per_video == 1, "of the videos in which something happens"
        weights.append([facts.known_weight(learns_from_nothing) for learns_from_nothing in (False, True)])
    assert weights == [[0, 0], [0.25, 0], [0.5, 0.25]]


def test_videos_without_labels_or_features_at_a_point_are_refused(tmp_path: Path) -> None:
    nothing, bare = Video("nothing", exhaustive=True), Video("bare")
    with pytest.raises(UntrimError, match=r'1 training videos without labels: bare \(.*"exhaustive": true'):
        TrainingVideos([corpus(tmp_path / "bare", nothing, bare, Video("v", labels=("run",)))])
    with pytest.raises(UntrimError, match="no training video has a label"):
        TrainingVideos([corpus(tmp_path / "nothing", nothing)])
    late = Video("late", points=(Point("run", 28.0),))
    with pytest.raises(UntrimError, match=r"a point of 'run' in 'late' is at 28 s; its features end at 25\.6 s"):
        TrainingVideos([corpus(tmp_path / "late", late)])
    for name, start, end in (("beyond", 50, 60), ("{before}", -5, -1)):
        outside = Video(name, instances=(Instance("run", Segment(start, end)),), exhaustive=True)
        with pytest.raises(UntrimError, match=f"a segment of 'run' in '{name}' is at {start} to {end} s; its features"):
            TrainingVideos([corpus(tmp_path / name, outside)])


def test_a_mark_per_point_and_segment() -> None:
    video = Video("v", instances=(RUN, AGAIN), points=(Point("run", 3.2), Point("run", 9)))
    assert marked_snippets(video, GRID, 10).tolist() == [3, 7, 9]
    assert marked_snippets(Video("v", labels=("run",)), GRID, 10).tolist() == []
