"""How a run shows itself in a notebook: what it is, what it learned from and its loss, as HTML that needs no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from untrim.errors import UntrimError, numbered
from untrim.features.store import FeatureInfo
from untrim.support.array_types import Float64
from untrim.support.schema import read_object
from untrim.training.inspection import evenly
from untrim.training.metrics import METRICS, read_metrics

_MOST_CLASSES = 20
_POINTS = 120  # of the curve
_WIDTH, _HEIGHT = 360, 60  # pixels


def show_run(heading: str, path: Path, labels: Sequence[str], features: FeatureInfo, subset: str) -> str:
    """HTML with a table on a run, finished or not, and the curve of its loss.

    What the run's own files do not say, because they are damaged or of an older untrim, is left out.

    Args:
        heading: A line above all.
        path: The run folder.
        labels: Its classes.
        features: What it was trained on.
        subset: The subset that it was trained on.
    """
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding-right:12px">{escape(name)}</th>'
        f'<td style="text-align:left">{cell}</td></tr>'
        for name, cell in _rows(path, labels, features, subset)
    )
    return (
        '<div style="font:13px/1.4 system-ui,sans-serif;max-width:900px">'
        f'<div><b>{escape(heading)}</b></div><table style="font:inherit">{rows}</table></div>'
    )


def _rows(path: Path, labels: Sequence[str], features: FeatureInfo, subset: str) -> Iterator[tuple[str, str]]:
    """Name and HTML of each row."""
    names = ", ".join(labels[:_MOST_CLASSES])
    more = f" and {len(labels) - _MOST_CLASSES:,} more" if len(labels) > _MOST_CLASSES else ""
    yield "classes", escape(names + more)
    grid = features.grid()
    streams = ", ".join(f"{name} {stop - first}" for name, (first, stop) in features.streams.items())
    yield "features", escape(f"{features.backbone} ({streams}), one snippet every {grid.stride_seconds:.3g} s")
    outcome = _read(path / "outcome.json")
    if isinstance(sources := outcome.get("sources"), list):
        counts = [source.get("videos") for source in sources if isinstance(source, dict)]
        videos = sum(count for count in counts if isinstance(count, int))
        held = f", {outcome['held_out']} more held out" if outcome.get("held_out") else ""
        yield "trained on", escape(f"{numbered(videos, 'video', 'videos')} of subset {subset}{held}")
    if isinstance(point := outcome.get("operating_point"), dict):
        chosen = "" if point.get("held_out") else " that were trained on, which sets it too high"
        kept = " for the run that this one started from" if point.get("kept") else ""
        yield (
            "scores",
            escape(f"from 0.5 on a detection counts as found; chosen by {point.get('videos')} videos{chosen}{kept}"),
        )
    if isinstance(warnings := outcome.get("warnings"), list):
        yield from (("warning", escape(str(warning))) for warning in warnings)
    try:
        losses = read_metrics(path / METRICS)
    except UntrimError:
        return
    if len(losses.get("loss", ())) > 1:
        yield "loss", _curve(losses["iteration"], losses["loss"])


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return read_object(path)
    except UntrimError:
        return {}


def _curve(x: Float64, y: Float64) -> str:
    """The values y over the steps x, both (N,), as a line, and its first and last value in words."""
    shown = evenly(len(x), _POINTS)
    low, high = y.min(), y.max()
    across = (x - x[0]) / (x[-1] - x[0] or 1) * _WIDTH
    down = (1 - (y - low) / (high - low or 1)) * (_HEIGHT - 4) + 2
    points = " ".join(f"{across[i]:.0f},{down[i]:.1f}" for i in shown)
    said = f"{y[0]:.3g} at step {x[0]:.0f}, {y[-1]:.3g} at step {x[-1]:.0f}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{said}">'
        f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="1.5"/></svg><br><small>{said}</small>'
    )
