from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.errors import UntrimError
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.evaluation.protocols import PROTOCOLS, describe_protocols, find_protocol
from untrim.timeline import Detection, Instance, Segment

COUNTS = {
    "thumos14": (210, 3311), "thumos14-211": (211, 3311), "thumos14-212": (212, 3358), "thumos14-213": (213, 3358),
    "thumos14-distinct": (210, 3094), "thumos14-ambiguous": (210, 3311), "legacy": (212, 3358),
    "legacy-wtalc": (212, 3358), "activitynet": (213, 3358),
}  # fmt: skip


@pytest.fixture(scope="module")
def thumos14(shared_data: Path) -> Annotations:
    return read_annotations(shared_data / "thumos14")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_variants_count_what_they_say(thumos14: Annotations, shared_data: Path, name: str) -> None:
    detections = read_detections(shared_data / "eval" / "stpn" / "results.json")
    result = evaluate_detections(detections, thumos14, [0.5], name, subset="test", strict=True)
    assert (result.videos, result.instances) == COUNTS[name]
    assert result.protocol == name
    assert 0.17 < result.average < 0.21
    assert f"{name} " in describe_protocols()


def test_text_files_and_converted_json_agree(thumos14: Annotations, shared_data: Path) -> None:
    folder, iou = shared_data / "eval" / "stpn", iou_thresholds("0.1:0.9:0.1")
    detections = read_detections(folder / "results.json")
    one = evaluate_detections(detections, thumos14, iou, "thumos14", subset="test")
    other = evaluate_detections(detections, read_annotations(folder / "gt.json"), iou, "thumos14", subset="test")
    for label, values in one.average_precision.items():
        assert values == pytest.approx(other.average_precision[label])


def test_a_detection_in_1292_is_false_where_that_video_counts(thumos14: Annotations) -> None:
    found = [Detection("PoleVault", i.segment, 1.0) for i in thumos14["video_test_0001201"].instances]
    detections = {"video_test_0001292": [Detection("PoleVault", Segment(0, 5), 9.0)], "video_test_0001201": found}
    without, *others = (
        evaluate_detections(detections, thumos14, [0.5], name, subset="test").average_precision["PoleVault"][0]
        for name in ("thumos14", "thumos14-211", "thumos14-213")
    )
    assert all(0 < other < without for other in others)


def test_names_are_held_to(thumos14: Annotations, shared_data: Path) -> None:
    converted = read_annotations(shared_data / "eval" / "stpn" / "gt.json")
    found = {"video_test_0000004": [Detection("CricketBowling", Segment(0, 5), 1.0)]}
    with pytest.raises(UntrimError, match="210 videos remain, but protocol 'thumos14-213' has 213"):
        evaluate_detections(found, converted, [0.5], "thumos14-213")
    with pytest.raises(UntrimError, match="needs the Ambiguous spans"):
        evaluate_detections(found, converted, [0.5], "thumos14-ambiguous")
    with pytest.raises(UntrimError, match="200 videos remain"):
        evaluate_detections(found, thumos14, [0.5], "thumos14", subset="validation")
    with pytest.raises(UntrimError, match="did you mean 'thumos14'"):
        find_protocol("thumos15")


def wtalc_average_precision(
    detections: dict[str, list[Detection]], annotations: Annotations, label: str, threshold: float
) -> float:
    """One class as W-TALC's evaluation counts it: sets of snippets, first instance that overlaps enough."""

    def snippets(segment: Segment) -> set[int]:
        return set(range(round(segment.start * 25 / 16), round(segment.end * 25 / 16)))

    def share(one: set[int], other: set[int]) -> float:
        return len(one & other) / len(one | other) if one | other else 0.0

    rows = [(n, d) for n, own in detections.items() for d in own if d.label == label]
    rows = [
        (n, d)
        for n, d in rows
        if not any(share(snippets(d.segment), snippets(span)) > 0 for span in annotations[n].ambiguous)
    ]
    left = [(n, snippets(i.segment)) for n, v in annotations.items() for i in v.instances if i.label == label]
    count, hits, total = len(left), 0, 0.0
    for rank, (name, detection) in enumerate(sorted(rows, key=lambda row: -row[1].score), start=1):
        own = snippets(detection.segment)
        chosen = next((e for e in left if e[0] == name and share(own, e[1]) >= threshold), None)
        if chosen:
            left.remove(chosen)
            hits += 1
            total += hits / rank
    return total / count


spans = st.tuples(st.floats(0, 20), st.floats(0.7, 6)).map(lambda pair: Segment(pair[0], pair[0] + pair[1]))


@given(st.lists(spans, min_size=1, max_size=6), st.lists(spans, min_size=1, max_size=8), spans)
def test_legacy_of_wtalc_as_written_down(truth: list[Segment], found: list[Segment], ambiguous: Segment) -> None:
    instances = tuple(Instance("a", span) for span in truth)
    annotations = Annotations([Video("v", "test", None, (), instances, (ambiguous,))])
    detections = {"v": [Detection("a", span, -float(i)) for i, span in enumerate(found)]}
    result = evaluate_detections(detections, annotations, [0.1, 0.35, 0.5], "legacy-wtalc")
    wanted = [wtalc_average_precision(detections, annotations, "a", threshold) for threshold in result.iou]
    assert result.average_precision["a"] == pytest.approx(wanted)


def test_legacy_rounds_to_snippets() -> None:
    """Half a snippet off is nothing to it; touching an Ambiguous span by less than half a snippet is no touch."""
    annotations = Annotations(
        [Video("v", "test", None, (), (Instance("a", Segment(6.4, 12.8)),), (Segment(12.8, 20), Segment(40, 50)))]
    )
    off = {"v": [Detection("a", Segment(6.4 + 0.25, 12.8 + 0.25), 1.0), Detection("a", Segment(39, 41), 2.0)]}
    legacy = evaluate_detections(off, annotations, [1.0], "legacy")
    assert legacy.mean == (1.0,)
    assert legacy.notes == ("1 detections that touch an Ambiguous span were dropped.",)
    assert evaluate_detections(off, annotations, [1.0]).mean == (0.0,)


def test_cliff_diving_is_diving_unless_distinct(thumos14: Annotations) -> None:
    detections = {
        name: [Detection(i.label, i.segment, i.segment.duration) for i in video.instances]
        for name, video in thumos14.subset("test").items()
    }
    perfect, distinct = (
        evaluate_detections(detections, thumos14, [0.9], name, subset="test").average_precision
        for name in ("thumos14", "thumos14-distinct")
    )
    assert min(values[0] for values in perfect.values()) == pytest.approx(1.0)
    worse = {label for label, values in distinct.items() if values[0] < 0.999}
    assert worse == {"Diving"}
