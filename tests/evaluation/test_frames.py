import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video
from untrim.evaluation.frames import activation_detections, frame_accuracy, segmental_scores
from untrim.timeline import Detection, Instance, Segment, SnippetGrid

FRAMES = 30
labels = st.sampled_from(["a", "b", "c"])
runs = st.tuples(st.integers(0, FRAMES - 1), st.integers(1, 12)).map(
    lambda pair: Segment(float(pair[0]), float(min(pair[0] + pair[1], FRAMES)))
)
sequences = st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=FRAMES, max_size=FRAMES)


def segments_of(frames: list[str]) -> list[tuple[str, int, int]]:
    """Runs of equal labels, background left out."""
    found, start = [], 0
    for end in range(1, len(frames) + 1):
        if end == len(frames) or frames[end] != frames[start]:
            if frames[start]:
                found.append((frames[start], start, end))
            start = end
    return found


def loop_f1(predicted: list, truth: list, overlap: float) -> tuple[int, int, int]:
    """True positives, false positives and false negatives, as the action segmentation field counts them."""
    used, hits = set(), 0
    for label, start, end in predicted:
        best, place = -1.0, None
        for j, (other, first, last) in enumerate(truth):
            inner = min(end, last) - max(start, first)
            union = max(end, last) - min(start, first)
            if other == label and inner / union > best:
                best, place = inner / union, j
        if best >= overlap and place not in used:
            used.add(place)
            hits += 1
    return hits, len(predicted) - hits, len(truth) - hits


def loop_edit(one: list, other: list) -> float:
    table = np.zeros((len(one) + 1, len(other) + 1))
    table[:, 0], table[0] = range(len(one) + 1), range(len(other) + 1)
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b))
    return 1 - table[-1, -1] / max(len(one), len(other))


@given(st.lists(st.tuples(sequences, sequences), min_size=1, max_size=3))
@settings(max_examples=80)
def test_segmental_scores_of_the_segmentation_field(videos: list) -> None:
    videos = [([*truth[:-3], "a", "b", "c"], [*found[:-3], "a", "b", "c"]) for truth, found in videos]
    annotations = Annotations(
        [
            Video(f"v{i}", "test", None, (), tuple(Instance(c, Segment(s, e)) for c, s, e in segments_of(truth)))
            for i, (truth, _) in enumerate(videos)
        ]
    )
    detections = {
        f"v{i}": [Detection(c, Segment(s, e), 1.0) for c, s, e in segments_of(found)]
        for i, (_, found) in enumerate(videos)
    }
    result = segmental_scores(detections, annotations, (0.1, 0.25, 0.5))
    pairs = [(segments_of(found), segments_of(truth)) for truth, found in videos]
    for overlap, value in result.f1.items():
        hits, false, missed = np.sum([loop_f1(found, truth, overlap) for found, truth in pairs], axis=0)
        assert value == pytest.approx(2 * hits / (2 * hits + false + missed))
    edits = [loop_edit([c for c, *_ in found], [c for c, *_ in truth]) for found, truth in pairs]
    assert result.edit == pytest.approx(np.mean(edits))
    assert set(result.to_json()) == {"F1@10", "F1@25", "F1@50", "edit"}


@given(
    st.lists(st.builds(Instance, labels, runs), min_size=1, max_size=5),
    st.lists(st.tuples(labels, runs), min_size=1, max_size=8),
)
def test_frame_accuracy_frame_by_frame(truth: list[Instance], found: list) -> None:
    present = {instance.label for instance in truth}
    detections = [Detection(c, span, float(-i)) for i, (c, span) in enumerate(found) if c in present]
    if not detections:
        return
    right = total = 0
    for frame in np.arange(FRAMES) + 0.5:
        true = {i.label for i in truth if i.segment.start <= frame < i.segment.end}
        said = next((d.label for d in detections if d.segment.start <= frame < d.segment.end), None)
        total += bool(true)
        right += said in true
    annotations = Annotations([Video("v", "test", None, (), tuple(truth))])
    assert frame_accuracy({"v": detections}, annotations) == pytest.approx(right / total)


def test_detections_hide_worse_ones_and_join() -> None:
    annotations = Annotations(
        [Video("v", "test", None, (), (Instance("a", Segment(0, 10)), Instance("b", Segment(10, 14))))]
    )
    found = {
        "v": [
            Detection("a", Segment(0, 6), 0.9),
            Detection("a", Segment(5, 10), 0.7),
            Detection("b", Segment(0, 14), 0.1),
        ]
    }
    result = segmental_scores(found, annotations)
    assert (result.f1[0.5], result.edit, frame_accuracy(found, annotations)) == (1.0, 1.0, 1.0)
    strict = segmental_scores(found, annotations, least=0.8)
    assert strict.f1[0.5] == pytest.approx(2 / 3)
    assert strict.edit == 0.5


def test_activations_to_detections() -> None:
    """Class 0 responds most everywhere, but the video-level score rejects it."""
    cas = np.array([[9.0, 2, 1], [9, 1, 2], [9, 5, 2]])
    grid = SnippetGrid.regular(16, 16, 16)
    found = activation_detections(cas, np.array([0.1, 0.5, 0.4]), ("x", "a", "b"), grid)
    assert [(d.label, d.segment) for d in found] == [
        ("a", Segment(0, 1)), ("b", Segment(1, 2)), ("a", Segment(2, 3)),
    ]  # fmt: skip
    annotations = Annotations([Video("v", "test", None, (), (Instance("a", Segment(0.5, 2.5)),))])
    assert frame_accuracy({"v": found}, annotations) == pytest.approx(0.5)
    weak = activation_detections(cas, np.array([0.1, 0.05, 0.0]), ("x", "a", "b"), grid)
    assert {d.label for d in weak} == {"x"}
