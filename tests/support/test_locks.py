"""One at a time in a folder: other processes, other threads, links, file systems without locks."""

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from untrim.errors import UntrimError
from untrim.support.locks import locked


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        f"import sys; from pathlib import Path; from untrim.support.locks import locked\n"
        f"with locked(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UntrimError, match="another run"), locked(tmp_path):
            pass
        holder.kill()
        holder.wait()
    assert list(tmp_path.iterdir())
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_made_for_nothing_is_removed(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / ".lock").exists()
    assert not list(tmp_path.iterdir())
    with locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "result").touch()
    assert (tmp_path / "a" / "b" / "result").exists()


def test_of_many_that_want_a_lock_one_at_a_time_has_it(tmp_path: Path) -> None:
    inside, most, entered = [0], [0], [0]

    def enter() -> None:
        for _ in range(200):
            try:
                with locked(tmp_path):
                    inside[0] += 1
                    entered[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
            except UntrimError:
                continue

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert entered[0] > 4


def test_a_lock_follows_no_link(tmp_path: Path) -> None:
    folder, precious = tmp_path / "features", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("kept")
    (folder / ".lock").symlink_to(precious)
    with pytest.raises(UntrimError, match=r"\.lock: is a link"), locked(folder):
        pass
    assert precious.read_text() == "kept"
    assert (folder / ".lock").is_symlink()


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(UntrimError, match="cannot be written: Is a directory"), locked(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="a Unix error")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_on(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, "no such locks")

    monkeypatch.setattr("fcntl.flock", flock)
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
