"""``PYTHONPATH=tests python -m fuzz --inputs 20000``: run so many wrong inputs; ``--seed N`` runs that one."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from fuzz.project import make_project
from fuzz.running import run_inputs


def main() -> None:
    """Run the inputs, print those that break a promise, and exit with 1 if one does."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--seed", type=int, help="only this one, and show what it says")
    asked = parser.parse_args()
    first, count = (asked.first, asked.inputs) if asked.seed is None else (asked.seed, 1)
    codes: Counter[int] = Counter()
    broken = 0
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "project")
        project.mkdir()
        make_project(project)
        for outcome in run_inputs(project, Path(scratch), range(first, first + count)):
            codes[outcome.code] += 1
            broken += outcome.broken is not None
            if outcome.broken is not None or asked.seed is not None:
                print(outcome, flush=True)
    ended = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
    print(f"{count} inputs ({ended}): {broken} broke a promise")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":  # Processes that a call starts import this again.
    main()
