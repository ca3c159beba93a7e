import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import (
    Annotations,
    Detections,
    Video,
    read_annotations,
    read_detections,
    write_annotations,
    write_detections,
)
from untrim.errors import UntrimError
from untrim.evaluation.comparison import compare
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.evaluation.diagnosis import diagnose
from untrim.evaluation.uncertainty import bootstrap, compare_paired, resampled
from untrim.timeline import Detection, Instance, Segment

THRESHOLDS = np.array([0.3, 0.6])


def corpus(videos: int, seed: int, quality: float = 1.0, attempt: int = 0) -> tuple[Detections, Annotations]:
    """Videos of one of three classes, with detections whose scores tell truth apart as well as `quality` says."""
    truth_rng, rng = np.random.default_rng(seed), np.random.default_rng([seed, attempt])
    names, counts, labels, spans, scores, annotated = [], [], [], [], [], []
    for v in range(videos):
        label = "abc"[truth_rng.integers(3)]
        starts = np.arange(truth_rng.integers(1, 5)) * 20.0
        instances = tuple(Instance(label, Segment(start, start + 10)) for start in starts.tolist())
        annotated.append(Video(f"v{v}", "test", 100.0, (), instances))
        hit = rng.random(len(starts) * 3) < 0.4
        shift = np.where(hit, rng.normal(0, 2, len(hit)), 10)
        own = np.tile(starts, 3) + shift
        names.append(f"v{v}")
        counts.append(len(own))
        labels += [label] * len(own)
        spans += np.stack([own, own + 10], axis=1).tolist()
        scores += (rng.normal(0, 1, len(own)) + quality * hit).tolist()
    return Detections(names, counts, labels, spans, scores), Annotations(annotated)


@given(st.integers(0, 50), st.lists(st.integers(0, 3), min_size=8, max_size=8).filter(lambda w: sum(w) > 0))
@settings(max_examples=40)
def test_a_weight_is_so_many_copies_of_the_video(seed: int, weights: list[int]) -> None:
    detections, annotations = corpus(8, seed)
    compared = compare(detections, annotations)
    value = resampled(compared, compared.match(THRESHOLDS) >= 0, np.array([weights], dtype=float))[0]
    copies = [(f"{name}.{i}", name) for name, count in zip(annotations, weights, strict=True) for i in range(count)]
    repeated = Annotations([Video(new, "test", 100.0, (), annotations[old].instances) for new, old in copies])
    found = {new: detections[old] for new, old in copies}
    assert value == pytest.approx(evaluate_detections(found, repeated, THRESHOLDS).mean)


def test_weights_of_one_are_the_evaluation_itself(shared_data: Path) -> None:
    folder, iou = shared_data / "eval" / "stpn", iou_thresholds("0.1:0.9:0.1")
    compared = compare(read_detections(folder / "results.json"), read_annotations(folder / "gt.json"), "thumos14")
    value = resampled(compared, compared.match(iou) >= 0, np.ones((1, 210)))[0]
    wanted = evaluate_detections(
        read_detections(folder / "results.json"), read_annotations(folder / "gt.json"), iou, "thumos14"
    )
    assert value == pytest.approx(wanted.mean)


def test_intervals_hold_the_true_value_and_not_much_else() -> None:
    """60 test sets of 40 videos from one population: about 95% of the intervals hold the mean over test sets."""
    found = [bootstrap(*corpus(40, seed), [0.5], samples=100) for seed in range(60)]
    truth = np.mean([one.average.value for one in found])
    spread = np.std([one.average.value for one in found])
    covered = np.mean([one.average.low <= truth <= one.average.high for one in found])
    assert covered >= 0.85
    assert np.mean([one.average.high - one.average.low for one in found]) < 6 * spread


