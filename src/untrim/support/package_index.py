"""Source distributions from the Python package index, fetched by pip, also where this Python has none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

from untrim.errors import WorkFailed


def fetch_source(requirement: str, sha256: str, folder: Path) -> Path:
    """Download a source distribution into `folder`, from whatever index the user has configured; gives its file.

    pip runs a source distribution's set-up code to ask for its metadata, which is why it is given the digest: it
    compares before it unpacks.

    Args:
        requirement: ``package==version``.
        sha256: Digest of the archive.
        folder: An empty folder.

    Raises:
        WorkFailed: There is no pip and none can be made, the download fails, or its digest is another.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    command = [*_pip(folder / "pip"), "download", "--quiet", "--no-deps", "--require-hashes"]
    command += [
        "--no-binary",
        requirement.partition("==")[0],
        "--dest",
        str(folder),
        "--requirement",
        str(requirements),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    archives = list(folder.glob("*.tar.gz"))
    if found.returncode or len(archives) != 1:
        errors = [line for line in found.stderr.splitlines() if line.lower().startswith("error")]
        reason = errors[-1].partition(": ")[2] if errors else f"pip ended with {found.returncode}"
        raise WorkFailed(f"pip could not fetch {requirement}: {reason:.300}", fix="check pip and the network")
    return archives[0]


def _pip(home: Path) -> list[str]:
    """How pip is called: this Python's, else one made at `home` from Python's own copy of it, else through uv.

    An environment that uv makes has no pip; a Python that Debian packages may lack the copy.
    """
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    builder = venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt")
    try:
        builder.create(home)
        return [builder.ensure_directories(home).env_exe, "-m", "pip"]
    except (OSError, subprocess.CalledProcessError):
        if uv := shutil.which("uv"):
            return [uv, "tool", "run", "--python", sys.executable, "pip"]
    raise WorkFailed("this Python has no pip, nor a copy of it to install", fix="install pip or uv")


def _environment() -> dict[str, str]:
    """The environment, in which an index that uv is told of counts for pip, unless pip is told of its own."""
    environment = dict(os.environ)
    if index := environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL"):
        environment.setdefault("PIP_INDEX_URL", index)
    return environment
