"""Writes a measured table and the published one: Markdown, CSV and a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib import rc_context

from untrim.reproduction.figures import Drawn
from untrim.reproduction.published import Row, Table
from untrim.reproduction.runner import Measured
from untrim.support.files import atomic_path, write_text
from untrim.support.tables import write_rows


def markdown(name: str, table: Table, measured: Sequence[Measured], notes: Sequence[str], *, published: bool) -> str:
    """The table as Markdown: measured mean ± standard deviation over seeds.

    Args:
        name: ``paper:table``.
        table: The table.
        measured: Its rows that were run.
        notes: Lines that say what was run.
        published: Whether the published figures follow below.
    """
    frames = any(row.frame_accuracy is not None for row in table.rows)
    figures = [*(f"{iou:g}" for iou in table.iou), "average", *(["frame accuracy"] if frames else [])]
    lines = [f"{name}: {table.title}. mAP in % at each tIoU: mean ± standard deviation over seeds.", *notes, ""]
    effort = any(row.minutes is not None for row in measured)
    lines += _head([*(["minutes"] if effort else []), *figures, "95% over videos", "seeds", "training s", "memory MB"])
    for row in measured:
        several = len(row.results) > 1
        shown = [_spread(row.at(index), several) for index in range(len(table.iou))] + [_spread(row.average, several)]
        if frames:
            shown.append(_spread(row.frame_accuracy, several) if row.frame_accuracy else "")
        low, high = row.interval
        cost = [str(len(row.results)), _number(row.train_seconds), _number(row.peak_memory_mb)]
        spent = [_number(row.minutes, 1)] if effort else []
        lines.append(_line([row.row.name, *spent, *shown, f"{low:.1f} to {high:.1f}", *cost]))
    if published:
        lines += ["", "Published:", "", *_head(figures)]
        nothing = (None,) * len(table.iou)
        for system, said in [*((row.name, row) for row in table.rows), *table.others.items()]:
            if said.published or said.average:
                accuracy = [said.frame_accuracy if isinstance(said, Row) else None] if frames else []
                values = (*(said.published or nothing), said.average, *accuracy)
                lines.append(_line([system, *(_number(value, 1) for value in values)]))
    return "\n".join(lines) + "\n"


def write_table(
    name: str,
    table: Table,
    measured: Sequence[Measured],
    drawn: Drawn,
    notes: Sequence[str],
    output: Path,
    *,
    published: bool,
) -> list[Path]:
    """Write ``<table>.md``, ``.csv``, ``.svg`` and, if the picture has other numbers, ``-drawn.csv``; returns all."""
    stem = output / name.replace(":", "-")
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in (".md", ".csv", ".svg")]
    write_text(paths[0], markdown(name, table, measured, notes, published=published))
    write_rows(paths[1], ("row", "seed", "iou", "mAP", "published"), _rows(table, measured, published=published))
    with atomic_path(paths[2]) as temporary, rc_context({"svg.hashsalt": name}):  # The same numbers, the same bytes.
        drawn.figure.savefig(temporary, format="svg", metadata={"Date": None})
    if drawn.rows:
        paths.append(stem.with_name(f"{stem.name}-drawn.csv"))
        write_rows(paths[-1], drawn.columns, drawn.rows)
    return paths


def _rows(table: Table, measured: Sequence[Measured], *, published: bool) -> Iterator[Sequence[object]]:
    for row in measured:
        for result in row.results:
            for index, iou in enumerate(table.iou):
                said = row.row.published[index] if published and row.row.published else None
                value = 100 * result.mean[index]
                yield row.row.name, result.seed, f"{iou:g}", f"{value:.2f}", said


def _head(figures: Sequence[str]) -> list[str]:
    return [_line(["", *figures]), _line(["---", *["---:"] * len(figures)])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(of_seeds: tuple[float, float], several: bool) -> str:
    """Mean ± standard deviation over `several` seeds; of a single seed, which has none, the mean."""
    mean, deviation = of_seeds
    return f"{mean:.1f} ± {deviation:.1f}" if several else f"{mean:.1f}"


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:.{digits}f}"
