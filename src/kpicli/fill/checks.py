"""What is wrong with a template: marks that stand for nothing, and what cannot follow when blocks are repeated."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations

from kpicli.fill import frame
from kpicli.fill.book import Book, Mistake
from kpicli.fill.marks import Blank, PathError, Rate, Scope
from kpicli.fill.references import AXES, Axis, span, taken_apart
from kpicli.fill.sheets import Bound, Cell, Mark, Sheet, cells_of
from kpicli.opc.markup import Draft
from kpicli.read.sheets import column_letters

_AGGREGATE = re.compile(r"(?i)\b(SUM|AVERAGE|COUNT|COUNTA|MAX|MIN|MEDIAN|PRODUCT|STDEV|VAR)\($")
_SEVERAL_SHEETS = re.compile(r"('[^']*:[^']*'|[^'!]*:[^'!]*)!")
_NO_FORMAT = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DAY = re.compile(r"(?i)[ymdhs]")


def mistakes(book: Book, scope: Scope) -> list[Mistake]:
    """What keeps a template from being filled."""
    wrong = list(book.wrong)
    for sheet in book.sheets:
        wrong += [*_overlaps(book, sheet), *_edges(book, sheet)]
        firsts = _firsts(sheet, scope, wrong)
        for place, cell, seen in _marked(sheet, firsts, scope):
            for path in cell.text.paths if cell.text else ():
                wrong += _unknown(sheet.name, place, path, seen)
    for name, place, path in book.loose():
        wrong += _unknown(name, place, path, scope)
    return wrong


def doubts(book: Book, scope: Scope) -> Iterator[Mistake]:
    """What can be filled and is probably not meant so: sums that stay at one cell, references over several sheets that
    cannot follow, and values in formats that do not fit them.
    """
    marks = {sheet.name: sheet.marks for sheet in book.sheets if sheet.marks}
    for sheet in book.sheets:
        for row in sheet.rows if marks else ():
            for cell in row.cells:
                for text in _stays(sheet.name, row.number, cell, marks) if cell.formula else ():
                    yield Mistake(sheet.name, _place(row.number, cell), "reference_stays", text, stops=False)
        ruled = {place for area in frame.ruled(sheet.draft) for place in cells_of(area)}  # a rule may have the format
        for place, cell, seen in _marked(sheet, _firsts(sheet, scope, []), scope):
            if cell.text and cell.text.whole and next(cells_of(place)) not in ruled:
                code = book.formats[cell.style]
                if not _fits(seen, cell.text.paths[0], code):
                    yield Mistake(sheet.name, place, "format_unfit", cell.text.paths[0], code, stops=False)


def _fits(seen: Scope, path: str, code: str) -> bool:
    """Whether a number format shows a rate as such, and a day as a day."""
    try:
        value = seen.value(path)
    except PathError:
        return True
    as_day = bool(_DAY.search(_NO_FORMAT.sub("", code)))
    return as_day if isinstance(value, date) else not isinstance(value, Rate) or "%" in code


def _stays(sheet: str, row: int, cell: Cell, marks: Mapping[str, Sequence[Mark]]) -> Iterator[str]:
    """The references of a formula that will not follow the rows and columns repeated."""
    try:
        pieces = taken_apart(cell.formula or "")
    except ValueError:
        return
    own: Mapping[Axis, int] = {"row": row, "column": cell.column}
    for before, piece, after in zip(("", *pieces), pieces, (*pieces[1:], ""), strict=False):
        if isinstance(piece, str):
            if _SEVERAL_SHEETS.match(piece):
                yield piece
        elif isinstance(before, str) and _AGGREGATE.search(before) and str(after).startswith(")") and not piece.last:
            name = piece.sheet or sheet
            for mark in marks.get(name, ()):
                axis = mark.repeat.axis
                inside = name == sheet and own[axis] in mark.block(1)
                if not inside and piece.first.place(axis) in mark.block(1):
                    yield f"{before}{piece.prefix}{piece.first.text()})"


def _firsts(sheet: Sheet, scope: Scope, wrong: list[Mistake]) -> dict[Mark, Scope]:
    """What the first copy of each block is about; lists that do not exist are added to what is wrong."""
    firsts: dict[Mark, Scope] = {}
    for mark in sorted(sheet.marks, key=lambda mark: -mark.repeat.size):  # outer blocks before those inside
        said = mark.repeat.name
        within = next((firsts[other] for other in firsts if _holds(other, mark)), scope)
        firsts[mark] = Blank()
        try:
            rows = within.rows(said)
            if rows:
                firsts[mark] = rows[0]
                if mark.repeat.sort:
                    said = f"row.{mark.repeat.sort}"
                    rows[0].value(said)
        except PathError as error:
            wrong.append(Mistake(sheet.name, mark.cell, "unknown_path", said, str(error)))
    return firsts


def _holds(outer: Mark, mark: Mark) -> bool:
    return outer.repeat.axis == mark.repeat.axis and outer.holds(mark)


def _marked(sheet: Sheet, firsts: Mapping[Mark, Scope], scope: Scope) -> Iterator[tuple[str, Cell, Scope]]:
    """Every cell with marks: where it is, and what its paths mean in the first copy of its blocks."""
    rows, columns = sheet.along("row"), sheet.along("column")
    for row, cell in sheet.marked():
        column = _innermost(columns, cell.column, firsts)
        yield _place(row, cell), cell, Bound(column=column).scope(_innermost(rows, row, firsts) or scope)


def _innermost(marks: Sequence[Mark], place: int, firsts: Mapping[Mark, Scope]) -> Scope | None:
    around = [mark for mark in marks if place in mark.block(1)]
    return firsts[min(around, key=lambda mark: mark.repeat.size)] if around else None


def _unknown(sheet: str, place: str, path: str, seen: Scope) -> list[Mistake]:
    try:
        seen.value(path)
    except PathError as error:
        return [Mistake(sheet, place, "unknown_path", path, str(error))]
    return []


def _place(row: int, cell: Cell) -> str:
    return f"{column_letters(cell.column - 1)}{row}"


def _overlaps(book: Book, sheet: Sheet) -> Iterator[Mistake]:
    """Blocks that cross each other, or lie more than one level deep; and notes that another program keeps."""
    for axis in AXES:
        marks = sheet.along(axis)
        for mark, other in combinations(marks, 2):
            apart = mark.last < other.first or other.last < mark.first
            nested = axis == "row" and mark.holds(other) != other.holds(mark)
            if not apart and not nested:
                yield Mistake(sheet.name, other.cell, "repeats_overlap", mark.cell)
        for mark in marks:
            if sum(other.holds(mark) for other in marks) > 1:
                yield Mistake(sheet.name, mark.cell, "repeats_overlap", str(mark.repeat))
    if book.linked(sheet, "threadedComment"):
        for mark in sheet.marks:
            yield Mistake(sheet.name, mark.cell, "threaded_mark", str(mark.repeat))


def _edges(book: Book, sheet: Sheet) -> Iterator[Mistake]:
    """Merges that reach over the edge of a block, and tables whose header is filled or repeated."""
    marked = {(row, cell.column) for row, cell in sheet.marked()}
    areas = [("merge_over_edge", area) for area in frame.merged(sheet.draft)]
    for link in book.parts.relations(sheet.part):
        if link.kind == "table":
            areas.append(("table_header", Draft(book.parts.read(link.target)).root.attributes.get("ref", "")))
    for code, area in areas:
        rows, columns = span(area, "row"), span(area, "column")
        if rows is None or columns is None:
            continue
        ends = {"row": rows, "column": columns}
        if code == "merge_over_edge":
            wrong = any(
                (ends[mark.repeat.axis][0] in mark.block(1)) != (ends[mark.repeat.axis][1] in mark.block(1))
                for mark in sheet.marks
            )
        else:
            header = [cell for cell in cells_of(area) if cell[0] == rows[0]]
            wrong = not marked.isdisjoint(header) or any(
                rows[0] in mark.block(1)
                if mark.repeat.axis == "row"
                else columns[0] <= mark.last and mark.first <= columns[1]
                for mark in sheet.marks
            )
        if wrong:
            yield Mistake(sheet.name, area.partition(":")[0], code, area)
