import numpy as np
import pytest

from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError
from untrim.evaluation.reliability import measure_reliability
from untrim.timeline import Detection, Instance, Segment

SPANS = [Segment(10 * i, 10 * i + 5) for i in range(10)]
TRUTH = Annotations([Video("a", "validation", 100, instances=tuple(Instance("x", span) for span in SPANS))])


def scored(*scores: tuple[float, bool]) -> dict[str, list[Detection]]:
    """Detections of those scores, each of an instance of its own or of nothing."""
    placed = zip(SPANS, scores, strict=False)
    spans = [(span if good else Segment(span.start + 6, span.end + 4), score) for span, (score, good) in placed]
    return {"a": [Detection("x", span, score) for span, score in spans]}


def test_f1_at_the_operating_point_and_at_the_best_line() -> None:
    found = measure_reliability(scored((0.9, True), (0.8, True), (0.6, False), (0.4, True), (0.1, False)), TRUTH)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 2 / 10, 4 / 13)
    assert (found.best_f1, found.best_line) == (6 / 14, pytest.approx(0.25))


def test_the_curve_counts_what_is_right_in_each_tenth() -> None:
    found = measure_reliability(scored((1.0, True), (0.92, False), (0.15, False), (0.1, False)), TRUTH)
    last, second = found.bins[-1], found.bins[1]
    assert (last.detections, last.confidence, last.right) == (2, pytest.approx(0.96), 0.5)
    assert (second.detections, second.confidence, second.right) == (2, pytest.approx(0.125), 0.0)
    assert sum(part.detections for part in found.bins) == 4
    assert found.bins[0].right is None
    assert found.calibration_error == pytest.approx((0.46 + 0.125) / 2)


def test_calibrated_scores_have_no_error() -> None:
    rng = np.random.default_rng(0)
    videos, detections = [], {}
    for index in range(300):
        scores = rng.random(10)
        videos.append(Video(f"v{index}", "validation", 100, instances=TRUTH["a"].instances))
        detections[f"v{index}"] = scored(*zip(scores.tolist(), (rng.random(10) < scores).tolist(), strict=True))["a"]
    assert measure_reliability(detections, Annotations(videos)).calibration_error < 0.02


@pytest.mark.parametrize("scores", [[(7.0, True)], [(-0.1, True)], []])
def test_other_scores_are_refused(scores: list[tuple[float, bool]]) -> None:
    with pytest.raises(UntrimError, match="no confidences in"):
        measure_reliability(scored(*scores), TRUTH)
