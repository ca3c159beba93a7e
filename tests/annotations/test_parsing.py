import pickle

import pytest

from untrim.annotations.parsing import number, seconds, span
from untrim.errors import Place, UntrimError
from untrim.timeline import Segment


@pytest.mark.parametrize(("value", "wanted"), [(3, 3.0), (0.25, 0.25), ("88.6", 88.6), (" 1e2 ", 100.0), ("8,5", 8.5)])
def test_numbers_are_read_from_text_too(value: object, wanted: float) -> None:
    assert number(value, "file", "duration") == wanted


@pytest.mark.parametrize("value", [None, "", "1,234.5", "1,234,5", True, "nan", "inf", float("nan"), 10**400, [1], {}])
def test_what_is_no_finite_number_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(UntrimError, match=r"^labels\.csv, line 7: duration is not a finite number: "):
        number(value, Place("labels.csv", 7), "duration")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("1:05.5", 65.5), ("1:05,5", 65.5), ("00:01:05", 65), ("2:00:00", 7200), ("75:00", 4500)],
)
def test_clock_times(value: object, wanted: float) -> None:
    assert seconds(value, "file", "start") == wanted


@pytest.mark.parametrize("value", ["1:60", "1:75:00", "1:2:3:4", ":05", "1:", "-1:05", "a:b"])
def test_what_is_no_clock_time(value: str) -> None:
    with pytest.raises(UntrimError, match="start is not a time: "):
        seconds(value, "file", "start")


def test_times_are_in_order() -> None:
    assert span("1.5", 2, "file") == Segment(1.5, 2.0)
    assert span(2, 2, "file") == Segment(2.0, 2.0)
    with pytest.raises(UntrimError, match=r"^labels\.json, a segment of 'v': ends before it starts: 3\.0 > 1\.0 \("):
        span(3, 1, Place("labels.json", key="a segment of 'v'"))


def test_an_error_keeps_its_place_across_processes() -> None:
    error = pickle.loads(pickle.dumps(UntrimError("is wrong", where=Place("labels.csv", 7))))
    assert str(error) == "labels.csv, line 7: is wrong"
