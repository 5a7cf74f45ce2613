"""The words of a template outside its cells: in headers and footers of pages, in shapes, in charts, and in what the
document says of itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

from kpicli.fill.frame import replace_text, text_of, walk
from kpicli.fill.marks import Scope, Text
from kpicli.fill.sheets import FORBIDDEN
from kpicli.opc.markup import Draft, Element

_MARK = re.compile(r"\{\{[^{}]*\}\}")


def loose(draft: Draft) -> Iterator[tuple[str, Text]]:
    """The marks of a part outside its cells, each with a name for where it is."""
    for place, _, said in _words(draft):
        text = Text.read(said)
        if text:
            yield place, text


def fill_loose(draft: Draft, scope: Scope) -> None:
    """Fill the marks of a part that are outside its cells."""
    for _, element, said in _words(draft):
        text = Text.read(said)
        if text:
            in_header = element.name.endswith(("Header", "Footer"))
            said = FORBIDDEN.sub("", text.in_header(scope) if in_header else text.spoken(scope))
        replace_text(draft, element, said)


def refreshed_links(draft: Draft, shown: Callable[[str], str | None]) -> None:
    """Let the shapes that are linked to a cell say what it shows now, where that is known."""
    for shape in walk(draft.root):
        link = shape.attributes.get("textlink")
        said = shown(link) if link else None
        if said is not None:
            for place, element in enumerate(_runs(shape)):
                replace_text(draft, element, "" if place else FORBIDDEN.sub("", said))


def _words(draft: Draft) -> Iterator[tuple[str, Element, str]]:
    """Every text that may have marks: where it is, its element, and what it says when no mark is cut in pieces."""
    root = draft.root
    if root.name in ("wsDr", "userShapes"):
        for anchor in root.children:
            names = (one.attributes.get("name", "") for one in walk(anchor) if one.name == "cNvPr")
            yield from _drawn(draft, anchor, next(names, ""))
    elif root.name == "chartSpace":
        yield from _drawn(draft, root, "chart")
    else:
        for place, element in _plain(root):
            if not element.children:
                yield place or element.name, element, text_of(draft, element)


def _plain(root: Element) -> Iterator[tuple[str, Element]]:
    """The elements of a sheet, or of the document's properties, that hold text and no more."""
    if root.name == "coreProperties":
        yield from (("", child) for child in root.children)
    for child in root.children:
        if child.name in ("Company", "Manager"):  # the other properties of this kind are of the program
            yield "", child
        elif child.name == "property" or child.name == "headerFooter":
            yield from ((child.attributes.get("name", ""), one) for one in child.children)


def _drawn(draft: Draft, element: Element, place: str) -> Iterator[tuple[str, Element, str]]:
    """The texts of shapes and charts but for those that show a cell."""
    if element.attributes.get("textlink"):
        return
    if element.name == "p":
        runs = _runs(element)
        for run, said in zip(runs, _joined([text_of(draft, run) for run in runs]), strict=True):
            yield place, run, said
        return
    for child in element.children:
        if element.name == "tx" and child.name == "v":  # the name of a series
            yield place, child, text_of(draft, child)
        yield from _drawn(draft, child, place)


def _runs(element: Element) -> list[Element]:
    return [one for one in walk(element) if one.name == "t" and not one.children]


def _joined(runs: Sequence[str]) -> list[str]:
    """The texts of the runs of a paragraph, every mark as a whole in the run that it begins in: Excel begins a new run
    wherever the language changes or a word is misspelt.
    """
    whole = "".join(runs)
    edges = [0, *accumulate(map(len, runs))]
    for mark in _MARK.finditer(whole):
        edges = [mark.end() if mark.start() < edge < mark.end() else edge for edge in edges]
    return [whole[start:end] for start, end in pairwise(edges)]
