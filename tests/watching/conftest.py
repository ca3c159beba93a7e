from collections.abc import Sequence
from pathlib import Path

import pytest

from untrim.errors import UntrimError, WorkFailed
from untrim.timeline import Detection, Segment


def predict(path: Path) -> Sequence[Detection]:
    """What a run would say of a file, by the text in it."""
    text = path.read_text()
    if text.startswith("bad"):
        raise UntrimError("is not a readable video", where=path)
    if text.startswith("odd"):
        raise RuntimeError("codec\nsurprise")
    if text.startswith("full"):
        raise WorkFailed("the memory is full")
    return [Detection("jump", Segment(0, len(text)), 0.75)]


@pytest.fixture
def _fast_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is opened: `predict` is what it says."""
    monkeypatch.setattr("untrim.watching.open_predictor", lambda run, **options: predict)
