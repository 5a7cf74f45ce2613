"""Fill a template: an xlsx designed in Excel, its marks replaced and its rows repeated, given back whole."""

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from kpicli.fill import frame
from kpicli.fill.calc import Place, Scalar, Unknown, evaluate
from kpicli.fill.marks import MarkError, PathError, Repeat, Scope
from kpicli.fill.references import LAST_ROW, Growth, moved, moved_area, rows_of
from kpicli.fill.sheets import FilledRow, Sheet, cells_of, row_markup, texts, unescaped
from kpicli.opc import PackageError, boxes
from kpicli.opc.markup import Draft, Element
from kpicli.opc.parts import Parts, relations_part
from kpicli.read.sheets import column_index, column_letters

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
_NOT_COMPUTED = "INDIRECT(0)"
"""Stands for formulas of arrays and data tables where values are computed: its own value is never known."""
_LARGEST = 256 << 20
"""Bytes of all parts of a template together."""


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


class TemplateError(ValueError):
    """A template with mistakes; all of them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = tuple(mistakes)


def fill(template: Path, target: Path, scope: Scope) -> None:
    """Write a copy of a template with its marks filled; whole or not at all, for its owner alone to read.

    Raises `TemplateError` for marks that stand for nothing, `PackageError` for what is no workbook that can be edited,
    OSError when it cannot be read or the target not written.
    """
    with _opened(template) as archive:
        book = _Book(Parts(archive))
        mistakes = book.mistakes(scope)
        if mistakes:
            raise TemplateError(mistakes)
        book.fill(scope)
        book.save(target)


def check(template: Path, scope: Scope) -> tuple[Mistake, ...]:
    """Every mark of a template that cannot be filled; raises `PackageError` and OSError as `fill` does."""
    with _opened(template) as archive:
        return tuple(_Book(Parts(archive)).mistakes(scope))


def marks(template: Path) -> list[tuple[str, str, str]]:
    """Every mark of a template: sheet, cell, and what it says."""
    with _opened(template) as archive:
        book = _Book(Parts(archive))
        return [
            *(
                (sheet.name, f"A{row}", f"repeat: {repeat.name}")
                for sheet in book.sheets
                for row, repeat in sheet.repeats.items()
            ),
            *((sheet.name, cell, path) for sheet, cell, _, path in book.paths()),
        ]


class _opened:
    """A template's archive; what is wrong with it is a `PackageError`."""

    def __init__(self, template: Path) -> None:
        self.template = template

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self.archive = zipfile.ZipFile(self.template)
            if sum(entry.file_size for entry in self.archive.infolist()) > _LARGEST:
                raise PackageError("too large")
        except _DAMAGED as error:
            raise PackageError(str(error)) from error
        return self.archive

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.archive.close()
        wrong = (*_DAMAGED, RuntimeError, KeyError, IndexError, UnicodeDecodeError)
        if kind and (issubclass(kind, wrong) or kind is ValueError):
            raise PackageError(str(error)) from error


