"""Everything of a worksheet that is not its cells, and the parts beside it, after rows or columns are repeated."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from kpicli.fill.references import AXES, LAST, Axis, Block, Copy, Growth, copied_area, moved, moved_area, span
from kpicli.fill.sheets import unescaped
from kpicli.opc.markup import Draft, Element, retagged, utf8

_LISTS = ("conditionalFormatting", "dataValidation", "protectedRange", "ignoredError")
"""Elements for a list of areas, so that each copy of a block can have its own."""
_AREAS = {
    "selection": "sqref",
    "autoFilter": "ref",
    "sortState": "ref",
    "sortCondition": "ref",
    "dimension": "ref",
}
"""Element → the attribute with the one area it is for."""
_PLACES = {
    "selection": "activeCell",
    "pane": "topLeftCell",
    "sheetView": "topLeftCell",
    "customSheetView": "topLeftCell",
}
_FORMULAS = ("formula", "formula1", "formula2", "f", "cfvo")
_LINKS = frozenset(("textlink", "fmlaLink", "fmlaRange", "fmlaTxbx", "linkedCell", "listFillRange"))
"""Attributes of shapes and controls that say which cells they show or set."""
_WHOLE = ("mergeCells", "sparklines", "cols", "rowBreaks", "colBreaks")
"""What is written anew as a whole."""
Repeats = Mapping[str, Mapping[Axis, Sequence[Block]]]
"""Sheet → its blocks that are still to be repeated, of rows and of columns."""
_MOST_AREAS = 8_192
"""Of one list or of the hyperlinks of one block; beyond that they are one area, lest Excel give up on the sheet."""
_MOST_BREAKS = 1_023
"""As many as Excel takes."""


def moved_frame(draft: Draft, name: str, growth: Mapping[str, Growth], repeats: Repeats) -> None:
    """Let areas and formulas around the cells of a worksheet follow them, and those of other sheets."""
    own = growth[name]
    done = _parted(draft, name, growth, repeats)
    seen = _rules(draft, name, own)
    other = "colBreaks" if own.axis == "row" else "rowBreaks"
    for element in walk(draft.root, ("sheetData", other)):
        if element in done:
            continue
        if element.name == "mergeCells":
            _merges(draft, element, own)
        elif element.name == "sparklines":
            _sparklines(draft, element, name, growth, repeats)
        elif element.name == "cols" and own and own.axis == "column":
            _columns(draft, element, own)
        elif element.name in ("rowBreaks", "colBreaks"):
            _breaks(draft, element, own)
        elif element.name == "hyperlink":
            _hyperlink(draft, element, name, growth)
        elif element.name in _FORMULAS and not element.children:
            _formula(draft, element, name, growth, seen.get(element))
        elif element.name == "sqref" and not element.children:
            replace_text(draft, element, _spread(text_of(draft, element), own))
        elif element.name in _LISTS:
            _set(draft, element, "sqref", _spread(element.attributes.get("sqref", ""), own))
        else:
            _attributes(draft, element, name, growth)


def _formula(draft: Draft, element: Element, name: str, growth: Mapping[str, Growth], copy: Copy | None) -> None:
    """Move a formula; the threshold of a conditional format has it in an attribute."""
    if element.name == "cfvo":
        _set(draft, element, "val", moved(element.attributes.get("val", ""), name, growth, copy))
    else:
        replace_text(draft, element, moved(text_of(draft, element), name, growth, copy))


def _parted(draft: Draft, name: str, growth: Mapping[str, Growth], repeats: Repeats) -> set[Element]:
    """Give each copy of a block that holds others its own conditional formats and validations, where these have
    formulas: as the copies will differ in size, no formula is right for all. Gives the elements that are done with.
    """
    own = growth[name]
    done: set[Element] = set()
    for parent in (draft.root, *draft.root.named("dataValidations")):
        rules = [one for one in parent.children if one.name in _LISTS and "sqref" in one.attributes]
        more = 0
        for rule in rules:
            blocks = {_inside(area, own) for area in rule.attributes["sqref"].split()}
            block = blocks.pop() if len(blocks) == 1 else None
            inside = list(walk(rule))
            formulas = {text_of(draft, one) for one in inside if one.name in _FORMULAS and not one.children}
            scale = any(one.name == "cfvo" for one in inside)  # of all copies together
            if (
                block
                and not scale
                and _nests(block, repeats[name][own.axis])
                and any(_differs(one, name, growth, block) for one in formulas)
            ):
                copies = [_copied(draft.markup(rule), name, growth, block, number) for number in range(block.copies)]
                draft.replace(rule, b"".join(copies))
                done |= {rule, *inside}
                more += block.copies - 1
        if more and "count" in parent.attributes:
            draft.set(parent, count=str(len(rules) + more))
    return done


def _nests(block: Block, others: Sequence[Block]) -> bool:
    return any(block.first <= other.first and other.last <= block.last and other.size < block.size for other in others)


def _differs(formula: str, name: str, growth: Mapping[str, Growth], block: Block) -> bool:
    """Whether a formula is another one in the last copy of a block than in the first."""
    first, last = (moved(formula, name, growth, _one_of(name, block, number)) for number in (0, block.copies - 1))
    return first != last


def _copied(rule: bytes, name: str, growth: Mapping[str, Growth], block: Block, number: int) -> bytes:
    """A conditional format or a validation as it is in a copy of a block."""
    draft, own = Draft(rule), growth[name]
    areas = draft.root.attributes["sqref"].split()
    draft.set(draft.root, sqref=" ".join(copied_area(area, own, block, number) for area in areas))
    for element in walk(draft.root):
        if element.name in _FORMULAS and not element.children:
            _formula(draft, element, name, growth, _one_of(name, block, number))
    return draft.content()


def _one_of(name: str, block: Block, number: int) -> Copy:
    return Copy(name, block, number, nests=True, spreads=True)


def _rules(draft: Draft, name: str, own: Growth) -> dict[Element, Copy]:
    """The formulas of conditional formats and validations that begin in a block: they are written for its first row
    or column, and every other one reads them as its own.
    """
    found: dict[Element, Copy] = {}
    for element in walk(draft.root, ("sheetData",)):
        if element.name in ("conditionalFormatting", "dataValidation"):
            inside = list(walk(element))
            areas = [
                element.attributes.get("sqref", ""),
                *(text_of(draft, one) for one in inside if one.name == "sqref"),
            ]
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
        if child.name not in _WHOLE:
            yield from walk(child, without)


def _attributes(draft: Draft, element: Element, name: str, growth: Mapping[str, Growth]) -> None:
    own = growth[name]
    for names, move in ((_AREAS, moved_area), (_PLACES, _moved_place)):
        attribute = names.get(element.name, "")
        _set(draft, element, attribute, move(element.attributes.get(attribute, ""), own))
    for attribute in element.attributes.keys() & _LINKS:
        _set(draft, element, attribute, moved(element.attributes[attribute], name, growth))
    if element.name == "autoFilter":
        _filter(draft, element, own)
    elif element.name in ("sheetView", "customSheetView"):
        _frozen(draft, element, own)
    elif element.name.lower().endswith("anchor"):
        _anchor(draft, element, own)


def _set(draft: Draft, element: Element, attribute: str, value: str) -> None:
    """Give an attribute that an element has another value."""
    if element.attributes.get(attribute, value) != value:
        draft.set(element, **{attribute: value})


def _moved_place(place: str, own: Growth) -> str:
    return moved_area(place, own).partition(":")[0]


def _spread(areas: str, own: Growth) -> str:
    """A list of areas after the repeating."""
    return " ".join(one for area in areas.split() for one in _each(area, own))


def _each(area: str, own: Growth) -> list[str]:
    """What becomes of an area: of one in a block that does not take up the whole block, one in each copy."""
    block = _inside(area, own)
    if block is None or span(area, own.axis) == (block.first, block.last) or block.copies > _MOST_AREAS:
        return [moved_area(area, own)]
    return [copied_area(area, own, block, copy) for copy in range(block.copies)]


def _hyperlink(draft: Draft, element: Element, name: str, growth: Mapping[str, Growth]) -> None:
    """A link has a single area, so each copy has a link."""
    area, location = (element.attributes.get(attribute, "") for attribute in ("ref", "location"))
    places, block = _each(area, growth[name]), _inside(area, growth[name])
    if len(places) == 1 or block is None:
        _set(draft, element, "ref", places[0])
        _set(draft, element, "location", moved(location, name, growth))
        return
    pieces = []
    for number, place in enumerate(places):
        target = moved(location, name, growth, Copy(name, block, number)) or None
        pieces.append(retagged(draft.markup(element), {"ref": place, "location": target}))
    draft.replace(element, b"".join(pieces))


def _filter(draft: Draft, element: Element, own: Growth) -> None:
    """The columns of a filter are counted from its first one, from 0."""
    ends = span(element.attributes.get("ref", ""), "column")
    if ends and own.axis == "column":
        for column in element.named("filterColumn"):
            place = ends[0] + int(column.attributes.get("colId", "0"))
            _set(draft, column, "colId", str(own.start(place) - own.start(ends[0])))


def _frozen(draft: Draft, view: Element, own: Growth) -> None:
    """Frozen are so many rows or columns from the first one shown: of a block among them, all copies."""
    pane = view.child("pane")
    attribute = {"row": "ySplit", "column": "xSplit"}[own.axis]
    many = int(float(pane.attributes.get(attribute, "0"))) if pane else 0
    if pane and many and pane.attributes.get("state", "").startswith("frozen"):
        first, _ = span(view.attributes.get("topLeftCell", "A1"), own.axis) or (1, 1)
        _set(draft, pane, attribute, str(own.end(first + many - 1) - own.start(first) + 1))


def merged(draft: Draft) -> list[str]:
    """The areas of merged cells."""
    parent = draft.root.child("mergeCells")
    return [element.attributes.get("ref", "") for element in parent.named("mergeCell")] if parent else []


def _breaks(draft: Draft, parent: Element, own: Growth) -> None:
    """A break in a block comes again with each copy; but one behind a block of a single row or column is behind them
    all, as nobody means pages of one row.
    """
    if not own:
        return
    pieces: list[tuple[int, bytes]] = []
    for element in parent.named("brk"):
        place = int(element.attributes.get("id", "0"))
        block = own.block(place)
        if block and block.size > 1:
            places = [place + own.shift(block, number) for number in range(block.copies)]
        else:
            places = [own.end(place)]
        pieces += [(at, retagged(draft.markup(element), {"id": str(at)})) for at in places]
    pieces = sorted(pieces)[:_MOST_BREAKS]
    counts = {
        "count": len(pieces),
        "manualBreakCount": sum(_BY_HAND.search(markup) is not None for _, markup in pieces),
    }
    opening = retagged(draft.source[parent.start : parent.inner], {name: str(many) for name, many in counts.items()})
    inside = b"".join(markup for _, markup in pieces)
    draft.replace(parent, opening + inside + draft.source[parent.close : parent.end])


_BY_HAND = re.compile(rb"""\sman\s*=\s*["'](?:1|true)""")


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


