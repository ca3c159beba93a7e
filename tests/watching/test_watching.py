import itertools
import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from helpers import run_untrim
from untrim.errors import Stopped, UntrimError, WorkFailed
from untrim.support.locks import locked_file
from untrim.timeline import Detection, Segment
from untrim.watching import WatchReport, watch

pytestmark = pytest.mark.usefixtures("_fast_run")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(folder: Path, name: str, text: str = "good", changed: float = 1e9) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    os.utime(folder / name, (changed, changed))


def once(folder: Path, **options: object) -> WatchReport:
    return watch(folder, "run", folder.parent / "found.jsonl", once=True, **{"poll": 0, **options})  # type: ignore[arg-type]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_each_file_is_one_line_and_a_changed_one_is_new(folder: Path) -> None:
    put(folder, "b.mp4", changed=2e9 - 1e9)
    put(folder, "cam/a.mp4", changed=1e9 - 5)
    assert once(folder).done == 2
    assert once(folder).done == 0
    found = lines(folder.parent / "found.jsonl")
    assert [line["file"] for line in found] == ["cam/a.mp4", "b.mp4"]
    assert found[0] | {"at": ""} == {
        "schema": 1, "video": "cam/a", "file": "cam/a.mp4", "bytes": 4, "changed_ns": (10**9 - 5) * 10**9, "at": "",
        "detections": [{"label": "jump", "score": 0.75, "segment": [0, 4]}],
    }  # fmt: skip
    put(folder, "b.mp4", "longer")
    assert once(folder).done == 1
    assert [line["bytes"] for line in lines(folder.parent / "found.jsonl")] == [4, 4, 6]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["found.jsonl", "in"]


def test_a_failure_is_listed_tried_again_and_given_up(folder: Path) -> None:
    told: list[str] = []
    put(folder, "bad.mp4", "bad")
    put(folder, "odd.mp4", "odd")
    put(folder, "good.mp4")
    report = once(folder, retries=1, retry_after=0.0, tell=told.append)
    assert (report.done, list(report.failed)) == (1, ["bad.mp4", "odd.mp4"])
    assert "RuntimeError: codec surprise (conftest.py, line" in report.failed["odd.mp4"]
    assert once(folder, retries=1, retry_after=0.0, tell=told.append).failed.keys() == {"bad.mp4", "odd.mp4"}
    assert once(folder, retries=1, retry_after=0.0) == WatchReport(0, {}, ())
    listed = lines(folder.parent / "found-failures.jsonl")
    assert Counter((line["file"], line["attempt"], line["again"] is None) for line in listed) == {
        (file, attempt, attempt == 2): 1 for file in ("bad.mp4", "odd.mp4") for attempt in (1, 2)
    }
    assert [line.rpartition("; ")[2] for line in told if "bad.mp4" in line] == [
        "it is tried again in 0 s", "it is not tried again",
    ]  # fmt: skip
    put(folder, "bad.mp4", "now it is good")
    assert once(folder).done == 1


def test_a_failure_is_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(folder, "bad.mp4", "bad")
    put(folder, "good.mp4")
    with caplog.at_level("INFO", "untrim"):
        once(folder)
    said = {record.getMessage().partition(";")[0]: record.levelname for record in caplog.records}
    assert said == {f"failed: {folder / 'bad.mp4'}: is not a readable video": "WARNING", "good: 1 found": "INFO"}


def test_what_counts_as_found_is_told_apart_from_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Detection("jump", Segment(0, 1), score) for score in (0.9, 0.5, 0.4)]
    monkeypatch.setattr("untrim.watching.open_predictor", lambda run, **options: lambda path: found)
    told: list[str] = []
    put(folder, "good.mp4")
    once(folder, tell=told.append)
    assert told == ["good: 2 found, 1 more in the line"]


