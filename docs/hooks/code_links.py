"""Links from a page to the code lead to pages of the site that show it, at the line of the definition that is meant.

A page links to a file where it lies, with the name of a definition: ``../../src/untrim/methods/wsad.py#WSAD.clip``.
"""

from __future__ import annotations

import ast
import logging
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.code_links")

_CODE_LINK = re.compile(r"\]\(((?:\.\./)+(?:src|tests|benchmarks)/[\w./-]+\.py)(?:#([\w.]+))?\)")
# mkdocs does not see the anchors of lines of code and would call such links broken: they get theirs at the end.
_LINE_LINK = re.compile(r'data-line="(\d+)" href="([^"]+)"')
_CODE_PAGE = """---
search: {{exclude: true}}
hide: [toc]
---
# `{path}`

~~~~~~{{.python linenums="1"}}
{code}~~~~~~
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """A page for each file of code that a page links to."""
    pages = files.documentation_pages()
    links = {_module(page, link, config) for page in pages for link, _ in _CODE_LINK.findall(page.content_string)}
    for module in sorted(filter(None, links)):
        content = _CODE_PAGE.format(path=module.relative_to(_root(config)), code=module.read_text())
        files.append(File.generated(config, _page_of(module, config), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Links to code become links to its page; a definition that is not there is a warning."""

    def lead(link: re.Match[str]) -> str:
        module = _module(page.file, link[1], config)
        if module is None:
            return link[0]  # mkdocs warns of it
        lines = dict(definitions(ast.parse(module.read_text())))
        if link[2] and link[2] not in lines:
            log.warning("%s: %s defines no '%s'", page.file.src_uri, link[1], link[2])
        target = posixpath.relpath(_page_of(module, config), posixpath.dirname(page.file.src_uri))
        return f"]({target}){{ data-line={lines.get(link[2], 1)} }}"

    return _CODE_LINK.sub(lead, markdown)


def on_page_content(content: str, **_: object) -> str:
    """Links to code with their lines."""
    return _LINE_LINK.sub(r'href="\2#__codelineno-0-\1"', content)


def definitions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Functions and classes of a module, ``Class.method`` those of classes, each with its line."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield prefix + child.name, child.lineno
            yield from definitions(child, f"{prefix}{child.name}.")


def _root(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).parent


def _module(page: File, link: str, config: MkDocsConfig) -> Path | None:
    """The file of code that a link of a page means; None if there is none."""
    path = Path(os.path.normpath(Path(config.docs_dir, page.src_uri).parent / link))
    return path if path.is_file() and path.is_relative_to(_root(config)) else None


def _page_of(module: Path, config: MkDocsConfig) -> str:
    return f"source/{module.relative_to(_root(config)).with_suffix('.md').as_posix()}"
