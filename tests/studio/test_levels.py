"""From which score on detections are shown, which video is next, how right detections are, and what a run changed."""

import pytest

from untrim.annotations.reviews import Review
from untrim.evaluation.found import OPERATING_POINT
from untrim.studio.choosing import EVERY, Reason, next_to_look_at, reason_to_look
from untrim.studio.found import decisions_about
from untrim.studio.levels import Level, level_of, shown
from untrim.studio.rightness import Rightness, rightness, what_is_new
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


def review(**values: object) -> Review:
    return Review(video="v", **values)


@pytest.mark.parametrize(
    ("decided", "detections", "words"),
    [
        ({}, [], "not tagged yet"),
        ({"labels": ["run"]}, [], "nothing was looked for yet"),
        ({"labels": ["run"]}, [found("jump", 0.0)], "run is tagged and was not found"),
        ({"labels": ["run"]}, [found("jump", 9.0), found("run", 0.5)], "jump was found and is not tagged"),
        ({"labels": ["run"]}, [found("run", 1.0), found("jump", 0.2)], "least sure about run"),
        ({"exhaustive": True}, [found("run", 9.0)], None),
        ({"labels": ["run"], "exhaustive": ["run"]}, [found("run", 9.0)], None),
    ],
)
def test_the_reason_to_look_is_said(decided: dict[str, object], detections: list[Detection], words: str | None) -> None:
    reason = reason_to_look(review(**decided), detections, detections, Level(1.0, 1.0))
    assert (None if reason is None else words in reason.words) in (None, True)
    assert (reason is None) == (words is None)


def test_classes_take_turns_and_every_fifth_is_picked_at_random() -> None:
    reasons = {"a": Reason(0.9, "", "run"), "b": Reason(0.5, "", "jump"), "c": Reason(0.6, "", "jump")}
    picks = [next_to_look_at(reasons, {"run": 3}, turn, "seed") for turn in range(EVERY)]
    assert [pick[0] for pick in picks if pick is not None and not pick[2]] == ["c"] * (EVERY - 1)
    assert picks[-1] is not None
    assert picks[-1][2]
    assert next_to_look_at(reasons, {"run": 1, "jump": 2}, 0, "seed") == ("a", reasons["a"], False)
    at_random = {next_to_look_at(reasons, {}, EVERY * turn - 1, "seed") for turn in range(1, 30)}
    assert {pick[0] for pick in at_random if pick is not None} == set(reasons)
    assert next_to_look_at({}, {}, EVERY - 1, "seed") is None


def test_a_detection_is_decided_where_it_is_where_it_was_or_inside_of_what_holds() -> None:
    origin = {"run": "1", "start": 0.0, "end": 1.0, "score": 1.0}
    decided = review(
        segments=[
            {"id": "moved", "label": "run", "start": 3.0, "end": 5.0, "state": "adjusted", "from": origin},
            {"id": "merged", "label": "jump", "start": 0.0, "end": 10.0, "state": "accepted"},
            {"id": "no", "label": "swim", "start": 0.0, "end": 10.0, "state": "rejected"},
        ]
    )
    cases = {
        found("run", 1, 0.0, 1.1): "moved",
        found("run", 1, 3.0, 4.2): "moved",
        found("run", 1, 6.0, 7.0): None,
        found("jump", 1, 4.0, 5.0): "merged",
        found("jump", 1, 9.5, 11.0): None,
        found("swim", 1, 4.0, 5.0): None,
        found("swim", 1, 0.0, 9.0): "no",
        found("other", 1, 0.0, 1.0): None,
    }
    assert decisions_about(list(cases), decided.segments) == list(cases.values())


def test_each_segment_makes_one_detection_right() -> None:
    marked = [
        {"id": "1", "label": "run", "start": 0.0, "end": 1.0, "state": "accepted"},
        {"id": "2", "label": "run", "start": 5.0, "end": 6.0, "state": "rejected"},
        {"id": "3", "label": "jump", "start": 8.0, "end": 9.0, "state": "added"},
    ]
    detections = [found("run", 3.0, 0.0, 1.1), found("run", 2.0), found("run", 1.0, 5.0, 6.0), found("jump", 1.0)]
    counted = rightness([(review(segments=marked), detections)])
    assert counted == Rightness(right=1, shown=4, segments=2, videos=1)
    told = counted.to_json()
    assert told is not None
    assert (told["right"], told["of"]) == (1, 4)
    assert 0 < told["low"] < 0.25 < told["high"] < 1
    assert "1 of 4 shown detections were right" in told["words"]
    assert rightness([]).to_json() is None


def test_what_a_run_changed() -> None:
    before = {"a": [found("run", 1, 0, 4), found("run", 1, 10, 11)], "b": [found("jump", 1)]}
    after = {"a": [found("run", 1, 0, 4.6), found("jump", 1, 10, 11)], "b": [found("jump", 9)], "c": [found("x", 1)]}
    assert what_is_new(before, after, "2") == "since run 2: 2 newly found, 1 no longer, 1 moved by more than 0.5 s"
