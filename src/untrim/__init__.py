"""untrim: find when actions happen in untrimmed videos, told only which actions happen.

The public API, by name; each is loaded when it is first used, so that ``import untrim`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # For type checkers and editors; at run time `_HOMES` says the same, and a test compares them.
    from untrim.annotations import Annotations as Annotations
    from untrim.annotations import Detections as Detections
    from untrim.annotations import Video as Video
    from untrim.annotations import read_annotations as read_annotations
    from untrim.annotations import read_detections as read_detections
    from untrim.annotations import write_annotations as write_annotations
    from untrim.annotations import write_detections as write_detections
    from untrim.doctor import check_up as check_up
    from untrim.errors import Stopped as Stopped
    from untrim.errors import UntrimError as UntrimError
    from untrim.errors import WorkFailed as WorkFailed
    from untrim.evaluation.detection import evaluate_detections as evaluate_detections
    from untrim.evaluation.detection import iou_thresholds as iou_thresholds
    from untrim.evaluation.diagnosis import diagnose as diagnose
    from untrim.evaluation.found import counting_as_found as counting_as_found
    from untrim.evaluation.uncertainty import bootstrap as bootstrap
    from untrim.evaluation.uncertainty import compare_paired as compare_paired
    from untrim.exchange.converting import Conversion as Conversion
    from untrim.exchange.converting import convert as convert
    from untrim.exchange.converting import read as read
    from untrim.exchange.converting import write as write
    from untrim.exchange.dataset_labels import import_labels as import_labels
    from untrim.exchange.losses import Losses as Losses
    from untrim.features.combining import combine as combine
    from untrim.features.extract import extract as extract
    from untrim.features.extract import extract_several as extract_several
    from untrim.features.importers import import_features as import_features
    from untrim.features.store import FeatureFolder as FeatureFolder
    from untrim.features.store import FeatureInfo as FeatureInfo
    from untrim.pipeline import localize as localize
    from untrim.pipeline import localize_videos as localize_videos
    from untrim.pipeline import suggest as suggest
    from untrim.prediction.exporting import export_onnx as export_onnx
    from untrim.prediction.predictor import Prediction as Prediction
    from untrim.prediction.predictor import Predictor as Predictor
    from untrim.prediction.predictor import open_run as open_run
    from untrim.rendering.clips import make_clips as make_clips
    from untrim.rendering.overlay import make_overlays as make_overlays
    from untrim.reports.html import write_report as write_report
    from untrim.reproduction.measuring import TableData as TableData
    from untrim.reproduction.tables import reproduce as reproduce
    from untrim.support.progress import Progress as Progress
    from untrim.synthetic.corpus import CorpusSpec as CorpusSpec
    from untrim.synthetic.corpus import render_corpus as render_corpus
    from untrim.timeline import Detection as Detection
    from untrim.timeline import Instance as Instance
    from untrim.timeline import Point as Point
    from untrim.timeline import Segment as Segment
    from untrim.timeline import SnippetGrid as SnippetGrid
    from untrim.training.checkpoint import Run as Run
    from untrim.training.loop import train as train
    from untrim.training.tuning import tune as tune
    from untrim.video.frames import FrameTable as FrameTable
    from untrim.video.frames import frame_table as frame_table
    from untrim.watching import WatchReport as WatchReport
    from untrim.watching import watch as watch

    __version__: str

_HOMES = {
    "annotations": ("Annotations Detections Video read_annotations read_detections write_annotations write_detections"),
    "doctor": "check_up",
    "errors": "Stopped UntrimError WorkFailed",
    "evaluation.detection": "evaluate_detections iou_thresholds",
    "evaluation.diagnosis": "diagnose",
    "evaluation.found": "counting_as_found",
    "evaluation.uncertainty": "bootstrap compare_paired",
    "exchange.converting": "Conversion convert read write",
    "exchange.dataset_labels": "import_labels",
    "exchange.losses": "Losses",
    "features.combining": "combine",
    "features.extract": "extract extract_several",
    "features.importers": "import_features",
    "features.store": "FeatureFolder FeatureInfo",
    "pipeline": "localize localize_videos suggest",
    "prediction.exporting": "export_onnx",
    "prediction.predictor": "Prediction Predictor open_run",
    "rendering.clips": "make_clips",
    "rendering.overlay": "make_overlays",
    "reports.html": "write_report",
    "reproduction.measuring": "TableData",
    "reproduction.tables": "reproduce",
    "support.progress": "Progress",
    "synthetic.corpus": "CorpusSpec render_corpus",
    "timeline": "Detection Instance Point Segment SnippetGrid",
    "training.checkpoint": "Run",
    "training.loop": "train",
    "training.tuning": "tune",
    "video.frames": "FrameTable frame_table",
    "watching": "WatchReport watch",
}
_HOME_OF = {name: f"untrim.{home}" for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if not TYPE_CHECKING:  # Else type checkers would take any name for one of the module's.

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("untrim")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'untrim' has no attribute '{name}'")
        return getattr(import_module(_HOME_OF[name]), name)
