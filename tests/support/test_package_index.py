"""Fetching without a network, real pip reading a folder: with a pip, with one that has to be made, through uv."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

from untrim.errors import WorkFailed
from untrim.support import package_index
from untrim.support.package_index import fetch_source

BACKEND = """
import pathlib
def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder, "made_up-1.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: made-up\\nVersion: 1.0\\n")
    return info.name
def build_wheel(*_):
    raise NotImplementedError
"""
FILES = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": BACKEND,
    "PKG-INFO": "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n",
}
UV = """#!/bin/sh
printf '%s\\n' "$*" > "$0.called"
while [ "$1" != --dest ]; do shift; done
cp "$ARCHIVE" "$2"
"""


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source distribution in a folder that is all that pip looks at."""
    (tmp_path / "index").mkdir()
    path = tmp_path / "index" / "made_up-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in FILES.items():
            entry = tarfile.TarInfo(f"made_up-1.0/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "download").mkdir()
    return tmp_path / "download"


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "find_spec", lambda name: None)


@pytest.fixture
def no_copy(no_pip: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_: object) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(venv.EnvBuilder, "create", create)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_by_this_pythons_pip(archive: Path, empty: Path) -> None:
    assert fetch_source("made-up==1.0", digest(archive), empty).read_bytes() == archive.read_bytes()


def test_another_digest_is_one_line_and_nothing_is_unpacked(archive: Path, empty: Path) -> None:
    with pytest.raises(WorkFailed, match=r"could not fetch made-up==1\.0: .*HASH") as caught:
        fetch_source("made-up==1.0", "0" * 64, empty)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_pip")
def test_by_a_pip_that_is_made_for_it(archive: Path, empty: Path) -> None:
    assert fetch_source("made-up==1.0", digest(archive), empty).read_bytes() == archive.read_bytes()


@pytest.mark.usefixtures("no_copy")
@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script")
def test_through_uv(archive: Path, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV)
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(uv.parent), prepend=os.pathsep)
    monkeypatch.setenv("ARCHIVE", str(archive))
    assert fetch_source("made-up==1.0", digest(archive), empty).read_bytes() == archive.read_bytes()
    assert Path(f"{uv}.called").read_text().startswith(f"tool run --python {sys.executable} pip download ")


@pytest.mark.usefixtures("no_copy")
def test_neither_pip_nor_uv_is_one_line(archive: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkFailed, match="this Python has no pip, nor a copy of it to install"):
        fetch_source("made-up==1.0", digest(archive), empty)


@pytest.mark.parametrize("of_uv", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
@pytest.mark.parametrize(("of_pip", "wanted"), [({}, "uv"), ({"PIP_INDEX_URL": "pip"}, "pip")])
def test_uvs_index_counts_where_pip_has_none(
    of_uv: str, of_pip: dict[str, str], wanted: str, archive: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {of_uv: "uv", **of_pip}.items():
        monkeypatch.setenv(name, value)
    seen = {}

    def run(command: list[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        seen.update(env)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(WorkFailed, match="pip ended with 0"):
        fetch_source("made-up==1.0", digest(archive), empty)
    assert seen["PIP_INDEX_URL"] == wanted
