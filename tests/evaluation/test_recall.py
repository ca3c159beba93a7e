from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.evaluation.recall import TIOU, average_recall
from untrim.timeline import Detection, Instance, Segment

SHARES = np.arange(1, 101)[::33] / 100
spans = st.tuples(st.floats(0, 40), st.floats(1, 20)).map(lambda pair: Segment(pair[0], pair[0] + pair[1]))


def challenge_recall(detections: dict[str, list[Detection]], annotations: Annotations, most: int) -> list[float]:
    """The challenge's definition, video by video."""
    names = [name for name, video in annotations.items() if video.instances]
    ranked = {name: sorted(detections.get(name, []), key=lambda d: -d.score) for name in names}
    ratio = most * len(names) / sum(map(len, ranked.values()))
    ranked = {name: own[: min(int(len(own) * ratio), len(own))] for name, own in ranked.items()}
    rescale = most * len(names) / sum(map(len, ranked.values()))
    curve = []
    for share in SHARES:
        hits = []
        for threshold in TIOU:
            for name in names:
                own = ranked[name]
                budget = min(int(len(own) * (share * rescale)), len(own))
                hits += [
                    any(d.segment.tiou(instance.segment) >= threshold for d in own[:budget])
                    for instance in annotations[name].instances
                ]
        curve.append(float(np.mean(hits)))
    return curve


@given(
    st.lists(
        st.tuples(st.lists(spans, min_size=1, max_size=3), st.lists(spans, max_size=6)), min_size=1, max_size=4
    ).filter(lambda videos: any(found for _, found in videos)),
    st.sampled_from([2, 5, 100]),
)
@settings(max_examples=40)
def test_the_challenge_definition(videos: list, most: int) -> None:
    annotations = Annotations(
        [Video(f"v{i}", "test", None, (), tuple(Instance("a", s) for s in own)) for i, (own, _) in enumerate(videos)]
        + [Video("nothing happens", "test")]
    )
    scores = iter(np.random.default_rng(0).permutation(100).tolist())
    detections = {
        f"v{i}": [Detection("a", span, next(scores)) for span in (*found, *own)]
        for i, (own, found) in enumerate(videos)
    }
    result = average_recall(detections, annotations, most=most)
    assert result.recall[::33] == pytest.approx(challenge_recall(detections, annotations, most))
    assert list(result.recall) == sorted(result.recall)
    assert result.proposals[-1] == most


def test_points_and_area() -> None:
    annotations = Annotations([Video("v", "test", None, (), (Instance("a", Segment(0, 10)),))])
    wrong, right = Detection("a", Segment(50, 60), 0.9), Detection("a", Segment(0, 10), 0.1)
    result = average_recall({"v": [wrong, right]}, annotations, most=2)
    assert [result.at(1), result.at(2), result.at(100)] == [0.0, 1.0, 1.0]
    assert 0 < result.area < 0.5
    assert result.to_json()["AR@1"] == 0.0
    assert average_recall({"v": []}, annotations).area == 0.0


def test_real_detections(shared_data: Path) -> None:
    folder = shared_data / "eval" / "stpn"
    whole = read_annotations(folder / "gt.json")
    annotations = Annotations([whole[name] for name in list(whole)[:15]])
    detections = dict(read_detections(folder / "results.json"))
    result = average_recall(detections, annotations, most=20)
    assert result.recall[::33] == pytest.approx(challenge_recall(detections, annotations, 20))
    assert result.recall[-1] > 0.1
