import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.evaluation.detection import evaluate_detections
from untrim.evaluation.diagnosis import KINDS, diagnose
from untrim.evaluation.findings import findings
from untrim.timeline import Detection, Instance, Segment


def video(*spans: tuple[str, float, float], name: str = "v", duration: float | None = 200.0) -> Video:
    return Video(name, "test", duration, (), tuple(Instance(label, Segment(s, e)) for label, s, e in spans))


def found(*rows: tuple[str, float, float]) -> dict[str, list[Detection]]:
    """Detections of video v, the best first."""
    return {"v": [Detection(label, Segment(s, e), -float(i)) for i, (label, s, e) in enumerate(rows)]}


TRUTH = Annotations([video(*(("a", 20.0 * i, 20.0 * i + 10) for i in range(6)), ("b", 150, 160))])


def test_each_kind_of_error() -> None:
    detections = found(
        ("a", 0, 10), ("a", 0, 9), ("a", 150, 160), ("a", 20, 24), ("a", 150, 153), ("a", 170, 175)
    )  # fmt: skip
    result = diagnose(detections, TRUTH)
    assert list(result.bands[0]) == list(KINDS)
    assert list(result.bands[0].values()) == pytest.approx([1 / 6] * 6)
    assert (result.instances, result.detections) == (7, 6)
    assert result.missed == pytest.approx(6 / 7)


def test_bands_are_as_long_as_each_class_has_instances() -> None:
    annotations = Annotations([video(("a", 0, 10), ("a", 20, 30), ("b", 50, 60))])
    detections = found(("a", 0, 10), ("a", 20, 30), ("a", 80, 90), ("b", 100, 110), ("b", 50, 60))
    shares = [(band["true positive"], band["background"]) for band in diagnose(detections, annotations).bands]
    assert shares == [pytest.approx((2 / 3, 1 / 3)), pytest.approx((0.5, 0.5))]


@pytest.mark.parametrize(
    ("rows", "kind", "fixed", "removed"),
    [
        ([("a", 0, 2), ("a", 40, 50)], "localization", 1.0, 0.5),
        ([("a", 90, 100), ("a", 0, 10), ("a", 40, 50)], "wrong label", 1.0, 1.0),
        ([("a", 90, 93), ("a", 0, 10), ("a", 40, 50)], "confusion", 1.0, 1.0),
        ([("a", 0, 10), ("a", 0, 10), ("a", 40, 50)], "double", 1.0, 1.0),
        ([("a", 70, 80), ("a", 0, 10), ("a", 40, 50)], "background", 1.0, 1.0),
    ],
)
def test_what_a_fix_gives(rows: list, kind: str, fixed: float, removed: float) -> None:
    annotations = Annotations([video(("a", 0, 10), ("a", 40, 50), ("b", 90, 100))])
    detections = found(*rows, ("b", 90, 100))
    result = diagnose(detections, annotations)
    only = Annotations([video(("a", 0, 10), ("a", 40, 50), ("b", 90, 100))])
    assert result.mean == evaluate_detections(detections, only, [0.5]).mean[0] < 1
    fix = result.fixes[kind]
    assert (fix.fixed, fix.removed) == pytest.approx(((fixed + 1) / 2, (removed + 1) / 2))
    assert result.bands[0][kind] + sum(band[kind] for band in result.bands[1:]) > 0


def test_boundary_errors_are_signed_and_of_near_misses() -> None:
    detections = found(("a", 0, 10), ("a", 15, 60), ("a", 44, 47), ("a", 67, 77))
    found_at = diagnose(detections, TRUTH, 0.6).boundaries
    assert (found_at.detections, found_at.near_misses) == (4, 3)
    assert (found_at.too_long, found_at.too_short, found_at.shifted) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (found_at.past_start, found_at.past_end) == pytest.approx((1 / 3, 2 / 3))
    assert (found_at.start_seconds, found_at.end_seconds) == (2.0, 3.5)
    assert sum(found_at.starts) == pytest.approx(1.0)
    assert sum(found_at.ends) == pytest.approx(1.0)


def test_merged_neighbours_and_split_instances() -> None:
    detections = found(("a", 0, 30), ("a", 40, 44), ("a", 46, 50), ("a", 60, 64), ("a", 61, 65), ("b", 150, 160))
    fragments = diagnose(detections, TRUTH).fragments
    assert fragments.merged_instances == pytest.approx(2 / 7)
    assert fragments.merging_detections == pytest.approx(1 / 6)
    assert fragments.split_instances == pytest.approx(1 / 7)  # the two within [60, 70] overlap each other


def test_properties_bin_every_instance_once() -> None:
    lengths = (1.0, 2.0, 3.0, 4.0, 50.0)
    annotations = Annotations(
        [video(*(("a", 100.0 * i, 100.0 * i + length) for i, length in enumerate(lengths)), duration=500.0)]
    )
    detections = found(*(("a", 100.0 * i, 100.0 * i + length) for i, length in enumerate(lengths) if length > 2))
    result = diagnose(detections, annotations)
    assert set(result.properties) == {"length", "number", "coverage"}
    for bins in result.properties.values():
        assert sum(own.instances for own in bins) == 5
        assert sum(own.instances * own.missed for own in bins) == pytest.approx(2)
    assert [own.missed for own in result.properties["length"]] == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert [own.name for own in result.properties["number"]] == ["5 to 8"]
    assert result.properties["length"][-1].average_precision == 1.0
    unknown = Annotations([video(("a", 0, 10), duration=None)])
    assert "coverage" not in diagnose(found(("a", 0, 10)), unknown).properties


