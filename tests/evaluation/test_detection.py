import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from untrim.annotations import Annotations, Detections, Video, read_annotations, read_detections
from untrim.errors import UntrimError
from untrim.evaluation.detection import (
    DetectionResult,
    evaluate_detections,
    evaluate_videos,
    iou_thresholds,
    table,
)
from untrim.timeline import Detection, Instance, Segment

CASES = (
    "01_basic", "02_ties", "03_duplicates", "05_videos_without_predictions", "07_gt_class_without_predictions",
    "10_crowded", "12_iou_exactly_on_threshold", "15_single",
)  # fmt: skip
STPN = (52.1, 44.2, 34.7, 26.1, 17.7, 10.1, 4.9, 1.3, 0.1)
"""Nguyen et al. 2018, as their repository publishes it."""

spans = st.tuples(st.floats(0, 90), st.floats(0.5, 30)).map(lambda pair: Segment(pair[0], pair[0] + pair[1]))
labels = st.sampled_from(["jump", "run"])
instances = st.lists(st.builds(Instance, labels, spans), min_size=1, max_size=5)


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[str, list[Detection]], Annotations]:
    """Some videos, with detections near and far from the instances; all scores differ."""
    own = draw(st.lists(instances, min_size=1, max_size=3))
    annotations = Annotations([Video(f"v{i}", "test", 120.0, (), tuple(found)) for i, found in enumerate(own)])
    scores = iter(draw(st.permutations(range(40))))
    detections: dict[str, list[Detection]] = {name: [] for name in annotations}
    for name, video in annotations.items():
        for instance in video.instances:
            for shift in draw(st.lists(st.floats(-3, 3), max_size=2)):
                near = Segment(instance.segment.start + shift, instance.segment.end + shift)
                detections[name].append(Detection(draw(labels), near, next(scores)))
        detections[name] += [Detection(draw(labels), span, next(scores)) for span in draw(st.lists(spans, max_size=2))]
    present = {instance.label for video in annotations.values() for instance in video.instances}
    for name, found in detections.items():
        detections[name] = [detection for detection in found if detection.label in present]
    if not any(detections.values()):
        first = annotations["v0"].instances[0]
        detections["v0"] = [Detection(first.label, first.segment, 1.0)]
    return detections, annotations


def evaluate_case(folder: Path, **options: object) -> tuple[DetectionResult, dict]:
    expected = json.loads((folder / "expected.json").read_text())
    detections, annotations = read_detections(folder / "pred.json"), read_annotations(folder / "gt.json")
    return evaluate_detections(
        detections, annotations, expected["tiou"], subset=expected["subset"], **options
    ), expected  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_equal_to_the_official_evaluator_bit_for_bit(shared_data: Path, case: str) -> None:
    result, expected = evaluate_case(shared_data / "eval" / "cases" / case, strict=True)
    wanted = expected["stable" if expected["tie_order_matters"] else "official"]
    assert list(result.mean) == wanted["mAP"]
    assert result.average == wanted["average_mAP"]
    assert [[result.average_precision[c][k] for c in wanted["classes"]] for k in range(9)] == wanted["ap"]
    assert len(result.average_precision) == len(wanted["classes"])


def test_a_class_that_is_nowhere_is_refused_or_left_out(shared_data: Path) -> None:
    """The official evaluator raises KeyError here."""
    folder = shared_data / "eval" / "cases" / "08_prediction_class_without_gt"
    with pytest.raises(UntrimError, match=r"1 of 6 classes .*never_in_gt; annotated: c00, c01, c02 and 2 more"):
        evaluate_case(folder, strict=True)
    result, expected = evaluate_case(folder)
    known = {
        name: [d for d in found if d.label != "never_in_gt"]
        for name, found in read_detections(folder / "pred.json").items()
    }
    assert result.notes == ("Detections of 1 class without ground truth were left out.",)
    again = evaluate_detections(known, read_annotations(folder / "gt.json"), expected["tiou"], strict=True)
    assert again.average_precision == result.average_precision
    assert result.average > 0.1


