"""The page on other tools lists the formats that there are."""

import re
from pathlib import Path

from untrim.exchange.formats import all_formats

PAGE = (Path(__file__).parents[2] / "docs" / "exchange" / "index.md").read_text()
PLACES = {
    "scores": "scores",
    "points": "points",
    "labels": "labels without times",
    "subsets": "subsets",
    "ambiguous": "ambiguous spans",
    "exhaustive": "exhaustive classes",
    "rejected": "rejected stretches",
}


def test_the_table_is_the_registry() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| ")][2:]
    formats = {form.name: form for form in all_formats()}
    assert [re.sub(r"[`\[\]]|\(.*\)", "", row[0]) for row in rows] == list(formats)
    for form, (_, endings, reads, writes, files, places) in zip(formats.values(), rows, strict=True):
        assert (reads, writes) == tuple("yes" if one else "no" for one in (form.read, form.write))
        assert re.findall(r"`(\.\w+)`", endings) == list(form.endings)
        if form.endings and form.name != "player-csv":
            assert files == ("one per video" if form.per_video else "one")
            assert {key for key, words in PLACES.items() if words in places} == form.holds - {"empty videos"}
