"""From a trained run to detections: the same call for the command line and for Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.files import atomic_path
from untrim.progress import progress
from untrim.timeline import Detection
from untrim.training.checkpoint import Run
from untrim.training.loop import choose_device


def localize(
    run: Run,
    features: FeatureFolder,
    videos: Annotations | Sequence[str] | None = None,
    *,
    activations: Path | None = None,
    device: str = "auto",
) -> dict[str, list[Detection]]:
    """Find the actions of a run in videos.

    Args:
        run: A finished run.
        features: Features of the kind the run was trained on.
        videos: The videos to look at, by name; None for all in `features`. From annotations, known durations are
            taken too, and nothing else.
        activations: Folder for ``<video>.npz`` with the activation sequences; None to write none.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        Detections by video, best first, inside the video's duration.

    Raises:
        UntrimError: The run is not finished, or the features are missing, wrong or of another kind.
    """
    run.check_features(features)
    names = features.names() if videos is None else list(videos)
    if not names:
        raise UntrimError("has no features of any video", where=features.path, fix="run `untrim extract` first")
    features.require(names)
    where = choose_device(device)
    model = run.load_model(where)
    detections: dict[str, list[Detection]] = {}
    with progress("localize", len(names)) as advance, torch.inference_mode():
        for name in names:
            array = features.load(name)
            batch = torch.from_numpy(array).unsqueeze(0).to(where)  # (1, T, D)
            found = model(batch, torch.ones(batch.shape[:2], dtype=torch.bool, device=where))
            known = videos[name].duration if isinstance(videos, Annotations) else None
            duration = features.duration(name, len(array)) if known is None else known
            detections[name] = _tidy(model.localize(found, features.info.grid(name)), duration)
            if activations is not None:
                with atomic_path(activations / f"{name}.npz") as temporary, open(temporary, "wb") as stream:
                    np.savez(stream, **found.arrays())
            advance("")
    return detections


def _tidy(detections: Sequence[Detection], duration: float) -> list[Detection]:
    """Best first, kept inside the video; what lies outside altogether is dropped."""
    clipped = [replace(found, segment=found.segment.clip(0.0, duration)) for found in detections]
    return sorted((found for found in clipped if found.segment.duration > 0), key=lambda found: -found.score)
