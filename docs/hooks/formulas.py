"""TeX formulas become MathML, which the browser itself draws: no script, no font, nothing from another host."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

# What pymdownx.arithmatex (generic) leaves of $…$ and of $$…$$.
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\s*\\[(\[](.*?)\\[)\]]\s*</\1>', re.DOTALL)


def on_page_content(content: str, **_: object) -> str:
    """The page with its formulas drawn."""

    def draw(formula: re.Match[str]) -> str:
        return convert(html.unescape(formula[2]).strip(), display="inline" if formula[1] == "span" else "block")

    return _FORMULA.sub(draw, content)
