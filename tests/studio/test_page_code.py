"""The page's own code: types, style, and what it may load."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "src/untrim/studio/static"
TOOLS = Path(__file__).parent / "lint"


def tool(name: str, *arguments: str) -> None:
    """Run a tool of npm's; what it complains of fails the test."""
    program = TOOLS / "node_modules/.bin" / name
    if shutil.which("node") is None:
        pytest.skip("needs node")
    if not program.exists():
        pytest.skip(f"needs the page's tools: npm install --prefix {TOOLS.relative_to(STATIC.parents[3])}")
    done = subprocess.run([program, *arguments], cwd=STATIC, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_agree() -> None:
    tool("tsc", "--noEmit", "--project", str(TOOLS))


def test_style_is_kept() -> None:
    tool("eslint", "--config", str(TOOLS / "eslint.config.js"), "--max-warnings", "0", ".")


def test_the_layout_is_that_of_prettier() -> None:
    tool("prettier", "--config", str(TOOLS / "prettier.json"), "--check", ".")


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.js")), ids=lambda file: file.stem)
def test_every_module_is_checked_and_short(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[0] == "// @ts-check"
    assert lines[1].startswith("/**"), "what the module is for comes first"
    assert len(lines) <= 250


def test_the_page_names_no_other_host() -> None:
    for file in STATIC.rglob("*.*"):
        hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"http://www\.w3\.org/\S+", "", file.read_text())))
        assert not hosts, f"{file.name}: {hosts}"


def test_every_icon_and_import_is_there() -> None:
    icons = set(re.findall(r'id="([\w-]+)"', (STATIC / "icons.svg").read_text()))
    for file in STATIC.rglob("*.js"):
        text = file.read_text()
        for name in re.findall(r'\bicon\("([\w-]+)"\)', text):
            assert name in icons, f"{file.name}: {name}"
        for name in re.findall(r'from "(\.[^"]+)"', text):
            assert (file.parent / name).is_file(), f"{file.name}: {name}"
