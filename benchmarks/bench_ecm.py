"""One ECM training step, 16 videos of up to 128 snippets, 2,048 dimensions, 20 classes, against the same written as
plain loops over videos and classes; and of it the action and absence scores of the post-classification stream alone.

    python benchmarks/bench_ecm.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from untrim.data.dataset import Batch
from untrim.methods.ecm import ECM, ECMConfig

VIDEOS, SNIPPETS, DIM, CLASSES, ROUNDS = 16, 128, 2048, 20, 3


def phi(model: ECM, features: Tensor) -> Tensor:
    """Scores of one (T, D) sequence, (T, C)."""
    hidden = F.leaky_relu(model.classifier.conv_1(features.T.unsqueeze(0)))
    return model.classifier.output(F.leaky_relu(model.classifier.conv_2(hidden))[0].T)


def loop_scores(model: ECM, batch: Batch, cas: Sequence[Tensor]) -> Tensor:
    """Action and absence scores as one would write them down, a video and a class at a time, (2, B, C)."""
    scores = torch.empty(2, len(cas), CLASSES)
    for video, sequence in enumerate(cas):
        n = int(batch.mask[video].sum())
        f, w = batch.features[video, :n], torch.sigmoid(model.transition(sequence[:n]))
        for c in range(CLASSES):
            for kind, weights in enumerate((w[:, c], 1 - w[:, c])):
                aggregated = torch.stack([weights[fold::3] @ f[fold::3] for fold in range(3)])
                scores[kind, video, c] = phi(model, aggregated)[:, c].mean()
    return scores


def vector_scores(model: ECM, batch: Batch, cas: Tensor) -> Tensor:
    z = model.transition(cas)
    parts = [model.classify_aggregated(F.logsigmoid(sign * z), batch.features, batch.mask) for sign in (1, -1)]
    return torch.stack(parts)


def loop_losses(model: ECM, batch: Batch) -> Tensor:
    """Eq. 5, a video at a time."""
    cas = [phi(model, f[: int(mask.sum())]) for f, mask in zip(batch.features, batch.mask, strict=True)]
    losses = []
    for sequence, post, absence, labels in zip(cas, *loop_scores(model, batch, cas), batch.labels, strict=True):
        pre = torch.stack([column.topk(max(1, len(sequence) // 8)).values.mean() for column in sequence.T])
        y, p = labels / labels.sum(), torch.cat([post, absence]).softmax(dim=0)
        a2c = -(y @ p[:CLASSES].log() + y @ (1 - p[CLASSES:]).log()) / 2
        classification = -(y @ pre.log_softmax(dim=0)) - y @ post.log_softmax(dim=0)
        losses.append(classification + 0.05 * (pre - post).square().mean() + 5 * a2c)
    return torch.stack(losses).mean()


def vector_losses(model: ECM, batch: Batch) -> Tensor:
    return torch.stack(list(model.losses(model(batch.features, batch.mask), batch).values())).sum()


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    torch.manual_seed(0)
    model = ECM(ECMConfig(dropout=0.0), DIM, [str(c) for c in range(CLASSES)])
    lengths = torch.randint(SNIPPETS // 2, SNIPPETS + 1, (VIDEOS,))
    mask = torch.arange(SNIPPETS) < lengths.unsqueeze(1)
    labels = F.one_hot(torch.arange(VIDEOS), CLASSES).float()
    features = torch.rand(VIDEOS, SNIPPETS, DIM) * mask.unsqueeze(-1)
    batch = Batch(features, mask, labels, torch.full((VIDEOS,), -1))
    cas = model(features, mask).cas.detach().requires_grad_()

    def scores(streams: Callable[[ECM, Batch, Tensor], Tensor]) -> None:
        streams(model, batch, cas).sum().backward()

    def step(losses: Callable[[ECM, Batch], Tensor]) -> None:
        model.zero_grad()
        losses(model, batch).backward()

    with torch.no_grad():
        ours, theirs = (losses(model, batch).item() for losses in (vector_losses, loop_losses))
    assert abs(ours - theirs) < 1e-4 * abs(theirs), (ours, theirs)
    for name, work, pair in (
        ("action and absence scores with gradient", scores, (vector_scores, loop_scores)),
        ("whole step", step, (vector_losses, loop_losses)),
    ):
        times = [[seconds(partial(work, f)) for f in pair] for _ in range(ROUNDS)]
        ratio = statistics.median(loop / vector for vector, loop in times)
        vector, loop = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name}: vectorised {vector:.3f} s, loops {loop:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
