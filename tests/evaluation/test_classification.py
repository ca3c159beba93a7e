import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError
from untrim.evaluation.classification import classification, classify_videos
from untrim.timeline import Detection, Segment


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=20))
def test_equal_to_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([[float(score)] for score, _ in rows])
    truth = np.array([[true] for _, true in rows])
    if not truth.any():
        return
    result = classification(scores, truth, ("a",))
    assert result.mean == pytest.approx(average_precision_score(truth[:, 0], scores[:, 0]))


def test_best_score_of_each_class_decides() -> None:
    annotations = Annotations([Video("u", labels=("a", "b")), Video("v", labels=("b",)), Video("w", labels=("a",))])
    span = Segment(0, 1)
    found = {
        "u": [Detection("a", span, 0.2), Detection("a", span, 0.9), Detection("b", span, 0.1)],
        "v": [Detection("a", span, 0.5), Detection("b", span, 0.4)],
        "elsewhere": [Detection("a", span, 1.0)],
    }
    result = classify_videos(found, annotations)
    assert result.top1 == pytest.approx(1 / 3)  # u is right; v is taken for a; nothing was found in w
    assert result.average_precision["b"] == 1.0
    assert result.average_precision["a"] == pytest.approx((1 + 2 / 3) / 2)
    assert result.to_json()["videos"] == 3


def test_nothing_to_classify() -> None:
    with pytest.raises(UntrimError, match="no video in common: detections in x, labels of v"):
        classify_videos({"x": []}, Annotations([Video("v", labels=("a",))]))
    with pytest.raises(UntrimError, match="has no labels"):
        classify_videos({"v": []}, Annotations([Video("v")]))