def test_published_table_of_stpn(shared_data: Path) -> None:
    folder = shared_data / "eval" / "stpn"
    result = evaluate_detections(
        read_detections(folder / "results.json"), read_annotations(folder / "gt.json"), iou_thresholds("0.1:0.9:0.1"),
        "thumos14", subset="test", strict=True,
    )  # fmt: skip
    percent = [100 * value for value in result.mean]
    rounded = [round(value, 1) for value in percent]
    assert [value for i, value in enumerate(rounded) if i != 6] == [value for i, value in enumerate(STPN) if i != 6]
    assert percent[6] == pytest.approx(STPN[6], abs=0.1)  # 4.988: published cut off, all others are rounded
    assert round(100 * result.average, 1) == 21.3
    assert (result.videos, result.instances, result.detections) == (210, 3311, 9151)


def coco_average_precision(detections: dict[str, list[Detection]], annotations: Annotations, iou: list[float]) -> list:
    """pycocotools on boxes one pixel high: (K, C) with 10,001 recall points."""
    names, classes = list(annotations), sorted(annotations.labels)
    truth = [
        (names.index(v.name), classes.index(i.label), i.segment) for v in annotations.values() for i in v.instances
    ]
    found = [(names.index(n), classes.index(d.label), d.segment, d.score) for n, own in detections.items() for d in own]
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(names))],
            "categories": [{"id": c} for c in range(len(classes))],
            "annotations": [
                {"id": n + 1, "image_id": i, "category_id": c, "bbox": [s.start, 0, s.duration, 1], "iscrowd": 0,
                 "area": s.duration} for n, (i, c, s) in enumerate(truth)
            ],
        }  # fmt: skip
        coco.createIndex()
        results = coco.loadRes(
            [{"image_id": i, "category_id": c, "bbox": [s.start, 0, s.duration, 1], "score": x} for i, c, s, x in found]
        )
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.params.iouThrs, evaluation.params.recThrs = np.array(iou), np.linspace(0, 1, 10_001)
        evaluation.params.maxDets, evaluation.params.areaRng = [1000], [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, 0].mean(axis=1)  # (K, R, C)


@given(problems())
@settings(max_examples=60)
def test_equal_to_pycocotools(problem: tuple[dict[str, list[Detection]], Annotations]) -> None:
    detections, annotations = problem
    iou = [0.11, 0.33, 0.52, 0.74]
    result = evaluate_detections(detections, annotations, iou, strict=True)
    wanted = coco_average_precision(detections, annotations, iou)
    for c, label in enumerate(sorted(annotations.labels)):
        assert result.average_precision[label] == pytest.approx(wanted[:, c].tolist(), abs=3e-4)


@given(problems())
def test_only_the_order_of_scores_counts_and_looser_is_never_worse(
    problem: tuple[dict[str, list[Detection]], Annotations],
) -> None:
    detections, annotations = problem
    result = evaluate_detections(detections, annotations, [0.1, 0.5, 0.9])
    scaled = {n: [Detection(d.label, d.segment, 3 * d.score - 7) for d in own] for n, own in detections.items()}
    assert evaluate_detections(scaled, annotations, [0.1, 0.5, 0.9]) == result
    assert evaluate_detections(Detections.of(detections), annotations, [0.1, 0.5, 0.9]) == result
    perfect = {n: [Detection(i.label, i.segment, 1.0) for i in v.instances] for n, v in annotations.items()}
    assert evaluate_detections(perfect, annotations, [0.1, 1.0]).mean == pytest.approx((1.0, 1.0))


def truth_of(*found: Instance, name: str = "v", subset: str = "test") -> Video:
    return Video(name, subset, 60.0, (), found)


JUMP = Instance("jump", Segment(10, 20))
HIT = Detection("jump", Segment(10, 20), 0.5)


