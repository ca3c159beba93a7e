"""Detection mAP of 10,000 detections, 500 videos, 20 classes, ten thresholds, against plain loops over classes,
thresholds and detections.

    python benchmarks/bench_evaluation.py
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from untrim.annotations import Annotations, Video
from untrim.evaluation.detection import evaluate_detections
from untrim.timeline import Detection, Instance, Segment

VIDEOS, CLASSES, INSTANCES, DETECTIONS, ROUNDS = 500, 20, 5, 20, 5
IOU = np.linspace(0.5, 0.95, 10)


def corpus() -> tuple[dict[str, list[Detection]], Annotations]:
    rng = np.random.default_rng(0)

    def segment() -> Segment:
        start, length = rng.uniform(0, 90), rng.uniform(1, 10)
        return Segment(start, start + length)

    videos, found = [], {}
    for v in range(VIDEOS):
        instances = [Instance(f"class {rng.integers(CLASSES)}", segment()) for _ in range(INSTANCES)]
        videos.append(Video(f"video {v}", "validation", 100.0, instances=tuple(instances)))
        found[f"video {v}"] = [
            Detection(one.label, moved, float(rng.random()))
            for one in instances
            for shift, longer in rng.uniform(0, 3, (DETECTIONS // INSTANCES, 2))
            for moved in [Segment(one.segment.start + shift, one.segment.end + shift + longer)]
        ]
    return found, Annotations(videos)


def plain(found: Mapping[str, Sequence[Detection]], truth: Annotations) -> list[float]:
    """mAP at each threshold, as one would write it down."""
    maps = []
    for threshold in IOU:
        precisions = []
        for label in truth.labels:
            of_class = [(d.score, name, d) for name, own in found.items() for d in own if d.label == label]
            ranked = sorted(of_class, reverse=True)
            left = defaultdict(list)
            for name, video in truth.items():
                left[name] = [i.segment for i in video.instances if i.label == label]
            total, hits = sum(map(len, left.values())), []
            for _, name, detection in ranked:
                best = max(left[name], key=detection.segment.tiou, default=None)
                hits.append(best is not None and detection.segment.tiou(best) >= threshold)
                if hits[-1]:
                    left[name].remove(best)
            true = np.cumsum(hits)
            envelope = np.maximum.accumulate((true / np.arange(1, len(hits) + 1))[::-1])[::-1]
            precisions.append(float(envelope[np.array(hits)].sum() / total) if hits else 0.0)
        maps.append(float(np.mean(precisions)))
    return maps


def main() -> None:
    found, truth = corpus()
    np.testing.assert_allclose(evaluate_detections(found, truth, IOU).mean, plain(found, truth), rtol=1e-9)
    times = []
    for _ in range(ROUNDS):
        marks = [time.process_time()]
        evaluate_detections(found, truth, IOU)
        marks.append(time.process_time())
        plain(found, truth)
        marks.append(time.process_time())
        times.append(np.diff(marks))
    ours, loop = np.median(times, axis=0)
    ratio = statistics.median(b / a for a, b in times)
    print(f"{sum(map(len, found.values()))} detections: {ours:.3f} s CPU, plain loops {loop:.2f} s, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
