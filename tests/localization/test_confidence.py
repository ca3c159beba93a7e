import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.localization.confidence import Confidence, best_line, logistic_slope
from untrim.timeline import Detection, Segment

Floats = st.floats(-1e300, 1e300)


@given(st.lists(Floats, min_size=1), Floats, st.floats(1e-9, 1e9))
def test_confidences_are_in_the_order_of_raw_scores_whatever_these_are(
    raw: list[float], line: float, slope: float
) -> None:
    scores = np.array(raw)
    found = Confidence(line, slope).of(scores)
    assert (found > 0).all()
    assert (found <= 1).all()
    assert (np.unique(scores, return_inverse=True)[1] == np.unique(found, return_inverse=True)[1]).all()


def test_saturated_scores_stay_apart() -> None:
    raw = np.array([1e4, 2e4, 3e4, -1e4, -2e4, 1e4])
    found = Confidence(0.0, 1.0).of(raw)
    assert found[2] == 1.0 > found[1] > found[0] == found[5] > 0.999
    assert 0 < found[4] < found[3] < 1e-300


def test_the_line_becomes_a_half_and_the_slope_is_that_of_the_logistic_function() -> None:
    found = Confidence(3.0, 2.0).of(np.array([2.0, 3.0, 4.0]))
    assert found.tolist() == pytest.approx([1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-2))], abs=1e-15)


def test_detections_get_confidences_and_keep_the_rest() -> None:
    detections = {"a": [Detection("x", Segment(0, 1), 5.0), Detection("y", Segment(1, 2), -1.0)], "b": []}
    found = Confidence(5.0, 1.0).on(detections)
    assert found["b"] == []
    assert [(one.label, one.segment) for one in found["a"]] == [("x", Segment(0, 1)), ("y", Segment(1, 2))]
    assert [one.score for one in found["a"]] == pytest.approx([0.5, 1 / (1 + np.exp(6))])


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=30), st.integers(0, 5))
def test_no_line_has_a_better_f1(judged: list[tuple[int, bool]], missed: int) -> None:
    raw, right = np.array([score for score, _ in judged], float), np.array([good for _, good in judged])
    wanted = max(int(right.sum()) + missed, 1)

    def f1(line: float) -> float:
        above = raw >= line
        return 2 * (right & above).sum() / (above.sum() + wanted)

    line, best = best_line(raw, right, wanted)
    assert best == pytest.approx(f1(line))
    assert best >= max(map(f1, raw)) - 1e-12


def test_the_line_is_in_the_middle_of_its_gap_and_below_all_where_nothing_is_wrong() -> None:
    assert best_line(np.array([1.0, 3.0, 7.0]), np.array([False, False, True]), 1) == (5.0, 1.0)
    raw = np.array([4.0, 6.0, 8.0])
    assert best_line(raw, np.ones(3, bool), 3) == (pytest.approx(6 - 2 * raw.std()), 1.0)


def test_the_slope_is_that_of_the_data() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(2, 3, 20000)
    right = rng.random(20000) < 1 / (1 + np.exp(-1.7 * (raw - 1)))
    assert logistic_slope(raw, right) == pytest.approx(1.7, rel=0.05)


@pytest.mark.parametrize("right", [[True] * 4, [False] * 4, [True, True, False, False]])
def test_the_slope_is_finite_and_uses_the_range(right: list[bool]) -> None:
    raw = np.array([0.0, 10.0, 20.0, 40.0])
    assert logistic_slope(raw, np.array(right)) == pytest.approx(2 / raw.std())
    assert logistic_slope(np.array([2.0, 2.0]), np.array([True, False])) == 2.0
    assert np.isfinite(logistic_slope(np.array([0.0, 1e8]), np.array([False, True])))
