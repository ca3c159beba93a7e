"""Annotations of every kind for all formats of other tools, and what must come back of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from hypothesis import strategies as st

from untrim import Annotations, Detection, Detections, Instance, Losses, Segment, Video, read, write

TEN_HOURS = 36_000.0
RATES = (25.0, 30000 / 1001, 24000 / 1001, 10.0)

_SIGNS = st.sampled_from([*"abcxyz01 &<>\"'`\t\n\r#|;,/\\=+-@:%{}[]_.éßñ中文العربية👍\u200d\u0301\x07", "-->", "]]>"])
labels = st.one_of(st.lists(_SIGNS, min_size=1, max_size=12).map("".join), st.text(min_size=1, max_size=8)).filter(
    lambda text: bool(text.strip()) and not any("\ud800" <= sign <= "\udfff" for sign in text)
)
names = st.text(st.sampled_from("abcde01_- éß中&<'#%+"), min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
_moments = st.one_of(
    st.sampled_from([0.0, 0.04, 1 / 3, 1.0, 59.9995, 3600.0, TEN_HOURS]),
    st.integers(0, 36_000_000).map(lambda ms: ms / 1000),
    st.floats(0, TEN_HOURS, allow_subnormal=False),
)
segments = st.tuples(_moments, _moments).map(lambda ends: Segment(min(ends), max(ends)))


@st.composite
def annotations(draw: st.DrawFn, least: int = 0, most: int = 3) -> Annotations:
    """Some videos with instances that may overlap, have no length or last ten hours; or with none."""
    kinds = draw(st.lists(labels, min_size=1, max_size=3))
    one = st.builds(Instance, st.sampled_from(kinds), segments)
    videos = st.builds(
        Video,
        st.builds(str.__add__, st.sampled_from(["", "cam1/"]), names),
        duration=st.just(TEN_HOURS),
        instances=st.lists(one, max_size=6).map(tuple),
        fps=st.sampled_from(RATES),
    )
    return Annotations(draw(st.lists(videos, min_size=least, max_size=most, unique_by=lambda video: video.name)))


def scored(truth: Annotations) -> Detections:
    """The instances as detections."""
    return Detections.of(
        {name: [Detection(i.label, i.segment, 0.25) for i in video.instances] for name, video in truth.items()}
    )


def there_and_back(
    given: Annotations | Detections, path: Path, form: str, **settings: object
) -> tuple[Annotations | Detections, Losses]:
    """What comes back of a format, and what it said was lost."""
    losses = write(given, path, format=form, **settings)  # type: ignore[arg-type]
    return read(path, format=form, **settings), losses  # type: ignore[arg-type]


def check_same(
    given: Annotations, found: Annotations | Detections, losses: Losses, *, shortest: float = 0.0, videos: bool = True
) -> None:
    """Check that every instance came back: its label, and its times within what the losses say.

    Args:
        given: What was written.
        found: What came back.
        losses: What the format said. Labels may differ where it speaks of signs.
        shortest: Seconds of the shortest segment that the format can hold.
        videos: Whether videos without instances come back, too.
    """
    changed = any("sign" in one for one, _ in losses.counts)
    wanted, came = spans(given, by_label=not changed), spans(found, by_label=not changed)
    assert came.keys() == wanted.keys()
    slack = losses.rounding + 1e-6 + (shortest if any("shorter" in one for one, _ in losses.counts) else 0.0)
    for key, own in wanted.items():
        assert len(came[key]) == len(own)
        for end in (0, 1):  # Rounding keeps the order of all starts, and of all ends.
            pairs = zip(sorted(span[end] for span in own), sorted(span[end] for span in came[key]), strict=True)
            assert all(abs(first - second) <= slack for first, second in pairs)
    if videos:
        assert set(found) == set(given)


def spans(given: Annotations | Detections, *, by_label: bool) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Start and end of the instances or detections of each video, and of each label if that is asked for."""
    found = defaultdict(list)
    for name, value in given.items():
        points = value.points if isinstance(value, Video) else ()
        for one in value.instances if isinstance(value, Video) else value:
            found[name, one.label if by_label else ""].append((one.segment.start, one.segment.end))
        for point in points:  # In a format that has no segments without length, they are points.
            found[name, point.label if by_label else ""].append((point.time, point.time))
    return dict(found)
