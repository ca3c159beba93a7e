"""What a watch asks of a run: the detections of one video file after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from untrim.errors import UntrimError
from untrim.pipeline import localize_videos
from untrim.timeline import Detection
from untrim.training.checkpoint import Run
from untrim.training.ready_runs import find_run, own_settings


def open_predictor(
    run: Run | Path | str,
    *,
    only: str | Sequence[str] | None,
    settings: Mapping[str, object] | None,
    device: str,
) -> Callable[[Path], Sequence[Detection]]:
    """A function that gives the detections of a video file, best first.

    Args:
        run: As in `untrim.pipeline.localize_videos`, and so are the others.

    Raises:
        UntrimError: The run is wrong; the function raises it of a file that is.
    """
    values = {**own_settings(run), **(settings or {})}
    opened = find_run(run)

    def predict(file: Path) -> Sequence[Detection]:
        with TemporaryDirectory() as kept:
            found, failed = localize_videos(opened, file, kept, settings=values, only=only, device=device, workers=1)
        for reason in failed.values():
            raise UntrimError(reason)
        return next(iter(found.values()))

    return predict
