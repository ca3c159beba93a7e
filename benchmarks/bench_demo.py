"""Where the processor time of `untrim demo` goes, by part.

    OMP_NUM_THREADS=1 python benchmarks/bench_demo.py OUT

Renders, extracts, trains, localizes and reports into the folder OUT, as the command does, and prints CPU seconds of all
processes together. A part ends where the next one begins; the last one has what comes after the last video.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from untrim.demo import demo_corpus, run_demo


class Clock:
    """A hook for progress that adds up processor time by the name of the work."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self.now, self.since = "start", 0.0

    def __call__(self, what: str, done: int, total: int, note: str, /) -> None:
        if what != self.now:
            spent = sum(
                usage.ru_utime + usage.ru_stime
                for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            )
            self.parts[self.now] = self.parts.get(self.now, 0.0) + spent - self.since
            self.now, self.since = what, spent


def main() -> None:
    clock = Clock()
    results = run_demo(Path(sys.argv[1]), demo_corpus(seed=0), progress=clock)
    clock("end", 0, 0, "")
    for what, seconds in {**clock.parts, "all": sum(clock.parts.values())}.items():
        print(f"{what:28} {seconds:7.1f} s")
    for name, result in results.items():
        print(f"{name:28} mAP@0.5 {100 * result.mean[result.iou.index(0.5)]:5.1f}")


if __name__ == "__main__":  # Workers import this file again.
    main()