def _sparklines(draft: Draft, parent: Element, name: str, growth: Mapping[str, Growth], repeats: Repeats) -> None:
    """Each copy of a block has its own sparkline, of its own row."""
    own = growth[name]
    pieces = []
    for element in parent.children:
        parts = {part.name: part for part in element.children}
        place = text_of(draft, parts["sqref"]) if "sqref" in parts else ""
        formula = text_of(draft, parts["f"]) if "f" in parts else ""
        block = _inside(place, own)
        for copy in range(block.copies) if block else (None,):
            if block and copy is not None:
                where = copied_area(place, own, block, copy)
                seen = moved(formula, name, growth, Copy(name, block, copy))
            else:
                where = moved_area(place, own)
                seen = followed(formula, name, growth, ways(formula, name, repeats, place=place))
            markup = draft.markup(element)
            for part, text in ((parts.get("f"), seen), (parts.get("sqref"), where)):
                if part:
                    tag = f"{part.prefix}{part.name}".encode()
                    was = b"<%b>%b</%b>" % (tag, draft.text(part), tag)
                    markup = markup.replace(was, b"<%b>%b</%b>" % (tag, escape(text).encode(), tag), 1)
            pieces.append(markup)
    opening = draft.source[parent.start : parent.inner]
    draft.replace(parent, opening + b"".join(pieces) + draft.source[parent.close : parent.end])


