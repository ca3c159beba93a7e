"""The pages tell the truth: commands and values that they name exist, marked blocks run, links lead somewhere.

A fence ``sh {.run}`` or ``python {.run}`` is run, in the order of its page, where `prepared` puts the files that pages
name; every other command is read by the parser of its verb.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import runpy
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer

import untrim
from untrim.cli import app, main
from untrim.data.summary import DataSummary
from untrim.errors import UntrimError
from untrim.methods import METHODS, load_method
from untrim.methods.additions import ADDITIONS, check_additions
from untrim.reproduction.published import tables
from untrim.support.settings import parse_settings
from untrim.training.choices import DEFAULT_METHOD
from untrim.training.configuration import configure

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SHELL = {
    "cd",
    "mkdir",
    "ls",
    "cat",
    "git",
    "for",
    "done",
    "while",
    "export",
    "cp",
    "unzip",
    "tar",
    "kill",
    "ray",
    "watch",
    "docker",
    "jq",
    "sort",
    "head",
}
FENCE = re.compile(r"^([ ]*)(`{3,})([^\n`]*)\n(.*?)^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SUMMARY = DataSummary(
    40, 5, 64, 1.2, np.arange(20, 60), np.zeros(64, np.float32), np.ones(64, np.float32), np.ones(64, np.float32)
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    head: str
    text: str

    @property
    def language(self) -> str:
        return self.head.split()[0] if self.head.strip() else ""

    @property
    def runs(self) -> bool:
        return ".run" in self.head

    @property
    def title(self) -> str | None:
        found = re.search(r'title="([^"]+)"', self.head)
        return found and found[1]

    def commands(self) -> list[list[str]]:
        """The words of each simple command, without what leads it in (`do`, `VALUE=1`) and what it is redirected to."""
        if self.language not in ("", "sh", "bash", "console"):
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language in ("", "console"):  # what is printed may stand there too
            lines = [
                line.removeprefix("$ ")
                for line in lines
                if re.match(r"\s*(\$ |(\w+=\S* )*(\S*/)?(untrim|python|pip|torchrun) )", line)
            ]
        return [command for line in lines for command in simple_commands(line)]


def simple_commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line.strip(), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    redirected = False
    for operator, words in itertools.groupby(lexer, key=lambda word: set(word) <= set("();<>|&")):
        command = list(words)
        while command and (command[0] in ("do", "time", "nice", "env") or re.match(r"\w+=", command[0])):
            command.pop(0)
        if not operator and command and not redirected:
            yield [re.sub(r"\$\{?\w+\}?", "1", word) for word in command]
        redirected = operator and bool(command) and set(command[-1]) <= set("<>")


def blocks(page: Path) -> list[Block]:
    return [Block(page, head.strip(), text) for _, _, head, text in FENCE.findall(page.read_text())]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def each_page(*, having: Callable[[Path], object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", [page for page in PAGES if having(page)], ids=name_of)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, write_video: Callable[..., Path]) -> Path:
    """What the pages begin with: real videos, features of them, labels, and a run with its detections."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "my_videos").mkdir()
    truth = ["video,label,start,end"]
    labels = ["video,label"]
    for index in range(6):
        name, label = f"garage_{index:02d}", ("open_door", "park_car")[index % 2]
        write_video(folder / "my_videos" / f"{name}.mp4", 40, seed=index)
        labels += [f"{name},{label}"] if index < 4 else []
        truth += [f"{name},{label},0.4,1.2"] if index >= 4 else []
    (folder / "labels.csv").write_text("\n".join(labels))
    (folder / "truth.csv").write_text("\n".join(truth))
    full = untrim.Annotations([full_video(line) for line in labels[1:]], source=folder)
    untrim.write_annotations(full, folder / "annotations_full.json")
    untrim.write_annotations(untrim.read_annotations(folder / "truth.csv"), folder / "truth.json")
    few_columns = {"grids": False}  # So that two training steps are enough to find something in each video.
    untrim.extract([folder / "my_videos"], folder / "features", settings=few_columns, workers=1)
    shutil.copytree(folder / "features", folder / "micro_features")
    shutil.copy(folder / "labels.csv", folder / "micro_labels.csv")
    features, trained = untrim.FeatureFolder.open(folder / "features"), untrim.read_annotations(folder / "labels.csv")
    with pytest.MonkeyPatch.context() as monkeypatch:
        train_briefly(monkeypatch)
        found = untrim.train("wsad", [(features, trained)], folder / "run")
    untrim.write_detections(untrim.localize(found, features), folder / "detections.json")
    return folder


