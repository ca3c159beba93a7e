"""Which video deserves a look, and which one is next."""

import pytest

from untrim.annotations.reviews import Review
from untrim.evaluation.choosing import EVERY, Reason, next_to_look_at, reason_to_look
from untrim.evaluation.levels import Level
from untrim.timeline import Detection, Segment


def found(label: str, score: float, start: float = 0.0, end: float = 1.0) -> Detection:
    return Detection(label, Segment(start, end), score)


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
