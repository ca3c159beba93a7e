"""The inputs of a report, read from files and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from untrim.errors import UntrimError
from untrim.support.schema import read_object
from untrim.support.validation import validate

Fraction = Annotated[float, Field(ge=0, le=1 + 1e-9)]  # A sum of fractions may be a rounding error above 1.


class Evaluation(BaseModel):
    """What `untrim evaluate --json` wrote; lists run along `iou`, values are fractions."""

    model_config = ConfigDict(populate_by_name=True, allow_inf_nan=False)

    protocol: str
    subset: str
    iou: list[Fraction] = Field(min_length=1)
    mean: list[Fraction] = Field(alias="mAP")
    average: Fraction = Field(alias="average_mAP")
    per_class: dict[str, list[Fraction | None]]
    videos: int
    instances: int
    detections: int

    @model_validator(mode="after")
    def _along_iou(self) -> Evaluation:
        for name, count in {"mAP": len(self.mean), **{k: len(v) for k, v in self.per_class.items()}}.items():
            if count != len(self.iou):
                raise ValueError(f"'{name}' has {count} values for {len(self.iou)} thresholds")
        return self


def read_evaluations(paths: Mapping[str, Path], subset: str) -> dict[str, Evaluation]:
    """Evaluations by name, all of `subset` and made in the same way, so that they compare.

    Raises:
        UntrimError: A file is missing, was not written by `untrim evaluate --json`, or evaluates something else.
    """
    evaluations: dict[str, Evaluation] = {}
    for name, path in paths.items():
        read = validate(Evaluation, read_object(path), path)
        first = next(iter(evaluations.values()), read)
        wanted = {"subset": subset, "protocol": first.protocol, "iou": first.iou}
        for key, value in wanted.items():
            if (there := getattr(read, key)) != value:
                raise UntrimError(f"'{key}' is {there}, wanted {value}", where=path, fix="evaluate all in the same way")
        evaluations[name] = read
    return evaluations