def test_zero_length_segments_find_nothing_and_are_found_by_nothing() -> None:
    point = Segment(15, 15)
    annotations = Annotations([truth_of(JUMP, Instance("jump", point))])
    detections = {"v": [Detection("jump", point, 0.9), HIT]}
    result = evaluate_detections(detections, annotations, [0.1])
    assert result.mean == (0.25,)  # the best detection is false, one of two instances is found by the second
    assert (result.instances, result.detections) == (2, 2)


@pytest.mark.parametrize(
    ("segment", "score"),
    [([np.nan, 1], 1), ([0, np.inf], 1), ([2, 1], 1), ([0, 1], np.nan), ([0, 1], np.inf)],
)
def test_numbers_that_mean_nothing_are_refused(segment: list[float], score: float) -> None:
    with pytest.raises(UntrimError, match="a detection of 'v' has segment"):
        Detections(["u", "v"], [0, 1], ["jump"], [segment], [score])
    with pytest.raises(UntrimError, match=r"finite|ends before"):
        evaluate_detections({"v": [Detection("jump", Segment(*segment), score)]}, Annotations([truth_of(JUMP)]), [0.5])


def test_json_has_the_form_of_the_contract() -> None:
    annotations = Annotations([truth_of(JUMP), truth_of(Instance("run", Segment(0, 5)), name="w")])
    result = evaluate_detections({"v": [HIT]}, annotations, iou_thresholds("0.3,0.5"))
    assert json.loads(json.dumps(result.to_json())) == {
        "schema": 1, "protocol": "activitynet", "subset": "test", "iou": [0.3, 0.5], "mAP": [0.5, 0.5],
        "average_mAP": 0.5, "per_class": {"jump": [1.0, 1.0], "run": [0.0, 0.0]}, "videos": 2, "instances": 2,
        "detections": 1,
    }  # fmt: skip
    shown = table({"a": result, "longer": result}).splitlines()
    assert shown[0] == "mAP in %, protocol activitynet, subset test: 2 instances in 2 videos"
    assert shown[1].split() == ["0.3", "0.5", "avg"]
    assert shown[3].split() == ["longer", "50.0", "50.0", "50.0"]
    assert len({len(line) for line in shown[1:4]}) == 1
    assert shown[4:] == ["1 of 2 videos are not in the detections: w."]


def test_videos_that_were_never_looked_at_are_counted() -> None:
    annotations = Annotations([truth_of(JUMP, name=f"v{index}") for index in range(20)])
    one = evaluate_detections({"v0": [HIT]}, annotations, [0.5])
    assert one.notes == ("19 of 20 videos are not in the detections: v1, v10, v11 and 16 more.",)
    every = {"v0": [HIT], **{f"v{index}": [] for index in range(1, 20)}}
    assert evaluate_detections(every, annotations, [0.5]).notes == ()


def test_a_name_that_fits_but_for_its_form_is_said() -> None:
    annotations = Annotations([truth_of(JUMP, name="Clip One"), truth_of(JUMP, name="other")])
    with pytest.raises(UntrimError, match=r"no video in common.*'clip one\.MP4' is there as 'Clip One'"):
        evaluate_detections({"clip one.MP4": [HIT]}, annotations, [0.5])
    named = Annotations([truth_of(Instance("high_jump", Segment(0, 1)))])
    with pytest.raises(UntrimError, match=r"no class in common.*'High Jump' is there as 'high_jump'"):
        evaluate_detections({"v": [Detection("High Jump", Segment(0, 1), 1.0)]}, named, [0.5])


def test_thresholds_are_linspace() -> None:
    assert iou_thresholds("0.1:0.7:0.1").tolist() == np.linspace(0.1, 0.7, 7).tolist()
    assert iou_thresholds("0.5:0.95:0.05").tolist() == np.linspace(0.5, 0.95, 10).tolist()
    assert iou_thresholds("0.5").tolist() == [0.5]
    for wrong in ("", "0:1:0.1", "0.1:0.7:0", "a", "0.1:0.2", "1.5", "nan", "0.7:0.1:0.1", "0.1:0.7:1e-300"):
        with pytest.raises(UntrimError, match="--iou"):
            iou_thresholds(wrong)


