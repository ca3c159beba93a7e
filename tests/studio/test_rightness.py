"""Which decision is about a detection, how right detections are, and what a run changed."""

from untrim.annotations.reviews import Review
from untrim.studio.found import decisions_about
from untrim.studio.rightness import Rightness, rightness, what_is_new
from untrim.timeline import Detection, Segment


def found(label: str, score: float, start: float = 0.0, end: float = 1.0) -> Detection:
    return Detection(label, Segment(start, end), score)


def review(**values: object) -> Review:
    return Review(video="v", **values)


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
