"""What a watch asks of a run: the detections of one video file after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from untrim.prediction.predictor import open_run
from untrim.timeline import Detection
from untrim.training.checkpoint import Run


def open_predictor(
    run: Run | Path | str,
    *,
    only: str | Sequence[str] | None,
    settings: Mapping[str, object] | None,
    device: str,
) -> Callable[[Path], Sequence[Detection]]:
    """A function that gives the detections of a video file, best first; all that it needs is loaded.

    Args:
        run: As in `untrim.open_run`, and so are the others.

    Raises:
        UntrimError: The run is wrong; the function raises it of a file that is.
    """
    predictor = open_run(run, only=only, settings=settings, device=device)
    _ = predictor.backbone  # Features that cannot be extracted here are refused now, not at each file.
    return lambda file: predictor.predict(file).detections