def test_no_threshold_is_guessed_and_none_counts_twice() -> None:
    assert iou_thresholds("0.3333:0.6666:0.1111").tolist() == np.linspace(0.3333, 0.6666, 4).tolist()
    for wrong in ("0.1:0.65:0.1", "0.5:0.9:0.3", "0.5:0.95:1"):
        with pytest.raises(UntrimError, match=r"is not a whole number of steps of [\d.]+ from 0\.[15] \(end at"):
            iou_thresholds(wrong)
    with pytest.raises(UntrimError, match=r"^--iou 0\.3,0\.5,0\.5: 0\.5 is listed twice"):
        iou_thresholds("0.3,0.5,0.5")
    with pytest.raises(UntrimError, match="listed twice"):
        evaluate_detections({"v": [HIT]}, Annotations([truth_of(Instance("run", Segment(0, 1)))]), [0.5, 0.5])


OTHER = truth_of(Instance("swim", Segment(0, 1)), name="w", subset="training")


@pytest.mark.parametrize(
    ("detections", "message"),
    [
        ({"x": [HIT], "y": [HIT]}, "no video in common: detections in x, y, ground truth of v"),
        (
            {"w": [HIT]},
            "no video in common: detections in w, ground truth of v (the detections are of subset training)",
        ),
        ({"v": [HIT], "x": [HIT]}, "1 of 2 videos with detections are not annotated: x; annotated: v, w"),
        ({"v": [Detection("fly", Segment(0, 1), 1)]}, "no class in common: detections of fly, ground truth of jump"),
        ({"v": [HIT, Detection("fly", Segment(0, 1), 1)]}, "1 of 2 classes with detections are not annotated: fly"),
    ],
)
def test_mismatches_show_both_sides(detections: dict[str, list[Detection]], message: str) -> None:
    with pytest.raises(UntrimError) as caught:
        evaluate_detections(detections, Annotations([truth_of(JUMP), OTHER]), [0.5], subset="test", strict=True)
    assert message in str(caught.value)


def test_what_is_known_but_not_of_this_subset_is_left_out_and_noted() -> None:
    swim = Detection("swim", Segment(0, 1), 1.0)
    annotations = Annotations([truth_of(JUMP), OTHER, Video("u", "test", None, ("jump",))])
    result = evaluate_detections({"v": [HIT, swim], "w": [HIT]}, annotations, [0.5], subset="test", strict=True)
    assert result.mean == (1.0,)
    assert (result.videos, result.detections) == (1, 1)
    assert len(result.notes) == 3
    assert all(note in table({"a": result}) for note in result.notes)


def test_nothing_to_evaluate() -> None:
    with pytest.raises(UntrimError, match="no instance with a segment"):
        evaluate_detections({"v": [HIT]}, Annotations([Video("v", "test", 1.0, ("jump",))]), [0.5])
    with pytest.raises(UntrimError, match="not thresholds"):
        evaluate_detections({"v": [HIT]}, Annotations([truth_of(JUMP)]), [0.0])
    empty = evaluate_detections({"v": []}, Annotations([truth_of(JUMP)]), [0.5])
    assert (empty.mean, empty.detections) == ((0.0,), 0)


@given(problems())
def test_videos_on_their_own(problem: tuple[dict[str, list[Detection]], Annotations]) -> None:
    detections, annotations = problem
    maps = evaluate_videos(detections, annotations, [0.1, 0.5])
    assert list(maps) == list(annotations)
    for name, video in annotations.items():
        found = [d for d in detections[name] if d.label in video.labels]
        alone = evaluate_detections({name: found}, Annotations([video]), [0.1, 0.5])
        assert maps[name] == pytest.approx(alone.average)
