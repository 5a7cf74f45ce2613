"""A template as a workbook: its sheets, and what becomes of it in each step of the filling."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path

from openpyxl.styles.numbers import BUILTIN_FORMATS

from kpicli.fill import charts, frame, loose
from kpicli.fill.calc import Error, Place, Scalar, Unknown, evaluate
from kpicli.fill.calc.values import text as as_text
from kpicli.fill.marks import MarkError, Repeat, Scope
from kpicli.fill.references import AXES, LAST, Axis, Growth, moved, moved_area, span
from kpicli.fill.sheets import Bindings, Filled, FilledRow, Mark, Sheet, row_markup, texts, unescaped
from kpicli.opc import PackageError, boxes
from kpicli.opc.markup import Draft, Element
from kpicli.opc.parts import Parts, relations_part
from kpicli.read.sheets import column_index, column_letters

_PROPERTIES = re.compile("(core|extended|custom)-?[pP]roperties")
"""The kinds of parts with what the document says of itself."""
_HERE: Place = ("", 1, 1)
_NOWHERE = (0, 0)
_NOT_COMPUTED = "INDIRECT(0)"
"""Stands for formulas of arrays and data tables where values are computed: its own value is never known."""


@dataclass(frozen=True)
class Mistake:
    """Something in a template that cannot be filled."""

    sheet: str
    cell: str
    code: str
    """Key in ``definitions/errors.toml``."""
    text: str
    """The path or option concerned."""
    near: str = ""
    """What was probably meant."""
    stops: bool = True
    """Whether the template cannot be filled; else it can, and what comes of it may not be what was meant."""


class Book:
    """The workbook and its worksheets.

    It is filled in steps, each of which changes the parts and is read anew: blocks that hold others are laid out first,
    then repeated columns, with their marks still in them; the last step lays out the other rows and fills every mark.
    So nothing that came from data is ever read as a mark.
    """

    def __init__(
        self,
        parts: Parts,
        marks: Mapping[str, Sequence[Mark]] | None = None,
        bound: Mapping[str, Bindings] | None = None,
    ) -> None:
        """Read a workbook; the marks of its notes too, unless an earlier step has left `marks` and `bound` of them."""
        self.parts = parts
        self.part = next(
            (link.target for link in parts.relations("") if link.kind == "officeDocument"), "xl/workbook.xml"
        )
        self.draft = Draft(parts.read(self.part))
        self.links = {link.id: link for link in parts.relations(self.part)}
        listed = self.draft.root.child("sheets")
        if listed is None:
            raise PackageError("no sheets")
        self.names = [element.attributes.get("name", "") for element in listed.named("sheet")]
        self.pages = [
            (element.attributes.get("name", ""), link)
            for element in listed.named("sheet")
            if (link := self.links.get(element.linked())) and parts.has(link.target)
        ]
        """Every sheet of whatever kind: its name and its part."""
        strings = self._strings()
        self.sheets = [
            Sheet.read(name, link.target, parts.read(link.target), strings)
            for name, link in self.pages
            if link.kind == "worksheet"
        ]
        self.wrong: list[Mistake] = []
        """Notes that begin like marks and are none."""
        said = self.draft.root.child("workbookPr")
        for sheet in self.sheets:
            if said and said.says("date1904"):
                sheet.epoch = datetime(1904, 1, 1)
            sheet.marks = marks.get(sheet.name, ()) if marks is not None else self._marks(sheet)
            sheet.bound = bound.get(sheet.name, {}) if bound is not None else {}

    def _strings(self) -> list[str]:
        part = next((link.target for link in self.links.values() if link.kind == "sharedStrings"), "")
        if not part or not self.parts.has(part):
            return []
        draft = Draft(self.parts.read(part))
        return [texts(draft, item) for item in draft.root.named("si")]

    def _marks(self, sheet: Sheet) -> list[Mark]:
        """The marks in the notes of a sheet."""
        found: list[Mark] = []
        for comment, text in self._comments(sheet):
            cell = comment.attributes.get("ref", "")
            try:
                repeat = Repeat.read(text)
            except MarkError as error:
                self.wrong.append(Mistake(sheet.name, cell, "bad_mark", str(error)))
                continue
            ends = span(cell, repeat.axis) if repeat else None
            if repeat and ends:
                found.append(Mark(cell, repeat, ends[0]))
        return found

    def _comments(self, sheet: Sheet) -> Iterator[tuple[Element, str]]:
        link = self.linked(sheet, "comments")
        if link is None:
            return
        draft = Draft(self.parts.read(link))
        for listed in draft.root.named("commentList"):
            for comment in listed.named("comment"):
                inside = comment.child("text")
                yield comment, texts(draft, inside) if inside else ""

    def linked(self, sheet: Sheet, kind: str) -> str | None:
        """The first part of a kind that a sheet links to."""
        return next(
            (
                link.target
                for link in self.parts.relations(sheet.part)
                if link.kind == kind and self.parts.has(link.target)
            ),
            None,
        )

    def loose(self) -> Iterator[tuple[str, str, str]]:
        """Every path outside the cells: sheet, where it is, and the path."""
        drafts = [(sheet.name, sheet.draft) for sheet in self.sheets]
        drafts += [(sheet, Draft(self.parts.read(part))) for sheet, part in self._spoken()]
        for sheet, draft in drafts:
            for place, text in loose.loose(draft):
                yield from ((sheet, place, path) for path in text.paths)

    def _spoken(self) -> list[tuple[str, str]]:
        """The parts beside the sheets whose words may have marks, each with the sheet that it belongs to."""
        found = [("", link.target) for link in self.parts.relations("") if _PROPERTIES.fullmatch(link.kind)]
        for name, link in self.pages:
            if link.kind != "worksheet":  # such as one that is a chart
                found.append((name, link.target))
            found += [(name, part) for part in self._drawn(link.target)]
        return [(name, part) for name, part in found if self.parts.has(part) and b"{" in self.parts.read(part)]

    def _drawn(self, part: str) -> Iterator[str]:
        """The drawings of a sheet, their charts, and what is drawn in these."""
        for link in self.parts.relations(part):
            if link.kind in ("drawing", "chart", "chartUserShapes"):
                yield link.target
                yield from self._drawn(link.target)

    @cached_property
    def formats(self) -> Mapping[int, str]:
        """The number format of each cell format; ``General`` for what has none."""
        part = next((link.target for link in self.links.values() if link.kind == "styles"), "")
        root = Draft(self.parts.read(part)).root if self.parts.has(part) else None
        own, formats = (root.child(name) if root else None for name in ("numFmts", "cellXfs"))
        codes = dict(BUILTIN_FORMATS) | dict.fromkeys((*range(27, 37), *range(50, 59)), "yyyy年m月d日")
        for element in own.named("numFmt") if own else ():
            codes[int(element.attributes.get("numFmtId", "0"))] = element.attributes.get("formatCode", "")
        found = formats.named("xf") if formats else []
        told = [codes.get(int(element.attributes.get("numFmtId", "0")), "General") for element in found]
        return defaultdict(lambda: "General", enumerate(told))

    def said(self) -> list[tuple[str, str, str]]:
        """Every mark: sheet, cell, and what it says."""
        return [
            *((sheet.name, mark.cell, str(mark.repeat)) for sheet in self.sheets for mark in sheet.marks),
            *(
                (sheet.name, f"{column_letters(cell.column - 1)}{row}", path)
                for sheet in self.sheets
                for row, cell in sheet.marked()
                if cell.text
                for path in cell.text.paths
            ),
            *self.loose(),
        ]

    def filled(self, scope: Scope) -> "Book":
        """Fill the parts of the template, in as many steps as it takes; give the workbook to be saved."""
        book = self
        while chosen := book._to_unfold():
            book = book._unfolded(chosen, scope)
        book._fill(scope)
        return book

    def _to_unfold(self) -> dict[str, list[Mark]]:
        """What the next step lays out without filling it: the outer blocks where any holds another, then columns."""
        outer = {sheet.name: sheet.outer() for sheet in self.sheets}
        if any(len(marks) < len(sheet.along("row")) for sheet, marks in zip(self.sheets, outer.values(), strict=True)):
            return outer
        across = {sheet.name: sheet.along("column") for sheet in self.sheets}
        return across if any(across.values()) else {}

    def _unfolded(self, chosen: Mapping[str, Sequence[Mark]], scope: Scope) -> "Book":
        """The workbook with some blocks laid out, their marks still in them."""
        axis = next(mark.repeat.axis for marks in chosen.values() for mark in marks)
        copies, growth = _copies(chosen, scope, axis)
        marks, bound = {}, {}
        for sheet in self.sheets:
            rows, bound[sheet.name] = sheet.unfolded(copies[sheet.name], growth)
            _fits(rows)
            self._write(sheet, rows, growth)
            marks[sheet.name] = list(_left(sheet, chosen[sheet.name], copies[sheet.name], growth[sheet.name]))
        self._follow(growth, None)
        return Book(self.parts, marks, bound)

    def _fill(self, scope: Scope) -> None:
        """Fill every sheet, then compute its formulas, then everything that looks at its cells."""
        copies, growth = _copies({sheet.name: sheet.marks for sheet in self.sheets}, scope, "row")
        filled = {sheet.name: list(sheet.filled(scope, copies[sheet.name], growth)) for sheet in self.sheets}
        for rows in filled.values():
            _fits(rows)
        values = _values(filled)
        if self._compute(filled, values, growth):
            self._calculate_on_load()
        for sheet in self.sheets:
            loose.fill_loose(sheet.draft, scope)
            self._write(sheet, filled[sheet.name], growth)
        self._follow(growth, values)
        self._linked_texts(filled)
        for _, part in self._spoken():
            draft = Draft(self.parts.read(part))
            loose.fill_loose(draft, scope)
            self._write_if_new(part, draft)

    def _linked_texts(self, filled: Mapping[str, list[FilledRow]]) -> None:
        """Let the shapes that show a cell show it as it is now."""
        drawings = [
            (sheet.name, link.target, draft)
            for sheet in self.sheets
            for link in self.parts.relations(sheet.part)
            if link.kind == "drawing" and b"textlink=" in (draft := Draft(self.parts.read(link.target))).source
        ]
        if not drawings:
            return
        cells = {
            (name, row.number, one.cell.column): one
            for name, rows in filled.items()
            for row in rows
            for one in row.cells
        }
        for name, part, draft in drawings:
            loose.refreshed_links(draft, partial(self._shown, own=name, cells=cells))
            self._write_if_new(part, draft)

    def _shown(self, link: str, own: str, cells: Mapping[Place, Filled]) -> str | None:
        """What a cell shows; None where that is not known. A number in a format that kpicli cannot write is shown as
        it is, until the next program does.
        """
        name, area = frame.sheet_of(link)
        place = _place(area.replace("$", ""))
        if place == _NOWHERE:
            return None
        cell = cells.get((name or own, place[0], place[1] + 1))
        value = cell.value if cell else None
        if cell and value is None and cell.formula is not None:
            return None
        if isinstance(value, Error):
            return value.value
        if not isinstance(value, float) or cell is None:
            return as_text(value)
        code = self.formats[cell.cell.style].replace('"', '""')
        said = evaluate({_HERE: f'TEXT({value!r},"{code}")'}, lambda _: None)[_HERE]
        return said if isinstance(said, str) else as_text(value)

    def _follow(self, growth: Mapping[str, Growth], values: Mapping[Place, Scalar] | None) -> None:
        """What looks at the cells from elsewhere; `values` when they are known."""
        names = self.draft.root.child("definedNames")
        if names:
            frame.moved_names(self.draft, names, growth, self.names)
        self._charts(growth, values)
        chain = [link.target for link in self.links.values() if link.kind == "calcChain"]
        if chain and any(growth.values()):
            self.parts.unrelate(self.part, chain)
            for name in chain:
                self.parts.drop(name)
        self._write_if_new(self.part, self.draft)

    def _compute(
        self, filled: Mapping[str, list[FilledRow]], values: dict[Place, Scalar], growth: Mapping[str, Growth]
    ) -> bool:
        """Give every formula its value; whether one of them could not be computed."""
        places = {
            (name, row.number, one.cell.column): one
            for name, rows in filled.items()
            for row in rows
            for one in row.cells
            if one.formula is not None
        }
        formulas = {
            place: _NOT_COMPUTED if one.special else one.formula
            for place, one in places.items()
            if one.formula is not None
        }
        covered = {
            (name, row.number, one.cell.column)
            for name, rows in filled.items()
            for row in rows
            for one in row.cells
            if one.cell.covered
        }
        formulas |= dict.fromkeys(covered, _NOT_COMPUTED)
        results = evaluate(formulas, values.get, names=self._defined(growth), used=_used(filled))
        unknown = False
        for place, one in places.items():
            result = results[place]
            if isinstance(result, Unknown):
                unknown, one.value = True, None
            else:
                one.value = values[place] = result
        return unknown

    def _defined(self, growth: Mapping[str, Growth]) -> dict[str, str]:
        """What the workbook's names stand for now."""
        names = self.draft.root.child("definedNames")
        found = names.named("definedName") if names else []
        local = {name.attributes.get("name", "") for name in found if "localSheetId" in name.attributes}
        return {  # a name that means another thing on some sheet is left to the next program
            name.attributes.get("name", ""): moved(unescaped(self.draft.text(name).decode()), "", growth)
            for name in found
            if name.attributes.get("name", "") not in local
        }

    def _write(self, sheet: Sheet, rows: Iterable[FilledRow], growth: Mapping[str, Growth]) -> None:
        draft = sheet.draft
        data = draft.root.child("sheetData")
        rows = list(rows)
        if data and (any(one.fresh for row in rows for one in row.cells) or growth[sheet.name]):
            opening = draft.source[data.start : data.inner]
            draft.replace(data, opening + b"".join(map(row_markup, rows)) + draft.source[data.close : data.end])
        frame.moved_frame(draft, sheet.name, growth, self._repeats())
        self._boxes(sheet, self._notes(sheet, growth[sheet.name]), growth)
        for link in self.parts.relations(sheet.part):
            if link.kind == "table" and growth[sheet.name]:
                table = Draft(self.parts.read(link.target))
                frame.moved_table(table, sheet.name, growth)
                self._write_if_new(link.target, table)
            if link.kind in ("drawing", "ctrlProp"):
                shapes = Draft(self.parts.read(link.target))
                frame.moved_shapes(shapes, sheet.name, growth)
                self._write_if_new(link.target, shapes)
            if link.kind == "threadedComment" and growth[sheet.name]:
                threads = Draft(self.parts.read(link.target))
                for thread in threads.root.children:
                    cell = thread.attributes.get("ref", "")
                    threads.set(thread, ref=moved_area(cell, growth[sheet.name]).partition(":")[0])
                self.parts.write(link.target, threads.content())
        self._write_if_new(sheet.part, draft)

    def _write_if_new(self, part: str, draft: Draft) -> None:
        if draft.content() != draft.source:
            self.parts.write(part, draft.content())

    def _repeats(self) -> frame.Repeats:
        """The blocks of this step and of those to come."""
        return {
            sheet.name: {axis: [mark.block(1) for mark in sheet.along(axis)] for axis in AXES} for sheet in self.sheets
        }

    def _notes(self, sheet: Sheet, own: Growth) -> set[boxes.Place]:
        """Take the notes away that are marks; the others follow their cells. Gives the places of those taken away."""
        gone: set[boxes.Place] = set()
        part = self.linked(sheet, "comments")
        if part is None:
            return gone
        draft = Draft(self.parts.read(part))
        kept = 0
        for comment, said in self._comments(sheet):
            cell = comment.attributes.get("ref", "")
            mine = next(
                element
                for listed in draft.root.named("commentList")
                for element in listed.named("comment")
                if element.attributes.get("ref") == cell
            )
            if Repeat.read(said):
                draft.remove(mine)
                gone.add(_place(cell))
            else:
                kept += 1
                draft.set(mine, ref=moved_area(cell, own).partition(":")[0])
        if kept:
            self._write_if_new(part, draft)
        elif gone:
            self._drop(sheet, part)
        return gone

    def _boxes(self, sheet: Sheet, gone: Collection[boxes.Place], growth: Mapping[str, Growth]) -> None:
        """Take the boxes of notes away; the others, and those of controls, follow their cells."""
        legacy = sheet.draft.root.child("legacyDrawing")
        links = {link.id: link.target for link in self.parts.relations(sheet.part)}
        drawing = links.get(legacy.linked()) if legacy else None  # not the one of the header's pictures
        if drawing is None or not self.parts.has(drawing):
            return
        was = self.parts.read(drawing)
        drawn = boxes.without_boxes(was, gone)
        if any(growth.values()):
            drawn = frame.moved_boxes(drawn, sheet.name, growth)
        if drawn != was:
            self.parts.write(drawing, drawn)
        if gone and not boxes.has_boxes(drawn):
            self._drop(sheet, drawing)

    def _drop(self, sheet: Sheet, part: str) -> None:
        """Let a part go that nothing is left of."""
        if part.lower().endswith(".vml"):
            legacy = sheet.draft.root.child("legacyDrawing")
            if legacy:
                sheet.draft.remove(legacy)
        self.parts.unrelate(sheet.part, [part])
        self.parts.drop(part)
        self.parts.drop(relations_part(part))
        if not self.parts.relations(sheet.part):
            self.parts.drop(relations_part(sheet.part))

    def _charts(self, growth: Mapping[str, Growth], values: Mapping[Place, Scalar] | None) -> None:
        def values_of(formula: str) -> list[Scalar] | None:
            sheet, area = _sheet_and_area(formula)
            return (
                None
                if area is None or values is None
                else [values.get((sheet, row, column)) for row, column in _cells(area)]
            )

        for name in self.parts.names():  # of worksheets, chart sheets and groups of shapes alike
            if _CHART.search(name):
                chart = Draft(self.parts.read(name))
                if charts.refreshed_chart(chart, growth, values_of, self._repeats()):
                    self.parts.write(name, chart.content())

    def _calculate_on_load(self) -> None:
        """Ask the next program to compute what kpicli could not."""
        said = self.draft.root.child("calcPr")
        if said:
            self.draft.set(said, fullCalcOnLoad="1")
        else:
            prefix = self.draft.root.prefix
            before = ("sheets", "functionGroups", "externalReferences", "definedNames")
            self.draft.insert_ordered(f'<{prefix}calcPr fullCalcOnLoad="1"/>'.encode(), before)

    def save(self, target: Path) -> None:
        """Write the copy."""
        self.parts.save(target)


