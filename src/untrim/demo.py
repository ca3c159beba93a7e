"""The whole way once: render a corpus of video files, extract, train, localize, evaluate, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from untrim.annotations import write_annotations, write_detections
from untrim.errors import WorkFailed
from untrim.evaluation.detection import DetectionResult, evaluate_detections, iou_thresholds
from untrim.features.extract import extract
from untrim.features.store import FeatureFolder
from untrim.pipeline import localize
from untrim.reports.html import write_report
from untrim.reproduction.baselines import random_detections
from untrim.studio.project import open_project
from untrim.support.device import check_seed
from untrim.support.files import write_json
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.progress import Progress, ShouldStop
from untrim.synthetic.corpus import render_corpus
from untrim.synthetic.screenplay import CorpusSpec
from untrim.timeline import Detection
from untrim.training.choices import DEFAULT_METHOD
from untrim.training.loop import train

_IOU = "0.1:0.7:0.1"


def demo_corpus(seed: int) -> CorpusSpec:
    """A corpus that two cores take the whole way in a few minutes."""
    return CorpusSpec(training=48, validation=20, seed=seed, min_seconds=25, max_seconds=45)


def run_demo(
    output: Path,
    corpus: CorpusSpec,
    settings: Mapping[str, object] | None = None,
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> dict[str, DetectionResult]:
    """Render a corpus, learn when its actions happen from video-level labels only, and write a report.

    Leaves ``videos/ features/ run/ activations/ baselines/ annotations.json detections.json evaluation.json
    report.html`` in `output`, which is a project of the studio too. A demo that was killed resumes where it was.

    Args:
        output: Folder to write.
        corpus: The corpus to render; its seed is that of the training too.
        settings: Values that override the project's defaults.
        progress: Told of each video and each step of training; None for silence.
        should_stop: Asked between them, from the thread that calls, whether to stop.

    Returns:
        Results on the validation videos by row: the trained method, the same network untrained, random proposals.

    Raises:
        UntrimError: `output` cannot be written, holds something else, or is worked in by another process.
        Stopped: `should_stop` said so. What is done is kept, and the same call resumes.
    """
    check_seed(corpus.seed)
    check_kind(output, "corpus")
    with locked(output):
        return _run_demo(output, corpus, settings or {}, progress, should_stop)


def _run_demo(
    output: Path,
    corpus: CorpusSpec,
    settings: Mapping[str, object],
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> dict[str, DetectionResult]:
    """The demo in a folder that no other process works in."""
    rendered = render_corpus(output, corpus, progress=progress, should_stop=should_stop)
    annotations = rendered.without_segments("training")
    write_annotations(annotations, output / "annotations.json")
    report = extract([output / "videos"], output / "features", progress=progress, should_stop=should_stop)
    if failed := report.failed:
        raise WorkFailed(f"{len(failed)} videos failed: {next(iter(failed.values()))}", where=output / "features")
    features = FeatureFolder.open(output / "features")
    validation = annotations.subset("validation")

    def trained(folder: Path, values: Mapping[str, object], activations: Path | None) -> dict[str, list[Detection]]:
        run = train(
            DEFAULT_METHOD,
            [(features, annotations)],
            folder,
            settings=values,
            seed=corpus.seed,
            resume=True,
            progress=progress,
            should_stop=should_stop,
        )
        return localize(run, features, validation, activations=activations, progress=progress, should_stop=should_stop)

    detections = trained(output / "run", settings, output / "activations")
    write_detections(detections, output / "detections.json")
    rows = {
        DEFAULT_METHOD: detections,
        "untrained": trained(output / "baselines" / "untrained", {"iterations": 0}, None),
        "random": random_detections(validation, features, corpus.seed),
    }
    results = {name: evaluate_detections(row, validation, iou_thresholds(_IOU)) for name, row in rows.items()}
    write_json(output / "evaluation.json", results[DEFAULT_METHOD].to_json())
    comparisons = {name: output / "baselines" / f"{name}.json" for name in ("untrained", "random")}
    for name, path in comparisons.items():
        write_json(path, results[name].to_json())
    write_report(
        output / "run",
        detections=output / "detections.json",
        annotations=output / "annotations.json",
        evaluation=output / "evaluation.json",
        videos=output / "videos",
        output=output / "report.html",
        comparisons=comparisons,
    )
    open_project(
        output,
        videos=output / "videos",
        annotations=output / "annotations.json",
        run=output / "run",
        detections=output / "detections.json",
        activations=output / "activations",
    ).save()
    return results
