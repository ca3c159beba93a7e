"""One WSAD training step, 20 videos of 320 snippets, 2,048 dimensions, 20 classes, against the same loss written as
plain loops over videos, blocks, groups and classes.

    python benchmarks/bench_wsad.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.methods.base import Activations
from untrim.methods.wsad import WSAD, WSADConfig

VIDEOS, SNIPPETS, DIM, CLASSES, GROUPS, ROUNDS = 20, 320, 2048, 20, 4, 5


def loop_losses(model: WSAD, found: Activations, batch: Batch) -> Tensor:
    """BBCE and triplet loss as one would write them down, a video at a time."""
    classification, s, u = [], model.clip(found.cas), found.embedded
    assert u is not None
    for video in range(len(s)):
        n = int(batch.mask[video].sum())
        log_absent = torch.zeros(s.shape[2])
        for block in range(max(1, n // 60)):
            scores = s[video, block * 60 : (block + 1) * 60 if n >= 60 else n]
            log_absent = log_absent - F.softplus(scores.topk(min(10, len(scores)), dim=0).values.mean(dim=0))
        log_present, y = torch.log1p(-log_absent.exp()), batch.labels[video]
        classification.append(-(y @ log_present) / y.sum() - ((1 - y) @ log_absent) / (1 - y).sum())
    metric = []
    for group in range(int(batch.groups.max()) + 1):
        members = (batch.groups == group).nonzero().flatten().tolist()
        for c in batch.labels[members].prod(dim=0).nonzero().flatten().tolist():
            inside, outside = [], []
            for video in members:
                n = int(batch.mask[video].sum())
                pi = s[video, :n, c].softmax(dim=0)
                z = pi @ u[video, :n]
                inside.append(F.normalize(z, dim=0))
                outside.append(F.normalize((1 - pi) @ u[video, :n] / (n - 1), dim=0))
            pos, neg, w = [], [], model.classifier.weight[c]
            for i in range(len(members)):
                for j in range(len(members)):
                    if i != j:
                        pos.append((w @ (inside[i] - inside[j])) ** 2)
                        neg.append((w @ (inside[i] - outside[j])) ** 2)
            metric.append(F.relu(torch.stack(pos).mean() - torch.stack(neg).mean() + model.config.alpha))
    return torch.stack(classification).mean() + torch.stack(metric).mean()


def vector_losses(model: WSAD, found: Activations, batch: Batch) -> Tensor:
    return torch.stack(list(model.losses(found, batch).values())).sum()


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    torch.manual_seed(0)
    model = WSAD(WSADConfig(dropout=0.0), DIM, [str(c) for c in range(CLASSES)])
    lengths = torch.randint(60, SNIPPETS + 1, (VIDEOS,))
    mask = torch.arange(SNIPPETS) < lengths.unsqueeze(1)
    groups = torch.arange(VIDEOS) // (VIDEOS // GROUPS)
    labels = F.one_hot(groups, CLASSES).float()
    batch = Batch(torch.rand(VIDEOS, SNIPPETS, DIM), mask, labels, groups)

    def loss_alone(losses: Callable[[WSAD, Activations, Batch], Tensor]) -> None:
        found = Activations(mask, cas, cas, embedded=embedded)
        torch.autograd.grad(losses(model, found, batch), [cas, embedded, model.classifier.weight])

    def step(losses: Callable[[WSAD, Activations, Batch], Tensor]) -> None:
        model.zero_grad()
        losses(model, model(batch.features, mask), batch).backward()

    with torch.no_grad():
        found = model(batch.features, mask)
    cas, embedded = found.cas.requires_grad_(), found.embedded.requires_grad_()
    ours, theirs = (losses(model, found, batch).item() for losses in (vector_losses, loop_losses))
    assert abs(ours - theirs) < 1e-4 * abs(theirs), (ours, theirs)
    for name, work in (("loss and gradient alone", loss_alone), ("whole step", step)):
        times = [[seconds(partial(work, f)) for f in (vector_losses, loop_losses)] for _ in range(ROUNDS + 1)][1:]
        ratio = statistics.median(loop / vector for vector, loop in times)
        vector, loop = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name}: vectorised {vector:.3f} s, loops {loop:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
