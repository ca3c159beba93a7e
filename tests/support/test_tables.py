from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import UntrimError
from untrim.support.tables import read_table, write_rows

texts = st.text(alphabet="'=+-@\t\nab ,;\"é", min_size=1, max_size=8).map(str.strip).filter(bool)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_texts_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("table") / "a.csv"
    write_rows(path, ("first", "second"), rows)
    found = [tuple(cells) for _, cells in read_table(path).rows]
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
        read_table(tmp_path / "a.csv")


def test_a_column_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("video,label,Label\na,run,jump\n")
    with pytest.raises(UntrimError, match="column 'label' is listed twice"):
        read_annotations(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (b"a,b\n1,x;y\n", ()),
        (b"\xef\xbb\xbfa;b\r\n1;x;y\r\n", ("cells are separated by semicolons",)),
        (b"a\tb\n1\tx;y\n", ("cells are separated by tabs",)),
        (b"sep=;\na;b\n1;x,y\n", ("cells are separated by semicolons",)),
        ("a,b\n1,é\n".encode("cp1252"), ("read as Windows-1252",)),
        ("a,b\n1,é\n".encode("utf-16"), ("read as UTF-16",)),
        ("a,b\n1,é\n".encode("utf-16-be"), ("read as UTF-16",)),
        ('"a,1",b\n'.encode("utf-16-le"), ("read as UTF-16",)),
    ],
)
def test_what_spreadsheets_write(tmp_path: Path, content: bytes, notes: tuple[str, ...]) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    table = read_table(tmp_path / "a.csv")
    assert table.notes == notes
    assert table.rows[0][1] in (["a", "b"], ["a,1", "b"])
    assert all("é" in cells or len(cells) in (2, 3) for _, cells in table.rows)
    assert table.rows[0][0] == (2 if content.startswith(b"sep") else 1)


def test_rows_of_empty_cells_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a;b\n;\n1;2\n \n;;\n")
    assert read_table(tmp_path / "a.csv").rows == [(1, ["a", "b"]), (3, ["1", "2"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,é\n".encode() + b"b,\xe9\n", "line 2: holds the byte 0xe9, which is neither UTF-8 nor Windows-1252"),
        (b"a,b\nc,\x81\n", "line 2: holds the byte 0x81"),
        (b"a,b\nc,\0\n", "line 2: holds zero bytes"),
        (b"PK\x03\x04 and so on", "is a workbook or an archive, no text"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UntrimError, match=message):
        read_table(tmp_path / "a.csv")


def test_a_carriage_return_in_a_cell_ends_no_row(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", ("name", "n"), [["a\rb", 1], ["a\r\nb", 2]])
    assert [cells for _, cells in read_table(tmp_path / "a.csv").rows[1:]] == [["a\nb", "1"], ["a\nb", "2"]]
