import subprocess
import sys
from pathlib import Path

import pytest

PARTS, SIZE = 4, 500


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and bounds on memory")
@pytest.mark.parametrize("part", range(PARTS))
def test_wrong_inputs_are_one_line_each(part: int) -> None:
    """2,000 in all, by fixed seeds; `python -m fuzz --inputs 20000` runs more."""
    asked = ["--first", str(part * SIZE), "--inputs", str(SIZE)]
    command = [sys.executable, "-m", "fuzz", *asked]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SIZE} inputs" in done.stdout
