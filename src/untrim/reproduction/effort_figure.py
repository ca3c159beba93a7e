"""The curve that counts: mAP against a person's minutes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter

from untrim.reproduction.runner import Measured

_SHOWN = 0.5
"""The tIoU that is drawn, if the table has it; else its middle one."""
_AT_RANDOM, _LED = "tab:blue", "tab:purple"
_ENDS = (0, 1)
"""The shares at which the order of the videos makes no difference: both lines begin and end there."""


def draw_effort(axes: Axes, measured: Sequence[Measured], iou: Sequence[float]) -> None:
    """Corrections of more and more videos, from tags on, as a line for each order of the videos; each other way of
    telling what happens as a point; the supervised upper bound as a line of its own, across.
    """
    index = list(iou).index(_SHOWN) if _SHOWN in iou else len(iou) // 2
    told = sorted((row for row in measured if row.row.method != "supervised"), key=_minutes)
    corrected = [row for row in told if _kind(row) in ("tags", "corrected")]
    led = [row for row in corrected if row.row.led_by is not None]
    at_random = [row for row in corrected if row.row.led_by is None]
    ends = [row for row in at_random if _share(row) in _ENDS]
    if led:
        line = sorted([*led, *ends], key=_minutes)
        _errorbar(axes, line, index, "videos corrected in the studio's order", color=_LED, marker="D")
    _errorbar(axes, at_random, index, "videos corrected at random", color=_AT_RANDOM, marker="o")
    others = [row for row in told if _kind(row) in ("points", "everything")]
    for row, color in zip(others, ("tab:orange", "tab:green"), strict=False):
        _errorbar(axes, [row], index, row.row.name, color=color, marker="s")
    for row in corrected:
        _say_share(axes, row, index)
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


def _minutes(row: Measured) -> float:
    return row.minutes or 0.0


def _kind(row: Measured) -> str | None:
    """What a person told for a row."""
    return None if row.row.told is None else row.row.told.kind


def _share(row: Measured) -> float:
    """The share of the videos that are corrected."""
    return row.row.told.share if row.row.told is not None and row.row.told.kind == "corrected" else 0.0


def _say_share(axes: Axes, row: Measured, index: int) -> None:
    """Above the point to the left in the studio's order, below it to the right at random: the lines are close."""
    led = row.row.led_by is not None
    axes.annotate(
        f"{_share(row):.0%}" if _share(row) else "tags",
        (_minutes(row), row.at(index)[0]),
        textcoords="offset points",
        xytext=(-3, 6) if led else (3, -12),
        ha="right" if led else "left",
        color="black" if _share(row) in _ENDS else _LED if led else _AT_RANDOM,
        fontsize=8,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],  # Else a line runs through the text.
    )


def _errorbar(axes: Axes, rows: Sequence[Measured], index: int, label: str, *, color: str, marker: str) -> None:
    values, spreads = ([row.at(index)[part] for row in rows] for part in range(2))
    axes.errorbar(
        list(map(_minutes, rows)), values, spreads, color=color, marker=marker, markersize=4, capsize=2, label=label
    )