class _Book:
    """The workbook and its worksheets."""

    def __init__(self, parts: Parts) -> None:
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
        strings = self._strings()
        self.sheets = [
            Sheet.read(element.attributes.get("name", ""), link.target, parts.read(link.target), strings)
            for element in listed.named("sheet")
            if (link := self.links.get(element.linked())) and link.kind == "worksheet" and parts.has(link.target)
        ]
        self.wrong: list[Mistake] = []
        said = self.draft.root.child("workbookPr")
        for sheet in self.sheets:
            if said and said.says("date1904"):
                sheet.epoch = datetime(1904, 1, 1)
            sheet.repeats = self._repeats(sheet)

    def _strings(self) -> list[str]:
        part = next((link.target for link in self.links.values() if link.kind == "sharedStrings"), "")
        if not part or not self.parts.has(part):
            return []
        draft = Draft(self.parts.read(part))
        return [texts(draft, item) for item in draft.root.named("si")]

    def _repeats(self, sheet: Sheet) -> dict[int, Repeat]:
        """The marks in the notes of a sheet, by row."""
        found: dict[int, Repeat] = {}
        for comment, text in self._comments(sheet):
            cell = comment.attributes.get("ref", "")
            try:
                repeat = Repeat.read(text)
            except MarkError as error:
                self.wrong.append(Mistake(sheet.name, cell, "bad_mark", str(error)))
                continue
            rows = rows_of(cell)
            if repeat and rows:
                if rows[0] in found:
                    self.wrong.append(Mistake(sheet.name, cell, "repeats_overlap", f"{rows[0]}:{rows[0]}"))
                if self._linked(sheet, "threadedComment"):
                    self.wrong.append(Mistake(sheet.name, cell, "threaded_mark", f"repeat: {repeat.name}"))
                found[rows[0]] = repeat
        firsts = sorted(found)
        for row, after in pairwise(firsts):
            if row + found[row].rows > after:
                self.wrong.append(Mistake(sheet.name, f"A{after}", "repeats_overlap", f"A{row}"))
        return found

    def _comments(self, sheet: Sheet) -> Iterator[tuple[Element, str]]:
        link = self._linked(sheet, "comments")
        if link is None:
            return
        draft = Draft(self.parts.read(link))
        for listed in draft.root.named("commentList"):
            for comment in listed.named("comment"):
                inside = comment.child("text")
                yield comment, texts(draft, inside) if inside else ""

    def _linked(self, sheet: Sheet, kind: str) -> str | None:
        return next(
            (
                link.target
                for link in self.parts.relations(sheet.part)
                if link.kind == kind and self.parts.has(link.target)
            ),
            None,
        )

    def paths(self) -> Iterator[tuple[Sheet, str, Repeat | None, str]]:
        """Every path in a cell, with the mark of the block that the cell is in."""
        for sheet in self.sheets:
            inside = {row + place: repeat for row, repeat in sheet.repeats.items() for place in range(repeat.rows)}
            for row, cell in sheet.marked():
                assert cell.text
                for path in cell.text.paths:
                    yield sheet, f"{column_letters(cell.column - 1)}{row}", inside.get(row), path

    def mistakes(self, scope: Scope) -> list[Mistake]:
        """What cannot be filled."""
        wrong = list(self.wrong)
        firsts: dict[str, Scope | None] = {}
        for sheet in self.sheets:
            for number, repeat in sheet.repeats.items():
                said = repeat.name
                try:
                    rows = scope.rows(said)
                    firsts[repeat.name] = rows[0] if rows else None
                    if repeat.sort and rows:
                        said = f"row.{repeat.sort}"
                        rows[0].value(said)
                except PathError as error:
                    wrong.append(Mistake(sheet.name, f"A{number}", "unknown_path", said, str(error)))
        wrong += [mistake for sheet in self.sheets for mistake in self._edges(sheet)]
        for sheet, cell, inside, path in self.paths():
            seen = firsts.get(inside.name) if inside else scope
            try:
                if seen is not None:
                    seen.value(path)
            except PathError as error:
                wrong.append(Mistake(sheet.name, cell, "unknown_path", path, str(error)))
        return wrong

    def _edges(self, sheet: Sheet) -> Iterator[Mistake]:
        """Merges that reach over the edge of a block, and tables whose header is filled or repeated."""
        blocks = [range(row, row + repeat.rows) for row, repeat in sheet.repeats.items()]
        marked = {(row, cell.column) for row, cell in sheet.marked()}
        areas = [("merge_over_edge", area) for area in frame.merged(sheet.draft)]
        for link in self.parts.relations(sheet.part):
            if link.kind == "table":
                areas.append(("table_header", Draft(self.parts.read(link.target)).root.attributes.get("ref", "")))
        for code, area in areas:
            rows = rows_of(area)
            if rows is None:
                continue
            header = [cell for cell in cells_of(area) if cell[0] == rows[0]] if code == "table_header" else []
            split = any((rows[0] in block) != (rows[1] in block) for block in blocks)
            repeated = any(rows[0] in block for block in blocks) or not marked.isdisjoint(header)
            if split if code == "merge_over_edge" else repeated:
                yield Mistake(sheet.name, area.partition(":")[0], code, area)

    def fill(self, scope: Scope) -> None:
        """Fill every sheet, then compute its formulas, then everything that looks at its cells."""
        scopes = {
            sheet.name: {row: repeat.scopes(scope) for row, repeat in sheet.repeats.items()} for sheet in self.sheets
        }
        growth = {sheet.name: Growth(sheet.blocks(scopes[sheet.name])) for sheet in self.sheets}
        filled = {sheet.name: list(sheet.filled(scope, scopes[sheet.name], growth)) for sheet in self.sheets}
        for rows in filled.values():
            if rows and rows[-1].number > LAST_ROW:
                raise PackageError("too many rows")
        values = _values(filled)
        unknown = self._compute(filled, values, growth)
        for sheet in self.sheets:
            self._write(sheet, filled[sheet.name], growth)
        names = self.draft.root.child("definedNames")
        if names:
            frame.moved_names(self.draft, names, growth, self.names)
        if unknown:
            self._calculate_on_load()
        self._charts(growth, values)
        chain = [link.target for link in self.links.values() if link.kind == "calcChain"]
        if chain and any(growth.values()):
            self.parts.unrelate(self.part, chain)
            for name in chain:
                self.parts.drop(name)
        if self.draft.content() != self.draft.source:
            self.parts.write(self.part, self.draft.content())

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
        frame.moved_frame(draft, sheet.name, growth)
        self._notes(sheet, growth[sheet.name])
        for link in self.parts.relations(sheet.part):
            if link.kind == "table" and growth[sheet.name]:
                table = Draft(self.parts.read(link.target))
                frame.moved_table(table, sheet.name, growth)
                self._write_if_new(link.target, table)
            if link.kind == "drawing":
                drawing = Draft(self.parts.read(link.target))
                frame.moved_anchors(drawing, sheet.name, growth)
                self._write_if_new(link.target, drawing)
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

    def _notes(self, sheet: Sheet, own: Growth) -> None:
        """Take the notes away that are marks; the others follow their cells."""
        part = self._linked(sheet, "comments")
        if part is None:
            return
        draft = Draft(self.parts.read(part))
        gone, kept = set(), 0
        for comment, text in self._comments(sheet):
            cell = comment.attributes.get("ref", "")
            mine = next(
                element
                for listed in draft.root.named("commentList")
                for element in listed.named("comment")
                if element.attributes.get("ref") == cell
            )
            if Repeat.read(text):
                draft.remove(mine)
                gone.add(_place(cell))
            else:
                kept += 1
                draft.set(mine, ref=moved_area(cell, own).partition(":")[0])
        if not gone and not own:
            return
        legacy = sheet.draft.root.child("legacyDrawing")
        links = {link.id: link.target for link in self.parts.relations(sheet.part)}
        drawing = links.get(legacy.linked()) if legacy else None  # not the one of the header's pictures
        if drawing and self.parts.has(drawing):
            drawn = boxes.without_boxes(self.parts.read(drawing), gone)
            self.parts.write(drawing, frame.moved_boxes(drawn, own))
            if not boxes.has_boxes(drawn):
                self._drop(sheet, drawing)
        if kept:
            self.parts.write(part, draft.content())
        else:
            self._drop(sheet, part)

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

    def _charts(self, growth: Mapping[str, Growth], values: Mapping[Place, Scalar]) -> None:
        def values_of(formula: str) -> list[Scalar] | None:
            sheet, area = _sheet_and_area(formula)
            return None if area is None else [values.get((sheet, row, column)) for row, column in _cells(area)]

        for name in self.parts.names():  # of worksheets, chart sheets and groups of shapes alike
            if _CHART.search(name):
                chart = Draft(self.parts.read(name))
                if frame.refreshed_chart(chart, growth, values_of):
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
    prefix, _, rest = formula.rpartition("!")
    sheet = prefix[1:-1].replace("''", "'") if prefix.startswith("'") else prefix
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
    return (int(found.group(2)), column_index(found.group(1))) if found else (0, 0)
