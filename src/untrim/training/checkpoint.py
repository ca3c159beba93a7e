"""The run folder: what `train` leaves and everything after it reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import BaseModel, ConfigDict

from untrim.annotations.model import classes
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder, FeatureInfo, read_info
from untrim.methods import load_method
from untrim.methods.base import Method, MethodConfig
from untrim.support.files import write_json, write_text
from untrim.support.paths import as_path
from untrim.support.schema import SCHEMA, check_schema, read_object
from untrim.support.settings import plain, read_yaml
from untrim.support.tensors import lay_over, read_safetensors, write_safetensors
from untrim.support.validation import validate
from untrim.training.choices import Precision, Select
from untrim.training.class_names import LABELS, read_class_names
from untrim.training.older import sections, with_added, without_dropped
from untrim.training.showing import show_run

MODEL, CONFIG, FEATURES, STATE, SELECTION = (
    "model.safetensors",
    "config.yaml",
    "features.json",
    "state/training.pt",
    "selection.json",
)
_SCHEMA = 1


class _Origin(BaseModel):
    """The part ``run`` of ``config.yaml``: where a run comes from, apart from its method's own options."""

    model_config = ConfigDict(extra="forbid", strict=True)

    method: str
    recipe: str | None
    seed: int
    subset: str
    precision: Precision = "fp32"
    select: Select = "last"
    start: str | None = None


