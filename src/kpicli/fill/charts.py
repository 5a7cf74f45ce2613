"""Charts after rows or columns are repeated: their series follow the cells, and their caches hold what these hold."""

from collections.abc import Callable, Collection, Mapping, Sequence
from xml.sax.saxutils import escape

from kpicli.fill.frame import Repeats, followed, replace_text, sheet_of, text_of, walk, ways
from kpicli.fill.references import Axis, Growth, moved, span
from kpicli.opc.markup import Draft, Element

Values = Callable[[str], Sequence[object] | None]
"""What the cells of a reference hold; None where that is not known."""

_SERIES = ("val", "cat", "xVal", "yVal", "bubbleSize")
"""What of a series is one for each point; its name is a cell of its own."""
_CACHES = {
    "numRef": "numCache",
    "strRef": "strCache",
    "datalabelsRange": "dlblRangeCache",
    "dlblFTEntry": "dlblFieldTableCache",
}
"""Element with a formula → the copy beside it of what the cells hold."""
_REFERENCES = (*_CACHES, "multiLvlStrRef")
"""The cache of several levels is left to the next program."""


def refreshed_chart(draft: Draft, growth: Mapping[str, Growth], values_of: Values, repeats: Repeats) -> bool:
    """Let the series of a chart follow, with what their cells hold now in their caches; whether anything is new."""
    along = _along(draft, repeats)
    for parent in (draft.root, *walk(draft.root)):
        for element in parent.children:
            formula = _formula(element)
            if formula is not None and element.name in _REFERENCES:
                text = text_of(draft, formula)
                if parent in along or element.name == "datalabelsRange":
                    text = followed(_as_range(text, growth), "", growth, along.get(parent, ways(text, "", repeats)))
                else:
                    text = moved(text, "", growth)
                _refresh(draft, element, formula, text, values_of(text))
            elif element.name == "sqref":  # of a series of which a part is hidden
                replace_text(draft, element, moved(text_of(draft, element), "", growth))
    return draft.content() != draft.source


def _along(draft: Draft, repeats: Repeats) -> dict[Element, Collection[Axis]]:
    """Along which axes each part of a series may grow: where it could along both, as its categories do."""
    found: dict[Element, Collection[Axis]] = {}
    for series in walk(draft.root):
        parts = [part for part in series.children if part.name in _SERIES]
        texts = {part: text_of(draft, formula) for part in parts for one in part.children if (formula := _formula(one))}
        guide = next((ways(text, "", repeats) for part, text in texts.items() if part.name in ("cat", "xVal")), ())
        found |= {part: ways(text, "", repeats, guide=guide) for part, text in texts.items()}
    return found


def _formula(element: Element) -> Element | None:
    return next((child for child in element.children if child.name == "f"), None)


def _as_range(formula: str, growth: Mapping[str, Growth]) -> str:
    """A single cell of a block as a range, which grows with it: a series over a template's one row is written so."""
    name, cell = sheet_of(formula)
    ends = span(cell, growth[name].axis) if ":" not in cell and name in growth else None
    inside = growth[name].block(ends[0]) if ends else None
    return f"{formula}:{cell}" if inside and inside.more else formula


def _refresh(draft: Draft, element: Element, formula: Element, text: str, values: Sequence[object] | None) -> None:
    """Write a formula, and its cache: anew, or without its points where they are not known and may be others now."""
    name = _CACHES.get(element.name, "")
    if (values is None or not name) and text == text_of(draft, formula):
        return
    cache = next((child for child in element.children if child.name.endswith("Cache")), None)
    code = next((child for child in cache.children if child.name == "formatCode"), None) if cache else None
    inside = draft.markup(code).decode() if code else ""
    if values is not None and name:
        prefix = element.prefix if element.name in ("numRef", "strRef") else draft.root.prefix
        inside += _points(values, prefix, numbers=name == "numCache")
    markup = f"<{element.prefix}{name}>{inside}</{element.prefix}{name}>".encode() if inside else b""
    replace_text(draft, formula, text)
    if cache:
        draft.replace(cache, markup)
    else:
        draft.insert_after(formula, markup)


def _points(values: Sequence[object], p: str, *, numbers: bool) -> str:
    points = "".join(
        f'<{p}pt idx="{place}"><{p}v>{escape(_shown(value))}</{p}v></{p}pt>'
        for place, value in enumerate(values)
        if value is not None and (not numbers or isinstance(value, float | bool))
    )
    return f'<{p}ptCount val="{len(values)}"/>{points}'


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)
