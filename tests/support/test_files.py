import subprocess
import sys
from pathlib import Path

import pytest

from untrim.errors import UntrimError, listing, nearest
from untrim.support.files import atomic_path, make_folder, read_json, remove_leftovers, write_json


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"old": 1})

    def fail_half_way() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_no_half_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    code = f"""
import os, signal
from pathlib import Path
from untrim.support.files import atomic_path
with atomic_path(Path({str(path)!r})) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UntrimError, match="cannot be written"):
        write_json(tmp_path / "file" / "value.json", 1)
    with pytest.raises(UntrimError, match="cannot be written"):
        make_folder(tmp_path / "file" / "folder")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UntrimError) as caught:
        make_folder(tmp_path / "file")
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: cannot be written: ")


def test_make_folder_leaves_it_empty(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_errors_are_one_line_and_say_where_and_how() -> None:
    error = UntrimError("is\nwrong", where=Path("a.json"), fix="mend it")
    assert str(error) == "a.json: is wrong (mend it)"


def test_nearest_and_listing() -> None:
    assert nearest("tripelt", ["triplet", "none"]) == "did you mean 'triplet'?"
    assert nearest("WSAD", ["wsad", "wsbm"]) == "did you mean 'wsad'?"
    assert nearest("zzz", ["triplet", "none"]) == "known: none, triplet"
    assert listing("dbca") == "a, b, c and 1 more"
