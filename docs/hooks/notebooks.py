"""A notebook ``<name>.ipynb`` becomes the page ``<name>.md``, with what it printed and drew."""

from __future__ import annotations

import json
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """A page for each notebook."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        notebook = Path(config.docs_dir, file.src_uri)
        page = File.generated(config, str(Path(file.src_uri).with_suffix(".md")), content=markdown(notebook))
        files.append(page)
    return files


def markdown(notebook: Path) -> str:
    """The cells of a notebook as Markdown, and below its title a link to the file."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    (title, _, rest), *others = ("".join(cells[0]["source"]).partition("\n"), *cells[1:])
    parts = [title, f"[Download this notebook]({notebook.name})", rest]
    for cell in others:
        source = "".join(cell["source"])
        parts += [source] if cell["cell_type"] == "markdown" else [f"```python\n{source}\n```"]
        parts += [_shown(output) for output in cell.get("outputs", [])]
    return "\n\n".join(parts) + "\n"


def _shown(output: dict[str, object]) -> str:
    """What a cell printed, how its last value shows itself, or the picture that it drew."""
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    if "text/html" in output["data"]:  # In one line: an empty one would end it.
        return f"<div>{' '.join(''.join(output['data']['text/html']).split())}</div>"
    return f"![What the cell draws](data:image/png;base64,{output['data']['image/png'].strip()})"
