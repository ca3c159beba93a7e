"""Ready runs: a network that comes with a classifier becomes a run folder in the cache, and nothing is trained.

    name                what it is                                              where its weights come from
    kinetics400         I3D, RGB, with the 400 classes of Kinetics              `untrim weights pull` fetches them
    hf:NAME_OR_PATH     a video classification model of Hugging Face            the hub, or a folder (extra `hf`)

Wherever a run is named, the name of a ready run does as well as a folder. A folder of that name comes first.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor

from untrim.errors import UntrimError, nearest, numbered
from untrim.features.backbones import load_backbone
from untrim.features.backbones.hf import HuggingFace
from untrim.features.backbones.i3d import RGB_WEIGHTS
from untrim.features.store import FeatureInfo
from untrim.features.weights import PUBLISHED, cache_folder, kinetics400_names, load_weights, pull_weights
from untrim.methods.pretrained import Pretrained, PretrainedConfig
from untrim.support.files import write_text
from untrim.support.kinds import check_kind
from untrim.support.locks import locked
from untrim.support.names import standard
from untrim.support.progress import Progress, count_steps
from untrim.training.checkpoint import CONFIG, MODEL, Run

KINETICS400 = "kinetics400"
STRIDE = 8
"""Frames from one snippet of a ready run to the next."""

_HF = "hf:"


def is_ready_run(given: object) -> bool:
    """Whether `given` names a ready run, here or not; a folder of that name is none."""
    name = str(given) if isinstance(given, str | Path) else ""
    return (name == KINETICS400 or name.startswith(_HF)) and not os.path.isdir(name)


def with_own_settings(given: object, settings: Mapping[str, object] | None) -> dict[str, object]:
    """Settings of the backbone, with what the name of a ready run says: of ``hf:PATH``, where the model is.

    Raises:
        UntrimError: `settings` are no mapping.
    """
    if not (settings is None or isinstance(settings, Mapping)):
        raise UntrimError(f"settings: not a mapping: {settings!r:.60}", fix="give names with their values")
    own = {"checkpoint": _standard(given).removeprefix(_HF)} if is_ready_run(given) and _is_hf(given) else {}
    return {**own, **(settings or {})}


def find_run(given: Run | Path | str, progress: Progress | None = None) -> Run:
    """A run, the run in a folder, or a ready run by its name, which is fetched if it is not here.

    Args:
        given: The run, its folder, or ``kinetics400`` or ``hf:NAME_OR_PATH``.
        progress: Told of the fetching; None for silence.

    Raises:
        UntrimError: As for `Run.open` and `pull_run`.
        WorkFailed: As for `pull_run`.
    """
    if isinstance(given, Run) or not is_ready_run(given):
        if isinstance(given, str | Path) and get_close_matches(str(given), [KINETICS400]) and not os.path.exists(given):
            raise UntrimError("there is no such run", where=given, fix=f"did you mean '{KINETICS400}'?")
        return Run.of(given)
    if (place := ready_path(given) / MODEL).is_file():
        return Run.open(place.parent)
    advance = count_steps(progress, f"fetch {given}", 1)
    run = pull_run(str(given))
    advance("")
    return run


def ready_path(name: object) -> Path:
    """The folder of a ready run, here or not.

    Raises:
        UntrimError: There is no ready run of this name.
    """
    text = _standard(name)
    if text == KINETICS400:
        return cache_folder() / "runs" / text
    if not text.startswith(_HF):
        raise UntrimError(f"unknown weights '{name}'", fix=nearest(text, [*PUBLISHED, KINETICS400, "hf:NAME_OR_PATH"]))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", text)[-60:].strip("-.")
    return cache_folder() / "runs" / f"{plain}-{digest}"


def pulled_path(name: str) -> Path:
    """The folder of a ready run, which must have been pulled.

    Raises:
        UntrimError: No such ready run, or not pulled yet.
    """
    place = ready_path(name)
    if not (place / MODEL).is_file():
        raise UntrimError(f"the run {name} is not here", where=place, fix=f"run `untrim weights pull {name}`")
    return place


def pull_run(name: str, output: Path | None = None, settings: Mapping[str, object] | None = None) -> Run:
    """Make a ready run in the cache, unless it is there; or one with other values of the backbone in a folder.

    Args:
        name: ``kinetics400`` or ``hf:NAME_OR_PATH``.
        output: The run folder to write, new or empty; None for the one in the cache.
        settings: Values of the backbone's config that differ from those of the ready run; only with `output`.

    Raises:
        UntrimError: No such run, no video classifier with a linear classifier, an unknown setting, or the place holds
            something, cannot be written or is written to by another process.
        WorkFailed: The weights cannot be downloaded, or are not what was published.
    """
    place = ready_path(name)
    if output is None and settings:
        raise UntrimError("a ready run in the cache has its own settings", fix="name a folder for another one: -o")
    if output is not None:
        check_kind(output, "run")
        if (output / CONFIG).exists():
            raise UntrimError("holds a run already", where=output, fix="choose another -o")
    elif not _is_hf(name) and (place / MODEL).is_file():
        return Run.open(place)
    features, classifier, labels = (_of_hugging_face if _is_hf(name) else _of_kinetics)(_standard(name), settings or {})
    run = Run(output or place, "pretrained", None, 0, "none", PretrainedConfig(), labels, features)
    with locked(run.path if output is not None else place.parent):
        if not run.finished or Run.open(run.path) != run:
            _write(run, classifier, name)
    return run


class ListedRun(NamedTuple):
    """A ready run that is known of, whether it is here, and how many classes it has."""

    name: str
    here: bool
    classes: int


def list_ready_runs() -> list[ListedRun]:
    """All ready runs that are known of."""
    own = ready_path(KINETICS400)
    others = [run for run in _pulled() if run.path != own]
    return [
        ListedRun(KINETICS400, (own / MODEL).is_file(), 400),
        *(ListedRun(run.features.backbone, True, len(run.labels)) for run in others),
    ]


def describe_ready_runs() -> str:
    """The same, a line for each."""
    lines = []
    for name, here, count in list_ready_runs():
        use = f": `untrim localize {name} VIDEO -o found.json`" if name == KINETICS400 else ""
        counted = numbered(count, "class", "classes")
        lines.append(f"{name}  {'here' if here else 'not pulled'}  {counted}  ready run{use}")
    return "\n".join(lines)


def search_classes(text: str) -> list[tuple[str, str]]:
    """Ready runs and their classes whose names hold `text`, in any case; those of `kinetics400` also before it is here.

    Raises:
        UntrimError: There are none; the error names the most similar class.
    """
    known = {KINETICS400: kinetics400_names(), **{_name_of(run): run.labels for run in _pulled()}}
    wanted = standard(text).casefold()
    found = [(name, label) for name, labels in known.items() for label in labels if wanted in label.casefold()]
    if not found:
        raise UntrimError(
            f"no class is called '{text}'", fix=nearest(text, {c for labels in known.values() for c in labels})
        )
    return found


def _is_hf(name: object) -> bool:
    return str(name).startswith(_HF)


def _standard(name: object) -> str:
    """The name of a ready run; a model in a folder is named by its full path."""
    text = str(name)
    path = text.removeprefix(_HF)
    return f"{_HF}{Path(path).resolve()}" if _is_hf(text) and os.path.isdir(path) else text


def _name_of(run: Run) -> str:
    return KINETICS400 if run.path == ready_path(KINETICS400) else run.features.backbone


def _pulled() -> Iterator[Run]:
    """The ready runs that are here and whole."""
    for config in sorted((cache_folder() / "runs").glob(f"*/{CONFIG}")):
        if (config.parent / MODEL).is_file():
            yield Run.open(config.parent)


def _of_kinetics(_: str, settings: Mapping[str, object]) -> tuple[FeatureInfo, dict[str, Tensor], tuple[str, ...]]:
    state = load_weights(pull_weights(RGB_WEIGHTS))
    classifier = {"weight": state["logits.conv3d.weight"].flatten(1), "bias": state["logits.conv3d.bias"]}
    backbone = load_backbone("i3d", {"stride_frames": STRIDE, "streams": "rgb", **settings})
    return backbone.info("i3d"), classifier, kinetics400_names()


def _of_hugging_face(
    name: str, settings: Mapping[str, object]
) -> tuple[FeatureInfo, dict[str, Tensor], tuple[str, ...]]:
    values = {"stride_frames": STRIDE, "device": "cpu", **settings, "pooled": "classifier"}
    backbone = cast(HuggingFace, load_backbone(name, values))
    labels = tuple(standard(label) for label in backbone.classes)
    if len(set(labels)) < max(2, len(labels)):
        raise UntrimError("names fewer than two classes, or two alike", where=name, fix="name another model")
    return backbone.info(name), {**backbone.classifier.state_dict()}, labels


def _write(run: Run, classifier: Mapping[str, Tensor], name: str) -> None:
    """Write the run folder; the weights last."""
    (run.path / MODEL).unlink(missing_ok=True)
    run.path.mkdir(parents=True, exist_ok=True)
    model = cast(Pretrained, run.build())
    with torch.no_grad():
        for key, values in classifier.items():
            getattr(model.classifier, key).copy_(values)
    grid = run.features.grid()
    source = PUBLISHED[RGB_WEIGHTS]
    weights = f"{source.about}; {source.requirement}, {source.licence}" if name == KINETICS400 else name
    write_text(
        run.path / "README.md",
        f"""# A ready run: {len(run.labels)} classes, nothing trained here

Finds when these actions happen in untrimmed videos, with the classifier that came with the network of the features.

- Network: {weights}
- Features: `{run.features.backbone}`, {grid.snippet_frames} frames per snippet, one every {grid.stride_frames} at
  {grid.fps:g} fps
- Method: `pretrained`; values: `config.yaml`
- Classes: {", ".join(run.labels)}

```
untrim localize {name} VIDEO -o found.json
```
""",
    )
    run.save_description()
    run.save_model(model)