def test_a_failure_waits_longer_each_time(folder: Path) -> None:
    put(folder, "bad.mp4", "bad")
    assert once(folder, retry_after=1000.0).failed
    assert not once(folder, retry_after=1000.0).failed  # it is not due
    failures = folder.parent / "found-failures.jsonl"
    early = failures.read_text().replace(str(time.gmtime().tm_year), "2001")
    failures.write_text(early)
    assert once(folder, retry_after=1000.0).failed
    waits = []
    for line in lines(failures)[1:]:
        again = time.mktime(time.strptime(line["again"][:19], "%Y-%m-%dT%H:%M:%S"))
        waits.append(again - time.mktime(time.strptime(line["at"][:19], "%Y-%m-%dT%H:%M:%S")))
    assert waits == [pytest.approx(4000, abs=1.1)]


def test_a_file_that_changes_while_it_is_read_has_no_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(path: Path) -> list[object]:
        put(folder, path.name, "longer", changed=time.time() + 60)
        if path.name == "b.mp4":
            raise UntrimError("cut off")
        return []

    put(folder, "a.mp4")
    put(folder, "b.mp4")
    monkeypatch.setattr("untrim.watching.open_predictor", lambda run, **options: predict)
    assert once(folder, settle=0.3) == WatchReport(0, {}, ("a.mp4", "b.mp4"))
    assert not list(folder.parent.glob("found*"))


def test_once_waits_for_what_is_about_to_settle_and_leaves_what_grows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "late.mp4", changed=time.time() + 60)
    assert once(folder, settle=0.3) == WatchReport(1, {}, ())
    put(folder, "grows.mp4", changed=time.time() + 60)
    grown = itertools.count(1e9)
    monkeypatch.setattr("untrim.watching.time.sleep", lambda _: put(folder, "grows.mp4", "x", next(grown)))
    report = watch(folder, "run", folder.parent / "found.jsonl", once=True, settle=0.3, poll=0.05)
    assert report == WatchReport(0, {}, ("grows.mp4",))


def test_it_stops_between_files_and_resumes(folder: Path) -> None:
    for index in range(4):
        put(folder, f"{index}.mp4", changed=1e9 + index)
    output = folder.parent / "found.jsonl"
    with pytest.raises(Stopped):
        watch(folder, "run", output, should_stop=lambda: len(lines(output)) == 2)
    with pytest.raises(Stopped):
        watch(folder, "run", output, should_stop=lambda: len(lines(output)) == 4)
    assert [line["video"] for line in lines(output)] == ["0", "1", "2", "3"]
    assert not list(folder.parent.glob(".*"))


@pytest.mark.parametrize("size", [1, 20, -3, -2])
def test_half_a_line_is_cut_off_and_its_video_done_again(folder: Path, size: int) -> None:
    for index in range(3):
        put(folder, f"{index}.mp4", changed=1e9 + index)
    once(folder)
    output = folder.parent / "found.jsonl"
    *whole, last = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join(whole) + last[:size])
    assert once(folder).done == 1
    assert [line["video"] for line in lines(output)] == ["0", "1", "2"]


def test_a_file_that_ends_the_process_is_given_up(folder: Path) -> None:
    put(folder, "crash.mp4")
    told: list[str] = []
    state = (folder / "crash.mp4").stat()
    mark = folder.parent / ".found.now.json"
    about = {"schema": 1, "video": "crash", "file": "crash.mp4", "bytes": 4, "changed_ns": state.st_mtime_ns}
    for attempt in (1, 2):
        mark.write_text(json.dumps(about))
        with pytest.raises(Stopped):
            watch(folder, "run", folder.parent / "found.jsonl", retries=1, should_stop=lambda: True)
        assert [line["attempt"] for line in lines(folder.parent / "found-failures.jsonl")] == [1, 2][:attempt]
    assert once(folder, retries=1, tell=told.append) == WatchReport(0, {}, ())
    assert lines(folder.parent / "found-failures.jsonl")[-1]["reason"] == "the process ended while it was at this file"