def test_p_values_tell_a_real_difference_from_chance() -> None:
    same, better = [], []
    for seed in range(40):
        one, annotations = corpus(50, seed, 0.0)
        twin, other = corpus(50, seed, 0.0, attempt=1)[0], corpus(50, seed, 5.0, attempt=2)[0]
        same.append(compare_paired(one, twin, annotations, [0.5], samples=200).average_p)
        better.append(compare_paired(one, other, annotations, [0.5], samples=200).average_p)
    assert np.mean(np.array(same) < 0.05) <= 0.15
    assert 0.3 < np.median(same) < 0.7
    assert np.mean(np.array(better) < 0.05) >= 0.9


def test_results_by_seed_in_json_and_in_words() -> None:
    detections, annotations = corpus(20, 0)
    one, other = (bootstrap(detections, annotations, THRESHOLDS, seed=seed) for seed in (0, 1))
    assert bootstrap(detections, annotations, THRESHOLDS, seed=0) == one != other
    assert one.result == evaluate_detections(detections, annotations, THRESHOLDS)
    assert all(i.low < i.value < i.high for i in (*one.mean, one.average))
    assert json.loads(json.dumps(one.to_json()))["mAP"][1]["value"] == one.mean[1].value
    assert "0.6" in str(one)
    itself = compare_paired(detections, detections, annotations, THRESHOLDS)
    assert (itself.average.value, itself.average.low, itself.average_p) == (0.0, 0.0, 1.0)
    assert "could be chance" in str(itself)
    worse = {name: [Detection(d.label, d.segment, -d.score) for d in own] for name, own in detections.items()}
    clear = compare_paired(worse, detections, annotations, THRESHOLDS)
    assert clear.sentence().startswith("The second is better (p = 0.00")
    assert json.loads(json.dumps(clear.to_json()))["average_mAP"]["p"] == clear.average_p


def test_too_little_to_draw_from() -> None:
    detections, annotations = corpus(1, 0)
    with pytest.raises(UntrimError, match="at least 2 videos"):
        bootstrap(detections, annotations, [0.5])
    with pytest.raises(UntrimError, match="100 draws"):
        bootstrap(*corpus(5, 0), [0.5], samples=10)


def test_paths_do_as_well_as_objects(tmp_path: Path) -> None:
    found, truth = corpus(8, seed=0)
    write_detections(found, tmp_path / "found.json")
    write_annotations(truth, tmp_path / "truth.json")
    paths = (tmp_path / "found.json", str(tmp_path / "truth.json"))
    for measure in (evaluate_detections, bootstrap, diagnose):
        iou = 0.5 if measure is diagnose else THRESHOLDS
        assert measure(*paths, iou) == measure(found, truth, iou)
    compared = compare_paired(paths[0], *paths, THRESHOLDS)
    assert compared == compare_paired(found, found, truth, THRESHOLDS)
    with pytest.raises(UntrimError, match=r"^detections: not a path: 3"):
        evaluate_detections(3, truth, THRESHOLDS)
    with pytest.raises(UntrimError, match=r"^tIoU: not thresholds"):
        evaluate_detections(found, truth, "high")


@pytest.mark.parametrize(("videos", "claims"), [(2, False), (5, False), (12, True)])
def test_what_few_videos_agree_in_can_be_chance(videos: int, claims: bool) -> None:
    """Draws of videos that are all alike do not differ, whatever the number: the sign test sees how few they are."""
    names = [f"v{i}" for i in range(videos)]
    truth = Annotations([Video(name, "test", 50.0, (), (Instance("a", Segment(0, 10)),)) for name in names])
    good = {name: [Detection("a", Segment(0, 10), 1.0)] for name in names}
    bad = {name: [Detection("a", Segment(20, 30), 1.0)] for name in names}
    result = compare_paired(good, bad, truth, [0.5])
    assert result.average_p >= 2 ** (1 - videos)
    assert ("is better" in result.sentence()) == claims
    same = compare_paired(good, dict(good), truth, [0.5])
    assert same.average_p == 1.0
