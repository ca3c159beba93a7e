"""The comment ``<!-- options: wsad -->`` becomes the table of a method's options, from its config itself."""

from __future__ import annotations

import json
import re

import numpy as np

from untrim.data.summary import DataSummary
from untrim.methods import load_method

_MARK = re.compile(r"^<!-- options: (\w+) -->$", re.MULTILINE)
# THUMOS14 with two-stream I3D features: what the papers measure on.
_EXAMPLE = DataSummary(
    videos=200,
    classes=20,
    dim=2048,
    labels_per_video=1.1,
    snippets=np.full(200, 300),
    column_means=np.zeros(2048, dtype=np.float32),
    stream_rms=np.ones(2048, dtype=np.float32),
    stream_deviations=np.ones(2048, dtype=np.float32),
)


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with its tables of options."""
    return _MARK.sub(lambda mark: options_table(mark[1]), markdown)


def options_table(name: str) -> str:
    """Markdown table of a method's options: the paper's value, the project's default, the presets', and its meaning."""
    method = load_method(name)
    ours = method.Config.model_validate(method.defaults(_EXAMPLE)).model_dump()
    presets = [preset for preset, values in method.presets.items() if values]
    lines = [_row(["option", "paper", "default", *presets, "meaning"]), _row(["---"] * (4 + len(presets)))]
    for key, option in method.Config.model_json_schema()["properties"].items():
        paper = option["default"]
        values = [paper, ours[key], *(method.presets[preset].get(key, paper) for preset in presets)]
        shown = [_code(paper), *("" if value == paper else _code(value) for value in values[1:])]
        lines.append(_row([f"`{key}`", *shown, " ".join(option["description"].split()).replace("|", "\\|")]))
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(value: object) -> str:
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"
