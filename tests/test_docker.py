"""The Dockerfile without Docker: what it copies and runs is there, and its lock file fits pyproject.toml."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from untrim.cli import app

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = r"\d+\.\d+\.\d+"


def stages() -> list[list[tuple[str, str]]]:
    """Instructions and their arguments, of each stage of the build."""
    text = (ROOT / "Dockerfile").read_text()
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, whole.splitlines()):
        name, _, rest = line.partition(" ")
        assert name in {"FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"}, (
            line
        )
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest.strip()))
    return found


def of(instruction: str) -> list[str]:
    """The arguments of an instruction in the last stage, which becomes the image."""
    return [rest for name, rest in stages()[-1] if name == instruction]


def locked() -> dict[str, str]:
    lines = (ROOT / "docker" / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_bases_are_pinned_and_no_registry_is_named() -> None:
    for stage in stages():
        assert re.fullmatch(rf"\w+:{VERSION}-[\w-]+( AS \w+)?", stage[0][1])
    for file in ("Dockerfile", "docker/requirements.lock"):
        assert "://" not in (ROOT / file).read_text()
    python = re.search(VERSION, stages()[-1][0][1])
    assert python is not None
    assert f"Python :: {'.'.join(python[0].split('.')[:2])}" in " ".join(PROJECT["classifiers"])


def copied() -> Iterator[str]:
    for stage in stages():
        for name, rest in stage:
            if name == "COPY" and not rest.startswith("--from="):
                yield from shlex.split(rest)[:-1]


def test_what_is_copied_is_there_and_sent_to_the_build() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")]
    names = list(copied())
    assert {"src", "pyproject.toml", "docker/requirements.lock"} <= set(names)
    for name in names:
        assert (ROOT / name).exists()
        sent = [not rule.startswith("!") for rule in ignored if fnmatch(name, rule.removeprefix("!"))]
        assert sent, name
        assert not sent[-1], name


def test_the_image_runs_as_somebody_else_than_root() -> None:
    (user,) = of("USER")
    assert user not in ("root", "0")
    assert any(f"useradd --create-home --uid 10001 {user}" in run for run in of("RUN"))


def test_the_health_check_and_what_is_run_exist() -> None:
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    (check,) = of("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[0] in PROJECT["scripts"]
    verbs[command[1]].make_context(command[1], command[2:])
    assert json.loads(of("ENTRYPOINT")[0])[0] in PROJECT["scripts"]


def test_the_lock_file_holds_what_the_package_needs_and_no_more() -> None:
    lock = locked()
    assert all(re.fullmatch(r"[\w.]+", version) for version in lock.values())
    wanted = [Requirement(text) for text in PROJECT["dependencies"]]
    for requirement in wanted:
        assert requirement.specifier.contains(lock[canonicalize_name(requirement.name)], prereleases=True)
    needed: set[str] = set()
    waiting = [canonicalize_name(requirement.name) for requirement in wanted]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += further(name)
    assert needed - lock.keys() == set()
    assert len(lock.keys() - needed) <= 3  # Versions that are installed here may need a little less.


def further(name: str) -> list[str]:
    """What an installed package needs on Linux; CUDA, which torch for CPUs does without, is left out."""
    try:
        texts = requires(name) or []
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    found = [Requirement(text) for text in texts]
    here = [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]
    return [canonicalize_name(each.name) for each in here if not re.match(r"nvidia|cuda|triton", each.name)]
