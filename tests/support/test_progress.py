import ast
import logging
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import untrim
from untrim.errors import Stopped, UntrimError
from untrim.support.progress import count_steps, stop_if, tell_each, warn_each


def test_steps_are_counted_from_what_is_done() -> None:
    seen: list[tuple[str, int, int, str]] = []

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        seen.append((what, done, total, note))

    advance = count_steps(progress, "extract", 4, 2)
    advance("a")
    advance("")
    assert seen == [("extract", 2, 4, ""), ("extract", 3, 4, "a"), ("extract", 4, 4, "")]
    count_steps(None, "extract", 4)("nobody hears it")


def test_work_is_logged_and_shown_by_nobody_who_was_not_asked(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    warn_each(None, ["seen by no one"])
    assert capfd.readouterr().err == ""
    told: list[str] = []
    with caplog.at_level(logging.DEBUG, "untrim"):
        count_steps(None, "extract", 2, 1)("clip")
        tell_each(told.append, ["a note"])
        warn_each(told.append, ["failed: %s"])
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records[-4:]] == [
        ("untrim", "INFO", "extract: 1 of 2 done"),
        ("untrim", "DEBUG", "extract 2/2 clip"),
        ("untrim", "INFO", "a note"),
        ("untrim", "WARNING", "failed: %s"),
    ]
    assert told == ["a note", "failed: %s"]


def test_warnings_that_nobody_handles_are_not_printed() -> None:
    code = "from untrim.support.progress import warn_each; warn_each(None, ['failed'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == done.stdout == ""


def test_stopped_is_no_error_of_one_video_or_trial() -> None:
    stop_if(None)
    stop_if(lambda: False)
    with pytest.raises(Stopped) as caught:
        stop_if(lambda: True)
    assert not isinstance(caught.value, UntrimError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def calls(path: Path) -> set[str]:
    """What a module calls, as ``name`` or ``module.name``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_nothing_below_the_command_line_prints_or_handles_signals() -> None:
    root = Path(untrim.__file__).parent
    below = [path for path in root.rglob("*.py") if path.parent != root / "cli"]
    talking = {
        (path.relative_to(root).as_posix(), call)
        for path in below
        for call in calls(path) & {"print", "sys.stderr.write", "sys.stdout.write", "redirect_stderr", "signal.signal"}
    }
    assert talking == {("support/workers.py", "signal.signal")}  # in the process that works, which it has started
