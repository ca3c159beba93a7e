"""Training: from features and video-level labels to a run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.optim import Adam, Optimizer

from untrim.annotations import Annotations
from untrim.data.dataset import TrainingVideos
from untrim.data.sampling import Sampler
from untrim.data.summary import summarize
from untrim.errors import UntrimError, WorkFailed
from untrim.features.store import FeatureFolder
from untrim.files import atomic_path, make_folder, remove_leftovers
from untrim.methods import load_method
from untrim.methods.base import Method
from untrim.methods.combining import added_losses, check_additions
from untrim.progress import progress
from untrim.training.checkpoint import STATE, Run
from untrim.training.settings import configure
from untrim.training.tracking import METRICS, Metrics, write_environment, write_model_card

_LINES_A_RUN = 500
_SECONDS_BETWEEN_STATES = 20.0


def train(
    method: str,
    sources: Sequence[tuple[FeatureFolder, Annotations]],
    output: Path | str,
    *,
    recipe: str | None = None,
    settings: Mapping[str, object] | None = None,
    subset: str = "training",
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
) -> Run:
    """Train a method on video-level labels; the last checkpoint is the result.

    Args:
        method: Name of the method.
        sources: Feature folders, each with its annotations.
        output: The run folder to write.
        recipe: A preset or a YAML file; None for the project's defaults.
        settings: Values laid over the recipe's.
        subset: Subset of the annotations to train on.
        seed: Seed of everything random: same seed, same machine, same weights.
        resume: Whether to go on with a run that stands in `output`; it ends as if it had never been stopped.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UntrimError: The input or the call is wrong.
        WorkFailed: The loss is no longer finite.
    """
    cls = load_method(method)
    chosen = [(folder, annotations.subset(subset)) for folder, annotations in sources]
    videos = TrainingVideos(chosen, segments=cls.supervision == "segments")
    data = summarize(videos)
    config = configure(cls, data, recipe, settings or {})
    features = videos.info.model_copy(update={"videos": {}})
    run = Run(Path(output), method, recipe, seed, subset, config, videos.class_names, features)
    where = choose_device(device)
    model = run.build()
    check_additions(model, config, videos.labels)
    if not _open(run, resume):
        return run
    write_environment(run, where)
    model.input.fit(config.input_scaling, data)
    _steps(run, model.to(where), videos, where)
    write_model_card(run, len(videos))
    run.save_model(model)
    return run


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the GPU where there is one.

    Raises:
        UntrimError: No such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UntrimError(f"device '{name}' cannot be used: {error!s:.80}", fix="use --device cpu or auto") from error
    return device


def _open(run: Run, resume: bool) -> bool:
    """Make the run folder, or check that the one there is the same run; False if it is finished."""
    make_folder(run.path)
    remove_leftovers(run.path)
    if not (run.path / "config.yaml").is_file():
        run.save_description()
        return True
    if not resume:
        raise UntrimError("holds a run already", where=run.path, fix="--resume to go on with it, or another -o")
    there = Run.open(run.path)
    if there != replace(run, path=there.path):
        different = [
            key
            for key, value in {**vars(run), **run.config.model_dump()}.items()
            if key not in ("path", "config") and value != {**vars(there), **there.config.model_dump()}.get(key)
        ]
        raise UntrimError(
            f"holds another run: different {', '.join(different)}", where=run.path, fix="choose another -o"
        )
    return not there.finished


def _steps(run: Run, model: Method, videos: TrainingVideos, device: torch.device) -> None:
    """All training steps that are still to do.

    What is random in a step follows from the seed and the step's number alone, so a resumed run gets the same.
    """
    config = run.config
    sampler = Sampler(videos.labels, config.batch_size, config.groups, config.group_videos, run.seed)
    optimizer = Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    first = _load_state(run, model, optimizer, device)
    metrics, every = Metrics(run.path / METRICS, first), max(1, config.iterations // _LINES_A_RUN)
    started = saved = time.monotonic()
    sums: dict[str, float] = {}
    model.train()
    with (
        torch.random.fork_rng(),
        progress(f"train {run.method}", config.iterations, start=first) as advance,
    ):
        for step in range(first, config.iterations):
            torch.manual_seed((run.seed << 32) + step)
            rng = np.random.default_rng((run.seed, step, 2))
            batch = videos.batch(*sampler.draw(step), config.max_snippets, config.crop, rng).to(device)
            batch = replace(batch, progress=step / config.iterations)
            found = model(batch.features, batch.mask)
            terms = {**model.losses(found, batch), **added_losses(model, config, found, batch)}
            loss = torch.stack(list(terms.values())).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value.item() / every
            if (step + 1) % every == 0:
                _check_finite(run, step, sums)
                metrics.write(step + 1, time.monotonic() - started, sums)
                note, sums = f"loss {sum(sums.values()):.3f}", {}
                if time.monotonic() - saved > _SECONDS_BETWEEN_STATES:
                    _save_state(run, model, optimizer, step + 1)
                    saved = time.monotonic()
            else:
                note = ""
            advance(note)


def _check_finite(run: Run, step: int, terms: Mapping[str, float]) -> None:
    if bad := [name for name, value in terms.items() if not np.isfinite(value)]:
        raise WorkFailed(
            f"the {', '.join(bad)} loss is not finite at step {step}", where=run.path, fix="lower learning_rate"
        )


def _save_state(run: Run, model: Method, optimizer: Optimizer, step: int) -> None:
    with atomic_path(run.path / STATE) as temporary:
        torch.save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, temporary)


def _load_state(run: Run, model: Method, optimizer: Optimizer, device: torch.device) -> int:
    """Take up the saved state; the step to go on with, 0 if there is none."""
    path = run.path / STATE
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
