"""How far a checkpoint chosen by video-level labels is from the one that the test videos would choose.

    python benchmarks/bench_selection.py wsad lpat ... [--features F] [--annotations A] [--seeds 3] [--set key=value]

Trains each method with `--select weak` and evaluates every candidate on the validation videos. Prints mAP at 0.5 and
averaged over 0.1..0.7 for three candidates: the chosen one (with the thresholds chosen too), the last one, and the best
one by test mAP, which nobody could know. Runs are kept in `--output`; the same command resumes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from untrim.annotations import Annotations, read_annotations
from untrim.evaluation.detection import evaluate_detections, iou_thresholds
from untrim.features.store import FeatureFolder
from untrim.methods.base import Method
from untrim.support.files import read_json, write_json
from untrim.support.settings import parse_settings
from untrim.training.checkpoint import SELECTION, Run
from untrim.training.loop import choose_device, train
from untrim.training.selection import checkpoint_steps

DATA = Path(__file__).parents[2] / "shared" / "data" / "ucf15"
IOU = iou_thresholds("0.1:0.7:0.1")


def measure(model: Method, features: FeatureFolder, videos: Annotations, device: torch.device) -> tuple[float, float]:
    """mAP at 0.5 and averaged over 0.1..0.7, in percent."""
    found = {}
    with torch.inference_mode():
        for name in videos:
            array = torch.from_numpy(features.load(name)).unsqueeze(0).to(device)
            activations = model(array, torch.ones(array.shape[:2], dtype=torch.bool, device=device))
            found[name] = model.localize(activations, features.info.grid(name))
    mean = np.asarray(evaluate_detections(found, videos, IOU).to_json()["mAP"])
    return 100 * float(mean[4]), 100 * float(mean.mean())


def candidates(run: Run, features: FeatureFolder, videos: Annotations, device: torch.device) -> dict[str, object]:
    """Weak criteria and test mAP of every candidate, and of the chosen one with its thresholds."""
    before, selection = run.before_selection(), read_json(run.path / SELECTION)
    assert isinstance(selection, dict)
    scores = {candidate["iteration"]: candidate for candidate in selection["candidates"]}
    for step in checkpoint_steps(before.config.iterations):
        scores[step]["mAP"] = measure(before.load_checkpoint(step, device), features, videos, device)
    chosen = measure(run.load_model(device), features, videos, device)
    return {"candidates": list(scores.values()), "chosen": selection["chosen"], "mAP": chosen}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--features", type=Path, default=DATA / "features")
    parser.add_argument("--annotations", type=Path, default=DATA / "annotations.json")
    parser.add_argument("--output", type=Path, default=Path("bench-selection"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    features, annotations = FeatureFolder.open(arguments.features), read_annotations(arguments.annotations)
    videos, device = annotations.subset("validation"), choose_device("auto")
    print("| method | seed | chosen at | chosen | with thresholds | last | best by test | gap |\n|" + "---|" * 8)
    for method in arguments.methods:
        for seed in range(arguments.seeds):
            folder = arguments.output / f"{method}-{seed}"
            run = train(
                method, [(features, annotations)], folder, settings=parse_settings(arguments.settings), seed=seed,
                resume=True, select="weak",
            )  # fmt: skip
            found = candidates(replace(run, path=folder), features, videos, device)
            write_json(folder / "bench_selection.json", found)
            steps = {candidate["iteration"]: candidate["mAP"] for candidate in found["candidates"]}  # type: ignore[attr-defined]
            chosen, last, best = steps[found["chosen"]], steps[max(steps)], max(steps.values())
            cells = [f"{at_half:.1f} / {average:.1f}" for at_half, average in (chosen, found["mAP"], last, best)]  # type: ignore[misc]
            gap = f"{best[0] - chosen[0]:.1f}"
            print("|", " | ".join([method, str(seed), str(found["chosen"]), *cells, gap]), "|", flush=True)


if __name__ == "__main__":
    main()