def ways(
    formula: str, own: str, repeats: Repeats, *, guide: Collection[Axis] = (), place: str = ""
) -> Collection[Axis]:
    """Along which axes a line of points may grow, as seen from a sheet and maybe from a place that is repeated itself:
    it stays a line if it is one. Where it is a single cell that could grow along both, the guide tells.
    """
    name, area = sheet_of(formula)
    ends = {axis: span(area, axis) for axis in AXES}
    if None in ends.values():
        return AXES
    long = [axis for axis, found in ends.items() if found and found[0] < found[1]]

    def lies(sheet: str, found: tuple[int, int] | None, axis: Axis) -> bool:
        return found is not None and any(found[0] in block for block in repeats.get(sheet, {}).get(axis, ()))

    free = [axis for axis in AXES if lies(name or own, ends[axis], axis) and not lies(own, span(place, axis), axis)]
    return long or (guide if len(free) > 1 and len(guide) == 1 else free[:1])


def followed(formula: str, own: str, growth: Mapping[str, Growth], allowed: Collection[Axis]) -> str:
    """A reference after the repeating, which grows along some axes only and along others stays in the first copy."""
    name, area = sheet_of(formula)
    where = growth.get(name or own)
    if where is None or where.axis in allowed:
        return moved(formula, own, growth)
    first, colon, last = area.partition(":")
    end = f":{moved(last, name or own, growth)}" if colon else ""
    return moved(formula.removesuffix(area) + first, own, growth) + end


