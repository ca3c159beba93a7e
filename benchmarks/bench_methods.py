"""A training step and the localization of a video, for each method, against the same written as plain loops.

The plain loops (`plain_loops.py`) take one video at a time. They take the group losses for each pair of videos and each
class. They take ECM's aggregated features, the largest scores, and the way from activations to segments for each class,
threshold and snippet. Features have 2,048 columns, networks the papers' widths; there are 20 classes, and each is
localized. Figures are medians of CPU time on one thread. The benchmark stops unless both ways give the same losses and
segments.

    python benchmarks/bench_methods.py          # all
    python benchmarks/bench_methods.py ecm
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from plain_loops import coactivity_loss, plain_loops
from untrim.data.dataset import Batch
from untrim.methods import load_method
from untrim.methods.base import Activations, Method
from untrim.timeline import SnippetGrid

DIM, CLASSES = 2048, 20
GRID = SnippetGrid.regular(16, 16, 25)
# Method, videos per step, snippets, steps, and how many of the videos the loops take (their time is scaled up to all).
# Batches are those of the papers. Only WSBM, whose paper has one video per batch, has the project's batch.
STEPS = [
    ("wsad", 20, 300, 2, 20),
    ("wtalc", 10, 320, 3, 10),
    ("lpat", 10, 320, 3, 10),
    ("wsbm", 8, 300, 5, 8),
    ("stpn", 6, 300, 5, 6),
    ("ecm", 16, 128, 1, 2),
]

Found = Activations | list[Activations]


def network(model: Method, batch: Batch) -> Activations:
    return model(batch.features, batch.mask)


def loop_network(model: Method, batch: Batch) -> list[Activations]:
    videos = zip(batch.features, batch.mask, strict=True)
    return [model(f[real].unsqueeze(0), real[real].unsqueeze(0)) for f, real in videos]


def loss(model: Method, found: Activations, batch: Batch) -> Tensor:
    return torch.stack(list(model.losses(found, batch).values())).sum()


def loop_loss(model: Method, found: list[Activations], batch: Batch) -> Tensor:
    total = group_loss(model, found, batch)
    for one, f, labels in zip(found, batch.features, batch.labels, strict=True):
        alone = Batch(f[: one.mask.shape[1]].unsqueeze(0), one.mask, labels.unsqueeze(0), torch.tensor([-1]))
        total = total + loss(model, one, alone) / len(batch.labels)
    return total


def leaves(found: Activations) -> Activations:
    """The same activations, at which gradients end."""
    parts = {key: part for key, part in vars(found).items() if isinstance(part, Tensor) and part.is_floating_point()}
    return replace(found, **{key: part.detach().requires_grad_() for key, part in parts.items()})


def group_loss(model: Method, found: list[Activations], batch: Batch) -> Tensor:
    """The loss between videos of the methods that have one, of the activations of single videos."""
    config = model.config
    if not (hasattr(config, "metric_weight") or hasattr(config, "lambda_mil")):
        return torch.zeros(())
    longest = batch.mask.shape[1]
    u, s = (
        torch.cat([F.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts])
        for parts in ([one.embedded for one in found], [one.cas for one in found])
    )
    if hasattr(config, "metric_weight"):
        together = Activations(batch.mask, s, s, embedded=u)
        return config.metric_weight * model.metric_loss(together, batch.labels, batch.groups)
    loss = coactivity_loss(u, s, batch.mask, batch.labels, batch.groups, config.margin)
    return (1 - config.lambda_mil) * loss


def seconds(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def measure(name: str, videos: int, snippets: int, rounds: int, looped: int) -> str:
    torch.manual_seed(0)
    method = load_method(name)
    fields = method.Config.model_fields
    every_class = {"class_threshold": -1e9 if name == "wtalc" else 0.0} if "class_threshold" in fields else {}
    model = method(method.Config.model_validate({"dropout": 0.0, **every_class}), DIM, [str(c) for c in range(CLASSES)])
    groups = torch.arange(videos) // max(videos // 4, 1)
    mask = torch.arange(snippets) < torch.randint(snippets // 2, snippets + 1, (videos, 1))
    features = torch.rand(videos, snippets, DIM) * mask.unsqueeze(-1)
    batch = Batch(features, mask, F.one_hot(groups, CLASSES).float(), groups)
    part = Batch(*(value[:looped] for value in (features, mask, batch.labels, groups)))
    one, whole = torch.rand(1, 300, DIM), torch.ones(1, 300, dtype=torch.bool)
    with torch.inference_mode():
        found, forward = model(one, whole), seconds(lambda: model(one, whole), 3)

    def times(run_network: Callable[..., Found], run_loss: Callable[..., Tensor], batch: Batch) -> list[float]:
        """Seconds of a step, of its losses alone, of a localization."""
        last: list[tuple[Found, Tensor]] = []

        def step() -> None:
            activations = run_network(model, batch)
            value = run_loss(model, activations, batch)
            value.backward()
            last[:] = [(activations, value)]

        step_seconds = seconds(step, rounds)
        activations, value = last[0]
        values.append(value.item())
        ends = [leaves(part) for part in activations] if isinstance(activations, list) else leaves(activations)
        alone = seconds(lambda: run_loss(model, ends, batch).backward(), rounds)
        segments.append(sorted((d.label, d.segment) for d in model.localize(found, GRID)))
        return [step_seconds, alone, seconds(lambda: model.localize(found, GRID), 3)]

    row, values, segments = [name, f"{videos} x {snippets}"], [], []
    ours = times(network, loss, batch)
    with torch.no_grad():
        expected = loss(model, network(model, part), part).item()
    with plain_loops():
        theirs = times(loop_network, loop_loss, part)
    assert abs(expected - values[1]) < 1e-4 * abs(values[1]), (name, expected, values)
    assert segments[0] == segments[1], name
    theirs[:2] = [time * videos / looped for time in theirs[:2]]
    for vector, loops in zip(ours, theirs, strict=True):
        row += [f"{vector:.3g}", f"{loops:.3g}", f"{loops / vector:.1f}"]
    return f"| {' | '.join([*row, f'{forward:.3g}', str(len(segments[0]))])} |"


def main() -> None:
    torch.set_num_threads(1)
    parts = [f"{part}, s | loops, s | ratio" for part in ("step", "losses alone", "localize")]
    print(f"| method | videos x snippets | {' | '.join(parts)} | network, s | segments |")
    print(f"|{' --- |' * 13}")
    for name, *sizes in STEPS:
        if name in (sys.argv[1:] or [name]):
            print(measure(name, *sizes), flush=True)


if __name__ == "__main__":
    main()