@dataclass(frozen=True)
class Run:
    """A run folder: method, config, classes, and the features it was trained on.

    Args:
        path: The folder.
        method: Name of the method.
        recipe: Preset or recipe file; None for the project's defaults.
        seed: Seed of everything random.
        subset: Subset of the annotations that was trained on.
        config: The complete config.
        labels: Class names in the order of the class dimension.
        features: Grid and backbone of the training features, without their videos.
        precision: In which the network computed in training.
        select: How the result is chosen: the last checkpoint, or one chosen by video-level labels.
        start: The run that it started from; None where the network was untrained.
    """

    path: Path
    method: str
    recipe: str | None
    seed: int
    subset: str
    config: MethodConfig
    labels: tuple[str, ...]
    features: FeatureInfo
    precision: Precision = "fp32"
    select: Select = "last"
    start: str | None = None

    def __repr__(self) -> str:
        recipe = f" by {self.recipe}" if self.recipe else ""
        state = "" if self.finished else ", not finished"
        return f"Run({self.method}{recipe}, seed {self.seed}, {classes(self.labels)}{state}; from {self.path})"

    def _repr_html_(self) -> str:
        """What it is and what it learned from, for a notebook."""
        return show_run(repr(self), self.path, self.labels, self.features, self.subset)

    @classmethod
    def of(cls, given: Run | Path | str) -> Run:
        """`given` itself, or the run at that path.

        Raises:
            UntrimError: As for `open`.
        """
        return given if isinstance(given, Run) else cls.open(given)

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """Read a run folder, finished or not.

        Raises:
            UntrimError: No run folder, or something in it is wrong.
        """
        path = as_path(path, "run")
        if not (path / CONFIG).is_file():
            fix = "name what `train -o` wrote, or a ready run, such as kinetics400"
            raise UntrimError(f"is not a run folder: it has no {CONFIG}", where=path, fix=fix)
        origin, config = _read_config(path / CONFIG)
        return cls(
            path=path,
            config=config,
            labels=read_class_names(path / LABELS),
            features=read_info(path / FEATURES),
            **origin.model_dump(),
        )

    @property
    def method_name(self) -> str:
        """The method as people write it: WSAD, Consensus."""
        return load_method(self.method).__name__

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.path / MODEL).is_file()

    def save_description(self) -> None:
        """Write everything that is known before training; the config last, since it makes the folder a run."""
        write_json(self.path / LABELS, {"schema": _SCHEMA, "labels": list(self.labels)})
        write_json(self.path / FEATURES, json.loads(self.features.model_dump_json(by_alias=True)))
        origin = {key: getattr(self, key) for key in _Origin.model_fields}
        content = {"schema": _SCHEMA, "run": origin, "config": self.config.model_dump()}
        write_text(self.path / CONFIG, yaml.safe_dump(content, sort_keys=False))

    def build(self) -> Method:
        """The untrained network, the same for the same seed.

        Raises:
            UntrimError: The config asks for one that this machine cannot hold.
        """
        method = load_method(self.method)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            try:
                return method.for_features(self.config, self.features, self.labels)
            except (RuntimeError, MemoryError, TypeError, OverflowError) as error:  # torch has one each for too large.
                what = f"its network cannot be made: {str(error).strip().partition(chr(10))[0]:.160}"
                raise UntrimError(what, where=self.path, fix="set smaller values") from error

    def save_model(self, model: Method) -> None:
        """Write the weights, which makes the run finished."""
        _save_weights(model, self.path / MODEL)

    def checkpoint(self, step: int) -> Path:
        """Where the weights after so many iterations are kept."""
        return self.path / "checkpoints" / f"{step:07d}.safetensors"

    def save_checkpoint(self, model: Method, step: int) -> None:
        """Keep the weights after so many iterations."""
        _save_weights(model, self.checkpoint(step))

    def load_model(self, device: torch.device) -> Method:
        """The trained network in evaluation mode.

        Raises:
            UntrimError: Not finished, or the weights do not fit the config.
        """
        if not self.finished:
            raise UntrimError("is not trained to the end", where=self.path, fix="run `untrim train` with --resume")
        return self._load_weights(self.path / MODEL, device)

    def load_checkpoint(self, step: int, device: torch.device) -> Method:
        """The network as it was after so many iterations, in evaluation mode.

        Raises:
            UntrimError: Not kept, or the weights do not fit the config.
        """
        return self._load_weights(self.checkpoint(step), device)

    def _load_weights(self, path: Path, device: torch.device) -> Method:
        model = self.build()
        lay_over(model, with_added(model, read_safetensors(path)), path, "the run's config")
        return model.to(device).eval()

    def before_selection(self) -> Run:
        """The run with the thresholds that it had before others were chosen, as ``selection.json`` tells.

        Raises:
            UntrimError: That file is wrong.
        """
        if not (self.path / SELECTION).exists():
            return self
        selection: Any = read_object(self.path / SELECTION)
        try:
            before = {key: value["before"] for key, value in selection["thresholds"].items()}
        except (AttributeError, KeyError, TypeError) as error:
            raise UntrimError("does not tell the thresholds before", where=self.path / SELECTION) from error
        values = {**self.config.model_dump(), **before}
        return replace(self, config=validate(type(self.config), values, self.path / SELECTION))

    def disagreement(self, info: FeatureInfo) -> str | None:
        """The first thing in which features differ from those of the run; None if they fit it.

        A method that takes each snippet alone does not mind how many there are.
        """
        any_stride = load_method(self.method).any_stride
        mine = self.features.with_stride(info.stride_frames) if any_stride else self.features
        return mine.disagreement(info)

    def check_features(self, folder: FeatureFolder) -> None:
        """Check that features are of the kind the run was trained on.

        Raises:
            UntrimError: They are not; names the first difference.
        """
        if difference := self.disagreement(folder.info):
            raise UntrimError(
                f"features disagree with the run {self.path} in {difference}",
                where=folder.path,
                fix="extract them with the run's own recipe, or train on these",
            )


def _read_config(path: Path) -> tuple[_Origin, MethodConfig]:
    """Where a run comes from, and its method's config, from a ``config.yaml`` of today or of an older version."""
    values = read_yaml(path)
    check_schema(values, path, _SCHEMA)
    of_today = SCHEMA in values
    if not of_today:
        values = {**sections(plain(values, path), _Origin.model_fields)}
    origin = validate(_Origin, values.get("run"), f"{path}, run")
    method, config = load_method(origin.method), plain(values.get("config"), f"{path}, config")
    return origin, validate(method.Config, config if of_today else without_dropped(method, config), path)


def _save_weights(model: Method, path: Path) -> None:
    write_safetensors(path, model.state_dict())
