"""Films, a folder of them, and the page of a studio that has it open."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from films import record_levels
from studio.pages import Page, opened
from untrim.studio.project import open_project


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three short videos, one of them in a folder in it."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "inner").mkdir()
    for name in ("garage", "yard", "inner/hall"):
        record_levels(folder / f"{name}.mp4")
    return folder


@pytest.fixture
def folder(films: Path, tmp_path: Path) -> Path:
    """A copy of the films to open as a project."""
    return Path(shutil.copytree(films, tmp_path / "my videos"))


@pytest.fixture
def page(folder: Path) -> Iterator[Page]:
    with opened(open_project(folder)) as page:
        yield page
