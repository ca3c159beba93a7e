"""How well a run's operating point is chosen, and how far its confidences can be believed.

    python benchmarks/bench_confidence.py OUT UCF15=DATA/ucf15 demo=untrim-demo few=variants/few ... [--method lpat]

Each corpus is a folder with `features/` and `annotations.json` (training videos with labels alone, validation videos
with segments). Trains the method on each, seed 0, localizes the validation videos, and prints F1 at tIoU 0.5 at the
operating point and at the best line, which nobody could know. Writes `OUT/METHOD.svg`, the reliability curves. Runs are
kept in OUT; the same command resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from untrim.annotations import read_annotations
from untrim.evaluation.detection import evaluate_detections
from untrim.evaluation.reliability import Reliability, measure_reliability
from untrim.features.store import FeatureFolder
from untrim.pipeline import localize
from untrim.reports.plots import colors
from untrim.training.loop import train
from untrim.training.operating_point import OperatingPoint, read_operating_point

_FEWEST = 10
"""Detections in a tenth below which it is no point of the curve."""


def measure(method: str, corpus: Path, output: Path) -> tuple[OperatingPoint, Reliability, float]:
    """The operating point of a run on a corpus, its reliability on the validation videos, and mAP@0.5."""
    features, annotations = FeatureFolder.open(corpus / "features"), read_annotations(corpus / "annotations.json")
    run = train(method, [(features, annotations)], output, seed=0, resume=True)
    point, validation = read_operating_point(run), annotations.subset("validation")
    assert point is not None
    found = localize(run, features, validation)
    return point, measure_reliability(found, validation), evaluate_detections(found, validation, 0.5).average


def picture(results: dict[str, Reliability]) -> str:
    """The share that is right over confidence: a line per corpus, as SVG."""
    side, left = 360, 44
    lines = [f'<path d="M{left} {side}L{left + side} 0" stroke="#888" stroke-dasharray="4 4"/>']
    names = []
    for number, (name, color) in enumerate(zip(results, colors(len(results)), strict=True)):
        parts = [part for part in results[name].bins if part.detections >= _FEWEST]
        places = [(left + side * (part.confidence or 0), side * (1 - (part.right or 0))) for part in parts]
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
    parser.add_argument("--method", default="lpat")
    arguments = parser.parse_args()
    results: dict[str, Reliability] = {}
    print("| corpus | mAP@0.5 | judged videos | precision | recall | F1 at 0.5 | best F1 | at | calibration error |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, _, folder in (text.partition("=") for text in arguments.corpora):
        point, found, mean = measure(arguments.method, Path(folder), arguments.output / f"{name}-{arguments.method}")
        results[name] = found
        shares = (found.precision, found.recall, found.f1, found.best_f1)
        percent = " | ".join(f"{100 * share:.1f}" for share in shares)
        print(
            f"| `{name}` | {100 * mean:.1f} | {point.videos} | {percent} | {found.best_line:.2f} | "
            f"{found.calibration_error:.3f} |",
            flush=True,
        )
    (arguments.output / f"{arguments.method}.svg").write_text(picture(results))


if __name__ == "__main__":
    main()
