"""Training: from features and video-level labels to a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch

from untrim.annotations import Annotations
from untrim.annotations.checks import doubtful_labels
from untrim.data.dataset import TrainingVideos
from untrim.data.holdout import hold_out
from untrim.data.sources import Source, open_sources
from untrim.data.summary import summarize
from untrim.errors import UntrimError, nearest
from untrim.features.store import FeatureFolder
from untrim.methods import load_method
from untrim.methods.additions import check_additions
from untrim.methods.base import Method, MethodConfig
from untrim.support.device import choose_device
from untrim.support.files import make_folder, remove_leftovers
from untrim.support.paths import as_path
from untrim.support.progress import Progress, ShouldStop
from untrim.training.checkpoint import Run
from untrim.training.choices import Precision, Select
from untrim.training.configuration import configure
from untrim.training.health import examine
from untrim.training.metrics import METRICS, Metrics, read_metrics
from untrim.training.parallel import join_world
from untrim.training.selection import checkpoint_steps, choose
from untrim.training.steps import Trainer
from untrim.training.tracking import Outcome, write_environment, write_model_card


def train(
    method: str,
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
    tensorboard: bool = False,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Run:
    """Train a method on video-level labels.

    Under ``torchrun``, each process trains on its part of every batch.

    Args:
        method: Name of the method.
        sources: Feature folders, each with its annotations, as objects or as paths.
        output: The run folder to write.
        recipe: A preset or a YAML file; None for the project's defaults.
        settings: Values laid over the recipe's.
        subset: Subset of the annotations to train on.
        seed: Seed of everything random: same seed, same machine, same weights.
        resume: Whether to go on with a run that stands in `output`; it ends as if it had never been stopped.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: In which the network computes: ``fp32``, or ``bf16`` where it loses little (autocast).
        select: The result is the ``last`` checkpoint, or one chosen on held-out training videos by their labels
            (``weak``).
        tensorboard: Whether to write losses as TensorBoard events too.
        progress: Told of each step; None for silence.
        should_stop: Asked between steps, from the thread that calls, whether to stop.

    Raises:
        UntrimError: The input or the call is wrong.
        WorkFailed: The loss is no longer finite.
        Stopped: `should_stop` said so; the state is saved, and `resume` goes on from it.
    """
    for key, value, known in (("precision", precision, get_args(Precision)), ("select", select, get_args(Select))):
        if value not in known:
            raise UntrimError(f"unknown {key} '{value}'", fix=nearest(value, known))
    output, recipe = as_path(output, "output"), None if recipe is None else str(recipe)
    videos, held = _videos(method, open_sources(sources), subset, seed, select)
    data = summarize(videos)
    config = configure(load_method(method), data, recipe, settings or {})
    features = videos.info.model_copy(update={"videos": {}})
    run = Run(output, method, recipe, seed, subset, config, videos.class_names, features, precision, select)
    where = choose_device(device)
    model = run.build()
    check_additions(model, config, videos.labels)
    world, where = join_world(where)
    finished = world.from_first(lambda: _open(run, resume))
    if finished is not None:
        return finished
    model.input.fit(config.input_scaling, data)
    trainer = Trainer(run, model.to(where), videos, world, where)
    world.from_first(lambda: write_environment(run, where, world.size))
    _steps(trainer, tensorboard, progress, should_stop)
    return world.from_first(lambda: _finish(run, model, videos, held, where, should_stop))


def resolve(
    method: str,
    sources: Sequence[tuple[FeatureFolder, Annotations]],
    *,
    recipe: str | None,
    settings: Mapping[str, object],
    subset: str,
    seed: int,
    select: Select,
) -> MethodConfig:
    """The complete config that `train` would use for the same arguments.

    Raises:
        UntrimError: The input or the call is wrong.
    """
    videos, _ = _videos(method, sources, subset, seed, select)
    return configure(load_method(method), summarize(videos), recipe, settings)


def _videos(
    method: str, sources: Sequence[tuple[FeatureFolder, Annotations]], subset: str, seed: int, select: Select
) -> tuple[TrainingVideos, TrainingVideos | None]:
    """The videos to train on, and those held out, if any."""
    segments = load_method(method).supervision == "segments"
    chosen = [(folder, annotations.subset(subset)) for folder, annotations in sources]
    if select == "last":
        return TrainingVideos(chosen, segments=segments), None
    chosen, held_out = hold_out(chosen, seed)
    videos = TrainingVideos(chosen, segments=segments)
    return videos, TrainingVideos(held_out, class_names=videos.class_names)


def _open(run: Run, resume: bool) -> Run | None:
    """Make the run folder, or check that the one there is the same run, which is returned if it is finished."""
    make_folder(run.path)
    remove_leftovers(run.path)
    if not (run.path / "config.yaml").is_file():
        run.save_description()
        return None
    if not resume:
        raise UntrimError("holds a run already", where=run.path, fix="--resume to go on with it, or another -o")
    there = Run.open(run.path)
    before = there.before_selection()
    if before != replace(run, path=there.path):
        parts = (vars(run), vars(before)), (run.config.model_dump(), before.config.model_dump())
        different = [
            key
            for mine, theirs in parts
            for key, value in mine.items()
            if key not in ("path", "config") and value != theirs.get(key)
        ]
        raise UntrimError(
            f"holds another run: different {', '.join(different)}", where=run.path, fix="choose another -o"
        )
    return there if there.finished else None


def _steps(trainer: Trainer, tensorboard: bool, progress: Progress | None, should_stop: ShouldStop | None) -> None:
    """Train to the end, keeping the checkpoints that are chosen from."""
    run, world = trainer.run, trainer.world
    kept = checkpoint_steps(run.config.iterations) if run.select == "weak" and world.first else ()

    def keep(step: int) -> None:
        if step in kept:
            run.save_checkpoint(trainer.model, step)

    def metrics(step: int) -> Metrics:
        return Metrics(run.path / METRICS, step, tensorboard=tensorboard)

    trainer.train(metrics, keep, progress, should_stop)
    if kept:
        trainer.save_state()  # choosing may take long


def _finish(
    run: Run,
    model: Method,
    videos: TrainingVideos,
    held: TrainingVideos | None,
    device: torch.device,
    should_stop: ShouldStop | None,
) -> Run:
    """Choose the checkpoint, look whether anything was learned, and write the result; the weights last."""
    if held is not None:
        run, model = choose(run, held, device, should_stop)
    health = examine(model, run.config, videos, device, read_metrics(run.path / METRICS))
    outcome = Outcome(videos.counts, 0 if held is None else len(held), health, doubtful_labels(run.labels))
    outcome.write(run)
    write_model_card(run, outcome)
    run.save_model(model)
    return run
