"""What differs between operating systems: cores, the memory of a process, whether a process is running."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path


def cores() -> int:
    """How many cores this process may use: fewer than the machine has under ``taskset``, or in a job of SLURM.

    Where the system has no such limit (macOS, Windows), all cores of the machine.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_mb() -> float | None:
    """The most memory that this process has had, in MB (10^6 bytes); None where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3  # macOS counts bytes, Linux KiB.


def is_running(pid: int) -> bool:
    """Whether there is a process of that number on this machine; True where that cannot be told (Windows)."""
    if os.name != "posix":
        return True  # There, `os.kill` would end it.
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # It belongs to someone else.
        return True
    return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """Whether a process has ended and its parent has not taken note of it, as the first one of a container never may.

    Told by Linux alone.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()  # number (name) state ...
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])


def end_if_still_importing() -> None:
    """End this process without a word, if it is one that Python started and that is still importing the script.

    It is where a script without ``if __name__ == "__main__":`` leads. The process that started it says what is wrong.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(1)
