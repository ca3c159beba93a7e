"""A round of the studio's loop on the demo corpus by a scripted person: tags alone, then ten corrected videos.

    untrim demo -o loop --no-open
    PYTHONPATH=tests python benchmarks/studio_loop.py loop

The person follows the list: of the training videos the one that needs a look most, ten times. Everything that is shown
is accepted, adjusted or rejected by the corpus's ground truth, what is missing is added, and the video is complete.
Minutes: 5 s per video for tags; for a corrected video its length, and 8 s per decision. mAP is that of the
validation videos, which nothing is trained on or chosen by. For each round, it says what the studio says of it, how
long the person waits, and how many of these seconds are processor time: that is less where the machine does other work,
and more where several cores compute. `--corrections 20` corrects more, `--rounds 4` does so as often.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from studio.pages import Page, opened
from untrim.annotations import Annotations, Video, read_annotations, read_detections
from untrim.demo import demo_corpus
from untrim.evaluation.detection import evaluate_detections
from untrim.studio.project import open_project
from untrim.synthetic.corpus import render_corpus
from untrim.timeline import Segment

IOU = np.arange(0.1, 0.71, 0.1)
TAGS, DECISION = 5.0, 8.0  # seconds, as in `untrim reproduce project:effort`
EXACT = 0.25  # seconds by which an edge may be off before a person moves it


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--corrections", type=int, default=10)
    arguments.add_argument("--rounds", type=int, default=1)
    wanted = arguments.parse_args()
    truth = render_corpus(wanted.folder, demo_corpus(0))  # Rendered already: this gives its ground truth alone.
    project = open_project(wanted.folder)
    if not any(run.trained_on for run in project.content.runs):
        project.content.runs = []  # Without the run of the demo, the first round trains anew.
    with opened(project) as page:
        training = [row for row in page.get("/api/videos").json["videos"] if row["subset"] == "training"]
        minutes = TAGS * len(training) / 60
        if not any(run["trained_on"] for run in page.get("/api/project").json["runs"]):
            train(page)
        report(page, wanted.folder, truth, f"tags alone, {len(training)} videos", minutes)
        seen = 0
        for number in range(wanted.rounds):
            for _ in range(wanted.corrections):
                rows = [row for row in page.get("/api/videos").json["videos"] if row["subset"] == "training"]
                row = max((row for row in rows if row["state"] != "complete"), key=lambda row: row["need"])
                decisions = correct(page, row["id"], truth[row["name"]])
                seen += decisions
                minutes += (row["duration"] + DECISION * decisions) / 60
                print(f"  {row['name']}: {row['reason']}; {decisions} decisions", flush=True)
            train(page)
            corrected = (number + 1) * wanted.corrections
            report(page, wanted.folder, truth, f"and {corrected} corrected, {seen} decisions", minutes)
        work = page.get("/api/work").json
        print(work["words"])
        print(work["changed"])
        if work["accuracy"]:
            print(work["accuracy"]["words"])


def train(page: Page) -> None:
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    job = page.ask("POST", "/api/jobs", {"kind": "train"}).json["job"]
    while job["state"] in ("running", "waiting"):
        time.sleep(0.5)
        job = next(other for other in page.get("/api/jobs").json["jobs"] if other["id"] == job["id"])
    assert job["state"] == "done", job
    waited, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    print(f"{' '.join(job['notes'])} {waited:.0f} s, {used:.0f} s of them processor time", flush=True)


def correct(page: Page, key: str, truth: Video) -> int:
    """Decide about everything in a video; gives how many decisions that took."""
    video = page.get(f"/api/videos/{key}").json
    left = list(truth.instances)
    segments: list[dict[str, Any]] = []
    for found in video["detections"]:
        if not found["shown"] or found["decided"]:
            continue
        stretch = Segment(found["start"], found["end"])
        same = [one for one in left if one.label == found["label"] and one.segment.tiou(stretch) >= 0.5]
        origin = {"run": video["run"], **{part: found[part] for part in ("start", "end", "score")}}
        decided = {"id": f"s{len(segments)}", "label": found["label"], "from": origin}
        if not same:
            segments.append({**decided, "start": stretch.start, "end": stretch.end, "state": "rejected"})
            continue
        left.remove(same[0])
        right = same[0].segment
        exact = max(abs(right.start - stretch.start), abs(right.end - stretch.end)) <= EXACT
        kept = stretch if exact else right
        state = "accepted" if exact else "adjusted"
        segments.append({**decided, "start": kept.start, "end": kept.end, "state": state})
    segments += [
        {"id": f"a{number}", "label": one.label, "start": one.segment.start, "end": one.segment.end, "state": "added"}
        for number, one in enumerate(left)
    ]
    review = video["review"]
    saved = page.save(key, review["revision"], labels=review["labels"], segments=segments, exhaustive=True)
    assert saved.status == 200, saved.body
    return len(segments)


def report(page: Page, folder: Path, truth: Annotations, what: str, minutes: float) -> None:
    """mAP of the newest run on the validation videos."""
    newest = page.get("/api/project").json["runs"][-1]["id"]
    found = read_detections(folder / "found" / newest / "detections.json")
    validation = read_annotations(folder / "annotations.json").subset("validation")
    assert all(truth[name].instances == video.instances for name, video in validation.items())
    result = evaluate_detections({name: found[name] for name in validation}, validation, IOU)
    figures = f"mAP@0.5 {100 * result.mean[4]:.1f}, mean of 0.1 to 0.7 {100 * result.average:.1f}"
    print(f"{what}: {minutes:.1f} minutes, {figures}", flush=True)


if __name__ == "__main__":
    main()
