"""One row of a table with one seed: train, localize, evaluate, in a process of its own, and keep the result.

Rows that differ in nothing but localization have a run folder each, but share the training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from untrim.annotations import Annotations, read_annotations
from untrim.errors import UntrimError
from untrim.reproduction.effort import Told, tell
from untrim.reproduction.published import Row
from untrim.support.files import write_json
from untrim.support.paths import as_path, as_paths
from untrim.support.schema import read_object
from untrim.support.system import peak_memory_mb

if TYPE_CHECKING:
    from untrim.activations import ActivationFolder
    from untrim.features.store import FeatureFolder
    from untrim.training.checkpoint import Run

RESULT_SCHEMA = 1


@dataclass(frozen=True)
class TableData:
    """What a table is measured on.

    Args:
        features: Feature folders to train on.
        annotations: Annotations, one file per feature folder; the first pair is evaluated on too.
        segments: Annotations with the training segments. Methods that need segments use them instead of the first.
        training: Subset to train on.
        validation: Subset to localize and evaluate.
        protocol: Protocol of the evaluation.
        second_corpus: Feature folder and annotations of a second training set, for the rows that need one.

    Raises:
        UntrimError: What should be a path is none, or there are more of one kind than of the other.
    """

    features: tuple[Path, ...]
    annotations: tuple[Path, ...]
    segments: Path | None = None
    training: str = "training"
    validation: str = "validation"
    protocol: str = "activitynet"
    second_corpus: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        features, annotations = as_paths(self.features, "features"), as_paths(self.annotations, "annotations")
        if len(features) != len(annotations):
            what = f"{len(features)} feature folders and {len(annotations)} annotation files"
            raise UntrimError(what, fix="give one file for each folder")
        object.__setattr__(self, "features", tuple(features))
        object.__setattr__(self, "annotations", tuple(annotations))
        object.__setattr__(self, "segments", None if self.segments is None else as_path(self.segments, "segments"))
        if self.second_corpus is not None:
            pair = as_paths(self.second_corpus, "second_corpus")
            if len(pair) != 2:
                raise UntrimError(f"second_corpus: {len(pair)} paths", fix="give a feature folder and its annotations")
            object.__setattr__(self, "second_corpus", (pair[0], pair[1]))

    def of(self, row: Row) -> TableData:
        """The data of one row: with the second training set among the others if the row trains on it."""
        if self.second_corpus is None or not row.second_corpus:
            return replace(self, second_corpus=None)
        features, annotations = self.second_corpus
        return replace(
            self,
            features=(*self.features, features),
            annotations=(*self.annotations, annotations),
            second_corpus=None,
        )

    def check(self, iou: Sequence[float]) -> None:
        """Check that features, labels and protocol belong together, before anything is trained.

        Args:
            iou: tIoU thresholds of the evaluation.

        Raises:
            UntrimError: Something is missing, or is not what the protocol needs.
        """
        from untrim.evaluation.detection import evaluate_detections
        from untrim.features.store import FeatureFolder

        more = () if self.second_corpus is None else (self.second_corpus,)
        pairs = (*zip(self.features, self.annotations, strict=True), *more)
        folders = [FeatureFolder.open(path) for path, _ in pairs]
        annotations = [read_annotations(path) for _, path in pairs]
        evaluate_detections({}, annotations[0], iou, self.protocol, subset=self.validation)
        folders[0].require(list(annotations[0].subset(self.validation)))
        for folder, labelled in zip(folders, annotations, strict=True):
            folder.require(list(labelled.subset(self.training)))
        if self.segments is not None:
            read_annotations(self.segments).subset(self.training)


@dataclass(frozen=True)
class Result:
    """The result of one job; mAP as fractions.

    Args:
        seed: Seed of the job.
        mean: mAP at each threshold.
        average: Mean of mAP over the thresholds.
        interval: 95% interval of `average` over the videos.
        peak_memory_mb: Peak memory of the process that trained and localized; None if the system does not report it.
        train_seconds: Wall time of the training, which may be shared; None if nothing is trained.
        frame_accuracy: Frame accuracy of the activations (ECM, Table 6), as a fraction; None if there are none.
        minutes: Of a person's time, for what was told of the training videos; None where the annotations count.
    """

    seed: int
    mean: tuple[float, ...]
    average: float
    interval: tuple[float, float]
    peak_memory_mb: float | None
    train_seconds: float | None
    frame_accuracy: float | None
    minutes: float | None = None


@dataclass(frozen=True)
class Job:
    """A row of a table with one seed.

    Args:
        row: Name of the row.
        method: Name of the method; None for random proposals.
        recipe: Preset, recipe or None for the project's defaults.
        settings: Values that override them, as JSON, so that a job is hashable.
        seed: Seed of everything random.
        iou: tIoU thresholds.
        folder: Where to keep run and result.
        data: What it is measured on.
        told: What a person says of the training videos; None for what the annotations say.
        led_by: The job after whose run the studio chooses the videos that are corrected; None if chosen at random.
    """

    row: str
    method: str | None
    recipe: str | None
    settings: str
    seed: int
    iou: tuple[float, ...]
    folder: Path
    data: TableData
    told: Told | None = None
    led_by: Job | None = None

    @property
    def result(self) -> Path:
        """File of the result."""
        return self.folder / f"{self.seed}.json"

    @property
    def run(self) -> Path:
        """Folder of the run."""
        return self.folder / f"{self.seed}"

    @property
    def detections(self) -> Path:
        """File of what was found."""
        return self.folder / f"{self.seed}.detections.json"

    @property
    def key(self) -> str:
        """A hash of everything that the result depends on, except the code."""
        what = asdict(self) | {"folder": None, "schema": RESULT_SCHEMA}
        # As in results from before there were such things; a second corpus is among the features and annotations.
        del what["data"]["second_corpus"]
        if self.told is None:
            del what["told"]
        if self.led_by is None:
            del what["led_by"]
        else:
            what["led_by"] = self.led_by.key
        files = [_stamp(path) for path in (*self.data.annotations, self.data.segments) if path is not None]
        stamps = [_stamp(path / "features.json") for path in self.data.features]
        return hashlib.sha256(json.dumps([what, files, stamps], sort_keys=True, default=str).encode()).hexdigest()

    def measured(self) -> Result | None:
        """The result, if it exists and was made from the same inputs."""
        found: Any = read_object(self.result) if self.result.exists() else {}
        if found.get("key") != self.key:
            return None
        average = found["intervals"]["average_mAP"]
        return Result(
            seed=self.seed,
            mean=tuple(found["evaluation"]["mAP"]),
            average=found["evaluation"]["average_mAP"],
            interval=(average["low"], average["high"]),
            peak_memory_mb=found["peak_memory_mb"],
            train_seconds=found["train_seconds"],
            frame_accuracy=found.get("frame_accuracy"),
            minutes=found.get("minutes"),
        )


def _stamp(path: Path) -> str:
    if not path.exists():
        raise UntrimError("is not there", where=path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(jobs: tuple[Job, ...]) -> str | None:
    """Make the results of jobs that share a training and write them, but those that are there.

    Returns:
        None, or the first job that could not be done, and why.
    """
    import torch

    torch.set_num_threads(1)  # So that figures depend on the seed alone, not on how many jobs run at a time.
    for job in jobs:
        try:
            if job.measured() is None:
                write_json(job.result, _measure(job, [other.run for other in jobs if other is not job]))
        except UntrimError as error:
            return f"row '{job.row}', seed {job.seed}: {error}"
    return None


def _measure(job: Job, alike: Sequence[Path]) -> dict[str, object]:
    """The result of a job, whose training is that of the runs in the folders `alike`, once they are trained."""
    from untrim.activations import ActivationFolder
    from untrim.annotations import write_detections
    from untrim.evaluation.detection import evaluate_detections
    from untrim.evaluation.uncertainty import bootstrap
    from untrim.features.store import FeatureFolder
    from untrim.pipeline import localize
    from untrim.reproduction.baselines import random_detections
    from untrim.training.loop import train
    from untrim.training.metrics import METRICS, read_metrics

    folders = [FeatureFolder.open(path) for path in job.data.features]
    annotations = [read_annotations(path) for path in job.data.annotations]
    validation = annotations[0].subset(job.data.validation)
    seconds, accuracy, config, minutes = None, None, {}, None
    if job.method is None:
        found = random_detections(validation, folders[0], job.seed)
    else:
        given = _with_segments(job, annotations)
        if job.told is not None:
            first, minutes = _said(job, job.told, given[0].subset(job.data.training), folders[0])
            given = [first, *given[1:]]
        sources = list(zip(folders, given, strict=True))
        _share_training(job, sources, alike)
        run = train(
            job.method,
            sources,
            job.run,
            recipe=job.recipe,
            settings=json.loads(job.settings),
            subset=job.data.training,
            seed=job.seed,
            resume=True,
            rehearsal=False,
            device="cpu",
        )
        with TemporaryDirectory() as activations:
            found = localize(run, folders[0], validation, activations=Path(activations), device="cpu")
            accuracy = _frame_accuracy(ActivationFolder(activations), run, folders[0], annotations[0], job)
        steps = read_metrics(run.path / METRICS)
        seconds = float(steps["seconds"][-1]) if steps else 0.0
        config = run.config.model_dump()
    write_detections(found, job.detections)
    protocol, subset = job.data.protocol, job.data.validation
    result = evaluate_detections(found, annotations[0], job.iou, protocol, subset=subset)
    spread = bootstrap(found, annotations[0], job.iou, protocol, subset=subset)
    return {
        "schema": RESULT_SCHEMA,
        "key": job.key,
        "row": job.row,
        "seed": job.seed,
        "method": job.method,
        "config": config,
        "evaluation": result.to_json(),
        "intervals": spread.to_json(),
        "peak_memory_mb": peak_memory_mb(),
        "train_seconds": seconds,
        "frame_accuracy": accuracy,
        "minutes": minutes,
    }


def _said(job: Job, told: Told, whole: Annotations, features: FeatureFolder) -> tuple[Annotations, float]:
    """What a person says, and the minutes that it takes; the job that leads is done."""
    from untrim.pipeline import localize
    from untrim.reproduction.studio_order import studio_order

    if job.led_by is None:
        return tell(whole, told, job.seed)
    found = localize(job.led_by.run, features, whole, device="cpu")
    return tell(whole, told, job.seed, studio_order(whole, found, job.seed))


def _share_training(job: Job, sources: Sequence[tuple[FeatureFolder, Annotations]], alike: Sequence[Path]) -> None:
    """Let the run of a job end where the first of the runs `alike` ended that is finished, if there is one."""
    from untrim.training.checkpoint import MODEL, Run
    from untrim.training.loop import resolve
    from untrim.training.sharing import share_training

    ended = [path for path in alike if (path / MODEL).is_file()]
    if not ended or (job.run / MODEL).is_file():
        return
    assert job.method is not None
    run, _, data = resolve(
        job.run,
        job.method,
        sources,
        recipe=job.recipe,
        settings=json.loads(job.settings),
        subset=job.data.training,
        seed=job.seed,
        select="last",
    )
    for path in ended:
        if share_training(Run.open(path), run, data):
            return


def _frame_accuracy(
    activations: ActivationFolder, run: Run, features: FeatureFolder, annotations: Annotations, job: Job
) -> float:
    from untrim.evaluation.frames import activation_detections, frame_accuracy

    strongest = {}
    for name in activations.names():
        found = activations.load(name, len(run.labels))
        grid = features.info.grid(name)
        strongest[name] = activation_detections(found.cas, found.video_scores, run.labels, grid)
    return frame_accuracy(strongest, annotations, job.data.protocol, subset=job.data.validation)


def _with_segments(job: Job, annotations: list[Annotations]) -> list[Annotations]:
    """The annotations to train on: names alone, or segments where the method needs them or a person tells of them."""
    from untrim.methods import load_method

    assert job.method is not None
    needed = job.told is not None or load_method(job.method).supervision == "segments"
    if not needed:
        return [labelled.without_segments(job.data.training) for labelled in annotations]
    if job.data.segments is None:
        return annotations
    return [read_annotations(job.data.segments), *annotations[1:]]