def full_video(line: str) -> untrim.Video:
    name, label = line.split(",")
    return untrim.Video(name, "training", 1.6, (label,), (untrim.Instance(label, untrim.Segment(0.4, 1.2)),))


def train_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's defaults with two training steps."""
    rules = DataSummary.training_defaults
    monkeypatch.setattr(DataSummary, "training_defaults", lambda data, **_: {**rules(data), "iterations": 2})


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Path:
    """The prepared folder, to write in."""
    return Path(shutil.copytree(prepared, tmp_path / "work"))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of the page on adding a method, installed as its pyproject.toml says."""
    files = {block.title: block.text for block in blocks(ROOT / "docs" / "add-a-method.md") if block.title}
    folder = tmp_path / "plugin"
    info = folder / "softpool-0.1.0.dist-info"
    info.mkdir(parents=True)
    for title, text in files.items():
        (folder / title).write_text(text)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [f"{name} = {place}" for name, place in project["entry-points"]["untrim.methods"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[untrim.methods]", *points]))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "softpool", raising=False)
    return folder


@each_page(having=lambda page: any(block.commands() for block in blocks(page)))
def test_commands_are_accepted(page: Path, plugin: Path) -> None:
    for block in blocks(page):
        for words in block.commands():
            check_command(words)


def check_command(words: Sequence[str]) -> None:
    program, arguments = Path(words[0]).name, list(words[1:])
    if program == "untrim":
        check_untrim(arguments)
    elif program in ("python", "python3") and arguments[:1] != ["-m"]:
        assert (ROOT / arguments[0]).is_file(), arguments[0]
    elif program == "torchrun" or program.startswith("python"):
        assert program != "torchrun" or "untrim" in arguments
        if "untrim" in arguments:
            check_untrim(arguments[arguments.index("untrim") + 1 :])
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = re.findall(r"\[([\w,-]+)\]", " ".join(arguments))
        assert {extra for group in named for extra in group.split(",")} <= extras.keys(), words
    else:
        assert program in {"pytest", "mkdocs", "npm", *SHELL}, f"{words}: what is this?"


def check_untrim(arguments: Sequence[str]) -> None:
    """The verb takes these arguments, and the method these values."""
    if arguments[0] == "--help":
        return
    verb, *rest = arguments
    assert verb in COMMANDS, f"no verb {verb}"
    with contextlib.suppress(typer.Exit):  # --help, --protocol list
        given = COMMANDS[verb].make_context(verb, rest).params
        if verb == "train":
            method = load_method(given["method"] or DEFAULT_METHOD)
            configure(method, SUMMARY, given["recipe"], parse_settings(given["settings"]))


@each_page(having=lambda page: "`untrim " in prose(page))
def test_verbs_and_options_in_the_text_exist(page: Path) -> None:
    for code in INLINE.findall(prose(page)):
        words = code.split()
        if words[0] == "untrim" and len(words) > 1 and words[1] != "--help":
            assert words[1] in COMMANDS, code
            command = COMMANDS[words[1]]
            command = getattr(command, "commands", {}).get("".join(words[2:3]), command)  # such as `weights list`
            known = {flag for option in command.params for flag in [*option.opts, *option.secondary_opts]}
            assert {word for word in words if word.startswith("--")} - {"--help"} <= known, code


@each_page(having=lambda page: re.search(r"`\w+:(table|figure)", prose(page)))
def test_published_tables_that_pages_name_exist(page: Path) -> None:
    named = [code for code in INLINE.findall(prose(page)) if re.fullmatch(r"(wsad|wsbm|lpat|ecm|project):\w+", code)]
    assert named
    assert set(named) <= tables().keys()


@pytest.mark.parametrize("method", METHODS.built_in)
def test_the_page_of_a_method_names_values_that_it_takes(method: str) -> None:
    text = prose(ROOT / "docs" / "methods" / f"{method}.md")
    cls = load_method(method)
    for code in INLINE.findall(text):
        words = code.split()
        settings = [value for flag, value in itertools.pairwise(words) if flag == "--set"]
        if settings:
            configure(cls, SUMMARY, "paper" if "paper" in cls.presets else None, parse_settings(settings))
        if words[0] == "--recipe" and len(words) > 1:
            assert words[1] in cls.presets, code
        elif re.fullmatch(r"\w+=\w+", code):
            configure(cls, SUMMARY, None, parse_settings([code]))
    assert f"<!-- options: {method} -->" in text


def test_what_combines_is_as_the_table_says() -> None:
    rows = re.findall(r"^\| `(\w+)` " + 4 * r"\| (.*) " + r"\|$", (ROOT / "docs/methods/index.md").read_text(), re.M)
    assert [row[0] for row in rows] == [name for name in METHODS.built_in if load_method(name).supervision != "none"]
    for name, *cells in rows:
        cls = load_method(name)
        for key, cell in zip(ADDITIONS, cells, strict=True):
            small = {"hidden": 4} if "hidden" in cls.Config.model_fields else {}
            config = cls.Config.model_validate({key: 1.0, "groups": 3, **small})
            try:
                check_additions(cls(config, 8, ["a", "b"]), config, np.ones((3, 2), dtype=np.float32))
                found = "yes"
            except UntrimError as error:
                found = str(error)
            words = {"its own": "has this loss of its own"}.get(cell, cell.removeprefix("no "))
            assert words in found, (name, key, found)


@each_page(having=lambda page: any(block.runs for block in blocks(page)))
def test_marked_blocks_run(
    page: Path, workspace: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    train_briefly(monkeypatch)
    names: dict[str, object] = {}
    for block in filter(lambda block: block.runs, blocks(page)):
        if block.language == "python":
            exec(compile(block.text, name_of(page), "exec"), names)
        for words in block.commands():
            assert run(words[1:], monkeypatch) == 0, (words, capsys.readouterr().err)


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The command line in this process; its exit code."""
    if arguments[0] == "train" and "--resume" not in arguments:
        shutil.rmtree(arguments[arguments.index("-o") + 1], ignore_errors=True)
    monkeypatch.setattr(sys, "argv", ["untrim", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_the_tests_on_the_page_of_a_plugin_pass(plugin: Path) -> None:
    names = runpy.run_path(str(plugin / "test_softpool.py"))
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mkdocs", reason="needs the extra 'docs'")
    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.chdir(ROOT)
    build(load_config("mkdocs.yml", strict=True, site_dir=str(tmp_path)))
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    loaded = re.compile(r'<(?:script|img|iframe|source)[^>]*\bsrc="?(?:https?:)?//|<link[^>]*href="?(?:https?:)?//')
    assert [name for name, text in pages.items() if loaded.search(text)] == []
    assert [path for path in tmp_path.rglob("*.css") if "@import" in path.read_text()] == []
    wsad = pages["methods/wsad.html"]
    assert wsad.count("<math") > 10
    assert "arithmatex" not in wsad
    code = (ROOT / "src/untrim/methods/wsad.py").read_text()
    line = code[: code.index("    def clip(")].count("\n") + 1
    assert f'href="../source/src/untrim/methods/wsad.html#__codelineno-0-{line}"' in wsad
    assert f'id="__codelineno-0-{line}"' in pages["source/src/untrim/methods/wsad.html"]
    assert "<td><code>kappa</code></td>" in wsad
    assert set(re.findall(r'id="untrim\.(\w+)"', pages["api.html"])) == set(untrim.__all__)
    assert "data:image/png" in pages["notebooks/first-steps.html"]
