"""The recipe of a run's features: how features of more videos are extracted, if that is possible and allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from untrim.errors import UntrimError
from untrim.features.backbones import Backbone, BackboneConfig, load_backbone, load_backbone_class, settings_like
from untrim.training.checkpoint import FEATURES, Run


def backbone_of(run: Run, settings: Mapping[str, object]) -> Backbone[BackboneConfig]:
    """What makes features like those of the run.

    Args:
        run: A finished run.
        settings: Values that its recipe does not hold, since they change no features, such as a device; of a run that
            takes features of any stride, also `stride_frames`.

    Raises:
        UntrimError: The run is not finished, its features cannot be extracted here, or others would be.
    """
    if not run.finished:
        raise UntrimError("is not trained to the end", where=run.path, fix="run `untrim train` with --resume")
    remedy = "extract the features as the run's were made, and name their folder with -f alone"
    try:
        _refuse_chosen_files(run, settings)
        backbone = load_backbone(run.features.backbone, {**settings_like(run.features), **settings})
        info = backbone.info(run.features.backbone)
    except UntrimError as error:
        raise UntrimError(
            f"features like those of the run cannot be extracted: {error}", where=run.path / FEATURES, fix=remedy
        ) from error
    if difference := run.disagreement(info):
        raise UntrimError(
            f"other features would be extracted than the run was trained on: {difference}",
            where=run.path / FEATURES,
            fix=remedy,
        )
    return backbone


def _refuse_chosen_files(run: Run, settings: Mapping[str, object]) -> None:
    """Refuse a run that says which files are read as weights: whoever made it could have any file read.

    Weights are those of the cache, those of a name on the hub, or a path that the user gives.
    """
    checkpoint = run.features.backbone.partition(":")[2]
    kept = load_backbone_class(run.features.backbone).Config.model_fields
    if chosen := [key for key in run.features.recipe if key in kept and kept[key].exclude]:
        fix = f"take it out; if you trust the run, give it yourself: --set {chosen[0]}=…"
        raise UntrimError(f"'{chosen[0]}' is no part of a recipe", fix=fix)
    local = checkpoint.startswith((".", "/", "~")) or "\\" in checkpoint or Path(checkpoint).exists()
    if checkpoint and local and "checkpoint" not in settings:
        fix = f"if you trust the run, name the model yourself: --set checkpoint={checkpoint}"
        raise UntrimError(f"their model is a path that the run chooses, '{checkpoint}'", fix=fix)
