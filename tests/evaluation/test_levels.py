"""From which score on detections are shown."""

import pytest

from untrim.evaluation.found import OPERATING_POINT
from untrim.evaluation.levels import Level, level_of, shown
from untrim.timeline import Detection, Segment


def found(label: str, score: float, start: float = 0.0, end: float = 1.0) -> Detection:
    return Detection(label, Segment(start, end), score)


def test_the_level_is_where_what_was_found_agrees_best_with_the_tags() -> None:
    detections = {
        "a": [found("run", 9.0), found("run", 8.9), found("jump", 2.0)],
        "b": [found("jump", 7.0), found("run", 3.0)],
        "untagged": [found("run", 100.0), found("jump", 50.0)],
    }
    level = level_of(detections, {"a": {"run"}, "b": {"jump"}})
    assert 3.0 < level.score < 7.0
    assert level.certainty(level.score) == 0.5
    assert level.certainty(100.0) > 0.99 > 0.5 > level.certainty(-100.0)


def test_without_tags_the_level_is_the_median_of_the_best() -> None:
    assert level_of({"a": [found("x", 1.0), found("x", 9.0)], "b": [found("x", 3.0)], "c": []}, {}).score == 6.0


@pytest.mark.parametrize("tags", [{}, {"a": {"run"}, "b": {"run", "jump"}}])
def test_the_level_of_confidences_is_the_operating_point(tags: dict[str, set[str]]) -> None:
    detections = {"a": [found("run", 0.9), found("jump", 0.2)], "b": [found("jump", 0.45)], "c": []}
    level = level_of(detections, tags)
    assert level.score == OPERATING_POINT
    assert [level.certainty(score) for score in (0.0, 0.2, 1.0)] == [0.0, 0.2, 1.0]
    assert level_of({}, tags).score == OPERATING_POINT


def test_the_best_of_a_tag_is_shown_however_low_it_is() -> None:
    detections = [found("run", 3.0), found("jump", 0.5), found("jump", 0.4), found("swim", 0.3)]
    assert shown(detections, Level(1.0, 1.0), ["jump"]) == [True, True, False, False]
