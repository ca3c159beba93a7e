"""Whatever is written in a format comes back, but for what the format says is lost."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from round_trips import TEN_HOURS, annotations, check_same, scored, there_and_back
from untrim import Annotations, FrameTable, Instance, Losses, Segment, Video
from untrim.exchange.formats import Destination, ForeignFile, all_formats, format_of_name
from untrim.exchange.marks import Contents
from untrim.exchange.media import MeasuredVideo, Media
from untrim.exchange.timing import from_media_seconds, to_media_seconds

EXAMPLES = 25
FAST = settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate])
SHORTEST = {"elan": 1e-3, "webvtt": 1e-3, "srt": 1e-3, "textgrid": 1e-3}
"""Seconds of the shortest segment that a format holds, where it has one; of those that count frames, a frame."""
BOTH_WAYS = [form.name for form in all_formats() if form.read and form.write and form.name not in ("cvat", "boris")]


@pytest.mark.parametrize("name", BOTH_WAYS)
@FAST
@given(truth=annotations(least=1))
def test_labels_come_back(name: str, truth: Annotations) -> None:
    form = format_of_name(name)
    assume(truth.labels or form.name not in ("csv", "player-csv"))  # Without rows it is no table.
    with tempfile.TemporaryDirectory() as folder:
        found, losses = there_and_back(truth, Path(folder) / f"out{'' if form.per_video else form.endings[0]}", name)
    shortest = SHORTEST.get(name, 1 / 10 if name == "label-studio" else 0.0)
    check_same(truth, found, losses, shortest=shortest, videos="without marks" not in losses.lost)
    assert losses.rounding <= (0.5 / 10 if name == "label-studio" else 0.0005) + 1e-9


@pytest.mark.parametrize("name", ["activitynet", "csv", "label-studio"])
@FAST
@given(truth=annotations(least=1))
def test_scores_come_back(name: str, truth: Annotations) -> None:
    form = format_of_name(name)
    given_ = scored(truth)
    assume(len(given_.scores))
    with tempfile.TemporaryDirectory() as folder:
        found, losses = there_and_back(given_, Path(folder) / f"out{form.endings[0]}", name, fps=25.0)
    assert not any("score" in one for one, _ in losses.counts)
    check_same(truth, found, losses, shortest=0.04, videos=False)
    assert {detection.score for own in found.values() for detection in own} == {0.25}


@FAST
@example(truth=Annotations([Video("cam1/ -b.mp4"), Video("cam2/ -b.mp4"), Video("-b")]))
@given(truth=annotations(least=1))
def test_boris_keeps_what_does_not_overlap(truth: Annotations) -> None:
    """The time that each class covers is the same, however segments were merged."""
    with tempfile.TemporaryDirectory() as folder:
        found, losses = there_and_back(truth, Path(folder) / "out.boris", "boris")
    assert set(found) == set(truth)
    for name, video in truth.items():
        for label in video.labels:
            own = [i.segment for i in video.instances if i.label == label]
            came = sorted(i.segment for i in found[name].instances if i.label == label)
            assert all(first.end <= second.start for first, second in pairwise(came))
            slack = losses.rounding + 1e-6
            for segment in own:
                assert any(o.start <= segment.start + slack and segment.end <= o.end + slack for o in came)
            merged = dict(losses.counts).get(
                ("segment merged with one that it overlaps", "segments merged with ones that they overlap"), 0
            )
            assert merged or len(came) == len(own)


@st.composite
def tables(draw: st.DrawFn) -> FrameTable:
    """Frames at a constant rate, or at any pace, that begin with the file or later."""
    steps = draw(
        st.one_of(
            st.builds(lambda rate, count: [1 / rate] * count, st.sampled_from([25, 30000 / 1001, 24000 / 1001]),
                      st.integers(1, 60)),
            st.lists(st.floats(0.005, 2.0), min_size=1, max_size=40),
        )
    )  # fmt: skip
    borders = np.concatenate([[0.0], np.cumsum(steps)])
    return FrameTable(borders[:-1], draw(st.sampled_from([0.0, 0.52, 3.0])), float(borders[-1]))


class KnownMedia(Media):
    """Videos of which everything is known, without files."""

    def __init__(self, table: FrameTable) -> None:
        super().__init__()
        self._one = MeasuredVideo(Path("v.mp4"), table, table.fps, (320, 240))

    def measured(self, name: str) -> MeasuredVideo | None:
        return self._one if name == "v" else None


@pytest.mark.parametrize("name", ["cvat", "label-studio"])
@FAST
@given(table=tables(), data=st.data())
def test_frames_come_back_whatever_the_rate(name: str, table: FrameTable, data: st.DataObject) -> None:
    form, media = format_of_name(name), KnownMedia(table)
    moments = st.floats(0, table.end)
    times = data.draw(st.lists(st.tuples(moments, moments).map(sorted), max_size=5))
    own = tuple(Instance("run", Segment(*ends)) for ends in times)
    contents, losses = Contents.of(Annotations([Video("v", instances=own)])), Losses()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v{form.endings[0]}"

        def again(contents: Contents, losses: Losses) -> Contents:
            there = to_media_seconds(contents, media) if form.media_times else contents
            assert form.write is not None
            assert form.read is not None
            form.write(there, Destination(path, media, losses))(path)
            found = form.read(ForeignFile(path, media, "v"))
            return from_media_seconds(found, media) if form.media_times else found

        found = again(contents, losses)
        second = again(found, Losses())
    longest = float(np.diff([*table.seconds, table.end]).max()) if name == "cvat" else 1 / table.fps
    assert losses.rounding <= longest / 2 + 1e-6
    check_same(contents.to_annotations(), found.to_annotations(), losses, shortest=longest, videos=True)
    for first, other in zip(found.marks, second.marks, strict=True):  # What is at borders of frames stays there.
        assert isinstance(first.time, Segment)
        assert isinstance(other.time, Segment)
        assert (other.time.start, other.time.end) == pytest.approx((first.time.start, first.time.end), abs=1e-6)


def test_ten_hours_at_the_rates_of_television(tmp_path: Path) -> None:
    for rate in (30000 / 1001, 24000 / 1001):
        own = (Instance("run", Segment(TEN_HOURS - 1, TEN_HOURS)), Instance("run", Segment(0, 1)))
        truth = Annotations([Video("v", duration=TEN_HOURS, instances=own, fps=rate)])
        found, losses = there_and_back(truth, tmp_path / "out.json", "label-studio")
        check_same(truth, found, losses)
        assert losses.rounding <= 0.5 / rate
