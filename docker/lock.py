"""Write ``requirements.lock``: what pip installs today beside untrim, for the Dockerfile.

python docker/lock.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = Path(__file__).with_name("requirements.lock")


def main() -> None:
    """Ask pip what it would install, and write it down."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"]
    asked = ["--constraint", str(ROOT / "constraints.txt"), str(ROOT)]
    report = json.loads(subprocess.run([*command, *asked], check=True, capture_output=True, text=True).stdout)
    packages = {entry["metadata"]["name"].lower(): entry["metadata"]["version"] for entry in report["install"]}
    packages.pop("untrim")
    lines = [f"{name}=={version.partition('+')[0]}" for name, version in sorted(packages.items())]
    LOCK.write_text("# Made by `python docker/lock.py`; do not edit.\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
