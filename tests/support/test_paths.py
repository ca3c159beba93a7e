from pathlib import Path

import pytest

from untrim.errors import UntrimError
from untrim.support.paths import as_path, as_paths


def test_a_path_or_text_is_a_path() -> None:
    assert as_path("a/b", "it") == as_path(Path("a/b"), "it") == Path("a/b")


def test_one_path_or_several_are_a_list() -> None:
    assert as_paths("clips", "it") == as_paths(Path("clips"), "it") == [Path("clips")]
    assert as_paths(["a", Path("b")], "it") == as_paths((path for path in "ab"), "it") == [Path("a"), Path("b")]


@pytest.mark.parametrize("wrong", [3, None, "", ["a", 3], [""], [], b"ab"], ids=repr)
def test_anything_else_is_one_line(wrong: object) -> None:
    with pytest.raises(UntrimError, match=r"^videos: no"):
        as_paths(wrong, "videos")
