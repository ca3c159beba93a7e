import io
import signal
import sys
from pathlib import Path

import pytest

from helpers import run_untrim
from untrim.cli import terminal
from untrim.cli.terminal import stop_requests, terminal_progress
from untrim.support.progress import Progress, count_steps
from untrim.timeline import Detection


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_has_a_line_every_ten_seconds_and_one_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(100, 1000, 4))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    with terminal_progress() as progress:
        advance = count_steps(progress, "train wsad", 8)
        for step in range(8):
            advance(f"loss {step}")
        count_steps(progress, "extract", 5, 5)
        count_steps(progress, "extract", 5, 4)("video4")
    assert capsys.readouterr().err.splitlines() == [
        "train wsad 3/8 loss 2", "train wsad 6/8 loss 5", "train wsad 8/8 loss 7", "extract 5/5 video4",
    ]  # fmt: skip


def test_a_terminal_has_a_bar_for_each_work(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with terminal_progress() as progress:
        advance = count_steps(progress, "extract", 2)
        advance("video0")
        advance("video1")
        count_steps(progress, "localize", 9, 4)("")
    shown = screen.getvalue()
    assert shown.index("2/2") < shown.index("5/9")
    assert "extract" in shown
    assert "video1" in shown
    assert "localize" in shown
    assert shown.endswith("\x1b[?25h")  # the cursor is back


def test_the_first_signal_asks_and_the_second_ctrl_c_ends() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_requests() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGTERM)
        assert should_stop()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_the_work_asks_the_first_signal_ends(number: signal.Signals) -> None:
    with stop_requests() as should_stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert should_stop()  # what runs in other threads hears it too


def test_under_torchrun_a_second_signal_is_the_first_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with stop_requests() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert should_stop()


def test_names_in_a_bar_are_neither_obeyed_nor_taken_for_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    with terminal_progress() as show:
        show("extract", 1, 2, "\x1b]0;title\x07[red]a[/nothing]")
        show("extract", 2, 2, "\x1b]0;title\x07[red]a[/nothing]")
    said = capsys.readouterr().err
    assert "\x1b]0" not in said
    assert "\\x1b]0;title\\x07[red]a[/nothing]" in said


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_call_shows_no_progress_and_its_results(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def localize(*given: object, progress: Progress, **named: object) -> dict[str, list[Detection]]:
        count_steps(progress, "localize", 1)("")
        return {"a": []}

    monkeypatch.setattr("untrim.pipeline.localize", localize)
    words = ["--quiet"] if quiet else []
    assert run_untrim(*words, "localize", "run", "-f", "features", "-o", tmp_path / "found.json") == 0
    printed = capsys.readouterr()
    assert ("localize 1/1" in printed.err) is not quiet
    assert "0 detections in 1 video" in printed.out
    assert run_untrim(*words, "clips", tmp_path / "missing.json", "--videos", tmp_path) == 2
    assert "missing.json" in capsys.readouterr().err
