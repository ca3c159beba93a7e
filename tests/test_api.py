import subprocess
import sys

import untrim


def test_every_public_name_is_there() -> None:
    assert all(getattr(untrim, name) is not None for name in untrim.__all__)
    assert set(untrim.__all__) == set(untrim._HOME_OF)


def test_the_command_line_starts_without_tensors() -> None:
    code = "import sys, untrim.cli; print(sorted({'torch', 'cv2', 'av', 'numpy'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
