"""Training: from features and video-level labels to a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch

from untrim.annotations import Annotations
from untrim.annotations.checks import training_doubts
from untrim.data.dataset import TrainingVideos
from untrim.data.holdout import Sources, hold_out
from untrim.data.sources import Source, open_sources
from untrim.data.summary import summarize
from untrim.errors import UntrimError, nearest
from untrim.features.store import FeatureFolder
from untrim.methods import load_method
from untrim.methods.additions import check_additions
from untrim.methods.base import Method
from untrim.support.device import check_seed, choose_device
from untrim.support.extras import optional
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.paths import as_path
from untrim.support.progress import Progress, ShouldStop, warn_each
from untrim.training.beside import Task, half_of_the_threads, train_and_rehearse
from untrim.training.checkpoint import Run
from untrim.training.choices import DEFAULT_METHOD, Precision, Select
from untrim.training.configuration import configure
from untrim.training.health import examine
from untrim.training.metrics import METRICS, Metrics, read_metrics
from untrim.training.operating_point import OperatingPoint, choose_operating_point, kept_operating_point
from untrim.training.parallel import World, join_world
from untrim.training.rehearsal import Rehearsal, forget_rehearsal, rehearse
from untrim.training.resuming import Data, begin, data_of, knows_its_data, refuse_a_run
from untrim.training.selection import choose, choose_by_rehearsal, judge
from untrim.training.starting import check_start, lay_start, starting_run, values_from
from untrim.training.steps import Trainer
from untrim.training.tracking import Outcome, write_environment, write_model_card

_UNKNOWN_DATA = (
    "begun by an older untrim, which did not record what it was trained on: "
    "whether it was resumed on the same data is not known"
)

_VIDEOS_SHOWN = 64  # Videos that TensorBoard's scores are of, ten times in a training.


def train(
    method: str | None,
    sources: Sequence[Source],
    output: Path | str,
    *,
    recipe: Path | str | None = None,
    settings: Mapping[str, object] | None = None,
    subset: str = "training",
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
    precision: Precision = "fp32",
    select: Select = "last",
    start: Run | Path | str | None = None,
    rehearsal: bool = True,
    tensorboard: bool = False,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Run:
    """Train a method on video-level labels.

    Under ``torchrun``, each process trains on its part of every batch.

    Args:
        method: Name of the method; None for that of `start`, or else the project's own.
        sources: Feature folders, each with its annotations, as objects or as paths.
        output: The run folder to write.
        recipe: A preset or a YAML file; None for the project's defaults.
        settings: Values that override the recipe's.
        subset: Subset of the annotations to train on.
        seed: Seed of everything random: same seed, same machine, same weights.
        resume: Whether to resume a run in `output`; it ends with the same weights as without a stop.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``fp32``, or ``bf16`` where the network loses little by it (autocast).
        select: The result is the ``last`` checkpoint, or one chosen on held-out training videos by their labels
            (``weak``); or all videos are trained on, and the checkpoint is the one where the rehearsal was best by the
            labels of its fifth (``rehearsed``).
        start: A finished run to start from: the last tenth of its training once more, with its values, on the labels
            as they are today. Without a recipe, the weight of what is known beyond names (`add_known`) follows from
            these labels too. Its operating point stays, if it was chosen by videos that were held out.
        rehearsal: Whether to train once more without a fifth of the videos, to choose by them from which score a
            detection counts as found (`untrim.training.rehearsal`); the weights are the same. It takes half as long
            again; on the processor, both happen at the same time, each with half of the threads. False chooses it by
            the videos that were trained on, which sets it too high. With ``weak``, the fifth is held out already, and
            nothing is rehearsed; nor is it with `start`, which knows the fifth already. With ``rehearsed``, it is
            needed, and takes as long again.
        tensorboard: Whether to write losses as TensorBoard events too, and ten times how well videos are told apart by
            their labels (`untrim.training.selection`); the weights are the same.
        progress: Told of each step; None for silence.
        should_stop: Asked between steps, from the thread that calls, whether to stop.

    Raises:
        UntrimError: The input or the call is wrong.
        WorkFailed: The loss is no longer finite.
        Stopped: `should_stop` said so; the state is saved, and `resume` resumes from it.
    """
    for key, value, known in (("precision", precision, get_args(Precision)), ("select", select, get_args(Select))):
        if value not in known:
            raise UntrimError(f"unknown {key} '{value}'", fix=nearest(value, known))
    output, recipe = as_path(output, "output"), None if recipe is None else str(recipe)
    check_seed(seed)
    if tensorboard:
        optional("tensorboard")
    world, where = join_world(choose_device(device))
    base = None if start is None else starting_run(start, method, recipe, select)
    method = method or (base.method if base else DEFAULT_METHOD)
    world.from_first(lambda: _refuse_place(output, resume))
    opened = open_sources(sources)
    labelled = _of_subset(opened, subset)
    videos, held = _videos(method, labelled, seed, select)
    if select == "rehearsed":
        if not rehearsal:
            raise UntrimError("--select rehearsed chooses by a rehearsal", fix="leave out --no-rehearsal")
        hold_out(labelled, seed)  # Said before anything is trained, where there are too few.
    data = summarize(videos)
    if base is None:
        config = configure(load_method(method), data, recipe, settings or {})
    else:
        check_start(base, [folder for folder, _ in opened], videos.class_names)
        config, recipe = values_from(base, data, settings or {}), base.recipe
    kept = None if base is None else kept_operating_point(base, config)
    run = Run(
        path=output,
        method=method,
        recipe=recipe,
        seed=seed,
        subset=subset,
        config=config,
        labels=videos.class_names,
        features=videos.info.model_copy(update={"videos": {}}),
        precision=precision,
        select=select,
        start=None if base is None else str(base.path),
    )
    model = untrained(run, videos.labels)
    model.input.fit(run.config.input_scaling, data)
    if base is not None:
        lay_start(model, base.path)
    trainer = Trainer(run, model.to(where), videos, world, where)
    with _alone_in(output, world), half_of_the_threads(world, where) as threads:
        finished = world.from_first(lambda: begin(run, data_of(videos, data, held), resume))
        if finished is not None:
            return finished
        steps = partial(_steps, trainer, held, tensorboard, progress, should_stop)
        rehearsed = None
        if rehearsal and held is None and base is None and run.config.iterations > 0:
            remaining = partial(rehearse, run, labelled, model.input, world, where, progress, should_stop)
            rehearsed = train_and_rehearse(steps, remaining, Task(run, labelled, model.input), threads, should_stop)
        else:
            steps()
        return world.from_first(lambda: _finish(run, model, videos, held, rehearsed, kept, where, should_stop))


def resolve(
    output: Path,
    method: str,
    sources: Sequence[tuple[FeatureFolder, Annotations]],
    *,
    recipe: str | None,
    settings: Mapping[str, object],
    subset: str,
    seed: int,
    select: Select,
) -> tuple[Run, TrainingVideos, Data]:
    """The run that `train` would begin for the same arguments, and the videos it would train on; nothing is written.

    Raises:
        UntrimError: The input or the call is wrong.
    """
    videos, held = _videos(method, _of_subset(sources, subset), seed, select)
    summary = summarize(videos)
    run = Run(
        path=output,
        method=method,
        recipe=recipe,
        seed=seed,
        subset=subset,
        config=configure(load_method(method), summary, recipe, settings),
        labels=videos.class_names,
        features=videos.info.model_copy(update={"videos": {}}),
        select=select,
    )
    return run, videos, data_of(videos, summary, held)


def untrained(run: Run, labels: npt.NDArray[np.float32]) -> Method:
    """The untrained network of a run, once nothing in its config is wrong.

    Args:
        run: The run; it need not be there yet.
        labels: (V, C) labels of the training videos.

    Raises:
        UntrimError: The config and the data, method or machine do not fit.
    """
    if run.select != "last" and run.config.iterations == 0:
        what = "--select and tune choose among checkpoints, but iterations is 0"
        raise UntrimError(what, fix="set iterations to 1 or more")
    model = run.build()
    check_additions(model, run.config, labels)
    return model


def _of_subset(sources: Sequence[tuple[FeatureFolder, Annotations]], subset: str) -> Sources:
    return [(folder, annotations.subset(subset)) for folder, annotations in sources]


def _videos(method: str, sources: Sources, seed: int, select: Select) -> tuple[TrainingVideos, TrainingVideos | None]:
    """The videos to train on, and those held out, if any."""
    segments = load_method(method).supervision == "segments"
    if select != "weak":
        return TrainingVideos(sources, segments=segments), None
    kept, held_out = hold_out(sources, seed)
    videos = TrainingVideos(kept, segments=segments)
    return videos, TrainingVideos(held_out, class_names=videos.class_names)


def _refuse_place(output: Path, resume: bool) -> None:
    """Refuse an output that cannot become the run, before the features are read."""
    check_kind(output, "run")
    refuse_a_run(output, resume)


@contextmanager
def _alone_in(output: Path, world: World) -> Iterator[None]:
    """Hold the run folder, made if need be, for the processes of this training; process 0 does so for all."""
    with ExitStack() as held:
        world.from_first(lambda: held.enter_context(locked(output)))
        yield


def _steps(
    trainer: Trainer,
    held: TrainingVideos | None,
    tensorboard: bool,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> None:
    """Train to the end, keeping the checkpoints that are chosen from, and showing how good they are."""
    run, world = trainer.run, trainer.world
    trainer.load_state()
    log = Metrics(run.path / METRICS, trainer.step, tensorboard=tensorboard) if world.first else None
    world.from_first(lambda: write_environment(run, trainer.device, world.size))
    show = partial(_scores, trainer, held) if tensorboard else None
    trainer.train(log, progress, should_stop, show)
    if world.first:
        trainer.save_state()  # what follows may take long


def _scores(trainer: Trainer, held: TrainingVideos | None) -> dict[str, float]:
    """How well the network does now by the labels of videos, by TensorBoard's tags: of the videos that are held out, or
    of those that it is trained on where none are."""
    where = "trained on" if held is None else "held out"
    found = judge(trainer.model, held or trainer.videos, trainer.device, _VIDEOS_SHOWN)
    scores = {
        "mAP of ranking": found.classification,
        "agreement": found.agreement,
        "calibration": found.calibration,
        "selection score": found.score,
    }
    return {f"{where}/{name}": value for name, value in scores.items() if value is not None}


def _finish(
    run: Run,
    model: Method,
    videos: TrainingVideos,
    held: TrainingVideos | None,
    rehearsed: Rehearsal | None,
    kept: OperatingPoint | None,
    device: torch.device,
    should_stop: ShouldStop | None,
) -> Run:
    """Choose the checkpoint and the operating point, look whether anything was learned, and write the result.

    The weights are written last.

    Args:
        run: The run.
        model: Its network.
        videos: What it was trained on.
        held: Videos to choose the checkpoint by, if it is to be chosen.
        rehearsed: None where nothing was rehearsed.
        kept: The operating point of the run that it started from, if it stays.
        device: Where the networks are.
        should_stop: Asked before each candidate and each video.
    """
    if held is not None:
        run, model = choose(run, held, device, should_stop)
    judge, judged = model, held or videos
    if rehearsed is not None:
        judge, judged = rehearsed.model, rehearsed.unseen
        if run.select == "rehearsed":
            model, judge = choose_by_rehearsal(run, rehearsed.run, judged, device, should_stop)
    point = kept or choose_operating_point(judge, judged, device, judged is not videos, should_stop)
    health = examine(model, run.config, videos, device, read_metrics(run.path / METRICS))
    if not knows_its_data(run):
        health = replace(health, warnings=(*health.warnings, _UNKNOWN_DATA))
    held_out, doubts = 0 if held is None else len(held), training_doubts(map(videos.known, range(len(videos))))
    outcome = Outcome(videos.counts, videos.label_counts, videos.known_snippets(), held_out, health, point, doubts)
    warn_each(None, outcome.warnings)
    outcome.write(run)
    write_model_card(run, outcome)
    forget_rehearsal(run)
    run.save_model(model)
    return run
