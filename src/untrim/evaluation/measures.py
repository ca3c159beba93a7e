"""The measures besides detection mAP, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from untrim.annotations import Annotations
from untrim.errors import UntrimError, nearest
from untrim.evaluation.classification import classify_videos
from untrim.evaluation.frames import frame_accuracy, segmental_scores
from untrim.evaluation.recall import average_recall
from untrim.evaluation.reliability import measure_reliability
from untrim.timeline import Detection

Measure = Callable[[Mapping[str, Sequence[Detection]], Annotations, str, str | None], dict[str, object]]

MEASURES: Mapping[str, Measure] = {
    "recall": lambda found, truth, protocol, subset: average_recall(
        found, truth, protocol=protocol, subset=subset
    ).to_json(),
    "frames": lambda found, truth, protocol, subset: {
        "frame_accuracy": frame_accuracy(found, truth, protocol, subset=subset)
    },
    "segmental": lambda found, truth, protocol, subset: segmental_scores(
        found, truth, protocol=protocol, subset=subset
    ).to_json(),
    "classification": lambda found, truth, protocol, subset: classify_videos(found, truth, subset=subset).to_json(),
    "confidence": lambda found, truth, protocol, subset: measure_reliability(
        found, truth, protocol, subset=subset
    ).to_json(),
}
"""AR@AN and its AUC; ECM's frame accuracy; segmental F1 and edit score; video-level mAP and top-1; F1 at the operating
point and a reliability curve."""


def measure_detections(
    detections: Mapping[str, Sequence[Detection]],
    annotations: Annotations,
    names: Sequence[str],
    protocol: str = "activitynet",
    *,
    subset: str | None = None,
) -> dict[str, dict[str, object]]:
    """Several measures at once, each as the object under ``measures`` in `untrim evaluate --json`.

    Raises:
        UntrimError: A measure is unknown; or see `untrim.evaluation.comparison.compare`.
    """
    check_measures(names)
    return {name: MEASURES[name](detections, annotations, protocol, subset) for name in names}


def check_measures(names: Sequence[str]) -> None:
    """Check that there are measures of those names.

    Raises:
        UntrimError: There is none of one name.
    """
    for name in names:
        if name not in MEASURES:
            raise UntrimError(f"unknown measure '{name}'", fix=nearest(name, MEASURES))


def measures_table(measured: Mapping[str, Mapping[str, object]]) -> str:
    """Plain text for a terminal: one line per measure, its figures in percent."""
    width = max(map(len, measured))
    rows = [
        (name, ", ".join(f"{key} {100 * value:.1f}" for key, value in figures.items() if isinstance(value, float)))
        for name, figures in measured.items()
    ]
    return "\n".join(f"{name:<{width}}  {figures}" for name, figures in rows)
