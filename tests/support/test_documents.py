from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrim.errors import UntrimError
from untrim.support.documents import parse_json, parse_yaml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"database": {"a": 1, "b": 2, "a": 3}}', "'a' is listed twice"),
        ('{"a": 1, "\\u0061": 2}', "'a' is listed twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("9" * 5000, "not valid JSON"),
        ('["\\ud800"]', "half of a character"),
        ('{"\\uDC00": 1}', "half of a character"),
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
    ],
)
def test_json_that_nobody_means(text: str, said: str) -> None:
    with pytest.raises(UntrimError, match=said):
        parse_json(text, "file")


def test_json_with_a_whole_character_of_two_halves() -> None:
    assert parse_json('"\\ud83d\\ude00"', "file") == "😀"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x", "alias"),
        ("a: 1\na: 2", "'a' is listed twice"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("a: !thing 1", "not valid YAML"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("? [a]\n: 1", "not valid YAML"),
        ("a: 0b_", "not valid YAML"),
        ("a: 0x_", "not valid YAML"),
        ("a\0: 1", "not valid YAML"),
        ("{", "not valid YAML"),
        ("&a [*a]", "alias"),
        ("<<: 1", "not valid YAML"),
    ],
)
def test_yaml_that_nobody_means(text: str, said: str) -> None:
    with pytest.raises(UntrimError, match=said):
        parse_yaml(text, "file")


@pytest.mark.parametrize("date", ["2020-13-45", "2020-01-01", "2020-01-01T25:00:00Z"])
def test_dates_of_yaml_are_texts(date: str) -> None:
    assert parse_yaml(f"a: {date}", "file") == {"a": date}


@given(st.text(alphabet="ab01.-+_:,&*!|>{}[]<=?%@`'\"# \n\t\0\ud800é", max_size=40))
def test_any_text_is_a_value_or_one_line(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        with suppress(UntrimError):
            parse(text, "file")