def _fits(rows: Sequence[FilledRow]) -> None:
    """Raise `PackageError` for a sheet that has more rows or columns than there can be."""
    if rows and rows[-1].number > LAST["row"]:
        raise PackageError("too many rows")
    if max((one.cell.column for row in rows for one in row.cells), default=0) > LAST["column"]:
        raise PackageError("too many columns")


def _copies(
    marks: Mapping[str, Sequence[Mark]], scope: Scope, axis: Axis
) -> tuple[dict[str, dict[int, Sequence[Scope]]], dict[str, Growth]]:
    """What the copies of each block of each sheet are about, by the block's first row or column; and where they make
    the sheets grow.
    """
    copies = {sheet: {mark.first: mark.scopes(scope) for mark in found} for sheet, found in marks.items()}
    growth = {
        sheet: Growth([mark.block(len(copies[sheet][mark.first])) for mark in found], axis)
        for sheet, found in marks.items()
    }
    return copies, growth


def _left(sheet: Sheet, chosen: Sequence[Mark], copies: Mapping[int, Sequence[Scope]], own: Growth) -> Iterator[Mark]:
    """The marks of a sheet that are left when some of its blocks are laid out: of a block inside, one for each copy."""
    for mark in sheet.marks:
        block = own.block(mark.first) if mark.repeat.axis == own.axis else None
        if mark in chosen:
            continue
        if block:
            for number, about in enumerate(copies[block.first]):
                group = f"{block.stands_for} #{number}"
                yield replace(mark, first=mark.first + own.shift(block, number), within=about, group=group)
        elif mark.repeat.axis == own.axis:
            yield replace(mark, first=own.start(mark.first))
        else:
            yield mark


