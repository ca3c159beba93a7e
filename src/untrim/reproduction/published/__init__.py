"""The papers' result tables and figures as data, each row with the config that makes it.

One YAML file per paper, named after its method, and ``project.yaml`` for tables of this project. Numbers are mAP in %.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from untrim.errors import UntrimError, nearest
from untrim.reproduction.effort import Told
from untrim.reproduction.published.figures import Drawing, FigureSpec
from untrim.support.documents import parse_yaml
from untrim.support.validation import validate

Percent = Annotated[float, Field(ge=0, le=100)]

DEFAULTS = "defaults"
"""In the place of a recipe: the project's defaults."""


class PublishedFigures(BaseModel):
    """What a paper says of one system."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    published: tuple[Percent | None, ...] = ()
    """Published mAP along the table's `iou`; empty: none."""
    average: Percent | None = None
    """Published mean over the table's `iou`."""


class Row(PublishedFigures):
    """One row of a table: what makes it, and what the paper says of it."""

    name: str
    """As the table calls it."""
    method: str | None = None
    """Name of the method; null: random proposals."""
    recipe: str | None = None
    """Preset or recipe that this row stands for, whatever the others are run with."""
    settings: dict[str, bool | int | float | str | None] = {}
    """Values laid over those of the recipe."""
    second_corpus: bool = False
    """Whether it trains on a second training set too."""
    frame_accuracy: Percent | None = None
    """Published frame accuracy."""
    told: Told | None = None
    """What a person says of the training videos, of which all segments are known; null: what the annotations say."""
    led_by: str | None = None
    """Row of the table after whose run the studio chooses the videos that are corrected; null: chosen at random."""


class Table(BaseModel):
    """A table of a paper."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    title: str
    """What is compared."""
    dataset: str | None = None
    """Dataset of a paper's table; null: a table of this project."""
    iou: tuple[float, ...]
    """tIoU thresholds."""
    rows: tuple[Row, ...]
    """What can be run."""
    figure: FigureSpec | None = None
    """What the picture shows; null: mAP over tIoU."""
    others: dict[str, PublishedFigures] = {}
    """What the paper says of systems that are not here."""

    def recipe_of(self, row: Row, given: str | None) -> str | None:
        """Preset or recipe that a row runs with; None for the project's defaults.

        Without another one, a row of a paper's table runs with its method's recipe for the table's dataset.

        Args:
            row: Row of this table.
            given: Preset or recipe for rows that name none. In a paper's table, None and ``paper`` are that of the
                paper; ``defaults`` are the project's defaults. A preset that the method has for the table's dataset,
                such as ``official_activitynet12``, goes before that of the given name.

        Raises:
            UntrimError: No such method.
        """
        from untrim.methods import load_method

        if row.method is None or row.recipe is not None:
            return row.recipe
        if self.dataset is not None and given in (None, "paper"):
            return f"{row.method}-{self.dataset}"
        if given in (None, DEFAULTS):
            return None
        there = f"{given}_{self.dataset}"
        return there if there in load_method(row.method).presets else given


@cache
def _entries() -> dict[str, Table | Drawing]:
    """Everything in the files by name, ``paper:table``."""
    found: dict[str, Table | Drawing] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            content: Any = parse_yaml(file.read_text(encoding="utf-8"), file)
            for name, values in content.items():
                drawn = "explained" in values
                entry = validate(Drawing, values, file) if drawn else validate(Table, values, file)
                found[f"{file.name.removesuffix('.yaml')}:{name}"] = entry
    return found


def tables() -> dict[str, Table]:
    """All tables and figures that are measured by name, ``paper:table``."""
    return {name: entry for name, entry in _entries().items() if isinstance(entry, Table)}


def find_table(name: str) -> Table:
    """The table or figure of that name.

    Raises:
        UntrimError: No such table, of which the nearest is named; or a drawing, in which nothing is measured.
    """
    found = _entries().get(name)
    if isinstance(found, Drawing):
        raise UntrimError(f"'{name}' is a drawing, with nothing to measure", fix=f"read {found.explained}")
    if found is None:
        raise UntrimError(f"unknown table '{name}'", fix=f"{nearest(name, tables())}; --list shows all")
    return found


def describe_tables() -> str:
    """All tables and figures: name, title, rows, or where a drawing is explained."""
    width = max(map(len, _entries()))
    return "\n".join(f"{name:{width}}  {entry.title} ({_content(entry)})" for name, entry in _entries().items())


def _content(entry: Table | Drawing) -> str:
    if isinstance(entry, Drawing):
        return f"a drawing: see {entry.explained}"
    return "; ".join(row.name for row in entry.rows)
