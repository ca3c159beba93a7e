"""The steps of a training. What is random in a step follows from the seed and its number: a step can be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from untrim.data.dataset import Batch, TrainingVideos
from untrim.data.sampling import Sampler
from untrim.errors import Stopped, WorkFailed
from untrim.methods.additions import added_losses
from untrim.methods.base import Activations, Method
from untrim.support.progress import Progress, ShouldStop, count_steps
from untrim.training.checkpoint import STATE, Run
from untrim.training.metrics import Metrics
from untrim.training.parallel import World, video_dimensions
from untrim.training.selection import checkpoint_steps
from untrim.training.settled import Settled
from untrim.training.starting import first_step, late_progress
from untrim.training.state import read_state, write_state

_LINES_PER_RUN = 500
_SECONDS_BETWEEN_STATES = 20.0


class Trainer:
    """Trains a network through the steps of a run.

    Args:
        run: The run.
        model: Its network, on `device`.
        videos: What it is trained on.
        world: The processes that train it.
        device: Where this process computes.
    """

    def __init__(self, run: Run, model: Method, videos: TrainingVideos, world: World, device: torch.device) -> None:
        config = run.config
        self.run, self.model, self.videos, self.world, self.device = run, model, videos, world, device
        self.sampler = Sampler(videos.labels, config.batch_size, config.groups, config.group_videos, run.seed)
        world.check_batches(self.sampler.smallest)
        self.settled = Settled(model, videos, device)
        self.optimizer = model.optimizer()
        self.dims = video_dimensions(model) if world.size > 1 else {}
        self.step = 0
        self.sums: dict[str, float | Tensor] = {}
        """Losses since the last line of metrics."""

    def train(
        self,
        log: Metrics | None,
        progress: Progress | None,
        should_stop: ShouldStop | None,
        show: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        """Do all remaining steps.

        Args:
            log: The file of losses; None in a process that does not write.
            progress: Told of each step, in the process that writes.
            should_stop: Asked before each step; if one process should stop, all do.
            show: Gives scores of the network as it is, for `log` to show ten times along the training.

        Raises:
            Stopped: `should_stop` said so; the state is saved, and ``--resume`` resumes from it.
            WorkFailed: The loss is no longer finite, or another process has ended.
        """
        total, first = self.run.config.iterations, self.world.first
        every = max(1, total // _LINES_PER_RUN)
        looks = checkpoint_steps(total)
        advance = count_steps(progress if first else None, f"train {self.run.method}", total, self.step)
        started = saved = time.monotonic()
        self.model.train()
        with torch.random.fork_rng():
            for batch in ahead(self.batch, range(self.step, total)):
                asked = should_stop is not None and should_stop()
                terms, stop = self.update(batch.to(self.device), asked)
                self._add_up(terms, every)
                note, stop = "", stop and self.step < total
                if self.step % every == 0 or self.step == total:
                    note = self._report(log, time.monotonic() - started, (self.step % every or every) / every)
                if first and self.run.select != "last" and self.step in looks:
                    self.run.save_checkpoint(self.model, self.step)
                if log is not None and show is not None and self.step in looks:
                    log.show(self.step, show())
                    self.model.train()
                if first and (stop or time.monotonic() - saved > _SECONDS_BETWEEN_STATES):
                    self.save_state()
                    saved = time.monotonic()
                advance(note)
                if stop:
                    raise Stopped(f"stopped after {self.step} of {total} iterations; resume to complete them")

    def progress(self, step: int) -> float:
        """Share of a whole training that is done before a step, in [0, 1]."""
        total = self.run.config.iterations
        if self.run.start is None:
            return step / total
        first = first_step(total)
        return late_progress((step - first) / (total - first), self.model.stages)

    def batch(self, step: int) -> Batch:
        """What a step sees, on the CPU."""
        config, rng = self.run.config, np.random.default_rng((self.run.seed, step, 2))
        progress = self.progress(step)
        crop = self.model.crop(progress)
        drawn, times = self.sampler.draw(step), config.add_known > 0
        batch = self.videos.batch(*drawn, config.max_snippets, crop, rng, times=times, mirrored=config.mirrored)
        return replace(batch, progress=progress)

    def update(self, batch: Batch, stop: bool = False) -> tuple[dict[str, Tensor], bool]:
        """One step of the optimizer; its loss terms, and whether this or another process was asked to stop."""
        self.optimizer.zero_grad()
        terms = self.losses(batch)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        parameters = list(self.model.parameters())
        stop = self.world.average(parameters, stop)
        if self.run.config.clip_gradient is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.run.config.clip_gradient)
        self.optimizer.step()
        self.step += 1
        self.model.after_step(self.optimizer, self.progress(self.step))
        return terms, stop

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """All loss terms of the whole batch; the network itself sees this process's rows of it."""
        rows = self.world.rows(len(batch.labels))
        torch.manual_seed(self._seed(self.world.rank))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.run.precision == "bf16"):
            said = self.settled.of(batch, rows)
            asked = () if said is None else (said,)
            found = self.model(batch.features[rows], batch.mask[rows], *asked)
        found = _in_float32(found)
        if self.world.size > 1:
            found = self.world.gather(found, self.dims, len(batch.labels))
            torch.manual_seed(self._seed(0))
        return {**self.model.losses(found, batch), **added_losses(self.model, self.run.config, found, batch)}

    def _seed(self, rank: int) -> int:
        return ((self.run.seed + (rank << 20) << 32) + self.step) % (1 << 63)

    def _add_up(self, terms: Mapping[str, Tensor], every: int) -> None:
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().double() / every

    def _report(self, log: Metrics | None, seconds: float, share: float) -> str:
        """Write a line of metrics, for this share of the steps of a line; the loss in words."""
        terms = {name: float(value) / share for name, value in self.sums.items()}
        if bad := [name for name, value in terms.items() if not np.isfinite(value)]:
            raise WorkFailed(
                f"the {', '.join(bad)} loss is not finite at step {self.step - 1}",
                where=self.run.path,
                fix="lower learning_rate, or set clip_gradient",
            )
        if log is not None:
            log.write(self.step, seconds, terms)
        self.sums = {}
        return f"loss {sum(terms.values()):.3f}"

    def save_state(self) -> None:
        """Write what is needed to resume from here."""
        sums = {name: float(value) for name, value in self.sums.items()}
        write_state(self.run.path / STATE, self.step, sums, self.model, self.optimizer)

    def load_state(self) -> None:
        """Resume from the saved state; if there is none, begin from the run to start from, if there is one.

        Raises:
            UntrimError: It is damaged, or of another network.
        """
        path = self.run.path / STATE
        if path.exists():
            self.step, sums = read_state(path, self.model, self.optimizer, self.device)
            self.sums = {**sums}
        elif self.run.start is not None:
            self.step = first_step(self.run.config.iterations)
            if self.step:  # A schedule is where it would be by now; a method with several stages is in its first again.
                self.model.after_step(self.optimizer, self.progress(self.step))


def ahead(make: Callable[[int], Batch], steps: range) -> Iterator[Batch]:
    """The batch of each step in turn; while one is trained on, a thread makes the next."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = [thread.submit(make, step) for step in steps[:1]]
        for step in steps:
            batch = coming.pop().result()
            if step + steps.step in steps:
                coming.append(thread.submit(make, step + steps.step))
            yield batch


def _in_float32(found: Activations) -> Activations:
    """Activations with what is in half precision made single: losses are computed in that."""
    half = {
        field.name: value.float()
        for field in fields(found)
        if isinstance(value := getattr(found, field.name), Tensor) and value.dtype == torch.bfloat16
    }
    return replace(found, **half)
