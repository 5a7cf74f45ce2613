"""What is wrong with a template: marks that stand for nothing, and what cannot follow when blocks are repeated."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations

from kpicli.fill import frame
from kpicli.fill.book import Book, Mistake
from kpicli.fill.marks import Blank, PathError, Rate, Scope
from kpicli.fill.references import AXES, Axis, span, taken_apart
from kpicli.fill.sheets import Bound, Cell, Mark, Sheet, holds
from kpicli.opc.markup import Draft
from kpicli.read.sheets import column_letters

_AGGREGATES = frozenset(
    ("SUM", "AVERAGE", "COUNT", "COUNTA", "MAX", "MIN", "MEDIAN", "PRODUCT", "STDEV", "VAR", "SUBTOTAL", "SUMPRODUCT")
)
_BY_CRITERIA: Mapping[str, tuple[int, ...]] = {
    "COUNTIF": (0,),
    "SUMIF": (0, 2),
    "AVERAGEIF": (0, 2),
    "COUNTIFS": (0, 2, 4),
    "SUMIFS": (0, 1, 3),
}
"""Function → which of its arguments are ranges."""
_SEVERAL_SHEETS = re.compile(r"('[^']*:[^']*'|[^'!]*:[^'!]*)!")
_NO_FORMAT = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DAY = re.compile(r"(?i)[ymdhs]|aaa")


def mistakes(book: Book, scope: Scope) -> list[Mistake]:
    """What keeps a template from being filled."""
    wrong = list(book.wrong)
    for sheet in book.sheets:
        wrong += [*_overlaps(book, sheet), *_edges(book, sheet)]
        firsts = _firsts(sheet, scope, wrong)
        for row, cell, seen in _marked(sheet, firsts, scope):
            for path in cell.text.paths if cell.text else ():
                wrong += _unknown(sheet.name, _place(row, cell), path, seen)
    for name, place, path in book.loose():
        wrong += _unknown(name, place, path, scope)
    return wrong


def doubts(book: Book, scope: Scope) -> Iterator[Mistake]:
    """What can be filled and is probably not meant so: sums that stay at one cell or take in too much, references over
    several sheets that cannot follow, and values in formats that do not fit them.
    """
    marks = {sheet.name: sheet.marks for sheet in book.sheets if sheet.marks}
    for sheet in book.sheets:
        for row in sheet.rows if marks else ():
            for cell in row.cells:
                found = _stays(sheet.name, row.number, cell, marks) if cell.formula else ()
                for code, text in dict.fromkeys(found):
                    yield Mistake(sheet.name, _place(row.number, cell), code, text, stops=False)
        ruled = frame.ruled(sheet.draft)  # a rule may have the format
        for row_number, cell, seen in _marked(sheet, _firsts(sheet, scope, []), scope):
            if cell.text and cell.text.whole and not any(holds(area, row_number, cell.column) for area in ruled):
                code = book.formats[cell.style]
                if not _fits(seen, cell.text.paths[0], code):
                    place = _place(row_number, cell)
                    yield Mistake(sheet.name, place, "format_unfit", cell.text.paths[0], code, stops=False)


def _fits(seen: Scope, path: str, code: str) -> bool:
    """Whether a number format shows a rate as such, a day as a day, and a number as neither."""
    try:
        value = seen.value(path)
    except PathError:
        return True
    bare = _NO_FORMAT.sub("", code)
    as_day, as_rate = code != "General" and bool(_DAY.search(bare)), "%" in bare
    if isinstance(value, date):
        return as_day
    if isinstance(value, Rate):
        return as_rate
    return not as_day and not (as_rate and isinstance(value, int)) if isinstance(value, int | float) else True


def _stays(sheet: str, row: int, cell: Cell, marks: Mapping[str, Sequence[Mark]]) -> Iterator[tuple[str, str]]:
    """The references of a formula that will not follow the rows and columns repeated as they should: code and text."""
    try:
        pieces = taken_apart(cell.formula or "")
    except ValueError:
        return
    own: Mapping[Axis, int] = {"row": row, "column": cell.column}
    calls: list[tuple[str, int]] = []
    for before, piece, after in zip(("", *pieces), pieces, (*pieces[1:], ""), strict=False):
        if isinstance(piece, str):
            calls = _called(calls, piece)
            if _SEVERAL_SHEETS.match(piece) and not piece.startswith('"'):
                yield "reference_stays", piece
            continue
        name = piece.sheet or sheet
        alone = str(before)[-1:] in ("(", ",") and str(after)[:1] in (")", ",") and bool(calls) and _gathers(*calls[-1])
        for mark in marks.get(name, ()):
            axis = mark.repeat.axis
            first = piece.first.place(axis)
            last = piece.last.place(axis) if piece.last else first
            if first not in mark.block(1) or last not in mark.block(1) or _goes_with(mark, name, sheet, own, marks):
                continue
            if piece.last is None:
                if alone:
                    yield "reference_stays", f"{calls[-1][0]}({piece.prefix}{piece.first.text()})"
            elif (first, last) != (mark.first, mark.last):
                yield "reference_mixes", f"{piece.prefix}{piece.first.text()}:{piece.last.text()}"


def _goes_with(mark: Mark, name: str, sheet: str, own: Mapping[Axis, int], marks: Mapping[str, Sequence[Mark]]) -> bool:
    """Whether a formula stands in a block, or in another one that is repeated for the same data."""
    place = own[mark.repeat.axis]
    if name == sheet and place in mark.block(1):
        return True
    return any(
        other.repeat.data == mark.repeat.data and other.repeat.axis == mark.repeat.axis and place in other.block(1)
        for other in marks.get(sheet, ())
    )


def _called(calls: list[tuple[str, int]], piece: str) -> list[tuple[str, int]]:
    """The functions that are open after a piece of a formula, each with the number of the argument."""
    if piece.endswith("("):
        return [*calls, (piece[:-1].rpartition(":")[2].upper(), 0)]
    if piece == ")":
        return calls[:-1]
    if piece == "," and calls:
        return [*calls[:-1], (calls[-1][0], calls[-1][1] + 1)]
    return calls


def _gathers(function: str, argument: int) -> bool:
    """Whether a function takes a whole range as an argument, so that a lone cell there is a range of one."""
    return function in _AGGREGATES or (function in _BY_CRITERIA and argument in _BY_CRITERIA[function])


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


def _marked(sheet: Sheet, firsts: Mapping[Mark, Scope], scope: Scope) -> Iterator[tuple[int, Cell, Scope]]:
    """Every cell with marks: its row, and what its paths mean in the first copy of its blocks."""
    rows, columns = sheet.along("row"), sheet.along("column")
    for row, cell in sheet.marked():
        column = _innermost(columns, cell.column, firsts)
        yield row, cell, Bound(column=column).scope(_innermost(rows, row, firsts) or scope)


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
    """Merges and arrays that reach over the edge of a block, and tables whose header is filled or repeated."""
    areas = [("merge_over_edge", area) for area in frame.merged(sheet.draft)]
    areas += [("array_over_edge", cell.array) for row in sheet.rows for cell in row.cells if cell.array]
    for code, area in areas:
        ends = {axis: span(area, axis) or (0, 0) for axis in AXES}
        if any(
            (ends[mark.repeat.axis][0] in mark.block(1)) != (ends[mark.repeat.axis][1] in mark.block(1))
            for mark in sheet.marks
        ):
            yield Mistake(sheet.name, area.partition(":")[0], code, area)
    for link in book.parts.relations(sheet.part):
        area = Draft(book.parts.read(link.target)).root.attributes.get("ref", "") if link.kind == "table" else ""
        rows, columns = span(area, "row"), span(area, "column")
        if rows is None or columns is None:
            continue
        filled = any(row == rows[0] and columns[0] <= cell.column <= columns[1] for row, cell in sheet.marked())
        repeated = any(
            rows[0] in mark.block(1)
            if mark.repeat.axis == "row"
            else columns[0] <= mark.last and mark.first <= columns[1]
            for mark in sheet.marks
        )
        if filled or repeated:
            yield Mistake(sheet.name, area.partition(":")[0], "table_header", area)
