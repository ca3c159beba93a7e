"""What each difference of the authors' localization does to the mAP of trained runs of ECM.

    python benchmarks/bench_ecm_localization.py RUN... [--features F] [--annotations A]

Localizes the validation videos with the values of each run, then with one value changed at a time, then with all that
the preset `official` changes. `test_snippets` is that of the run's training. Prints mAP at 0.5 and averaged over
0.1..0.7, in percent.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from bench_selection import DATA, measure
from untrim.annotations import read_annotations
from untrim.features.store import FeatureFolder
from untrim.methods.ecm import ECM
from untrim.methods.ecm_config import ECMConfig
from untrim.training.checkpoint import Run

OTHERS = {"outer_rounding": "up"}  # Not what the authors do.


def rows(config: ECMConfig) -> dict[str, dict[str, object]]:
    """Values to change, by what to call them."""
    official = {**ECM.presets["official"], "test_snippets": config.max_snippets}
    localizing = {key: value for key, value in official.items() if key != "absence"}
    single = {f"{key}={value}": {key: value} for key, value in [*localizing.items(), *OTHERS.items()]}
    return {"as trained": {}, **single, "all of the authors'": localizing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--features", type=Path, default=DATA / "features")
    parser.add_argument("--annotations", type=Path, default=DATA / "annotations.json")
    arguments = parser.parse_args()
    features = FeatureFolder.open(arguments.features)
    videos, cpu = read_annotations(arguments.annotations).subset("validation"), torch.device("cpu")
    print("| run | value | mAP@0.5 | average |\n| --- | --- | ---: | ---: |")
    for path in arguments.runs:
        run = Run.open(path)
        for name, values in rows(run.config).items():
            changed = replace(run, config=ECMConfig.model_validate({**run.config.model_dump(), **values}))
            at_half, average = measure(changed.load_model(cpu), features, videos, cpu)
            print(f"| {path.name} | {name} | {at_half:.1f} | {average:.1f} |", flush=True)


if __name__ == "__main__":
    main()
