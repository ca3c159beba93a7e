"""What correcting some videos gives, and how long a person waits for it: `untrim train --from` on more and more.

    python benchmarks/bench_corrections.py OUT FEATURES ANNOTATIONS SEGMENTS [--seeds 1]

Trains the project's own method on the names of actions in ANNOTATIONS, once per seed. Then a share of the training
videos, chosen at random, is corrected as SEGMENTS says, and the training starts from that run. Prints mAP@0.5 on the
validation videos and the seconds of the training: mean over seeds. Runs are kept in OUT; the same command resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

from untrim.annotations import Annotations, read_annotations
from untrim.evaluation.detection import evaluate_detections
from untrim.features.store import FeatureFolder
from untrim.pipeline import localize
from untrim.reproduction.effort import Told, tell
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.metrics import read_metrics

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("segments", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    features, annotations = FeatureFolder.open(given.features), read_annotations(given.annotations)
    training, validation = (read_annotations(given.segments).subset(name) for name in ("training", "validation"))

    def learned(labels: Annotations, name: str, seed: int, start: Run | None) -> Run:
        place = given.output / f"{name}-{seed}"
        return train(None, [(features, labels)], place, seed=seed, start=start, resume=True, rehearsal=False)

    def measured(run: Run) -> tuple[float, float]:
        found = evaluate_detections(localize(run, features, validation), validation, 0.5)
        return 100 * found.average, float(read_metrics(run.path / "metrics.jsonl")["seconds"][-1])

    seeds = range(given.seeds)
    names = [learned(annotations, "names", seed, None) for seed in seeds]
    results = {"names of actions": [measured(run) for run in names]}
    for share in SHARES:
        told = [tell(training, Told(kind="corrected", share=share), seed)[0] for seed in seeds]
        runs = [learned(told[seed], f"corrected-{share:g}", seed, names[seed]) for seed in seeds]
        results[f"{share:.0%} corrected"] = [measured(run) for run in runs]
    print("| | mAP@0.5 | seconds |")
    print("| --- | ---: | ---: |")
    for name, found in results.items():
        print(f"| {name} | {mean(one for one, _ in found):.1f} | {mean(seconds for _, seconds in found):.0f} |")


if __name__ == "__main__":
    main()
