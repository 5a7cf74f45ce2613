"""Everything of a worksheet that is not its cells, and the parts beside it, after rows or columns are repeated."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from kpicli.fill.marks import Scope, Text
from kpicli.fill.references import LAST, Axis, Block, Copy, Growth, copied_area, moved, moved_area, span
from kpicli.fill.sheets import FORBIDDEN, unescaped
from kpicli.opc.markup import Draft, Element, retagged

_AREAS = {
    "conditionalFormatting": "sqref",
    "dataValidation": "sqref",
    "protectedRange": "sqref",
    "ignoredError": "sqref",
    "selection": "sqref",
    "hyperlink": "ref",
    "autoFilter": "ref",
    "sortState": "ref",
    "sortCondition": "ref",
    "dimension": "ref",
}
"""Element → the attribute with the areas it is for."""
_PLACES = {"selection": "activeCell", "pane": "topLeftCell", "sheetView": "topLeftCell"}
_FORMULAS = ("formula", "formula1", "formula2", "f")
_REPEATED = ("mergeCell", "sparkline")
"""What each copy of a block has for itself."""


def moved_frame(draft: Draft, name: str, growth: Mapping[str, Growth]) -> None:
    """Let areas and formulas around the cells of a worksheet follow them, and those of other sheets."""
    own = growth[name]
    seen = _rules(draft, name, own)
    other = "colBreaks" if own.axis == "row" else "rowBreaks"
    for element in walk(draft.root, ("sheetData", other)):
        if element.name == "mergeCells":
            _merges(draft, element, own)
        elif element.name == "sparklines":
            _sparklines(draft, element, name, growth)
        elif element.name == "cols" and own and own.axis == "column":
            _columns(draft, element, own)
        elif element.name == "brk":
            _break(draft, element, own)
        elif element.name in _FORMULAS and not element.children:
            _replace_text(draft, element, moved(_text(draft, element), name, growth, seen.get(element)))
        elif element.name == "sqref" and not element.children:
            _replace_text(draft, element, moved_area(_text(draft, element), own))
        else:
            _attributes(draft, element, name, growth)


def _rules(draft: Draft, name: str, own: Growth) -> dict[Element, Copy]:
    """The formulas of conditional formats and validations that begin in a block: they are written for its first row
    or column, and every other one reads them as its own.
    """
    found: dict[Element, Copy] = {}
    for element in walk(draft.root, ("sheetData",)):
        if element.name in ("conditionalFormatting", "dataValidation"):
            inside = list(walk(element))
            areas = [element.attributes.get("sqref", ""), *(_text(draft, one) for one in inside if one.name == "sqref")]
            ends = next((ends for area in areas for one in area.split() if (ends := span(one, own.axis))), None)
            block = own.block(ends[0]) if ends else None
            if block:
                copy = Copy(name, block, 0, spreads=True)
                found |= {one: copy for one in inside if one.name in _FORMULAS and not one.children}
    return found


def walk(element: Element, without: Sequence[str] = ()) -> Iterator[Element]:
    """All elements below one; of what is repeated as a whole, not what is inside."""
    for child in element.children:
        if child.name in without:
            continue
        yield child
        if child.name not in ("mergeCells", "sparklines", "cols"):
            yield from walk(child, without)


def _attributes(draft: Draft, element: Element, name: str, growth: Mapping[str, Growth]) -> None:
    own = growth[name]
    location = element.attributes.get("location", "") if element.name == "hyperlink" else ""
    if location and (new := moved(location, name, growth)) != location:
        draft.set(element, location=new)
    for names, move in ((_AREAS, moved_area), (_PLACES, _moved_place)):
        attribute = names.get(element.name, "")
        said = element.attributes.get(attribute)
        if said and (new := move(said, own)) != said:
            draft.set(element, **{attribute: new})


def _moved_place(place: str, own: Growth) -> str:
    return moved_area(place, own).partition(":")[0]


def merged(draft: Draft) -> list[str]:
    """The areas of merged cells."""
    parent = draft.root.child("mergeCells")
    return [element.attributes.get("ref", "") for element in parent.named("mergeCell")] if parent else []


def _break(draft: Draft, element: Element, own: Growth) -> None:
    """A break behind a row or column comes behind its last copy; both kinds have the same tag."""
    place = element.attributes.get("id", "")
    if place.isdecimal() and (new := own.end(int(place))) != int(place):
        draft.set(element, id=str(new))


def _columns(draft: Draft, parent: Element, own: Growth) -> None:
    """Widths and formats of columns: those of a block come again with each copy."""
    pieces: list[tuple[int, int, bytes]] = []
    for element in parent.named("col"):
        first, last = (int(element.attributes.get(name, "0")) for name in ("min", "max"))
        edges = {first, last + 1}
        for block in own.blocks:
            edges |= {edge for edge in (block.first, block.last + 1) if first < edge <= last}
        for start, after in pairwise(sorted(edges)):
            within = own.block(start)
            for number in range(within.copies if within else 1):
                shift = own.shift(within, number) if within else own.start(start) - start
                if start + shift <= LAST["column"]:
                    pieces.append((start + shift, min(after - 1 + shift, LAST["column"]), draft.markup(element)))
    inside = b"".join(retagged(markup, {"min": str(first), "max": str(last)}) for first, last, markup in sorted(pieces))
    opening = draft.source[parent.start : parent.inner]
    draft.replace(parent, opening + inside + draft.source[parent.close : parent.end])


def _merges(draft: Draft, parent: Element, own: Growth) -> None:
    areas = []
    for element in parent.named("mergeCell"):
        area = element.attributes.get("ref", "")
        block = _inside(area, own)
        areas += (
            [copied_area(area, own, block, copy) for copy in range(block.copies)] if block else [moved_area(area, own)]
        )
    if not own:
        return
    inside = "".join(f'<{parent.prefix}mergeCell ref="{area}"/>' for area in areas)
    tag = retagged(draft.source[parent.start : parent.inner], {"count": str(len(areas))})
    draft.replace(parent, tag + inside.encode() + draft.source[parent.close : parent.end])


def _inside(area: str, own: Growth) -> Block | None:
    """The block that an area belongs to as a whole."""
    ends = span(area, own.axis)
    block = own.block(ends[0]) if ends else None
    return block if block and ends and ends[1] in block else None


def _sparklines(draft: Draft, parent: Element, name: str, growth: Mapping[str, Growth]) -> None:
    """Each copy of a block has its own sparkline, of its own row."""
    own = growth[name]
    pieces = []
    for element in parent.children:
        parts = {part.name: part for part in element.children}
        place = _text(draft, parts["sqref"]) if "sqref" in parts else ""
        formula = _text(draft, parts["f"]) if "f" in parts else ""
        block = _inside(place, own)
        for copy in range(block.copies) if block else (None,):
            where = copied_area(place, own, block, copy) if block and copy is not None else moved_area(place, own)
            seen = moved(formula, name, growth, Copy(name, block, copy) if block and copy is not None else None)
            markup = draft.markup(element)
            for part, text in ((parts.get("f"), seen), (parts.get("sqref"), where)):
                if part:
                    tag = f"{part.prefix}{part.name}".encode()
                    was = b"<%b>%b</%b>" % (tag, draft.text(part), tag)
                    markup = markup.replace(was, b"<%b>%b</%b>" % (tag, escape(text).encode(), tag), 1)
            pieces.append(markup)
    opening = draft.source[parent.start : parent.inner]
    draft.replace(parent, opening + b"".join(pieces) + draft.source[parent.close : parent.end])


def ruled(draft: Draft) -> list[str]:
    """The areas of conditional formats."""
    inside = walk(draft.root, ("sheetData",))
    return [
        area
        for one in inside
        if one.name == "conditionalFormatting"
        for area in one.attributes.get("sqref", "").split()
    ]


def loose(draft: Draft) -> Iterator[tuple[str, Element, Text]]:
    """The marks of a part outside its cells, each with a name for where it is: in headers and footers of pages, in
    shapes, in the words of a chart, in the properties of the document.
    """
    named = {"headerFooter": "", "coreProperties": "", "chartSpace": "chart"}
    parents = [child for child in draft.root.children if child.name == "headerFooter"]
    if draft.root.name in ("coreProperties", "chartSpace"):
        parents = [draft.root]
    elif draft.root.name == "wsDr":
        parents = draft.root.children
    for parent in parents:
        inside = list(walk(parent))
        title = next(
            (one.attributes.get("name", "") for one in inside if one.name == "cNvPr"), named.get(parent.name, "")
        )
        for element in inside:
            if element.children or (parent.name not in ("headerFooter", "coreProperties") and element.name != "t"):
                continue
            text = Text.read(_text(draft, element))
            if text:
                yield title or element.name, element, text


def fill_loose(draft: Draft, scope: Scope) -> None:
    """Fill the marks of a part that are outside its cells."""
    for _, element, text in loose(draft):
        in_header = element.name.endswith(("Header", "Footer"))
        said = text.in_header(scope) if in_header else text.spoken(scope)
        _replace_text(draft, element, FORBIDDEN.sub("", said))


def _replace_text(draft: Draft, element: Element, text: str) -> None:
    if text != _text(draft, element):
        tag = draft.source[element.start : element.inner]
        draft.replace(element, tag + escape(text).encode() + draft.source[element.close : element.end])


def _text(draft: Draft, element: Element) -> str:
    return unescaped(draft.text(element).decode())


def moved_table(draft: Draft, name: str, growth: Mapping[str, Growth]) -> None:
    """The area of a table and of its filter, and the formulas of its columns."""
    own = growth[name]
    for element in (draft.root, *walk(draft.root)):
        if element.name in ("calculatedColumnFormula", "totalsRowFormula"):
            _replace_text(draft, element, moved(_text(draft, element), name, growth))
        if element.name in ("table", "autoFilter", "sortState", "sortCondition"):
            area = element.attributes.get("ref", "")
            if area and (new := moved_area(area, own)) != area:
                draft.set(element, ref=new)


def moved_anchors(draft: Draft, name: str, growth: Mapping[str, Growth]) -> None:
    """Pictures, shapes and charts keep their size and follow the cell they begin in; a linked text its cell."""
    own = growth[name]
    for element in walk(draft.root):
        link = element.attributes.get("textlink", "")
        if link and (new := moved(link, name, growth)) != link:
            draft.set(element, textlink=new)
    for anchor in draft.root.children:
        start = _anchored(draft, anchor, "from", own.axis)
        if start is None:
            continue
        shift = own.start(start[1] + 1) - (start[1] + 1)
        end = _anchored(draft, anchor, "to", own.axis)
        for part, at in filter(None, (start, end)):
            if shift:
                _replace_text(draft, part, str(at + shift))


def _anchored(draft: Draft, anchor: Element, corner: str, axis: Axis) -> tuple[Element, int] | None:
    """Where the row or column of a corner stands, from 0."""
    name = {"row": "row", "column": "col"}[axis]
    found = next((child for child in anchor.children if child.name == corner), None)
    place = next((child for child in found.children if child.name == name), None) if found else None
    return (place, int(_text(draft, place))) if place else None


_BOX_PLACES: Mapping[Axis, re.Pattern[bytes]] = {
    "row": re.compile(rb"(<(\w+):Row>\s*)(\d+)(\s*</)"),
    "column": re.compile(rb"(<(\w+):Column>\s*)(\d+)(\s*</)"),
}
_BOX_ANCHOR = re.compile(rb"(<(\w+):Anchor>)([^<]*)(</)")
_BOX_CORNERS: Mapping[Axis, tuple[int, int]] = {"column": (0, 4), "row": (2, 6)}


def moved_boxes(drawing: bytes, own: Growth) -> bytes:
    """The boxes of notes follow their cells."""

    def place(found: re.Match[bytes]) -> bytes:
        return found.group(1) + str(own.start(int(found.group(3)) + 1) - 1).encode() + found.group(4)

    def anchor(found: re.Match[bytes]) -> bytes:
        parts = [int(part) for part in found.group(3).split(b",")]
        if len(parts) != 8:
            return found.group()
        first, last = _BOX_CORNERS[own.axis]
        shift = own.start(parts[first] + 1) - (parts[first] + 1)
        parts[first], parts[last] = parts[first] + shift, parts[last] + shift
        return found.group(1) + ", ".join(map(str, parts)).encode() + found.group(4)

    return _BOX_ANCHOR.sub(anchor, _BOX_PLACES[own.axis].sub(place, drawing))


def moved_names(draft: Draft, names: Element, growth: Mapping[str, Growth], sheets: Sequence[str]) -> None:
    """Defined names, among them print areas and titles."""
    for name in names.named("definedName"):
        local = name.attributes.get("localSheetId", "")
        own = sheets[int(local)] if local.isdecimal() and int(local) < len(sheets) else ""
        _replace_text(draft, name, moved(_text(draft, name), own, growth))


_SERIES = ("val", "cat", "xVal", "yVal", "bubbleSize")
"""What of a series is one for each point; its name is a cell of its own."""


def refreshed_chart(
    draft: Draft, growth: Mapping[str, Growth], values_of: Callable[[str], Sequence[object] | None]
) -> bool:
    """Let the series of a chart follow, with what their cells hold now in their caches; whether anything is new."""
    for parent in (draft.root, *walk(draft.root)):
        for element in parent.children:
            formula = next((child for child in element.children if child.name == "f"), None)
            if formula is None or element.name not in ("numRef", "strRef", "multiLvlStrRef"):
                continue
            text = _text(draft, formula)
            text = moved(_as_range(text, growth) if parent.name in _SERIES else text, "", growth)
            values = values_of(text)
            if values is None or element.name == "multiLvlStrRef":
                opening = draft.source[element.start : element.inner]
                closing = draft.source[element.close : element.end]
                kept = b"" if text != _text(draft, formula) else draft.source[formula.end : element.close]
                said = f"<{formula.prefix}f>{escape(text)}</{formula.prefix}f>".encode()
                draft.replace(element, opening + said + kept + closing)
                continue
            cache = next((child for child in element.children if child.name in ("numCache", "strCache")), None)
            draft.replace(element, _reference_markup(draft, element, text, cache, values))
    return draft.content() != draft.source


def _as_range(formula: str, growth: Mapping[str, Growth]) -> str:
    """A single cell of a block as a range, which grows with it: a series over a template's one row is written so."""
    sheet, mark, cell = formula.rpartition("!")
    name = sheet[1:-1].replace("''", "'") if sheet.startswith("'") else sheet
    ends = span(cell, growth[name].axis) if ":" not in cell and name in growth else None
    inside = growth[name].block(ends[0]) if ends else None
    return f"{sheet}{mark}{cell}:{cell}" if inside and inside.more else formula


def _reference_markup(
    draft: Draft, element: Element, formula: str, cache: Element | None, values: Sequence[object]
) -> bytes:
    p = element.prefix
    name = "numCache" if element.name == "numRef" else "strCache"
    code = next((child for child in cache.children if child.name == "formatCode"), None) if cache else None
    kept = draft.markup(code).decode() if code else ""
    points = "".join(
        f'<{p}pt idx="{place}"><{p}v>{escape(_shown(value))}</{p}v></{p}pt>'
        for place, value in enumerate(values)
        if value is not None and (name == "strCache" or isinstance(value, float | bool))
    )
    inside = f'<{p}f>{escape(formula)}</{p}f><{p}{name}>{kept}<{p}ptCount val="{len(values)}"/>{points}</{p}{name}>'
    opening = draft.source[element.start : element.inner].decode()
    return f"{opening}{inside}</{p}{element.name}>".encode()


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)
