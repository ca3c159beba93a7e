"""Does each good file of a stream get exactly one line of `untrim watch`, through restarts and a kill?

    OMP_NUM_THREADS=1 python benchmarks/watch_stream.py RUN VIDEO [FILES=500] [BROKEN=20]

Copies of a video, some of them cut off or full of noise, come to a folder under a hidden name and are renamed, a tenth
of a second apart. `untrim watch` is ended by SIGTERM after a quarter of them, by SIGKILL after a half, at whatever it
is, and by SIGINT after three quarters; each time it is started again, the last time with `--once`. RUN is a run whose
features untrim extracts; a small VIDEO keeps it short.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

SECONDS_BETWEEN_FILES = 0.1
STOPS = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


def main() -> None:
    run, video = map(Path, sys.argv[1:3])
    asked = [int(text) for text in sys.argv[3:5]]
    files, broken = [*asked, *(500, 20)[len(asked) :]]
    with tempfile.TemporaryDirectory() as place:
        folder, output = Path(place, "incoming"), Path(place, "found.jsonl")
        folder.mkdir()
        bad = set(random.Random(0).sample(range(files), broken))
        began = time.monotonic()
        sender = threading.Thread(target=send, args=(folder, video.read_bytes(), files, bad), daemon=True)
        sender.start()
        arguments = [str(folder), str(run), "-o", str(output)]
        for quarter, number in enumerate(STOPS, 1):
            code = watch(arguments, output, (files - broken) * quarter // 4, number)
            print(f"{lines(output)} lines; ended by {number.name}, exit code {code}", flush=True)
        sender.join()
        code = watch([*arguments, "--once"], output, files + 1, signal.SIGTERM)
        print(f"{lines(output)} lines; ended by itself, exit code {code}")
        seconds = time.monotonic() - began
        report(output, files, bad, seconds)


def send(folder: Path, content: bytes, files: int, bad: set[int]) -> None:
    """Write the files, a good or a broken one at a time."""
    noise = random.Random(1)
    for index in range(files):
        part = folder / f".{index:03d}.mp4.part"
        damaged = content[: len(content) // 3] if index % 2 else noise.randbytes(len(content))
        part.write_bytes(damaged if index in bad else content)
        part.rename(folder / f"{index:03d}.mp4")
        time.sleep(SECONDS_BETWEEN_FILES)


def watch(arguments: list[str], output: Path, count: int, number: signal.Signals) -> int:
    """Run the command until so many lines are there, then send it a signal; its exit code."""
    command = [sys.executable, "-m", "untrim", "watch", *arguments, "--settle", "0.5", "--poll", "0.2"]
    with subprocess.Popen([*command, "--retries", "1", "--retry-after", "1"], stderr=subprocess.DEVNULL) as process:
        while lines(output) < count and process.poll() is None:
            time.sleep(0.01)
        if number is signal.SIGKILL:
            time.sleep(random.Random(2).uniform(0, 0.2))  # In the middle of a video.
        process.send_signal(number)
        return process.wait()


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def report(output: Path, files: int, bad: set[int], seconds: float) -> None:
    """Print what became of the files, and fail if a good one has not exactly one line."""
    found = Counter(json.loads(line)["video"] for line in output.read_text().splitlines())
    failures = output.with_name("found-failures.jsonl").read_text().splitlines()
    failed = {json.loads(line)["video"] for line in failures if "process ended" not in json.loads(line)["reason"]}
    good = {f"{index:03d}" for index in range(files) if index not in bad}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{files} files, {len(bad)} broken; {sum(found[name] == 1 for name in good)} of {len(good)} good ones once")
    print(f"{len(failed)} broken ones are listed; {sum(found.values()) - len(found)} lines twice")
    print(
        f"{seconds:.0f} s; {(used.ru_utime + used.ru_stime) / files:.2f} CPU-seconds per file, {len(STOPS) + 1} starts"
    )
    print(f"peak memory of the largest process: {used.ru_maxrss / 1e3:.0f} MB")
    assert found == dict.fromkeys(good, 1)
    assert failed == {f"{index:03d}" for index in bad}


if __name__ == "__main__":
    main()
