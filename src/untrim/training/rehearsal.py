"""A rehearsal: the same training once more without a fifth of the videos, to see how the scores of new videos are.

A run is trained on all of its videos, and knows them too well to tell from them which scores to believe. The network of
the rehearsal has not seen the fifth. It is trained with the same config from the same start, so its scores of the fifth
are like those of the run of new videos. Half of the steps are enough for that, but not to choose a checkpoint by. The
network is used for nothing else and not kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from untrim.annotations import Annotations
from untrim.data.dataset import TrainingVideos
from untrim.data.holdout import hold_out
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods.base import InputScale, Method
from untrim.support.progress import Progress, ShouldStop
from untrim.training.checkpoint import Run
from untrim.training.parallel import World
from untrim.training.steps import Trainer

REHEARSAL = "rehearsal"
_SHARE = 0.5
"""Of the steps, where no checkpoint is chosen. With all of them or a quarter, the line is further from the best."""


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal leaves.

    Args:
        run: The run as it was rehearsed, in a folder of its own.
        model: Its network at the end.
        unseen: The videos that it was not trained on.
    """

    run: Run
    model: Method
    unseen: TrainingVideos


def rehearse(
    run: Run,
    sources: Sequence[tuple[FeatureFolder, Annotations]],
    scale: InputScale,
    world: World,
    device: torch.device,
    progress: Progress | None,
    should_stop: ShouldStop | None,
) -> Rehearsal | None:
    """Train the network of a run once more without a fifth of its videos. Resumes by itself; a damaged state is left.

    If the run's checkpoint is to be chosen by it, it takes as many steps as the run, and its own checkpoints are kept.
    Else half of them: schedules and stages follow the share of the steps that is done.

    Args:
        run: The run; the state of the rehearsal is kept in a folder of it.
        sources: What it was trained on: feature folders, each with its annotations.
        scale: The run's own scaling of the input.
        world: The processes that train; all of them rehearse.
        device: Where this process computes.
        progress: Told of each step; None for silence.
        should_stop: Asked before each step.

    Returns:
        None where the videos are too few to hold any out.

    Raises:
        Stopped: `should_stop` said so; the state is saved.
        WorkFailed: As for the training itself.
    """
    try:
        kept, held = hold_out(sources, run.seed)
    except UntrimError:
        return None

    steps = run.config.iterations if run.select == "rehearsed" else max(1, round(_SHARE * run.config.iterations))
    own = replace(run, path=run.path / REHEARSAL, config=run.config.model_copy(update={"iterations": steps}))

    def begun() -> Trainer:
        model = own.build()
        model.input.load_state_dict(scale.state_dict())
        videos = TrainingVideos(kept, segments=model.supervision == "segments", class_names=run.labels)
        return Trainer(own, model.to(device), videos, world, device)

    trainer = begun()
    try:
        trainer.load_state()
    except UntrimError:  # Nothing but time is lost: the run itself is trained by now.
        trainer = begun()
    trainer.train(None, _renamed(progress), should_stop)
    if world.first:
        trainer.save_state()  # choosing may take long
    return Rehearsal(own, trainer.model, TrainingVideos(held, class_names=run.labels))


def forget_rehearsal(run: Run) -> None:
    """Remove what a rehearsal keeps to resume from."""
    shutil.rmtree(run.path / REHEARSAL, ignore_errors=True)


def _renamed(progress: Progress | None) -> Progress | None:
    """The hook, told of a work of another name."""
    if progress is None:
        return None
    return lambda what, done, total, note: progress(f"{what}, rehearsal", done, total, note)
