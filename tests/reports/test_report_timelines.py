import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.activations import Sequences
from untrim.annotations import Annotations, Video
from untrim.reports.plots import BOX
from untrim.reports.timelines import MOST_BARS, TOP, Canvas, own_maps, pick_videos, score_range, timeline
from untrim.timeline import Detection, Instance, Segment, SnippetGrid

LABELS = tuple("abcdefgh")
CANVAS = Canvas(
    LABELS, {label: f"#00000{i}" for i, label in enumerate(LABELS)}, SnippetGrid(16, 16, 25, 0.32), (0.0, 1.0)
)


def draw(video: Video, detections: list[Detection], sequences: Sequences | None = None):
    return timeline(CANVAS, video, detections, sequences, None, None)


def test_rows_are_the_true_classes_and_those_of_the_best_detections():
    video = Video("v", duration=10.0, labels=("d",), instances=(Instance("b", Segment(1, 2)),))
    detections = [Detection(label, Segment(0, 1), -i) for i, label in enumerate("hghgabcdef")]
    drawn = draw(video, detections[::-1])
    assert TOP == 5
    assert [row.label for row in drawn.rows] == ["b", "d", "h", "g", "a"]
    assert drawn.left_out == 3
    assert [row.color for row in drawn.rows] == [CANVAS.colors[label] for label in "bdhga"]


def test_only_the_best_of_many_detections_are_drawn():
    detections = [Detection("a", Segment(i, i + 1), float(i)) for i in range(MOST_BARS + 9)]
    drawn = draw(Video("v"), detections)
    assert [bar.segment.start for bar in drawn.rows[0].found] == [float(MOST_BARS + 8 - i) for i in range(MOST_BARS)]
    assert drawn.left_out == 9
    assert all(bar.hit is None for bar in drawn.rows[0].found)


def test_the_axis_reaches_as_far_as_anything_known():
    late = [Detection("a", Segment(8, 12.5), 1.0)]
    cas = np.zeros((50, 8))
    assert draw(Video("v", duration=10.0), []).duration == 10
    assert draw(Video("v", duration=10.0), late).duration == 12.5
    assert draw(Video("v", duration=10.0, ambiguous=(Segment(3, 11),)), []).duration == 11
    assert draw(Video("v"), late, Sequences(cas, cas[0], {})).duration == pytest.approx(50 * 0.64)
    assert draw(Video("v"), []).duration > 0


def test_ambiguous_spans_are_drawn():
    drawn = draw(Video("v", duration=20.0, ambiguous=(Segment(5, 10),)), [])
    assert [(bar.x, bar.width) for bar in drawn.ambiguous] == [(25.0, 25.0)]


def test_curves_of_one_video_share_a_scale():
    cas = np.full((10, 8), -90.0)
    cas[:, :2] = 0.0
    cas[4, 0], cas[6, 1] = 8.0, 4.0
    detections = [Detection("a", Segment(0, 1), 1.0), Detection("b", Segment(0, 1), 0.5)]
    drawn = draw(Video("v", duration=6.4), detections, Sequences(cas, cas[0], {"attention": np.linspace(0.2, 0.7, 10)}))
    tops = [[float(point.split()[1]) for point in row.path[1:].split("L")] for row in drawn.rows if row.path]
    assert tops[0] == [100.0] * 4 + [0.0] + [100.0] * 5
    assert tops[1] == [100.0] * 6 + [50.0] + [100.0] * 3
    attention = [float(point.split()[1]) for point in drawn.overall["attention"][1:].split("L")]
    assert attention == pytest.approx(np.linspace(100, 0, 10), abs=0.06)


def test_a_curve_lies_at_its_own_seconds():
    """Videos may have a frame rate, and so a grid, of their own."""
    centers = 0.4 + 0.8 * np.arange(10)
    cas = np.zeros((10, 8))
    assert draw(Video("v"), [], Sequences(cas, cas[0], {}, centers)).duration == pytest.approx(8.0)
    drawn = draw(Video("v", duration=16.0), [Detection("a", Segment(0, 1), 1.0)], Sequences(cas, cas[0], {}, centers))
    x = [float(point.split()[0]) for point in drawn.rows[0].path[1:].split("L")]
    assert x == pytest.approx(BOX[0] * centers / 16, abs=0.06)


def test_a_class_that_the_run_does_not_know_has_no_curve():
    canvas = Canvas(LABELS[:1], CANVAS.colors, CANVAS.grid, (0.0, 1.0))
    video = Video("v", duration=6.4, labels=("a", "b"))
    drawn = timeline(canvas, video, [], Sequences(np.zeros((10, 1)), np.zeros(1), {}), None, None)
    assert [row.path is None for row in drawn.rows] == [False, True]


def test_a_video_is_judged_by_its_own_classes():
    truth = Annotations(
        [
            Video("good", instances=(Instance("a", Segment(0, 10)),)),
            Video("half", instances=(Instance("a", Segment(0, 10)), Instance("b", Segment(0, 10)))),
            Video("none", instances=(Instance("a", Segment(0, 10)),)),
            Video("partly known", labels=("b",), instances=(Instance("a", Segment(0, 10)),)),
            Video("unknown", labels=("a",)),
        ]
    )
    hit, stray = Detection("a", Segment(0, 10), 1.0), Detection("h", Segment(0, 10), 2.0)
    found = {"good": [hit, stray], "half": [hit], "partly known": [hit], "unknown": [hit]}
    assert own_maps(found, truth, [0.5, 0.7]) == {"good": 1.0, "half": 0.5, "none": 0.0}


NAMES = st.text("abcdefé中 ", max_size=3).map(lambda text: f"v{text}".strip())


@given(st.dictionaries(NAMES, st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 40))
def test_chosen_videos_go_evenly_from_best_to_worst(quality: dict[str, float], limit: int):
    truth = Annotations([Video(name) for name in quality])
    chosen = pick_videos(truth, quality, limit)
    assert len(chosen) == len(set(chosen)) == min(limit, len(quality))
    assert [quality[name] for name in chosen] == sorted((quality[name] for name in chosen), reverse=True)
    if limit >= 2:
        assert quality[chosen[0]] == max(quality.values())
        assert quality[chosen[-1]] == min(quality.values())
    assert pick_videos(truth, {}, limit) == [
        sorted(quality)[i] for i in np.linspace(0, len(quality) - 1, len(chosen)).round().astype(int)
    ]


def test_scores_far_off_do_not_flatten_the_others():
    detections = {
        "v": [Detection("a", Segment(0, 1), float(i)) for i in range(100)] + [Detection("a", Segment(0, 1), 1e9)]
    }
    low, high = score_range(detections)
    assert 20 < low < 30
    assert 90 < high < 100
    assert score_range({"v": []}) == (0.0, 1.0)
