"""untrim: find when actions happen in untrimmed videos, told only which actions happen.

The public API, by name; each is loaded when it is first used, so that ``import untrim`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from untrim.annotations import (
        Annotations,
        Video,
        read_annotations,
        read_detections,
        write_annotations,
        write_detections,
    )
    from untrim.doctor import check_up
    from untrim.errors import UntrimError, WorkFailed
    from untrim.evaluation.detection import evaluate_detections, iou_thresholds
    from untrim.exchange.dataset_labels import import_labels
    from untrim.features.combining import combine
    from untrim.features.extract import extract
    from untrim.features.importers import import_features
    from untrim.features.store import FeatureFolder
    from untrim.pipeline import localize
    from untrim.reports.html import write_report
    from untrim.timeline import Detection, Instance, Segment, SnippetGrid
    from untrim.training.checkpoint import Run
    from untrim.training.loop import train
    from untrim.training.tuning import tune

_HOMES = {
    "untrim.annotations": (
        "Annotations",
        "Video",
        "read_annotations",
        "read_detections",
        "write_annotations",
        "write_detections",
    ),
    "untrim.doctor": ("check_up",),
    "untrim.errors": ("UntrimError", "WorkFailed"),
    "untrim.evaluation.detection": ("evaluate_detections", "iou_thresholds"),
    "untrim.features.combining": ("combine",),
    "untrim.features.extract": ("extract",),
    "untrim.features.importers": ("import_features",),
    "untrim.features.store": ("FeatureFolder",),
    "untrim.exchange.dataset_labels": ("import_labels",),
    "untrim.pipeline": ("localize",),
    "untrim.reports.html": ("write_report",),
    "untrim.timeline": ("Detection", "Instance", "Segment", "SnippetGrid"),
    "untrim.training.checkpoint": ("Run",),
    "untrim.training.loop": ("train",),
    "untrim.training.tuning": ("tune",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Annotations",
    "Detection",
    "FeatureFolder",
    "Instance",
    "Run",
    "Segment",
    "SnippetGrid",
    "UntrimError",
    "Video",
    "WorkFailed",
    "check_up",
    "combine",
    "evaluate_detections",
    "extract",
    "import_features",
    "import_labels",
    "iou_thresholds",
    "localize",
    "read_annotations",
    "read_detections",
    "train",
    "tune",
    "write_annotations",
    "write_detections",
    "write_report",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'untrim' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)
