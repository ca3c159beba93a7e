"""A stream of files through a watch that is stopped, killed and started again: each good file has one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

GOOD, BROKEN = 16, 4
SCRIPT = """
import sys, time, types
sys.path.insert(0, sys.argv.pop(1))
from conftest import predict

def slowly(path):
    time.sleep(0.03)
    return predict(path)

predicting = types.SimpleNamespace(open_predictor=lambda run, **options: slowly)
sys.modules["untrim.watching.predicting"] = predicting  # The real one takes seconds to load.
from untrim.cli import main
main()
"""


class Stream:
    """Files that come to a folder, one after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [f"{index:02d}.mp4" for index in range(GOOD + BROKEN)]
        self.bad = set(self.names[:: len(self.names) // BROKEN])
        self._next = iter(self.names)

    def send(self, count: int) -> None:
        for name in [next(self._next) for _ in range(count)]:
            part = self.folder / f".{name}.part"
            part.write_text("bad" if name in self.bad else f"good {name}")
            os.utime(part, (1e9, 1e9))
            part.rename(self.folder / name)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_each_good_file_has_one_line(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "found.jsonl"
    folder.mkdir()
    stream = Stream(folder)
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), "watch", str(folder), "run", "-o", str(output)]
    often = ["--poll", "0.05", "--settle", "0.2", "--retries", "1", "--retry-after", "0.1"]

    def until(count: int, number: signal.Signals) -> int:
        """Run a watch until so many lines are there, then send it a signal; its exit code."""
        with subprocess.Popen([*command, *often], stderr=subprocess.PIPE, text=True) as process:
            try:
                give_up = time.monotonic() + 60
                while lines(output) < count and process.poll() is None and time.monotonic() < give_up:
                    time.sleep(0.01)
                process.send_signal(number)
                said = process.communicate(timeout=60)[1]
            finally:
                process.kill()
        assert "Traceback" not in said
        return process.returncode

    stream.send(10)
    assert until(3, signal.SIGTERM) == 130
    stream.send(6)
    assert until(7, signal.SIGKILL) == -signal.SIGKILL
    with output.open("a") as cut_off:
        cut_off.write('{"schema": 1, "video": "0')
    stream.send(4)
    assert until(GOOD, signal.SIGINT) == 130
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert Counter(line["file"] for line in found) == dict.fromkeys(set(stream.names) - stream.bad, 1)
    assert all(line["detections"][0]["segment"][1] == line["bytes"] for line in found)
    listed = [json.loads(line) for line in (tmp_path / "found-failures.jsonl").read_text().splitlines()]
    broken = [line for line in listed if "not a readable video" in line["reason"]]
    assert {line["file"] for line in broken} == stream.bad
