"""What people are offered from `pip install` on: what the wheel and the source distribution hold, and other systems."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
SOURCES = {
    path.relative_to(ROOT / "src").as_posix()
    for path in (ROOT / "src" / "untrim").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
IMPORT_EVERYTHING = """
import pkgutil, sys
import av, cv2, filelock, matplotlib.figure, rich, torch, torch.distributed, torch.utils.tensorboard, typer
for name in ("fcntl", "pwd", "resource", "termios"):
    sys.modules[name] = None  # An import of it fails from here on.
import untrim
from untrim.errors import UntrimError
names = [module.name for module in pkgutil.walk_packages(untrim.__path__, "untrim.")]
names.remove("untrim.__main__")
for name in names:
    try:
        __import__(name)
    except UntrimError as error:  # What stands behind an extra says so.
        if "is not installed (pip install 'untrim[" not in str(error):
            raise
print(len(names))
"""


def test_the_wheel_holds_the_sources_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path)))) as wheel:
        files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert files == SOURCES
    assert {"untrim/py.typed", "untrim/reports/report.css", "untrim/reports/report.html.j2"} <= files
    assert {Path(name).suffix for name in files}.isdisjoint({".png", ".jpg", ".gif", ".mp4", ".npy", ".npz"})


def test_the_source_distribution_holds_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    with tarfile.open(next(SdistBuilder(str(ROOT)).build(directory=str(tmp_path)))) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    about = {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert files == {f"src/{name}" for name in SOURCES} | about


@pytest.mark.skipif(sys.platform == "win32", reason="there it is so by nature")
def test_nothing_needs_a_module_of_unix_to_be_imported() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORT_EVERYTHING], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 100
