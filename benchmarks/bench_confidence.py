"""How well a run's operating point is chosen, and how far its confidences can be believed.

    python benchmarks/bench_confidence.py OUT UCF15=DATA/ucf15 demo=untrim-demo few=variants/few ... [--seeds 3]

Each corpus is a folder with `features/` and `annotations.json` (training videos with labels alone, validation videos
with segments). Trains the method on each, seed 0 on all of them first, localizes the validation videos, and prints F1
at tIoU 0.5 at the operating point and at the best line, which nobody could know: a row per run, then the mean and
standard deviation over the seeds. Writes `OUT/METHOD.svg`, the reliability curves. Runs are kept in OUT; the same
command resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from untrim.annotations import read_annotations
from untrim.evaluation.detection import evaluate_detections
from untrim.evaluation.reliability import Reliability, measure_reliability
from untrim.features.store import FeatureFolder
from untrim.pipeline import localize
from untrim.reports.plots import colors
from untrim.training.choices import DEFAULT_METHOD
from untrim.training.loop import train
from untrim.training.operating_point import OperatingPoint, read_operating_point

_FEWEST = 10
"""Detections in a tenth below which it is no point of the curve."""


@dataclass(frozen=True)
class Measured:
    """A run on a corpus: its operating point, what its confidences are worth, and mAP@0.5."""

    point: OperatingPoint
    found: Reliability
    average: float

    @property
    def shares(self) -> tuple[float, ...]:
        """What is shown in percent."""
        best = self.found.best_f1
        return self.average, self.found.precision, self.found.recall, self.found.f1, best, best - self.found.f1


def measure(method: str, corpus: Path, output: Path, seed: int) -> Measured:
    """Train on a corpus, or take the run that is there, and measure it on the validation videos."""
    features, annotations = FeatureFolder.open(corpus / "features"), read_annotations(corpus / "annotations.json")
    run = train(method, [(features, annotations)], output, seed=seed, resume=True)
    point, validation = read_operating_point(run), annotations.subset("validation")
    assert point is not None
    found = localize(run, features, validation)
    return Measured(point, measure_reliability(found, validation), evaluate_detections(found, validation, 0.5).average)


def curve(results: Sequence[Measured]) -> list[tuple[float, float]]:
    """Mean confidence and the share that is right by tenths of the range, over the detections of all seeds."""
    places = []
    for parts in zip(*(result.found.bins for result in results), strict=True):
        if (count := sum(part.detections for part in parts)) >= _FEWEST:
            confidence = sum(part.detections * (part.confidence or 0) for part in parts) / count
            places.append((confidence, sum(part.detections * (part.right or 0) for part in parts) / count))
    return places


def picture(results: dict[str, list[Measured]]) -> str:
    """The share that is right over confidence: a line per corpus, as SVG."""
    side, left = 360, 44
    lines = [f'<path d="M{left} {side}L{left + side} 0" stroke="#888" stroke-dasharray="4 4"/>']
    names = []
    for number, (name, color) in enumerate(zip(results, colors(len(results)), strict=True)):
        places = [(left + side * confidence, side * (1 - right)) for confidence, right in curve(results[name])]
        lines.append(f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}" stroke="{color}"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in places]
        y = 16 + 18 * number
        names.append(f'<path d="M{left + 12} {y}h18" stroke="{color}"/><text x="{left + 36}" y="{y + 4}">{name}</text>')
    ticks = []
    for tick in range(0, 11, 2):
        x, y, text = left + side * tick / 10, side * (1 - tick / 10), f"{tick / 10:g}"
        ticks.append(f'<path d="M{x} 0V{side}M{left} {y}h{side}" stroke="#ddd"/>')
        ticks.append(f'<text x="{x}" y="{side + 18}" text-anchor="middle">{text}</text>')
        ticks.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{text}</text>')
    titles = (
        f'<text x="{left + side / 2}" y="{side + 38}" text-anchor="middle">confidence</text>'
        f'<text x="12" y="{side / 2}" text-anchor="middle" transform="rotate(-90 12 {side / 2})">'
        "share that is right</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-6 -10 {left + side + 24} {side + 58}" width="520" '
        'font-family="sans-serif" font-size="12" fill="none" stroke-width="1.6">'
        f'<rect x="-6" y="-10" width="{left + side + 24}" height="{side + 58}" fill="#fff"/>'
        f'<g fill="#333" stroke-width="1">{"".join(ticks)}{titles}</g>{"".join(lines)}'
        f'<g fill="#333">{"".join(names)}</g></svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("corpora", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--method", default=DEFAULT_METHOD)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    folders = {name: Path(folder) for name, _, folder in (text.partition("=") for text in arguments.corpora)}
    results: dict[str, list[Measured]] = {name: [] for name in folders}
    print("| corpus | seed | judged videos | mAP@0.5 | precision | recall | F1 at 0.5 | best F1 | gap | at | apart |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for seed in range(arguments.seeds):
        for name, folder in folders.items():
            run = arguments.output / f"{name}-{arguments.method}-{seed}"
            result = measure(arguments.method, folder, run, seed)
            results[name].append(result)
            percent = " | ".join(f"{100 * share:.1f}" for share in result.shares)
            found = result.found
            print(
                f"| `{name}` | {seed} | {result.point.videos} | {percent} | {found.best_line:.2f} | "
                f"{found.calibration_error:.3f} |",
                flush=True,
            )
    if arguments.seeds > 1:
        for name, own in results.items():
            columns = zip(*(result.shares for result in own), strict=True)
            percent = " | ".join(f"{100 * mean(column):.1f} ± {100 * stdev(column):.1f}" for column in columns)
            line, apart = mean(r.found.best_line for r in own), mean(r.found.calibration_error for r in own)
            print(
                f"| `{name}` | all | {mean(r.point.videos for r in own):.0f} | {percent} | {line:.2f} | {apart:.3f} |"
            )
    (arguments.output / f"{arguments.method}.svg").write_text(picture(results))


if __name__ == "__main__":
    main()
