"""Features of snippets and features aggregated over videos on a plane (ECM, Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from untrim.errors import UntrimError
from untrim.methods.ecm import ECM, ECMActivations
from untrim.reproduction.figure_runs import FigureRun
from untrim.support.array_types import Float64
from untrim.support.colors import colors
from untrim.support.extras import optional

COLUMNS = ("video", "kind", "class", "start", "end", "x", "y")
"""Columns of the rows of points."""

_MARKERS = {"background": "o", "action": "^", "aggregated": "*"}
_SIZES = {"background": 7, "action": 18, "aggregated": 90}
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class MappedFeature:
    """A feature on the plane.

    Args:
        video: Its video.
        kind: ``background`` or ``action`` for a snippet, as the pre-classification stream classifies it; ``aggregated``
            for the feature of a class and a video, as the post-classification stream does.
        label: The class; empty for the background.
        start: Where the snippet begins, or the video, in seconds.
        end: Where it ends.
        x: Place from the left.
        y: Place from below.
    """

    video: str
    kind: str
    label: str
    start: float
    end: float
    x: float = 0.0
    y: float = 0.0

    @property
    def row(self) -> tuple[object, ...]:
        """The point as a row of `COLUMNS`."""
        times = f"{self.start:.3f}", f"{self.end:.3f}"
        return self.video, self.kind, self.label, *times, f"{self.x:.3f}", f"{self.y:.3f}"


def features_on_plane(run: FigureRun, snippets: int) -> list[MappedFeature]:
    """Features of the evaluated videos on the plane: snippets, and the aggregated feature of each class in each video.

    The distance is that of directions: a weighted sum over T snippets is far longer than a snippet.

    Args:
        run: A run of ECM.
        snippets: The most snippets, which are spread evenly over all videos.

    Raises:
        UntrimError: scikit-learn is not installed, or the network aggregates nothing.
    """
    optional("sklearn")
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    places: list[MappedFeature] = []
    features: list[Float64] = []
    for name in run.quality:
        own, rows = _of_video(run, name)
        places += own
        features += rows
    kept = _evenly(places, snippets)
    places, features = [places[index] for index in kept], [features[index] for index in kept]
    table = np.stack(features)
    perplexity = min(_PERPLEXITY, (len(table) - 1) / 3)
    with threadpool_limits(1):  # Else the places depend on the number of cores.
        plane = TSNE(2, perplexity=perplexity, metric="cosine", init="pca", random_state=run.job.seed)
        found = plane.fit_transform(table)
    return [
        MappedFeature(place.video, place.kind, place.label, place.start, place.end, float(x), float(y))
        for place, (x, y) in zip(places, found, strict=True)
    ]


def draw_features(places: Sequence[MappedFeature]) -> Figure:
    """The plane: what a feature is by its marker, its class by its colour, the background in grey."""
    labels = sorted({place.label for place in places if place.label})
    hues = {"": "#bbbbbb", **dict(zip(labels, colors(len(labels)), strict=True))}
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for kind, marker in _MARKERS.items():
        for label, hue in hues.items():
            own = [place for place in places if (place.kind, place.label) == (kind, label)]
            x, y = [place.x for place in own], [place.y for place in own]
            edge = 0.7 if kind == "aggregated" else 0.0
            if own:
                axes.scatter(x, y, _SIZES[kind], hue, marker=marker, alpha=0.9, edgecolor="black", linewidth=edge)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    names = {
        "background": "snippet, background", "action": "snippet, action", "aggregated": "aggregated feature",
    }  # fmt: skip
    handles = [
        Line2D([], [], linestyle="", marker=marker, color="#777777", markersize=9, label=names[kind])
        for kind, marker in _MARKERS.items()
    ]
    handles += [Line2D([], [], linestyle="", marker="s", color=hues[label], label=label) for label in labels]
    legend = figure.legend(handles=handles, loc="outside right upper", fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _evenly(places: Sequence[MappedFeature], snippets: int) -> list[int]:
    """Indices of all aggregated features, and of at most so many snippets, evenly spread over all of them."""
    rest = [index for index, place in enumerate(places) if place.kind != "aggregated"]
    spread = np.linspace(0, len(rest) - 1, min(snippets, len(rest))).round().astype(int)
    taken = {rest[index] for index in spread}
    return [index for index, place in enumerate(places) if place.kind == "aggregated" or index in taken]


def _of_video(run: FigureRun, name: str) -> tuple[list[MappedFeature], list[Float64]]:
    """Features of one video, and what they are; their places are still to be found."""
    said, model, video = run.ask(name), run.model, run.truth[name]
    if not isinstance(model, ECM) or not isinstance(said, ECMActivations) or said.transition is None:
        raise UntrimError(f"{run.job.method} aggregates no features", fix="draw a run with both streams of ECM")
    snippets = said.features[0].double().numpy()  # (T, D)
    edges = run.edges(name, len(snippets))
    kinds = [""] * len(snippets)
    for instance in video.instances:
        for index in run.features.info.grid(name).snippets(instance.segment, len(snippets)):
            kinds[index] = instance.label
    places = [
        MappedFeature(name, "action" if label else "background", label, float(edges[i]), float(edges[i + 1]))
        for i, label in enumerate(kinds)
    ]
    aggregated = model.aggregate(F.logsigmoid(said.transition), said.features, said.mask)[0]  # (K, 3, D)
    rows = list(snippets)
    for label in video.labels:
        own = model.labels.index(label) if len(aggregated) > 1 else 0
        places.append(MappedFeature(name, "aggregated", label, float(edges[0]), float(edges[-1])))
        rows.append(aggregated[own].mean(dim=0).double().numpy())
    return places, rows
