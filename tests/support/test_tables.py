from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import UntrimError
from untrim.support.tables import read_rows, write_rows

texts = st.text(alphabet="'=+-@\t\nab ,;\"é", min_size=1, max_size=8).map(str.strip).filter(bool)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_texts_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("table") / "a.csv"
    write_rows(path, ("first", "second"), rows)
    found = [tuple(cells) for _, cells in read_rows(path)]
    assert found == [("first", "second"), *rows]


def test_no_cell_is_a_formula_and_numbers_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_rows(path, ("a", "b"), [("=1+1", -1.5), ("-x", 2), ("@x", ""), ("+x", None), ("'=x", 0), ("'x", 0)])
    assert path.read_text() == "a,b\n'=1+1,-1.5\n'-x,2\n'@x,\n'+x,\n''=x,0\n'x,0\n"


def test_names_that_look_like_formulas_survive_annotations(tmp_path: Path) -> None:
    videos = [Video("-5KAN9v31z8", "training", labels=("=HYPERLINK(1)", "+1"))]
    write_annotations(Annotations(videos), tmp_path / "a.csv")
    assert "\n'-5KAN9v31z8,'=HYPERLINK(1)," in (tmp_path / "a.csv").read_text()
    found = read_annotations(tmp_path / "a.csv")
    assert found["-5KAN9v31z8"].labels == ("+1", "=HYPERLINK(1)")


@pytest.mark.parametrize("text", ["a,b\n" + "x" * 200_000 + ",1\n", 'a,b\n"x,1\n', 'a,b\n"x"y,1\n'])
def test_a_broken_table_is_one_line_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UntrimError, match=r"a\.csv, line \d+: is not valid CSV"):
        read_rows(tmp_path / "a.csv")


def test_a_column_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("video,label,Label\na,run,jump\n")
    with pytest.raises(UntrimError, match="column 'label' is listed twice"):
        read_annotations(tmp_path / "a.csv")
