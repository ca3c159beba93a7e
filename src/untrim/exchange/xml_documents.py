"""XML of other people's tools, read with bounds: no entities, no DTD, not too deep and not too large."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from untrim.errors import Place, UntrimError
from untrim.exchange.losses import Losses

_DEEPEST, _MOST = 64, 2_000_000
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_xml(text: str, where: object, root: str) -> Element:
    """The root of an XML text, which must be called `root`.

    Raises:
        UntrimError: Not XML, or with another root; or it holds what nobody means: a document type with entities,
            elements nested too deeply, or millions of them.
    """
    # The text is decoded already, so what the first line says of its encoding no longer holds.
    text = re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)
    parser = DefusedXMLParser(target=_Bounded(where), forbid_dtd=True)
    try:
        parser.feed(text)
        found = parser.close()
    except DefusedXmlException as error:
        what = f"holds {type(error).__name__}: a document type, or entities"
        raise UntrimError(what, where=where, fix="remove the <!DOCTYPE …>") from None
    except ParseError as error:
        raise UntrimError(f"is not valid XML: {error.msg}", where=Place(where, error.position[0])) from None
    if not isinstance(found, Element) or found.tag != root:
        raise UntrimError(f"begins with <{getattr(found, 'tag', '')!s:.40}>, not with <{root}>", where=where)
    return found


def is_xml(text: str, root: str) -> bool:
    """Whether a text looks like XML with this root."""
    return re.search(rf"<{root}[\s>/]", text[:4096]) is not None


def attribute(element: Element, name: str, where: object) -> str:
    """An attribute that must be there.

    Raises:
        UntrimError: It is not.
    """
    if (value := element.get(name)) is None:
        raise UntrimError(f"a <{element.tag}> has no {name}", where=where)
    return value


def xml_text(text: str, losses: Losses) -> str:
    """A text without the signs that XML has no form for; each of those becomes U+FFFD, and is counted."""
    losses.lose("sign that XML cannot hold", "signs that XML cannot hold", len(_FORBIDDEN.findall(text)))
    return _FORBIDDEN.sub("\ufffd", text)


def xml_document(root: Element) -> str:
    """The whole text of a document."""
    indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


class _Bounded(TreeBuilder):
    """Builds the tree, as long as it stays within bounds."""

    def __init__(self, where: object) -> None:
        super().__init__()
        self._where, self._depth, self._count = where, 0, 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST:
            raise UntrimError(f"nests elements more than {_DEEPEST} deep", where=self._where)
        if self._count > _MOST:
            raise UntrimError(f"holds more than {_MOST:,} elements", where=self._where)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)
