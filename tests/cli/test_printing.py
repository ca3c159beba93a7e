import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import untrim
from helpers import run_untrim
from untrim.cli import main
from untrim.cli.printing import columns
from untrim.errors import UntrimError, printable

HOSTILE = "\x1b]0;title\x07\x1b[2J\0\x9b1m\u202ebad\u2066"


def test_signs_that_a_terminal_obeys_are_written_out() -> None:
    assert printable("a\x1b[31m\u202eb\0\tc\n\x85é打😀") == "a\\x1b[31m\\u202eb\\x00\tc\n\\x85é打😀"
    assert printable("\ud800") == "\\ud800"
    error = UntrimError(f"'{HOSTILE}' is wrong", where=Path(f"/tmp/{HOSTILE}"), fix=HOSTILE)
    assert str(error).isprintable()


def test_a_row_of_a_table_is_one_line() -> None:
    rows = [["new\nline", "0.5"], ["tab\tname", "1"]]
    assert columns(["video", "score"], rows, 1) == "video      score\nnew\\nline    0.5\ntab\\tname      1"


def test_no_verb_prints_by_itself() -> None:
    """What verbs print goes through `say` and `complain`, which write control signs out."""
    folder = Path(untrim.__file__).parent / "cli"
    own = ("printing.py",)
    found = [
        p.name for p in folder.glob("*.py") if p.name not in own and re.search(r"(?<![\w.])print\(", p.read_text())
    ]
    assert found == []


LABELS = [{"label": HOSTILE}, {"label": "打开"}]


def labels(folder: Path) -> str:
    """A file of annotations, of whose labels the doctor says something."""
    database = {f"v{HOSTILE}": {"subset": "validation", "annotations": LABELS}, "a": {"subset": "training"}}
    (folder / "a.json").write_text(json.dumps({"database": database}))
    return str(folder / "a.json")


@pytest.mark.parametrize("verb", [["doctor"], ["evaluate", "d.json", "--subset", HOSTILE.replace("\0", "")]])
def test_hostile_names_reach_neither_output_nor_errors(
    verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    detection = {"label": HOSTILE, "segment": [0, 1], "score": 1}
    Path("d.json").write_text(json.dumps({"results": {HOSTILE: [detection]}}))
    monkeypatch.setattr(sys, "argv", ["untrim", *verb, "-a", labels(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert "\\x1b[2J" in said.out + said.err
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())


def test_json_holds_hostile_names_and_shows_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps({"database": {"v": {"annotations": [{"label": HOSTILE + "打\x7f😀"}]}}})
    )
    run_untrim("doctor", "-a", tmp_path / "a.json", "--json")
    said = capsys.readouterr().out
    assert said.replace("\n", "").isascii()
    assert said.replace("\n", "").isprintable()
    assert f"{HOSTILE}打\x7f😀" in " ".join(found["what"] for found in json.loads(said)["findings"])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_that_lacks_a_sign_ends_no_work(tmp_path: Path, encoding: str) -> None:
    command = [sys.executable, "-m", "untrim", "doctor", "-a", labels(tmp_path)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "\\u6253\\u5f00" in done.stdout


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "place"), 1, "the disk is full"),
        (OSError(errno.EACCES, "Permission denied", "place"), 2, "place: Permission denied"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), 2, "the name is too long"),
        (OSError("odd"), 2, "odd"),
        (MemoryError("1 PiB"), 1, "the memory is full: 1 PiB"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2, "a text cannot be read or written"),
        (RecursionError(), 2, "nested too deeply"),
        (EOFError(), 2, "the input ends too early"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_what_nobody_has_foreseen_is_one_line(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("untrim.annotations.read_annotations", fail)
    monkeypatch.setattr(sys, "argv", ["untrim", "evaluate", "d.json", "-a", "a.json"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err.strip()
    assert ended.value.code == code
    assert line in said
    assert len(said.splitlines()) == 1
