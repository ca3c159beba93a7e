import math
from fractions import Fraction
from itertools import pairwise

import av
from hypothesis import given
from hypothesis import strategies as st

from untrim.video.clock import Clock, length, timestamp

MILLISECOND = Fraction(1, 1000)


def frame(pts: int | None, dts: int | None = None, duration: int = 0) -> av.VideoFrame:
    made = av.VideoFrame(16, 16, "gray")
    made.pts, made.dts, made.duration, made.time_base = pts, dts, duration, MILLISECOND
    return made


def times(clock: Clock, stamps: list[int | None], duration: int = 40) -> list[float]:
    return [round(show(clock, stamp, duration), 6) for stamp in stamps]


def show(clock: Clock, stamp: int | None, duration: int = 0) -> float:
    shown = frame(stamp, duration=duration)
    return clock.time(timestamp(shown), length(shown))


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(1, 9_000), max_size=30), st.booleans())
def test_ascending_timestamps_are_kept_from_the_first_on(start: int, gaps: list[int], broadcast: bool) -> None:
    stamps = [start]
    for gap in gaps:
        stamps.append(stamps[-1] + gap)
    assert times(Clock(25, broadcast), list(stamps)) == [round((stamp - start) / 1000, 6) for stamp in stamps]


@given(st.lists(st.one_of(st.none(), st.integers(-(10**12), 10**12), st.integers(0, 3000)), min_size=1), st.booleans())
def test_any_timestamps_give_finite_ascending_seconds(stamps: list[int | None], broadcast: bool) -> None:
    clock = Clock(None, broadcast)
    seconds = [show(clock, stamp) for stamp in stamps]
    assert seconds[0] == 0
    assert all(math.isfinite(moment) for moment in seconds)
    assert all(earlier < later for earlier, later in pairwise(seconds))
    assert clock.end > seconds[-1]


def test_a_frame_without_timestamp_follows_the_one_before() -> None:
    assert times(Clock(25, False), [0, 40, None, 120, None, None, 240]) == [0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24]


def test_frames_without_any_timestamp_come_at_the_average_rate() -> None:
    assert times(Clock(50, False), [None, None, None], duration=0) == [0, 0.02, 0.04]


def test_a_repeated_timestamp_delays_only_its_own_frame() -> None:
    assert times(Clock(25, False), [0, 40, 40, 80, 60, 120, 160]) == [0, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16]


def test_a_clock_that_starts_anew_goes_on_without_a_gap() -> None:
    assert times(Clock(25, False), [90_000, 90_040, 0, 40, 80]) == [0, 0.04, 0.08, 0.12, 0.16]
    assert times(Clock(25, True), [0, 40, 20_000, 20_040]) == [0, 0.04, 0.08, 0.12]
    assert times(Clock(25, True), [0, 40, 5_000_000, 80, 120]) == [0, 0.04, 0.08, 0.12, 0.16]


def test_a_slow_slide_show_keeps_its_pace() -> None:
    assert times(Clock(0.02, False), [0, 50_000, 100_000]) == [0, 50, 100]


def test_the_end_is_the_end_of_the_last_frame() -> None:
    clock = Clock(25, False)
    show(clock, 1000, 40)
    show(clock, 1100, 500)
    assert round(clock.end, 6) == 0.6
    show(clock, 1700, 10**9)
    assert round(clock.end, 6) == 0.74


def test_frames_that_only_say_when_they_were_decoded_are_shown_then() -> None:
    assert timestamp(frame(None, dts=1500)) == 1.5
    assert timestamp(frame(2000, dts=1500)) == 2
    assert timestamp(frame(None)) is None