def _values(filled: Mapping[str, list[FilledRow]]) -> dict[Place, Scalar]:
    """What the cells hold that have no formula."""
    return {
        (name, row.number, one.cell.column): one.value
        for name, rows in filled.items()
        for row in rows
        for one in row.cells
        if one.formula is None and one.value is not None
    }


def _used(filled: Mapping[str, list[FilledRow]]) -> dict[str, tuple[int, int]]:
    """The last row and column of every sheet."""
    return {
        name: (rows[-1].number, max((one.cell.column for row in rows for one in row.cells), default=1))
        for name, rows in filled.items()
        if rows
    }


_CHART = re.compile(r"(?i)(^|/)charts/chart[^/]*\.xml$")
_AREA = re.compile(r"\$?([A-Z]{1,3})\$?(\d+)(?::\$?([A-Z]{1,3})\$?(\d+))?")


def _sheet_and_area(formula: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """The sheet and the corners (rows, columns) of a reference; no corners for anything else."""
    sheet, rest = frame.sheet_of(formula)
    found = _AREA.fullmatch(rest)
    if not found or not sheet:
        return sheet, None
    first, row, last, end = found.groups()
    left, right = column_index(first) + 1, column_index(last or first) + 1
    return sheet, (int(row), int(end or row), left, right)


def _cells(area: tuple[int, int, int, int]) -> Iterator[tuple[int, int]]:
    top, bottom, left, right = area
    return ((row, column) for row in range(top, bottom + 1) for column in range(left, right + 1))


def _place(cell: str) -> tuple[int, int]:
    found = _AREA.fullmatch(cell)
    return (int(found.group(2)), column_index(found.group(1))) if found else _NOWHERE