def test_a_process_that_is_killed_after_the_line_leaves_it_done(folder: Path) -> None:
    put(folder, "a.mp4")
    once(folder)
    line = lines(folder.parent / "found.jsonl")[0]
    (folder.parent / ".found.now.json").write_text(json.dumps(line))
    assert once(folder) == WatchReport(0, {}, ())
    assert not (folder.parent / "found-failures.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"my notes", "is not a file that `untrim watch` wrote"),
        (b"my notes\n", "is not a line that `untrim watch` wrote"),
        (b'{"schema": 1, "video": "a"}\n{"sche', "is not a line that `untrim watch` wrote"),
        (b'{"schema": 9}\n', "newer untrim"),
        (b"\xff\n", "is not UTF-8"),
        (b"[1]\n", "is not a line that `untrim watch` wrote: .* should be an object"),
    ],
)
def test_a_file_of_something_else_is_refused_and_kept(folder: Path, content: bytes, said: str) -> None:
    put(folder, "a.mp4")
    (folder.parent / "found.jsonl").write_bytes(content)
    with pytest.raises(UntrimError, match=said):
        once(folder)
    assert (folder.parent / "found.jsonl").read_bytes() == content


def test_a_damaged_note_of_the_file_in_work_is_refused(folder: Path) -> None:
    (folder.parent / ".found.now.json").write_text("[" * 100_000)
    with pytest.raises(UntrimError, match=r"nested too deeply.*remove it"):
        once(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"settle": float("nan")}, {"poll": float("nan")}, {"retry_after": float("inf")}, {"settle": "5"},
        {"poll": -1.0}, {"retries": -1}, {"retries": 1.5},
    ],
)  # fmt: skip
def test_times_and_numbers_that_make_no_sense_are_refused(folder: Path, options: dict[str, object]) -> None:
    with pytest.raises(UntrimError, match=f"{next(iter(options))}.*0 or more"):
        once(folder, **options)


def test_no_wait_is_too_long_to_be_written(folder: Path) -> None:
    put(folder, "bad.mp4", "bad")
    assert once(folder, retry_after=1e300).failed
    (line,) = lines(folder.parent / "found-failures.jsonl")
    assert int(line["again"][:4]) <= time.gmtime().tm_year + 2


def test_two_watches_do_not_write_to_one_file(folder: Path) -> None:
    put(folder, "a.mp4")
    with locked_file(folder.parent / "found.jsonl"), pytest.raises(UntrimError, match="another run writes to this"):
        once(folder)


def test_work_that_cannot_be_done_at_all_ends_the_watch(folder: Path) -> None:
    put(folder, "full.mp4", "full")
    with pytest.raises(WorkFailed):
        once(folder)
    assert not list(folder.parent.glob("found*"))


def test_a_folder_that_is_gone_for_a_while_is_said_once(folder: Path) -> None:
    told: list[str] = []
    asked = iter([False] * 6 + [True] * 99)

    def should_stop() -> bool:
        if folder.is_dir():
            folder.rename(folder.with_name("elsewhere"))
        return next(asked)

    with pytest.raises(Stopped):
        watch(folder, "run", None, poll=0, settle=0, should_stop=should_stop, tell=told.append)
    assert told == [f"{folder}: is not there at the moment"]


def test_the_command_writes_lines_and_nothing_else_to_standard_output(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    put(folder, "ä.mp4")
    put(folder, "bad.mp4", "bad")
    ledger = folder.parent / "ledger.jsonl"
    assert run_untrim("watch", folder, "run", "-o", "-", "--ledger", ledger, "--once") == 1
    printed = capfdbinary.readouterr()
    assert printed.out == ledger.read_bytes()
    assert json.loads(printed.out)["video"] == "ä"
    assert printed.err.decode().splitlines()[-1] == (
        f"untrim: 1 video failed, listed in {folder.parent / 'ledger-failures.jsonl'}"
    )
    assert run_untrim("watch", folder, "run", "-o", "-", "--ledger", ledger, "--once") == 0
    assert capfdbinary.readouterr().out == b""
    assert run_untrim("watch", folder, "run", "-o", ledger, "--ledger", ledger, "--once") == 2
