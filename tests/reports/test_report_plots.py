import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.reports.plots import curve, spread, ticks, time_ticks
from untrim.support.colors import colors

WHITE, BLACK = 1.0, 0.0


def luminance(color: str) -> float:
    """WCAG 2 relative luminance."""
    parts = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_colours_go_on_and_never_repeat():
    many = colors(300)
    assert len(set(many)) == 300
    assert many[:6] == colors(6) == ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in many)


def test_colours_stand_out_from_paper():
    assert all((WHITE + 0.05) / (luminance(color) + 0.05) > 1.5 for color in colors(120))
    assert all((luminance(color) + 0.05) / (BLACK + 0.05) > 1.4 for color in colors(120))


@given(st.floats(0.05, 1e6))
def test_time_ticks_are_few_round_and_in_place(duration: float):
    marks = time_ticks(duration)
    assert 1 <= len(marks) <= 8
    times = [float(mark.text.removesuffix(" s")) for mark in marks]
    assert times[0] == 0
    assert times[-1] <= duration * (1 + 1e-9)
    for mark, time in zip(marks, times, strict=True):
        assert mark.position == pytest.approx(100 * time / duration, rel=1e-4, abs=1e-6)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e5))
def test_ticks_lie_within_their_range(low: float, width: float):
    marks = ticks(low, low + width)
    assert 1 <= len(marks) <= 7
    assert all(-1e-4 <= mark.position <= 100 + 1e-4 for mark in marks)
    values = [float(mark.text) for mark in marks]
    for mark, value in zip(marks, values, strict=True):
        assert low + mark.position / 100 * width == pytest.approx(value, rel=1e-4, abs=1e-4 * width)


def test_ticks_of_percent():
    assert [(mark.position, mark.text) for mark in ticks(0, 100)] == [
        (0, "0"), (20, "20"), (40, "40"), (60, "60"), (80, "80"), (100, "100"),
    ]  # fmt: skip


def test_a_curve_goes_through_its_points_from_the_bottom_up():
    assert curve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.25, 7.0])) == "M0.0 100.0L500.0 75.0L1000.0 0.0"


@given(st.integers(1, 5000))
def test_long_curves_are_averaged_and_keep_their_ends(count: int):
    x = (np.arange(count) + 0.5) / count
    points = [tuple(map(float, point.split())) for point in curve(x, x).removeprefix("M").split("L")]
    assert len(points) == min(count, 500)
    left, top = np.array(points).T
    np.testing.assert_allclose(left, 1000 - 10 * top, atol=0.6)
    assert left[0] <= 500 / min(count, 500) * 2 + 0.1
    assert (np.diff(left) > 0).all()


@given(st.lists(st.floats(0, 100), max_size=5).map(sorted), st.sampled_from([5.0, 20.0]))
def test_things_spread_without_overlap_and_stay_where_they_can(wanted: list[float], width: float):
    centers = spread(wanted, width)
    assert len(centers) == len(wanted)
    assert all(width / 2 - 1e-9 <= center <= 100 - width / 2 + 1e-9 for center in centers)
    assert all(b - a >= width - 1e-9 for a, b in itertools.pairwise(centers))
    free = all(b - a >= width for a, b in itertools.pairwise(wanted))
    if free and all(width / 2 <= center <= 100 - width / 2 for center in wanted):
        assert centers == pytest.approx(wanted)