def sheet_of(formula: str) -> tuple[str, str]:
    """The sheet of a reference, empty for the formula's own, and the rest of it."""
    prefix, _, area = formula.rpartition("!")
    return prefix[1:-1].replace("''", "'") if prefix.startswith("'") else prefix, area


def ruled(draft: Draft) -> list[str]:
    """The areas of conditional formats."""
    inside = walk(draft.root, ("sheetData",))
    return [
        area
        for one in inside
        if one.name == "conditionalFormatting"
        for area in one.attributes.get("sqref", "").split()
    ]


def replace_text(draft: Draft, element: Element, text: str) -> None:
    """Give an element a text; what says it already stays as it is written."""
    if text != text_of(draft, element):
        tag = draft.source[element.start : element.inner]
        draft.replace(element, tag + escape(text).encode() + draft.source[element.close : element.end])


def text_of(draft: Draft, element: Element) -> str:
    """The text of an element, as it is meant."""
    return unescaped(draft.text(element).decode())


def moved_table(draft: Draft, name: str, growth: Mapping[str, Growth]) -> None:
    """The area of a table and of its filter, and the formulas of its columns."""
    own = growth[name]
    for element in (draft.root, *walk(draft.root)):
        if element.name in ("calculatedColumnFormula", "totalsRowFormula"):
            replace_text(draft, element, moved(text_of(draft, element), name, growth))
        if element.name == "table":
            _set(draft, element, "ref", moved_area(element.attributes.get("ref", ""), own))
        else:
            _attributes(draft, element, name, growth)


def moved_shapes(draft: Draft, name: str, growth: Mapping[str, Growth]) -> None:
    """Pictures, shapes, charts and controls keep their size and follow the cell they begin in; what is linked to cells
    follows those.
    """
    for element in (draft.root, *walk(draft.root)):
        _attributes(draft, element, name, growth)


def _anchor(draft: Draft, anchor: Element, own: Growth) -> None:
    start, end = (_anchored(draft, anchor, corner, own.axis) for corner in ("from", "to"))
    shift = own.start(start[1] + 1) - (start[1] + 1) if start else 0
    for part, at in filter(None, (start, end)):
        replace_text(draft, part, str(at + shift))


def _anchored(draft: Draft, anchor: Element, corner: str, axis: Axis) -> tuple[Element, int] | None:
    """Where the row or column of a corner stands, from 0."""
    name = {"row": "row", "column": "col"}[axis]
    found = next((child for child in anchor.children if child.name == corner), None)
    place = next((child for child in found.children if child.name == name), None) if found else None
    return (place, int(text_of(draft, place))) if place else None


_BOX_PLACES: Mapping[Axis, re.Pattern[bytes]] = {
    "row": re.compile(rb"(<(\w+):Row>\s*)(\d+)(\s*</)"),
    "column": re.compile(rb"(<(\w+):Column>\s*)(\d+)(\s*</)"),
}
_BOX_FORMULA = re.compile(rb"(<(\w+):Fmla(?!Macro)\w+>)([^<]*)(</)")
_BOX_ANCHOR = re.compile(rb"(<(\w+):Anchor>)([^<]*)(</)")
_BOX_CORNERS: Mapping[Axis, tuple[int, int]] = {"column": (0, 4), "row": (2, 6)}


def moved_boxes(drawing: bytes, name: str, growth: Mapping[str, Growth]) -> bytes:
    """The boxes of notes and the controls of a sheet follow their cells."""
    own = growth[name]

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

    def formula(found: re.Match[bytes]) -> bytes:
        text = moved(unescaped(found.group(3).decode()), name, growth)
        return found.group(1) + escape(text).encode() + found.group(4)

    drawing = _BOX_PLACES[own.axis].sub(place, utf8(drawing))
    return _BOX_FORMULA.sub(formula, _BOX_ANCHOR.sub(anchor, drawing))


def moved_names(draft: Draft, names: Element, growth: Mapping[str, Growth], sheets: Sequence[str]) -> None:
    """Defined names, among them print areas and titles."""
    for name in names.named("definedName"):
        local = name.attributes.get("localSheetId", "")
        own = sheets[int(local)] if local.isdecimal() and int(local) < len(sheets) else ""
        replace_text(draft, name, moved(text_of(draft, name), own, growth))
