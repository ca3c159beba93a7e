import math

import numpy as np
import pytest

from untrim.annotations import Detections
from untrim.errors import UntrimError
from untrim.evaluation.found import counting_as_found, describe_found, least_score, right_detections
from untrim.timeline import Detection, Instance, Segment


def of_scores(*scores: float) -> dict[str, list[Detection]]:
    return {"a": [Detection("x", Segment(0, 1), score) for score in scores], "b": []}


def test_confidences_count_from_a_half_and_other_scores_all() -> None:
    found = of_scores(0.9, 0.5, 0.49)
    assert counting_as_found(found) == {"a": found["a"][:2], "b": []}
    assert counting_as_found(Detections.of(found))["a"] == found["a"][:2]
    assert counting_as_found(of_scores(7.0, -3.0)) == of_scores(7.0, -3.0)
    assert least_score({}) == 0.5


def test_the_user_may_move_the_line() -> None:
    assert [one.score for one in counting_as_found(of_scores(0.9, 0.5), 0.6)["a"]] == [0.9]
    assert [one.score for one in counting_as_found(of_scores(9.0, 5.0), 6.0)["a"]] == [9.0]
    for nonsense in (math.nan, math.inf):
        with pytest.raises(UntrimError, match="is no score"):
            least_score(of_scores(0.9), nonsense)


def test_how_many_count_is_said() -> None:
    assert describe_found(of_scores(0.9, 0.5, 0.1)) == "2 above 0.5, 1 more in the file"
    assert describe_found(of_scores(0.9, 0.5, 0.1), 0.05) == "3 above 0.05, 0 more in the file"
    assert describe_found(of_scores(9.0)) == "scores of no known scale, so that every detection counts as found"


def test_the_best_detection_of_an_instance_is_right() -> None:
    truth = [Instance("x", Segment(0, 10)), Instance("y", Segment(0, 10))]
    spans = [("x", 0, 10), ("x", 0, 9), ("y", 0, 4), ("z", 0, 10), ("y", 1, 9)]
    found = [Detection(label, Segment(start, end), 1 - i / 10) for i, (label, start, end) in enumerate(spans)]
    assert right_detections(found, truth).tolist() == [True, False, False, False, True]
    assert right_detections(found, truth, iou=0.4).tolist() == [True, False, True, False, False]
    assert right_detections(found, []).tolist() == [False] * 5
    assert np.shape(right_detections([], truth)) == (0,)
