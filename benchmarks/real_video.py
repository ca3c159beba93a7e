"""What features are worth on real video: short actions of small people, hard cuts, few videos.

    python benchmarks/real_video.py OUT [--data ../shared/data/tennis] [--row NAME …] [--seeds 3] [--only ROW …]
        [--int8 FILE]

A row is a backbone with its settings. Its features are extracted into OUT/ROW/features by one process with one thread,
and measured by mAP on the validation videos: the supervised upper bound, the project's own method from video-level
labels alone and with a point per instance, and the best of the four papers' methods, from video-level labels. With
--int8, I3D runs in FILE, which `untrim weights quantize` wrote. The same command resumes a run that was stopped. Prints
a table; OUT/costs.json has seconds of compute per second of video.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from untrim.features.extract import extract
from untrim.features.store import FeatureFolder
from untrim.reproduction.effort import Told
from untrim.reproduction.measuring import TableData
from untrim.reproduction.published import Row, Table
from untrim.reproduction.runner import Measured, collect, jobs_of, run_jobs
from untrim.support.files import write_json

DATA = Path(__file__).parents[2] / "shared" / "data" / "tennis"
IOU = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
PAPERS = ("wsad", "wsbm", "lpat", "ecm")
METHODS = Table(
    title="",
    iou=IOU,
    rows=(
        Row(name="supervised", method="supervised"),
        Row(name="consensus", method="consensus"),
        Row(name="points", method="consensus", told=Told(kind="points")),
        # As wide as consensus. Without a value it is as wide as the features, where a step takes seconds.
        Row(name="wsad", method="wsad", settings={"hidden": 256}),
        *(Row(name=name, method=name) for name in PAPERS[1:]),
    ),
)
_BEFORE: dict[str, object] = {"flow": "dis", "luma": False}  # the defaults before those of today
BACKBONES: dict[str, tuple[str, dict[str, object]]] = {
    "hoghof": ("hoghof", {}),
    "hoghof-dis": ("hoghof", _BEFORE),
    "hoghof-mirrored": ("hoghof", {**_BEFORE, "left_right": False}),
    "hoghof-narrow": ("hoghof", {**_BEFORE, "grids": False}),
    "i3d": ("i3d", {}),
    "i3d-short": ("i3d", {"stride_frames": 6}),  # --shortest 1.0
    "i3d-follow": ("i3d", {"stride_frames": 6, "follow": True}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--row", choices=BACKBONES, action="append", help="default: hoghof")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=[row.name for row in METHODS.rows], action="append", help="methods")
    parser.add_argument("--int8", type=Path, help="weights of I3D from `untrim weights quantize`")
    given = parser.parse_args()
    rows = [row for row in METHODS.rows if not given.only or row.name in given.only]
    print("| features | compute | method | mAP@0.1 | 0.3 | 0.5 | 0.7 | average of 0.1 to 0.7 |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for name in given.row or ("hoghof",):
        cost = extracted(name, given.data / "videos", given.output, given.int8)
        data = TableData(
            features=(given.output / name / "features",),
            annotations=(given.data / "annotations.json",),
            segments=given.data / "annotations_full.json",
        )
        jobs = jobs_of(rows, METHODS, data, given.output / name, given.seeds, None, {})
        run_jobs(jobs, at_a_time=1)
        for label, found in shown(collect(rows, jobs)):
            figures = " | ".join("{:.1f} ± {:.1f}".format(*figure) for figure in figures_of(found))
            print(f"| `{name}` | {cost} | {label} | {figures} |", flush=True)


def extracted(name: str, videos: Path, output: Path, int8: Path | None) -> str:
    """Extract the features of a row, and say how many seconds of compute a second of video takes, if all were timed."""
    backbone, settings = BACKBONES[name]
    if int8 and backbone == "i3d":
        settings = {**settings, "rgb_weights": str(int8)}
    folder, kept = output / name / "features", output / "costs.json"
    before = children_seconds()
    report = extract([videos], folder, backbone, settings, workers=1)
    if report.failed:
        raise SystemExit(f"{name}: {report.failed}")
    costs = json.loads(kept.read_text()) if kept.is_file() else {}
    if not report.skipped:
        known = FeatureFolder.open(folder).info.videos.values()
        seconds = sum(entry.duration or 0 for entry in known)
        costs = {**costs, name: round((children_seconds() - before) / seconds, 3)}
        write_json(kept, costs)
    return str(costs.get(name, "?"))


def children_seconds() -> float:
    """Seconds of processor time of all processes that this one has started and that ended."""
    times = os.times()
    return times.children_user + times.children_system


def shown(measured: Sequence[Measured]) -> list[tuple[str, Measured]]:
    """The supervised row, those of the own method, and the best of the papers' by the average."""
    found = {each.row.name: each for each in measured}
    papers = [found[name] for name in PAPERS if name in found]
    best = [max(papers, key=lambda each: each.average[0])] if papers else []
    named = [(name, found[name]) for name in ("supervised", "consensus", "points") if name in found]
    return [*named, *((f"best of {len(papers)}: {each.row.name}", each) for each in best)]


def figures_of(found: Measured) -> list[tuple[float, float]]:
    """Mean and spread over the seeds of mAP at 0.1, 0.3, 0.5, 0.7, and on average."""
    return [*(found.at(IOU.index(threshold)) for threshold in (0.1, 0.3, 0.5, 0.7)), found.average]


if __name__ == "__main__":
    main()
