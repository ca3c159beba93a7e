"""What correcting some videos gives, and how long a person waits for it: `untrim train --from` on more and more.

    python benchmarks/bench_corrections.py OUT FEATURES ANNOTATIONS SEGMENTS [--seeds 1] [--chain]

Trains the project's own method on the names of actions in ANNOTATIONS, once per seed. Then a share of the training
videos, chosen at random, is corrected as SEGMENTS says, and the training starts from that run; with `--chain`, from the
one with the share before. Prints, on the validation videos, mAP@0.5, and F1 at the operating point and at the best
line, which nobody could know; and the seconds of the training: mean over seeds. Runs are kept in OUT; the same command
resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

from untrim.annotations import Annotations, read_annotations
from untrim.evaluation.detection import evaluate_detections
from untrim.evaluation.reliability import measure_reliability
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
    parser.add_argument("--chain", action="store_true")
    given = parser.parse_args()
    features, annotations = FeatureFolder.open(given.features), read_annotations(given.annotations)
    training, validation = (read_annotations(given.segments).subset(name) for name in ("training", "validation"))

    def learned(labels: Annotations, name: str, seed: int, start: Run | None) -> Run:
        place = given.output / f"{name}-{seed}"
        return train(None, [(features, labels)], place, seed=seed, start=start, resume=True)

    def measured(run: Run) -> tuple[float, ...]:
        found = localize(run, features, validation)
        mean_ap, worth = evaluate_detections(found, validation, 0.5).average, measure_reliability(found, validation)
        seconds = float(read_metrics(run.path / "metrics.jsonl")["seconds"][-1])
        return 100 * mean_ap, 100 * worth.f1, 100 * worth.best_f1, seconds

    seeds = range(given.seeds)
    starts = [learned(annotations, "names", seed, None) for seed in seeds]
    results = {"names of actions": [measured(run) for run in starts]}
    for share in SHARES:
        told = [tell(training, Told(kind="corrected", share=share), seed)[0] for seed in seeds]
        name = f"{'chain' if given.chain else 'corrected'}-{share:g}"
        runs = [learned(told[seed], name, seed, starts[seed]) for seed in seeds]
        starts = runs if given.chain else starts
        results[f"{share:.0%} corrected"] = [measured(run) for run in runs]
    print("| | mAP@0.5 | F1 | best F1 | seconds |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, found in results.items():
        *scores, seconds = (mean(column) for column in zip(*found, strict=True))
        print(f"| {name} | {' | '.join(f'{score:.1f}' for score in scores)} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
