"""Does it help to project features as the videos themselves suggest, without labels?

    python benchmarks/bench_adaptation.py OUT FEATURES ANNOTATIONS [--segments FILE] [--projection NAME …]
        [--only METHOD …] [--seeds 1]

A projection is fitted on the snippets of all videos in FEATURES. OUT/NAME/features has the projected columns, or, where
NAME ends with +, the original columns and the projected ones. They are measured by mAP on the validation videos:
supervised, if --segments has the times of the training videos, and with the project's own method. The same command
resumes a run that was stopped.

    original   the features as they are
    columns    each column scaled to unit variance
    pca        the k directions of the largest variance, scaled to unit variance or left `unscaled`
    sfa        slow feature analysis (Wiskott and Sejnowski 2002): of the first 256 of `pca`, the k directions that
               change least from a snippet to the next, or to the third after it (`lag3`)
    contrast   k directions in which a snippet is nearer to one within a second than to those of other videos, or of
               its own at least 5 seconds away (InfoNCE: van den Oord et al. 2018)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.linalg import eigh

from real_video import METHODS, figures_of
from untrim.features.combining import combine
from untrim.features.store import INFO_NAME, FeatureFolder, VideoInfo
from untrim.features.writing import growing
from untrim.reproduction.measuring import TableData
from untrim.reproduction.runner import collect, jobs_of, run_jobs

Float64 = NDArray[np.float64]
Videos = Sequence[Float64]  # features (T, D) of each video, centred; the mean variance in each stream is 1
NEAR, FAR, PAIRS, STEPS, TEMPERATURE = 1.0, 5.0, 512, 1500, 0.1  # the first two in seconds


def covariance(videos: Videos) -> Float64:
    return np.asarray(sum(video.T @ video for video in videos) / sum(map(len, videos)))


def columns(videos: Videos, stride: float) -> Float64:
    return np.diag(1 / np.sqrt(np.diag(covariance(videos)) + 1e-3))


def pca(videos: Videos, stride: float, k: int, power: float = 0.5) -> Float64:
    dim = videos[0].shape[1]
    values, vectors = eigh(covariance(videos), subset_by_index=(max(dim - k, 0), dim - 1))
    kept = values > 1e-6 * values[-1]
    return np.asarray(vectors[:, kept] / values[kept] ** power)


def sfa(videos: Videos, stride: float, k: int, lag: int = 1) -> Float64:
    white = pca(videos, stride, 256)
    whitened = [video @ white for video in videos]
    _, slowest_first = eigh(covariance([video[lag:] - video[:-lag] for video in whitened]))
    return np.asarray(white @ slowest_first[:, :k])


def contrast(videos: Videos, stride: float, k: int) -> Float64:
    white = pca(videos, stride, 256)
    x = torch.from_numpy(np.concatenate(videos) @ white).float()
    video = np.repeat(np.arange(len(videos)), [len(each) for each in videos])
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    weight = torch.nn.init.orthogonal_(torch.empty(x.shape[1], k)).requires_grad_()
    optimizer = torch.optim.Adam([weight], 2e-3)
    for _ in range(STEPS):
        a = rng.integers(len(x), size=PAIRS)
        away = rng.integers(1, int(NEAR / stride) + 1, size=PAIRS) * rng.choice([-1, 1], size=PAIRS)
        inside = video[(a + away).clip(0, len(x) - 1)] == video[a]
        b = (a + np.where(inside, away, -away)).clip(0, len(x) - 1)
        neither = (video[a][:, None] == video[b]) & (np.abs(a[:, None] - b) * stride < FAR) & ~np.eye(PAIRS, dtype=bool)
        alike = F.normalize(x[a] @ weight, dim=1) @ F.normalize(x[b] @ weight, dim=1).T / TEMPERATURE
        optimizer.zero_grad()
        F.cross_entropy(alike.masked_fill(torch.from_numpy(neither), -1e9), torch.arange(PAIRS)).backward()
        optimizer.step()
    return white @ weight.detach().double().numpy()


FITS: dict[str, Callable[[Videos, float], Float64]] = {
    "columns": columns,
    **{f"pca{k}": partial(pca, k=k) for k in (64, 128, 256)},
    "pca128-unscaled": partial(pca, k=128, power=0.0),
    **{f"sfa{k}": partial(sfa, k=k) for k in (32, 64, 128)},
    "sfa128-lag3": partial(sfa, k=128, lag=3),
    "contrast128": partial(contrast, k=128),
}


def projected(name: str, source: FeatureFolder, output: Path) -> Path:
    """The feature folder of a projection, written unless it is present with all its videos."""
    path = source.path if name == "original" else output / name / "features"
    if (path / INFO_NAME).is_file() and FeatureFolder.open(path).names() == source.names():
        return path
    if name.endswith("+"):
        combine([source.path, projected(name.removesuffix("+"), source, output)], path)
        return path
    stored = {video: source.load(video).astype(np.float64) for video in source.names()}
    snippets = np.concatenate(list(stored.values()))
    deviation = np.ones(source.info.dim)
    for first, stop in source.info.streams.values():
        deviation[first:stop] = np.sqrt(snippets[:, first:stop].var(axis=0).mean())
    scaled = [(features - snippets.mean(axis=0)) / deviation for features in stored.values()]
    projection = FITS[name](scaled, source.info.stride_frames / source.info.fps)
    projection /= np.sqrt(np.mean(np.square(np.concatenate(scaled) @ projection)))  # no value is large for float16
    k = projection.shape[1]
    told = {"dim": k, "streams": {"adapted": (0, k)}, "backbone": f"{source.info.backbone} {name}", "videos": {}}
    path.mkdir(parents=True, exist_ok=True)
    with growing(path) as folder:
        folder.begin(source.info.model_copy(update=told))
        for video, features in zip(stored, scaled, strict=True):
            folder.add(video, features @ projection, source.info.videos.get(video, VideoInfo()))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("output", "features", "annotations", "--segments"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--projection", choices=("original", *FITS, *(f"{name}+" for name in FITS)), action="append")
    parser.add_argument("--only", choices=("supervised", "consensus"), action="append")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    methods = given.only or (["supervised"] if given.segments else []) + ["consensus"]
    rows = [row for row in METHODS.rows if row.name in methods]
    print("| features | method | mAP@0.1 | 0.3 | 0.5 | 0.7 | average of 0.1 to 0.7 |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name in given.projection or ("original", *FITS):
        folder = projected(name, FeatureFolder.open(given.features), given.output)
        data = TableData(features=(folder,), annotations=(given.annotations,), segments=given.segments)
        jobs = jobs_of(rows, METHODS, data, given.output / name, given.seeds, None, {})
        run_jobs(jobs, at_a_time=1)
        for found in collect(rows, jobs):
            form = "{:.1f} ± {:.1f}" if given.seeds > 1 else "{:.1f}"
            figures = " | ".join(form.format(*figure) for figure in figures_of(found))
            print(f"| `{name}` | {found.row.name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
