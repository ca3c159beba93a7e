import sys
from pathlib import Path

import pytest

from untrim.errors import UntrimError
from untrim.support.registry import Registry

SHAPES = Registry("shape", "untrim.shapes", {"path": "pathlib:PurePath", "square": "nowhere:Square"})


def install(folder: Path, package: str, points: str, code: str) -> None:
    """A package of one module that declares entry points, on the path as pip puts it there."""
    (folder / f"{package}-1.0.dist-info").mkdir()
    (folder / f"{package}-1.0.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n")
    (folder / f"{package}-1.0.dist-info" / "entry_points.txt").write_text(f"[untrim.shapes]\n{points}\n")
    (folder / f"{package}.py").write_text(code)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("ovals", "eggs"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return tmp_path


def test_built_in_things_come_first_and_keep_their_names(folder: Path) -> None:
    install(folder, "ovals", "oval = ovals:Oval\negg = ovals:Oval\npath = ovals:Oval", "class Oval: ...")
    assert SHAPES.names() == ["path", "square", "egg", "oval"]
    assert SHAPES.load("path").__module__.startswith("pathlib")
    assert SHAPES.load("oval").__module__ == "ovals"


def test_an_unknown_name_is_told_the_nearest(folder: Path) -> None:
    install(folder, "ovals", "oval = ovals:Oval", "class Oval: ...")
    with pytest.raises(UntrimError, match=r"unknown shape 'ovla' \(did you mean 'oval'\?\)"):
        SHAPES.load("ovla")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("class Ovla: ...", "AttributeError: module 'ovals' has no attribute 'Oval'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def :", "SyntaxError: invalid syntax"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_a_line(folder: Path, code: str, reason: str) -> None:
    install(folder, "ovals", "oval = ovals:Oval", code)
    with pytest.raises(UntrimError) as caught:
        SHAPES.load("oval")
    assert str(caught.value).startswith(
        "entry point untrim.shapes: oval = ovals:Oval: the shape 'oval' cannot be loaded"
    )
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plugin_says_in_its_own_words_what_it_lacks(folder: Path) -> None:
    code = "from untrim.errors import UntrimError\nraise UntrimError('lacks a library', fix='install it')"
    install(folder, "ovals", "oval = ovals:Oval", code)
    with pytest.raises(UntrimError, match=r"^lacks a library \(install it\)$"):
        SHAPES.load("oval")


def test_a_fault_of_the_project_is_not_called_a_plugins() -> None:
    with pytest.raises(ModuleNotFoundError):
        SHAPES.load("square")


def test_two_packages_of_one_name_are_not_chosen_between(folder: Path) -> None:
    for package in ("ovals", "eggs"):
        install(folder, package, f"oval = {package}:Oval", "class Oval: ...")
    assert SHAPES.names() == ["path", "square", "oval"]
    with pytest.raises(UntrimError, match="two packages name a shape 'oval': eggs:Oval and ovals:Oval"):
        SHAPES.load("oval")
