"""Detection mAP at ten thresholds: 10,000 and 500,000 detections, against a plain loop over classes, detections and
instances that gives the same numbers (on a tenth of the detections where it would take minutes); then everything that
`untrim evaluate` does with a file of 500,000 detections, and the bootstrap and the diagnosis on them.

    OMP_NUM_THREADS=1 python benchmarks/bench_evaluation.py
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from untrim.annotations import (
    Annotations,
    Detections,
    Video,
    read_annotations,
    read_detections,
    write_annotations,
    write_detections,
)
from untrim.evaluation.detection import evaluate_detections
from untrim.evaluation.diagnosis import diagnose
from untrim.evaluation.uncertainty import bootstrap
from untrim.timeline import Instance, Segment

IOU = np.linspace(0.5, 0.95, 10)


def corpus(detections: int, videos: int, classes: int) -> tuple[Detections, Annotations]:
    """Videos of one class with one to five instances; seven of ten detections are of the class and near one of them."""
    rng = np.random.default_rng(0)
    names, labels, spans, annotated = [f"v{i}" for i in range(videos)], [], [], []
    each = detections // videos
    for name in names:
        own, count = int(rng.integers(classes)), int(rng.integers(1, 6))
        start = np.sort(rng.uniform(0, 200, count))
        truth = np.stack([start, start + rng.uniform(2, 30, count)], axis=1)
        instances = tuple(Instance(f"c{own}", Segment(*ends)) for ends in truth.tolist())
        annotated.append(Video(name, "validation", 240.0, (), instances))
        near = truth[rng.integers(count, size=each)] + rng.normal(0, 4, (each, 2))
        spans.append(np.sort(near, axis=1))
        labels += [f"c{c}" for c in np.where(rng.random(each) < 0.7, own, rng.integers(classes, size=each))]
    return Detections(names, [each] * videos, labels, np.concatenate(spans), rng.random(each * videos)), Annotations(
        annotated
    )


def loop_average_precision(detections: Detections, annotations: Annotations) -> list[float]:
    """mAP as one would write it down."""
    found: dict[str, list[tuple[float, str, float, float]]] = {}
    for name, own in detections.items():
        for d in own:
            found.setdefault(d.label, []).append((d.score, name, d.segment.start, d.segment.end))
    truth: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for name, video in annotations.items():
        for i in video.instances:
            truth.setdefault(i.label, {}).setdefault(name, []).append((i.segment.start, i.segment.end))
    result = []
    for threshold in IOU:
        values = []
        for label, by_video in truth.items():
            taken: set[tuple[str, int]] = set()
            precisions, hits = [], 0
            for rank, (_, name, start, end) in enumerate(sorted(found.get(label, []), key=lambda d: -d[0]), start=1):
                best, choice = 0.0, -1
                for j, (first, last) in enumerate(by_video.get(name, [])):
                    inner = max(0.0, min(end, last) - max(start, first))
                    overlap = inner / (end - start + last - first - inner)
                    if overlap >= max(threshold, best) and (name, j) not in taken:
                        best, choice = overlap, j
                if choice >= 0:
                    taken.add((name, choice))
                    hits += 1
                    precisions.append(hits / rank)
            envelope = np.maximum.accumulate(precisions[::-1]) if precisions else np.zeros(1)
            values.append(envelope.sum() / sum(map(len, by_video.values())))
        result.append(float(np.mean(values)))
    return result


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds of the best of three runs, and what the work gives."""
    times = []
    for _ in range(3):
        started = time.process_time()
        result = work()
        times.append(time.process_time() - started)
    return min(times), result


def main() -> None:
    for count, videos, classes, share in ((10_000, 200, 20, 1), (500_000, 5000, 200, 10)):
        detections, annotations = corpus(count, videos, classes)
        ours, result = seconds(lambda d=detections, a=annotations: evaluate_detections(d, a, IOU))
        print(f"{count:,} detections, {videos:,} videos, {classes} classes: {ours:.3f} CPU-s")
        if share > 1:
            detections, annotations = corpus(count // share, videos, classes)
            ours, result = seconds(lambda d=detections, a=annotations: evaluate_detections(d, a, IOU))
        started = time.process_time()
        assert np.allclose(loop_average_precision(detections, annotations), result.mean)  # type: ignore[attr-defined]
        loop = time.process_time() - started
        print(f"  plain loop on {count // share:,} of them: {loop:.2f} CPU-s, ratio {loop / ours:.1f}")
    detections, annotations = corpus(500_000, 5000, 200)
    with tempfile.TemporaryDirectory() as folder:
        found, truth = Path(folder) / "detections.json", Path(folder) / "annotations.json"
        write_detections(detections, found)
        write_annotations(annotations, truth)
        spent, _ = seconds(lambda: evaluate_detections(read_detections(found), read_annotations(truth), IOU))
        size = found.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"from a file of {size:.0f} MB: {spent:.2f} CPU-s; peak memory of all this, writing included, {peak:.0f} MB")
    started = time.process_time()
    bootstrap(detections, annotations, IOU)
    middle = time.process_time()
    diagnose(detections, annotations)
    print(f"bootstrap, 1,000 draws: {middle - started:.1f} CPU-s; diagnosis: {time.process_time() - middle:.1f} CPU-s")


if __name__ == "__main__":
    main()