spans = st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(1, 12)).map(
    lambda row: (row[0], float(row[1]), float(row[1] + row[2]))
)


@given(st.lists(spans, min_size=1, max_size=8), st.lists(spans, max_size=12))
@settings(max_examples=100)
def test_kinds_as_written_down(truth: list, rows: list) -> None:
    rows = [row for row in rows if row[0] in {label for label, *_ in truth}]
    if not rows:
        return
    annotations = Annotations([video(*truth)])
    result = diagnose(found(*rows), annotations)
    instances = annotations["v"].instances
    taken: set[int] = set()
    counts = dict.fromkeys(KINDS, 0)
    rank = {label: 0 for label, *_ in truth}
    for label, start, end in rows:
        overlaps = [(Segment(start, end).tiou(i.segment), i.label == label, j) for j, i in enumerate(instances)]
        free = [entry for entry in overlaps if entry[1] and entry[0] >= 0.5 and entry[2] not in taken]
        best, same, _ = max(overlaps)
        if free:
            taken.add(max(free)[2])
            kind = "true positive"
        elif best >= 0.5:
            kind = "double" if same else "wrong label"
        elif best >= 0.1:
            kind = "localization" if same else "confusion"
        else:
            kind = "background"
        rank[label] += 1
        counts[kind] += rank[label] <= sum(i.label == label for i in instances)
    total = sum(counts.values())
    assert result.bands[0] == pytest.approx({kind: count / total for kind, count in counts.items()})
    assert all(fix.removed >= result.mean - 1e-12 for fix in result.fixes.values())


def test_findings_say_what_is_wrong(shared_data: Path) -> None:
    folder = shared_data / "eval" / "stpn"
    result = diagnose(
        read_detections(folder / "results.json"), read_annotations(folder / "gt.json"), 0.5, "thumos14", strict=True
    )
    sentences = findings(result)
    assert sentences[0].startswith("Of the best detections, as many as there are instances, 29% (27 to 31%) are right")
    assert any("The trouble is over-extension (47%), not incompleteness (11%)" in sentence for sentence in sentences)
    assert any(
        sentence.startswith("Instances of up to 1.5 s are missed more often, 92%, than") for sentence in sentences
    )
    written = json.loads(json.dumps(result.to_json()))
    assert written["fixes"]["localization"]["fixed"] == result.fixes["localization"].fixed > result.mean


def test_nothing_found_and_everything_right() -> None:
    nothing = diagnose({"v": []}, TRUTH)
    assert (nothing.bands, nothing.missed, nothing.mean) == ((), 1.0, 0.0)
    assert findings(nothing)[0] == "There are no detections."
    perfect = diagnose(found(*((i.label, i.segment.start, i.segment.end) for i in TRUTH["v"].instances)), TRUTH)
    assert findings(perfect)[0] == "All of the best detections, one an instance, are right: 7 of 7."
    assert (perfect.mean, perfect.normalized, perfect.missed) == pytest.approx((1.0, 1.0, 0.0))


def test_one_near_miss_proves_nothing() -> None:
    """Of one case, an interval allows everything: no share of it, no trouble, no most."""
    result = diagnose(found(("a", 0, 10), ("a", 15, 60), ("b", 100, 110)), TRUTH)
    assert (result.boundaries.near_misses, result.boundaries.too_long) == (1, 1.0)
    sentences = " ".join(findings(result))
    assert "1 near miss is too few to tell how boundaries err" in sentences
    assert "trouble" not in sentences
    assert "The most" not in sentences
    assert "Right of the best detections, one an instance: 1 of 3." in sentences


@given(st.lists(spans, min_size=1, max_size=8), st.lists(spans, max_size=9))
@settings(max_examples=50)
def test_a_handful_of_cases_gives_no_comparison(truth: list, rows: list) -> None:
    rows = [row for row in rows if row[0] in {label for label, *_ in truth}]
    sentences = " ".join(findings(diagnose(found(*rows), Annotations([video(*truth)]))))
    for claim in ("trouble is", "The most", "%", "more often", "of the wrong ones"):
        assert claim not in sentences.replace("mAP", "")


def test_the_fix_that_gives_most_is_named_where_videos_agree() -> None:
    videos = [video(("a", 0, 10), ("b", 50, 60), name=f"v{i}") for i in range(30)]
    near = {
        f"v{i}": [Detection("a", Segment(0, 30), 2.0 - i / 99), Detection("b", Segment(50, 60), 1.0)] for i in range(30)
    }
    result = diagnose(near, Annotations(videos))
    assert result.lead is not None
    assert result.lead[0] > 0
    assert any(sentence.startswith("The most to gain is from right boundaries") for sentence in findings(result))
    mixed = {
        f"v{i}": [
            Detection("a", Segment(0, 30) if i % 2 else Segment(100, 110), 2.0 - i / 99),
            Detection("b", Segment(50, 60), 1.0),
        ]
        for i in range(6)
    }
    result = diagnose(mixed, Annotations(videos[:6]))
    assert any("which of them gives more could be chance" in sentence for sentence in findings(result)) == (
        result.lead is None or result.lead[0] <= 0
    )
