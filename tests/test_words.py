"""Words that readers stumbled over do not come back, in code, pages and help."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNITS = "video|class|snippet|second|batch|stream|step|line|row|core|seed|frame|pair|group|worker|feature folder"
THINGS = "ms|s|videos?|labels?|frames?|snippets?|rows?|files?|groups?|steps?|columns?|lines?|iterations?|proposals?"
RIDDLES = {
    "stands twice": r"\bstands? (twice|in several)\b",
    "gone on from": r"\b(gone on (from|with)|goes on (from|with)|go on (from|with)|the same command goes on)\b",
    "mend": r"\bmend(s|ed|ing)?\b",
    "were there": r"\bskipped\b.*\bwere there\b|\bthere already\b",
    "what fixing it would give": r"\bwould give\b.*\bkind of error\b|\bkind of error would give\b",
    "per": rf"\b(one|[0-9]+|{THINGS}) an? ({UNITS})\b(?= *([,.;:|)=]|$))",
}


def texts() -> list[Path]:
    patterns = ("src/untrim/**/*", "docs/**/*", "benchmarks/*", "README.md", "CONTRIBUTING.md")
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return [path for path in found if path.suffix in (".py", ".md", ".yaml", ".j2", ".ipynb") and path.is_file()]


@pytest.mark.parametrize("riddle", RIDDLES)
def test_no_text_has_the_riddle(riddle: str) -> None:
    pattern = re.compile(RIDDLES[riddle], re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("riddle", "line"),
    [
        ("stands twice", "video 'a' stands twice"),
        ("gone on from", "the state cannot be gone on from"),
        ("mend", "how to mend it"),
        ("were there", "what is there already and the same is left"),
        ("what fixing it would give", "what fixing each kind of error would give"),
        ("per", '"""Videos a step."""'),
        ("per", "ActivityNet JSON or CSV, one a feature folder."),
        ("per", "| decoding | 1.5 ms a frame |"),
    ],
)
def test_a_riddle_is_found(riddle: str, line: str) -> None:
    assert re.search(RIDDLES[riddle], line, re.IGNORECASE)
