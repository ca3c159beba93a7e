"""Several backbones for one extraction: which are named, where their features go, and which settings each is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from untrim.errors import UntrimError, nearest
from untrim.features.backbones import BackboneConfig, backbone_names, load_backbone_class


def split_backbones(text: str) -> list[str]:
    """The backbones that ``NAME,NAME,…`` names. A comma in the name of a checkpoint is part of it.

    Raises:
        UntrimError: One is named twice.
    """
    names: list[str] = []
    for part in text.split(","):
        if names and ":" in names[-1] and part.partition(":")[0] not in backbone_names():
            names[-1] += f",{part}"
        else:
            names.append(part)
    if twice := [name for name in names if names.count(name) > 1]:
        raise UntrimError(f"backbone '{twice[0]}' is named twice", fix="name it once")
    return names


def folder_name(backbone: str) -> str:
    """Name of a backbone's feature folder beside those of others: ``hf-MODEL`` for ``hf:OWNER/MODEL``."""
    name, _, checkpoint = backbone.partition(":")
    return f"{name}-{Path(checkpoint).name}" if checkpoint else name


def share_settings(backbones: Sequence[str], settings: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Which of `settings` each backbone is given: those that it has. One alone is given all.

    Raises:
        UntrimError: No such backbone, or none of several has one of the settings.
    """
    if len(backbones) == 1:
        return {backbones[0]: dict(settings)}
    known = {name: load_backbone_class(name).Config.model_fields for name in backbones}
    every = {key for fields in known.values() for key in fields}
    if unknown := [key for key in settings if key not in every]:
        raise UntrimError(
            f"none of {', '.join(backbones)} has the setting '{unknown[0]}'", fix=nearest(unknown[0], every)
        )
    return {name: {key: settings[key] for key in settings if key in fields} for name, fields in known.items()}


def check_one_decoding(configs: Mapping[str, BackboneConfig]) -> None:
    """Check that some backbones, by name, can be given frames of one decoding.

    Raises:
        UntrimError: They cannot: they want other rates or have other limits.
    """
    for key in ("fps", "max_pixels", "max_gap_seconds"):
        values = {name: getattr(config, key) for name, config in configs.items()}
        if len(set(values.values())) > 1:
            told = ", ".join(f"{value:g} of {name}" for name, value in values.items())
            raise UntrimError(f"{key} differs: {told}", fix=f"give one {key} to all, or extract one after the other")
