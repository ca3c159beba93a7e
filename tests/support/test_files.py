import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from untrim.errors import UntrimError, WorkFailed, listing, nearest
from untrim.support.files import (
    atomic_path,
    linked_file,
    make_folder,
    new_folder,
    read_json,
    read_text,
    remove_leftovers,
    write_bytes,
    write_json,
    write_text,
)

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX")
not_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")


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


@pytest.mark.parametrize("folder", [".", "state", "checkpoints/deep"])
def test_a_killed_writer_leaves_no_half_file(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "value.json"
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
    assert len(list(path.parent.iterdir())) == 1
    remove_leftovers(tmp_path)
    assert list(path.parent.iterdir()) == []


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
    assert nearest("zzz", []) == "known: "
    assert listing("dbca") == "a, b, c and 1 more"


def test_what_living_processes_write_is_no_leftover(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "value.json") as temporary:
        remove_leftovers(tmp_path)
        assert temporary.exists()


def test_a_file_of_the_user_called_writable_stays(tmp_path: Path) -> None:
    (tmp_path / "writable").write_text("mine")
    make_folder(tmp_path)
    assert (tmp_path / "writable").read_text() == "mine"


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".json")
    write_json(path, 1)
    assert read_json(path) == 1
    with pytest.raises(UntrimError, match=r"too long for the file system: 306 bytes.*rename"):
        write_json(tmp_path / ("é" * 150 + ".jsonx"), 1)


def test_threads_may_write_one_path(tmp_path: Path) -> None:
    path, barrier = tmp_path / "value.json", threading.Barrier(2)

    def write(value: int) -> None:
        with atomic_path(path) as temporary:
            temporary.write_text(str(value) * 100_000)
            barrier.wait()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, (1, 2)))
    assert set(path.read_text()) in ({"1"}, {"2"})
    assert list(tmp_path.iterdir()) == [path]


def test_a_planted_temporary_file_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["same", "same", "other"])
    monkeypatch.setattr("secrets.token_hex", lambda count: next(tokens))
    with atomic_path(tmp_path / "value.json") as temporary:
        pass
    monkeypatch.setattr("secrets.token_hex", lambda count: next(tokens))
    temporary.symlink_to(tmp_path / "victim")
    write_text(tmp_path / "value.json", "new")
    assert not (tmp_path / "victim").exists()


@posix
def test_a_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    write_json(path, {"a": 1})
    reader.join()
    assert read == [b'{\n "a": 1\n}\n']
    assert stat.S_ISFIFO(path.stat().st_mode)


@posix
def test_a_socket_is_refused_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # A socket's path must be short.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(UntrimError, match="cannot be written"):
            write_json(Path("socket"), 1)
    assert stat.S_ISSOCK(Path("socket").stat().st_mode)


@posix
def test_standard_output_named_as_a_file_goes_there(tmp_path: Path) -> None:
    code = """
from pathlib import Path
from untrim.support.files import write_text
print("before")
write_text(Path("/dev/stdout"), "middle\\n")
print("after")
"""
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert piped.stdout == "before\nmiddle\nafter\n"
    with open(tmp_path / "log", "w") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_text() == piped.stdout


@posix
def test_a_link_that_a_person_names_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    (tmp_path / "second").symlink_to("link")
    write_text(linked_file(tmp_path / "second"), "new")
    assert (tmp_path / "there" / "file").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "second").is_symlink()
    (tmp_path / "loop").symlink_to("loop")
    linked_file(tmp_path / "loop")


@posix
def test_a_link_inside_a_folder_of_ours_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "metrics.jsonl").symlink_to("victim")
    write_text(tmp_path / "metrics.jsonl", "ours")
    assert (tmp_path / "victim").read_text() == "mine"


@posix
def test_files_have_the_usual_mode_and_keep_their_own(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "new") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))  # As some libraries do.
        (tmp_path / "old").touch()
        (tmp_path / "old").chmod(0o604)
        write_text(tmp_path / "old", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o604


@not_root
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    write_text(tmp_path / "secret", "x")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(UntrimError, match="Permission denied"):
        read_text(tmp_path / "secret")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_work_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    write_text(tmp_path / "value", "old")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WorkFailed, match="the disk is full"):
        write_text(tmp_path / "value", "new")
    assert (tmp_path / "value").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["value"]


@posix
def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from pathlib import Path
from untrim.support.files import write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_bytes(Path({str(tmp_path / "value")!r}), bytes(2000))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "WorkFailed" in done.stderr
    assert "the disk is full" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path: Path) -> None:
    with pytest.raises(UntrimError), new_folder(tmp_path / "a" / "b"):
        raise UntrimError("refused")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").mkdir()
    with pytest.raises(UntrimError, match="refused"), new_folder(tmp_path / "a" / "b"):
        _write_and_fail(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").exists()


def test_half_a_character_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="half of a character"):
        write_text(tmp_path / "value", "a\ud800")
    assert list(tmp_path.iterdir()) == []


def _write_and_fail(path: Path) -> None:
    write_bytes(path, b"")
    raise UntrimError("refused")
