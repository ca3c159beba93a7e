"""Detections and tables of pandas."""

import pytest

from untrim import Detection, Detections, Segment, UntrimError


def test_a_frame_of_pandas_and_back() -> None:
    pandas = pytest.importorskip("pandas", reason="untrim[pandas]")
    found = Detections.of(
        {"b": [Detection("run", Segment(0, 1.5), 0.5), Detection("jump", Segment(1, 2), 0.25)], "a": []}
    )
    frame = found.to_frame()
    assert list(frame.columns) == ["video", "label", "start", "end", "score"]
    assert frame.loc[1].tolist() == ["b", "jump", 1.0, 2.0, 0.25]
    assert dict(Detections.from_frame(frame[["score", "end", "start", "label", "video"]])) == {"b": found["b"]}
    assert len(Detections.from_frame(frame[frame["score"] > 0.3])["b"]) == 1
    assert Detections.from_frame(Detections.of({}).to_frame()).videos == ()
    frame["start"] += 100  # The frame is a copy.
    assert found["b"][0].segment.start == 0
    for wrong in (frame, frame.drop(columns="score"), frame.assign(label=3), frame.assign(end="x"), None, [1]):
        with pytest.raises(UntrimError):
            Detections.from_frame(wrong)
    assert pandas.DataFrame is type(frame)
