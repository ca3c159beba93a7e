"""The curve that counts: mAP against a person's minutes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from untrim.reproduction.runner import Measured

_SHOWN = 0.5
"""The tIoU that is drawn, if the table has it; else its middle one."""


def draw_effort(axes: Axes, measured: Sequence[Measured], iou: Sequence[float]) -> None:
    """Each way of telling what happens as a point; corrections of more and more videos, from tags on, as a line.

    The supervised upper bound is a line of its own, across.
    """
    index = list(iou).index(_SHOWN) if _SHOWN in iou else len(iou) // 2
    told = sorted(
        (row for row in measured if row.row.told is not None and row.row.method != "supervised"),
        key=lambda row: row.minutes or 0.0,
    )
    line = [row for row in told if _kind(row) in ("tags", "corrected")]
    others = [row for row in told if _kind(row) in ("points", "everything")]
    _errorbar(axes, line, index, "tags, then more and more videos corrected", color="tab:blue", marker="o")
    for row, color in zip(others, ("tab:orange", "tab:green"), strict=False):
        _errorbar(axes, [row], index, row.row.name, color=color, marker="s")
    for row in line:
        share = row.row.told.share if row.row.told is not None else 1.0
        text = "tags" if _kind(row) == "tags" else f"{share:.0%}"
        place = (row.minutes or 0.0, row.at(index)[0])
        axes.annotate(text, place, textcoords="offset points", xytext=(4, -11), fontsize=8)
    for row in measured:
        if row.row.method == "supervised":
            axes.axhline(row.at(index)[0], color="black", linestyle="--", linewidth=1, label=row.row.name)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.1, y=0.15)
    axes.set_xlabel("minutes of a person's time")
    axes.set_title(f"mAP at tIoU {iou[index]:g}", fontsize=10)
    axes.legend(fontsize=8, loc="lower right")


def _kind(row: Measured) -> str | None:
    """What a person told for a row."""
    return None if row.row.told is None else row.row.told.kind


def _errorbar(axes: Axes, rows: Sequence[Measured], index: int, label: str, *, color: str, marker: str) -> None:
    minutes = [row.minutes or 0.0 for row in rows]
    values, spreads = ([row.at(index)[part] for row in rows] for part in range(2))
    axes.errorbar(minutes, values, spreads, color=color, marker=marker, markersize=4, capsize=2, label=label)
